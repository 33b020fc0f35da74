//! Turns a diagnosis into an ordered list of remediation actions. The actions come from a catalog;
//! their order comes from a learned policy, adjusted by the outcomes of earlier actions. Uses no
//! language model and runs no commands.

mod catalog;
mod plan;
mod policy;

pub use catalog::{ActsOn, CommandForm, Entry, Input, ValueForm, catalog, double_amount};
pub use plan::{PlanContext, plan, situation};
pub use policy::{Feature, Outcome, Policy, Priors, adjust_by_outcomes};
