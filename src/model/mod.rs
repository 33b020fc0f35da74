//! The nouns of faultline as plain data. Knows no I/O and no other room.

mod action;
mod anomaly;
mod diagnosis;
mod event;
mod report;
mod source;
mod template;

pub use action::{Action, Parameter, Risk, Target, shown};
pub use anomaly::{Findings, Place, Reason, ReasonKind, SessionVerdict, Severity, Window};
pub use diagnosis::{Diagnosis, Edge, Evidence, Link, RootCause, ServiceHealth, Similar};
pub use event::{Event, Level, Moment, NO_TIME};
pub use report::{Stats, TimeRange};
pub use source::{Failure, Origin, SourceInfo};
pub use template::{Template, TemplateKey, ValueStats, VariableStats};
