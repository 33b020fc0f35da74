//! Finds the root cause: which service failed first, how the failure spread, and how confident the
//! result is. Pure functions over anomalies, traces and service mentions. Does no I/O and uses no
//! language model.

mod causes;
mod classify;
mod failed_run;
mod graph;
mod incidents;
mod latency;
mod learned;
mod network;
mod split;
mod step;
mod structure;
mod traces;
mod words;

pub use causes::{Cause, Feature, Rates, rank, reference_rates, with_reference};
pub use classify::{Class, Classifier, Prior, Verdict};
pub use failed_run::{FailedRun, failed_run};
pub use graph::{Node, chain};
pub use incidents::{Incident, Library, Matched};
pub use network::{Network, Posterior};
pub use step::step_of;
pub use traces::{Log, Span, Traces};
pub use words::{log_odds as word_log_odds, words_score};
