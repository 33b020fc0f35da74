//! Wires the stages on threads and publishes immutable snapshots. Knows nothing of screens.

pub mod cache;
mod compare;
mod corpus;
mod diagnosis;
mod findings;
mod follow;
mod health;
mod live;
mod map;
mod memory;
mod objects;
mod open;
mod order;
mod over;
mod recovery;
pub mod report;
mod search;
mod series;
mod sessions;
mod slice;
mod spans;
mod stitch;
mod table;
mod templates;
mod timeline;
mod view;
mod worker;

pub use crate::diagnose::{Class, Incident, Library, Verdict, reference_rates};
pub use crate::remediate::Outcome;
pub use compare::{Comparison, Difference, Moved, Part};
pub use corpus::{Corpus, Options, Progress, Snapshot};
pub use diagnosis::Reference;
pub use live::{Live, LiveLogs, follow_pods};
pub use memory::Memory;
pub use open::{Session, open};
pub use recovery::{
    Applied, Armed, PATIENCE, PlanFor, Preflight, Suggestion, Watch, Watched, apply, arm, back,
    look, preflight, remember,
};
pub use search::{Ask, Found, SearchHit, Searcher, seek};
pub use series::Baseline;
pub use sessions::By;
pub use timeline::{Bin, Timeline};
pub use view::Neighbour;

pub use crate::ingest::walk::Limits;

/// Names of the log formats that `--format-as` takes.
pub fn format_names() -> Vec<String> {
    let catalogue = crate::ingest::format::Catalogue::new(&[]);
    catalogue
        .map(|c| c.names().into_iter().map(String::from).collect())
        .unwrap_or_default()
}

pub use crate::index::Unit;
pub use crate::mine::{Edit, common, masked, variables};
pub use search::{check_query, count_matches, for_each_match};

/// The moment it is.
pub fn now() -> crate::model::Moment {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |d| d.as_nanos() as i64)
}

/// A moment written in any known style.
pub fn moment(text: &str) -> Option<crate::model::Moment> {
    let (stamp, used) = crate::ingest::clock::Clock::new(0, 0).any(text.as_bytes())?;
    (used == text.len()).then_some(stamp.ns)
}
