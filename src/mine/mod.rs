//! Events -> templates: shapes, masking, merging of siblings, display. Knows nothing of files or time windows.

mod display;
mod kinds;
mod mask;
mod resolve;
mod values;

pub use kinds::{Header, Kind, Kinds, LocalKind, LocalKinds, Noted, Shape};
pub use resolve::{Resolved, resolve, template_id};
pub use values::{Collector, variables};
