//! Finds the root cause: which service failed first, how the failure spread, and how confident the
//! result is. Pure functions over anomalies, traces and service mentions. Does no I/O and uses no
//! language model.

mod causes;
mod classify;
mod graph;
mod incidents;
mod latency;
mod network;
mod split;
mod structure;
mod traces;

pub use causes::{Cause, Feature, Rates, rank, reference_rates, with_reference};
pub use classify::{Class, Classifier, Verdict, words_score};
pub use graph::{Node, chain};
pub use incidents::{Incident, Library, Matched};
pub use network::{Network, Posterior};
pub use traces::{Log, Span, Traces};
