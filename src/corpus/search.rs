//! Runs queries over the chunks of a corpus on all cores: counts, lists and finds matches. Does not
//! know how matches are shown.

use super::assembler::merged_order;
use super::corpus::Corpus;
use super::parallel::over_chunks;
use super::snapshot::Snapshot;
use super::state::State;
use super::template_table;
use crate::index::disk::FILTERS;
use crate::index::{self, Chunk, ChunkView, Lookup, Plan, QueryError, Unit};
use crate::model::{Event, EventId, KindId, Level, SourceId, TemplateKey, TimeRange};
use regex::bytes::Regex;
use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A matching event or line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SearchHit {
    pub event: EventId,
    /// 0-based line in the source, for line searches.
    pub line: u64,
}

struct Kinds<'a> {
    state: &'a State,
}

impl Lookup for Kinds<'_> {
    fn kinds(&self) -> usize {
        self.state.kinds.kinds.len()
    }
    fn constant_matches(&self, kind: usize, regex: &Regex) -> bool {
        let kind = self.state.kinds.kinds[kind];
        regex.is_match(&self.state.kinds.shapes[kind.shape as usize].constant)
            || regex.is_match(&self.state.kinds.headers[kind.header as usize].constant)
    }
    fn level(&self, kind: usize) -> Level {
        self.state.kinds.headers[self.state.kinds.kinds[kind].header as usize].level
    }
    fn named_service(&self, kind: usize) -> String {
        self.state.kinds.headers[self.state.kinds.kinds[kind].header as usize]
            .service
            .to_lowercase()
    }
    fn caller(&self, kind: usize) -> String {
        self.state.kinds.headers[self.state.kinds.kinds[kind].header as usize]
            .caller
            .clone()
    }
    fn template_has_id(&self, kind: usize, id: u64) -> bool {
        template_table::has_id(&self.state.resolved, self.state.kinds.kinds[kind].shape, id)
    }
    fn sources(&self) -> usize {
        self.state.sources.len()
    }
    fn source_name(&self, source: usize) -> String {
        self.state.sources[source].info.name.clone()
    }
    fn source_service(&self, source: usize) -> (Option<String>, String) {
        let s = &self.state.sources[source];
        (
            s.fixed_service.as_ref().map(|s| s.to_lowercase()),
            s.info.service.to_lowercase(),
        )
    }
}

impl index::Corpus for Corpus {
    fn text(&self, source: u32, offset: u64, len: usize) -> Option<Vec<u8>> {
        self.raw(SourceId(source), offset, len)
    }
    fn filter(&self, chunk: &Chunk, at: usize, out: &mut [u8]) -> bool {
        self.folder
            .as_ref()
            .is_some_and(|f| f.read_at(FILTERS, chunk.filter_at + at as u64, out))
    }
    fn host(&self, source: u32, raw: &[u8]) -> String {
        self.host_of(SourceId(source), raw)
    }
}

impl Corpus {
    /// Ids of at most `limit` templates that match the words of a text, best match first. Empty
    /// until the term index is built.
    pub fn find_templates(&self, text: &str, limit: usize) -> Vec<TemplateKey> {
        let found = self.terms().map(|terms| terms.templates(text, limit));
        found.and_then(Result::ok).unwrap_or_default()
    }
}

/// Parses a query and prepares it for the current state of the corpus.
pub(super) fn plan(corpus: &Corpus, query: &str, range: TimeRange) -> Result<Plan, QueryError> {
    let parsed = index::parse(query)?;
    let state = corpus.read();
    index::prepare(&parsed, range, &Kinds { state: &state })
}

/// Chunks that can contain matches. If the query requires a service or a template, only the chunks
/// that the term index lists for it.
pub(super) fn candidates(corpus: &Corpus, snapshot: &Snapshot, query: &str) -> Vec<Arc<Chunk>> {
    let all = || snapshot.chunks.to_vec();
    let (Some(terms), Ok(query)) = (corpus.terms(), index::parse(query)) else {
        return all();
    };
    if corpus.covered.load(Ordering::SeqCst) != snapshot.chunks.len() {
        return all();
    }
    let parts = if let index::Query::And(parts) = &query {
        parts.as_slice()
    } else {
        std::slice::from_ref(&query)
    };
    let mut keep: Option<Vec<u64>> = None;
    for part in parts {
        let found = match part {
            index::Query::Field(index::Field::Service(s)) if !s.contains('*') => {
                terms.chunks_of_service(s)
            }
            index::Query::Field(index::Field::Template(id)) => terms.chunks_of_template(*id),
            _ => continue,
        };
        let Ok(found) = found else { return all() };
        keep = Some(match keep {
            None => found,
            Some(before) => before
                .into_iter()
                .filter(|c| found.binary_search(c).is_ok())
                .collect(),
        });
    }
    match keep {
        None => all(),
        Some(numbers) => numbers
            .iter()
            .filter_map(|n| snapshot.chunks.get(*n as usize).cloned())
            .collect(),
    }
}

/// Number of matching events or lines, and number of bytes that could not be read.
fn count(corpus: &Corpus, chunks: &[Arc<Chunk>], plan: &Plan, unit: Unit) -> (u64, u64) {
    // A huge line can be part of several chunks, but it is counted only once.
    if chunks.iter().any(|c| c.events == 0) {
        let (hits, unread) = hits(corpus, chunks, plan, unit);
        return (hits.len() as u64, unread);
    }
    let each = |chunk: &Chunk| {
        let (mut n, mut unread) = (0, 0);
        let view = ChunkView { chunk, corpus };
        index::evaluate(plan, &view, unit, &mut unread, &mut |_, bits, _| {
            n += bits.count()
        });
        (n, unread)
    };
    let (mut total, mut unread) = (0, 0);
    over_chunks(
        chunks,
        corpus.options.threads,
        &|| false,
        &each,
        |(n, u)| {
            total += n;
            unread += u;
        },
    );
    (total, unread)
}

/// All matching events or lines, sorted by event and line, and the number of bytes that could not
/// be read.
fn hits(corpus: &Corpus, chunks: &[Arc<Chunk>], plan: &Plan, unit: Unit) -> (Vec<SearchHit>, u64) {
    let each = |chunk: &Chunk| chunk_hits(corpus, chunk, plan, unit);
    let (mut all, mut unread) = (Vec::new(), 0);
    over_chunks(
        chunks,
        corpus.options.threads,
        &|| false,
        &each,
        |(hits, u): (Vec<SearchHit>, u64)| {
            all.extend(hits);
            unread += u;
        },
    );
    all.sort_by_key(|h| (h.event, h.line));
    all.dedup();
    (all, unread)
}

pub(super) fn chunk_hits(
    corpus: &Corpus,
    chunk: &Chunk,
    plan: &Plan,
    unit: Unit,
) -> (Vec<SearchHit>, u64) {
    let mut found = Vec::new();
    let mut unread = 0;
    let view = ChunkView { chunk, corpus };
    index::evaluate(plan, &view, unit, &mut unread, &mut |block, bits, scope| {
        for i in bits.iter() {
            // Text in the middle of a huge line belongs to the last event before the block.
            let event =
                (chunk.first_event + block.first_event).saturating_add(scope.event_of(i) as u32);
            let back = u64::from(block.is_empty());
            let event = event.saturating_sub(back as u32);
            found.push(SearchHit {
                event: EventId(event),
                line: (chunk.first_line + u64::from(block.first_line) + scope.line_of(i))
                    .saturating_sub(back),
            });
        }
    });
    (found, unread)
}

/// Finds the next row after `from`, or before it if `forward` is false, whose event is at least as
/// severe as `level`. `rows` are the rows that are shown, or `None` for all rows. `from` and the
/// result are positions among the shown rows.
pub fn seek(
    corpus: &Corpus,
    snapshot: &Snapshot,
    rows: Option<&[u32]>,
    from: usize,
    forward: bool,
    level: Level,
) -> Option<usize> {
    let matching: Vec<bool> = {
        let state = corpus.read();
        let kinds = state.kinds.kinds.len();
        (0..kinds)
            .map(|k| state.level(KindId::at(k)) >= level)
            .collect()
    };
    let is = |shown: usize| {
        let row = rows.map_or(shown, |r| r[shown] as usize);
        let kind = snapshot.kind(snapshot.event_in_row(row));
        kind.is_some_and(|k| matching.get(k.index()) == Some(&true))
    };
    let total = rows.map_or(snapshot.rows as usize, <[u32]>::len);
    if forward {
        (from + 1..total).find(|i| is(*i))
    } else {
        (0..from.min(total)).rev().find(|i| is(*i))
    }
}

/// Checks the syntax of a query, before a corpus is opened.
pub fn check_query(query: &str) -> Result<(), QueryError> {
    index::parse(query).map(|_| ())
}

/// Number of matching events or lines, and number of bytes that could not be searched.
pub fn count_matches(
    corpus: &Corpus,
    snapshot: &Snapshot,
    query: &str,
    range: TimeRange,
    unit: Unit,
) -> Result<(u64, u64), QueryError> {
    let plan = plan(corpus, query, range)?;
    Ok(count(
        corpus,
        &candidates(corpus, snapshot, query),
        &plan,
        unit,
    ))
}

/// A match: the event, the 1-based line number, and the matching line or the whole text of the
/// event.
pub struct Match<'m> {
    pub event: &'m Event,
    pub line: u64,
    pub text: &'m str,
    pub template: Option<TemplateKey>,
}

/// Calls `take` for every match in merged order. Stops if `take` fails. Returns the number of
/// matches and the number of bytes that could not be searched.
pub fn for_each_match<E: From<QueryError>>(
    corpus: &Corpus,
    snapshot: &Snapshot,
    query: &str,
    range: TimeRange,
    unit: Unit,
    take: &mut Take<'_, E>,
) -> Result<(u64, u64), E> {
    let plan = plan(corpus, query, range)?;
    let chunks = candidates(corpus, snapshot, query);
    let mut walk = Walk {
        corpus,
        snapshot,
        plan: &plan,
        unit,
        matched: 0,
        unread: 0,
        current: None,
    };
    if snapshot.sources.len() <= 1 {
        let mut last = None;
        for chunk in &chunks {
            for hit in walk.hits(chunk) {
                if last.replace(hit) != Some(hit) {
                    walk.give(hit, take)?;
                }
            }
        }
    } else {
        walk.in_merged_order(&chunks, take)?;
    }
    Ok((walk.matched, walk.unread))
}

/// Callback that receives a match.
type Take<'t, E> = dyn FnMut(Match<'_>) -> Result<(), E> + 't;

/// A walk over the matches that holds only those of one chunk of each source.
struct Walk<'w> {
    corpus: &'w Corpus,
    snapshot: &'w Snapshot,
    plan: &'w Plan,
    unit: Unit,
    matched: u64,
    unread: u64,
    /// The event of the last match: the next one can be in the same event.
    current: Option<Current>,
}

/// An event whose matches are passed on.
struct Current {
    id: EventId,
    event: Event,
    /// The whole text, and the start of each line in it. Empty if events are passed on.
    text: Vec<u8>,
    starts: Vec<usize>,
}

impl Current {
    fn read(corpus: &Corpus, snapshot: &Snapshot, id: EventId, unit: Unit) -> Option<Current> {
        let event = corpus.event(snapshot, id)?;
        let text = match unit {
            Unit::Event => Vec::new(),
            Unit::Line => corpus.whole_text(snapshot, id).unwrap_or_default(),
        };
        let starts = std::iter::once(0)
            .chain(memchr::memchr_iter(b'\n', &text).map(|n| n + 1))
            .collect();
        Some(Current {
            id,
            event,
            text,
            starts,
        })
    }

    /// The text of the `n`-th line.
    fn line(&self, n: usize) -> Cow<'_, str> {
        let start = self.starts.get(n).copied().unwrap_or(self.text.len());
        let end = self
            .starts
            .get(n + 1)
            .map_or(self.text.len(), |next| next - 1);
        String::from_utf8_lossy(self.text.get(start..end).unwrap_or_default())
    }
}

impl Walk<'_> {
    /// The matches in a chunk, in order.
    fn hits(&mut self, chunk: &Chunk) -> Vec<SearchHit> {
        let (hits, unread) = chunk_hits(self.corpus, chunk, self.plan, self.unit);
        self.unread += unread;
        hits
    }

    /// Passes on one match.
    fn give<E>(&mut self, h: SearchHit, take: &mut Take<'_, E>) -> Result<(), E> {
        self.matched += 1;
        if self.current.as_ref().is_none_or(|c| c.id != h.event) {
            self.current = Current::read(self.corpus, self.snapshot, h.event, self.unit);
        }
        let Some(current) = &self.current else {
            return Ok(());
        };
        let event = &current.event;
        let line_text;
        let (line, text) = match self.unit {
            Unit::Event => (event.line, event.raw.as_str()),
            Unit::Line => {
                line_text = current.line((h.line + 1 - event.line) as usize);
                (h.line + 1, &*line_text)
            }
        };
        let template = self.snapshot.template_of_event(h.event).map(|t| t.id);
        take(Match {
            event,
            line,
            text,
            template,
        })
    }

    /// Walks in the order of the merged stream. In it, the events of each source stay in order, so
    /// its chunks are searched one after the other.
    fn in_merged_order<E>(
        &mut self,
        chunks: &[Arc<Chunk>],
        take: &mut Take<'_, E>,
    ) -> Result<(), E> {
        let order = merged_order(&self.corpus.read());
        let mut sources: Vec<Pending<'_>> = Vec::new();
        sources.resize_with(self.snapshot.sources.len(), Pending::default);
        for chunk in chunks {
            if let Some(source) = sources.get_mut(chunk.source as usize) {
                source.chunks.push_back(chunk);
            }
        }
        for row in 0..order.rows(self.snapshot.events) as usize {
            let event = EventId(order.event(row));
            let Some((chunk, _)) = self.snapshot.locate(event) else {
                continue;
            };
            let source = &mut sources[chunk.source as usize];
            // A chunk without events continues the line of the event before it.
            while let Some(next) = source
                .chunks
                .pop_front_if(|c| c.first_event <= event.0 + u32::from(c.events == 0))
            {
                source.hits.extend(self.hits(next));
            }
            while let Some(hit) = source.hits.pop_front_if(|h| h.event <= event) {
                let is_new = source.last.replace(hit) != Some(hit);
                if hit.event == event && is_new {
                    self.give(hit, take)?;
                }
            }
        }
        Ok(())
    }
}

/// What is still to be passed on of one source.
#[derive(Default)]
struct Pending<'c> {
    chunks: VecDeque<&'c Arc<Chunk>>,
    hits: VecDeque<SearchHit>,
    last: Option<SearchHit>,
}
