//! Detects anomalous windows and sessions in counts, values and sequences, and reports the reasons.
//! Pure functions: no I/O, no clock.

mod baseline;
mod by_id;
mod compare;
mod deviation;
mod everyday;
mod finding;
mod fuse;
mod incident;
mod new_word;
mod order;
mod pairs;
mod rate_change;
mod rhythm;
mod scan;
mod series;
mod series_test;
mod session;
mod severity;
mod silence;
mod stat;
mod traffic;
mod value_change;
mod windows;

pub use compare::{Change, Side, compare, test_shift};
pub use deviation::{Deviation, RawWindow, is_value};
pub use everyday::{collection, findings};
pub use finding::{Change as ValueChange, Finding, What};
pub use order::{Order, Streams};
pub use series::{
    Feature, FeatureKind, Ids, Input, Numbers, Occurrences, Source, Values, Words, bin_width,
};
pub use session::{Cause, Session, SessionResult, score_sessions};
pub use windows::detect;
