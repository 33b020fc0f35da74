//! Mines log templates from events: shapes, masking, merging similar templates, display. Knows
//! nothing about files or time windows.

mod address_syntax;
mod by_caller;
mod display;
mod edits;
mod explain;
mod high_cardinality;
mod kinds;
mod mask;
mod middles;
mod multi_position;
mod resolve;
mod scan;
mod skeleton;
mod tails;
mod thresholds;
mod tokens;
mod values;
mod variability;
mod variable_positions;
mod variable_syntax;
mod widen;
mod word_class;

pub use edits::{Edit, Edits, common, masked};
pub use explain::{Why, Word, explain};
pub use kinds::{Header, Kind, Kinds, LocalKind, LocalKinds, Noted, Shape};
pub use resolve::{Resolved, resolve, resolve_with, template_id};
pub use thresholds::Thresholds;
pub use values::{Collector, variables};
