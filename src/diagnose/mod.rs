//! Findings, traces and mentions -> which service failed first, how it spread, and how sure that is. Pure functions; no I/O,
//! no model server.

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
