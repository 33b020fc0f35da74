//! Counts, values and sequences -> anomalous windows and sessions, with reasons. Pure functions over slices: no I/O, no clocks.

mod baseline;
mod compare;
mod fuse;
mod order;
mod scan;
mod series;
mod session;
mod stat;
mod windows;

pub use compare::{Compared, Side, compare, shifted};
pub use order::{Order, Streams};
pub use series::{Feature, FeatureKind, Input, Source, Values, bin_width};
pub use session::{Cause, Judged, Session, judge};
pub use windows::{Found, Raw, detect, is_value};
