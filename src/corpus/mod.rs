//! An open corpus: reading, following, assembling, search, the timeline, and iteration over all
//! events. Does not analyze events and knows nothing about screens.

mod assembler;
mod cache;
#[allow(clippy::module_inception)]
mod corpus;
pub mod data_file;
mod edits;
mod error;
mod events;
mod follow;
mod histogram;
mod open;
mod options;
mod parallel;
mod pipeline;
mod read;
mod search;
mod searcher;
mod slice;
mod snapshot;
mod state;
mod store;
mod template_table;
mod timeline;
mod worker;

pub use crate::index::{QueryError, Unit};
pub use crate::ingest::files::walk::Limits;
pub use crate::mine::{Edit, Why, Word, common, masked, variables};
pub use crate::text::time::clock::{moment, now};
pub use cache::{recent, whole};
pub use corpus::{Corpus, lock};
pub use error::Error;
pub use events::{EventRef, Events, Part};
pub use open::{Session, format_names, open};
pub use options::Options;
pub use read::{MessageReader, Neighbor};
pub use search::{Match, check_query, count_matches, for_each_match, seek};
pub use searcher::{SearchRequest, SearchResults, Searcher};
pub use snapshot::Snapshot;
pub use state::Progress;
pub use timeline::{Bin, Timeline};
