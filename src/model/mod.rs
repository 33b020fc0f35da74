//! The data types that all modules share. Plain data: does no I/O and depends on no other module.

mod action;
mod anomaly;
mod diagnosis;
mod event;
mod fault;
mod id;
mod kubectl;
mod kubectl_arguments;
mod report;
mod source;
mod template;

pub use action::{Action, Need, Parameter, Risk, Target};
pub use anomaly::{Findings, Place, Reason, ReasonKind, SessionVerdict, Severity, Window};
pub use diagnosis::{
    Band, Diagnosis, Edge, EdgeSource, Evidence, HealthRule, Link, Penalty, RootCause,
    ServiceHealth, Similar,
};
pub use event::{Event, Level, Moment, NO_TIME, Step};
pub use fault::{Category, ClassifiedBy, FaultClass};
pub use id::{EventId, KindId, SourceId, TemplateIx};
pub use kubectl::{
    CONTEXT_PLACEHOLDER, Command, Context, LogMode, LogStart, ObjectKind, ObjectName, Operation,
    Output, PatchType,
};
pub use report::{Stats, TimeRange};
pub use source::{Failure, Inferred, Origin, POD_STATES, SourceInfo};
pub use template::{Template, TemplateKey, ValueStats, VariableStats};
