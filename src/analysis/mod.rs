//! The analysis of an open corpus: findings, sessions, the service map, health, the diagnosis,
//! comparisons, the plan and the report. Does not run kubectl. Displays nothing.

#[allow(clippy::module_inception)]
mod analysis;
mod baseline;
mod chain;
mod classification;
mod collect;
mod compare;
mod diagnosis;
mod drafts;
mod error;
mod evidence;
mod exceptions;
mod failed_runs;
mod finding_text;
mod findings;
mod health;
mod log_causes;
mod memory;
mod name_finder;
mod objects;
mod plan;
mod reasons;
mod report;
mod secrets;
mod sequence;
mod service_map;
mod sessions;
mod span_reader;
mod spans;
mod trace_causes;
mod windows;

pub use crate::diagnose::{Class, Incident, Library, Verdict, reference_rates};
pub use crate::remediate::Outcome;
pub use analysis::Analysis;
pub use baseline::Baseline;
pub use compare::{Comparison, Difference, Selection, ValueShift};
pub use diagnosis::Reference;
pub use error::Error;
pub use memory::Memory;
pub use plan::PlanFor;
pub use report::Report;
pub use sessions::By;
