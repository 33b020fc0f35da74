//! Mines log templates from events: shapes, masking, merging similar templates, display. Knows
//! nothing about files or time windows.

mod by_caller;
mod display;
mod edits;
mod high_cardinality;
mod kinds;
mod mask;
mod middles;
mod multi_position;
mod resolve;
mod skeleton;
mod tails;
mod tokens;
mod values;
mod variability;
mod variable_positions;
mod variable_syntax;
mod widen;
mod word_class;

pub use edits::{Edit, Edits, common, masked};
pub use kinds::{Header, Kind, Kinds, LocalKind, LocalKinds, Noted, Shape};
pub use resolve::{Resolved, resolve, template_id};
pub use values::{Collector, variables};
