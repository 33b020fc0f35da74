//! Mines log templates from events: shapes, masking, merging similar templates, display. Knows
//! nothing about files or time windows.

mod display;
mod edits;
mod high_cardinality;
mod kinds;
mod mask;
mod multi_position;
mod resolve;
mod skeleton;
mod tokens;
mod values;
mod variability;
mod variable_positions;
mod variable_syntax;
mod widen;

pub use edits::{Edit, Edits, common, masked};
pub use kinds::{Header, Kind, Kinds, LocalKind, LocalKinds, Noted, Shape};
pub use resolve::{Resolved, resolve, template_id};
pub use values::{Collector, variables};
