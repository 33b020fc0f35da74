//! The index: columns of events by block, word filters, queries, the merged order, tantivy, the cache on disk.
//! Knows bytes and numbers, not where they come from nor how they are shown.

mod chunk;
pub mod disk;
mod eval;
mod filter;
pub mod lexical;
mod order;
mod query;
mod search_text;
pub mod terms;

pub use chunk::{Block, BlockBuilder, Chunk};
pub use chunk::{from_time_key, widen};
pub use eval::{Bits, ChunkView, Corpus, Scope, Unit, evaluate};
pub use filter::{Filter, FilterBuilder};
pub use order::{Order, merge};
pub use query::{Field, Query, parse};
pub use search_text::{Lookup, Plan, prepare, text_regex};
