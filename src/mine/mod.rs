//! Events -> templates: shapes, masking, merging of siblings, display. Knows nothing of files or time windows.

mod decide;
mod display;
mod edits;
mod holes;
mod kinds;
mod many;
mod mask;
mod resolve;
mod skeleton;
mod tokens;
mod values;
mod widen;
mod wild;

pub use edits::{Edit, Edits, common, masked};
pub use kinds::{Header, Kind, Kinds, LocalKind, LocalKinds, Noted, Shape};
pub use resolve::{Resolved, resolve, template_id};
pub use values::{Collector, variables};
