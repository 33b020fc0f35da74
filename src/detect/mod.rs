//! Detects anomalous windows and sessions in counts, values and sequences, and reports the reasons.
//! Pure functions: no I/O, no clock.

mod baseline;
mod compare;
mod deviation;
mod fuse;
mod order;
mod scan;
mod series;
mod series_test;
mod session;
mod severity;
mod stat;
mod windows;

pub use compare::{Change, Side, compare, test_shift};
pub use deviation::{Deviation, RawWindow, is_value};
pub use order::{Order, Streams};
pub use series::{Feature, FeatureKind, Input, Source, Values, bin_width};
pub use session::{Cause, Session, SessionResult, score_sessions};
pub use windows::detect;
