//! The index: event columns by block, word filters, the query language, the merged time order,
//! the tantivy indexes and the cache on disk. Handles bytes and numbers; knows nothing about log
//! formats or the terminal.

mod block_builder;
mod chunk;
pub mod disk;
mod eval;
mod filter;
mod order;
mod query;
mod search_text;
pub mod terms;

pub use block_builder::BlockBuilder;
pub use chunk::{Block, Chunk};
pub use chunk::{from_time_key, widen};
pub use eval::{Bits, ChunkView, Corpus, Scope, Unit, evaluate};
pub use filter::{Filter, FilterBuilder};
pub use order::{Order, merge};
pub use query::{Field, Query, QueryError, parse};
pub use search_text::{Lookup, Plan, prepare, text_regex};
