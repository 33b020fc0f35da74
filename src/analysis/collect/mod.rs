//! Turns a corpus into the input of the detection: counts and times of events, and values of their
//! variables. Detects nothing.

mod axis;
mod counts;
mod families;
mod file_groups;
mod gather;
mod series;
mod value_series;
mod values;
mod word_series;

pub use gather::collect;
pub use series::{MIN_BINS, Series, is_problem};
pub use values::quantity;
