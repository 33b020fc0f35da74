//! Runs queries over the chunks on all cores. The latest search wins: an older one stops at its next chunk.

use super::corpus::{Corpus, Snapshot};
use super::over::over_chunks;
use super::table;
use crate::index::disk::FILTERS;
use crate::index::{self, Chunk, ChunkView, Lookup, Plan, Unit};
use crate::model::{Event, Level, TimeRange};
use regex::bytes::Regex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;

/// Hits of one chunk.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SearchHit {
    /// Event.
    pub event: u32,
    /// 0-based line in the source, for line searches.
    pub line: u64,
}

/// All hits, or those so far.
#[derive(Clone, Debug, Default)]
pub struct Found {
    pub generation: u64,
    pub matches: u64,
    /// Rows of the merged stream, ascending, with the context asked for. Partial results have none where sources are merged.
    pub rows: Arc<Vec<u32>>,
    pub chunks_done: usize,
    pub chunks: usize,
    /// Bytes that could not be read and so were not searched.
    pub unread: u64,
    pub finished: bool,
    pub elapsed_ms: f64,
    pub error: Option<String>,
    pub highlights: Vec<Regex>,
}

struct Kinds<'a> {
    state: &'a super::corpus::State,
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
    fn template_has_id(&self, kind: usize, id: u64) -> bool {
        table::has_id(&self.state.resolved, self.state.kinds.kinds[kind].shape, id)
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
        self.raw(source, offset, len)
    }
    fn filter(&self, chunk: &Chunk, at: usize, out: &mut [u8]) -> bool {
        self.folder
            .as_ref()
            .is_some_and(|f| f.read_at(FILTERS, chunk.filter_at + at as u64, out))
    }
    fn host(&self, source: u32, raw: &[u8]) -> String {
        self.host_of(source, raw)
    }
}

/// Parses a query and makes it ready for the corpus as it is now.
pub fn plan(corpus: &Corpus, query: &str, range: TimeRange) -> Result<Plan, String> {
    let parsed = index::parse(query)?;
    let state = corpus.read();
    index::prepare(&parsed, range, &Kinds { state: &state })
}

/// Chunks that can hold matches: where a query needs a service or a template, those that the term index names.
fn candidates(corpus: &Corpus, snapshot: &Snapshot, query: &str) -> Vec<Arc<Chunk>> {
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

/// Number of units that match.
fn count(corpus: &Corpus, chunks: &[Arc<Chunk>], plan: &Plan, unit: Unit) -> (u64, u64) {
    // A huge line lies in several chunks and counts once.
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

/// All units that match, by source and place. Second: bytes that could not be read.
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

fn chunk_hits(corpus: &Corpus, chunk: &Chunk, plan: &Plan, unit: Unit) -> (Vec<SearchHit>, u64) {
    let mut found = Vec::new();
    let mut unread = 0;
    let view = ChunkView { chunk, corpus };
    index::evaluate(plan, &view, unit, &mut unread, &mut |block, bits, scope| {
        for i in bits.iter() {
            // Text in the midst of a huge line belongs to the event before the block.
            let event =
                (chunk.first_event + block.first_event).saturating_add(scope.event_of(i) as u32);
            let back = u64::from(block.is_empty());
            let event = event.saturating_sub(back as u32);
            found.push(SearchHit {
                event,
                line: (chunk.first_line + u64::from(block.first_line) + scope.line_of(i))
                    .saturating_sub(back),
            });
        }
    });
    (found, unread)
}

/// Searches as the user types: each new query makes the one before stop.
#[derive(Clone, Default)]
pub struct Searcher {
    generation: Arc<AtomicU64>,
}

/// What to search for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ask {
    pub query: String,
    pub range: TimeRange,
    /// Rows around each match that belong to the result.
    pub context: u32,
}

impl Searcher {
    /// Starts a search on a thread; partial and final results go to `out`. Returns its generation.
    pub fn start(
        &self,
        corpus: Arc<Corpus>,
        snapshot: Arc<Snapshot>,
        ask: Ask,
        out: Sender<Found>,
    ) -> u64 {
        let generation = self.generation.fetch_add(1, Ordering::SeqCst) + 1;
        let latest = self.generation.clone();
        let failed = out.clone();
        let run = move || search(&corpus, &snapshot, &ask, generation, &latest, &out);
        if std::thread::Builder::new()
            .name("search".into())
            .spawn(run)
            .is_err()
        {
            failed
                .send(Found {
                    generation,
                    finished: true,
                    error: Some("no thread can be started".into()),
                    ..Found::default()
                })
                .ok();
        }
        generation
    }

    pub fn cancel(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
    }
}

fn search(
    corpus: &Corpus,
    snapshot: &Snapshot,
    ask: &Ask,
    generation: u64,
    latest: &AtomicU64,
    out: &Sender<Found>,
) {
    let start = std::time::Instant::now();
    let mut found = Found {
        generation,
        chunks: snapshot.chunks.len(),
        ..Found::default()
    };
    let plan = match plan(corpus, &ask.query, ask.range) {
        Ok(plan) => plan,
        Err(e) => {
            out.send(Found {
                error: Some(e),
                finished: true,
                ..found
            })
            .ok();
            return;
        }
    };
    plan.highlights(&mut found.highlights);
    let stop = || latest.load(Ordering::Relaxed) != generation;
    let identity = snapshot.order.bytes() == 0;
    let mut events: Vec<u32> = Vec::new();
    let mut told = start;
    let each = |chunk: &Chunk| chunk_hits(corpus, chunk, &plan, Unit::Event);
    let chunks = candidates(corpus, snapshot, &ask.query);
    found.chunks = chunks.len();
    over_chunks(
        &chunks,
        corpus.options.threads,
        &stop,
        &each,
        |(hits, unread)| {
            events.extend(hits.iter().map(|h| h.event));
            found.unread += unread;
            found.chunks_done += 1;
            if told.elapsed().as_millis() > 60 {
                told = std::time::Instant::now();
                let rows = if identity { events.clone() } else { Vec::new() };
                out.send(Found {
                    matches: events.len() as u64,
                    rows: Arc::new(rows),
                    elapsed_ms: ms(start),
                    ..found.clone()
                })
                .ok();
            }
        },
    );
    if stop() {
        return;
    }
    events.sort_unstable();
    events.dedup();
    let matches = events.len() as u64;
    let rows = with_context(rows_of(snapshot, events), ask.context, snapshot.rows);
    out.send(Found {
        matches,
        rows: Arc::new(rows),
        elapsed_ms: ms(start),
        finished: true,
        ..found
    })
    .ok();
}

fn ms(start: std::time::Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e3
}

/// Rows of events (ascending) in the merged stream, ascending.
fn rows_of(snapshot: &Snapshot, events: Vec<u32>) -> Vec<u32> {
    if snapshot.order.bytes() == 0 {
        return events;
    }
    let most = events.last().map_or(0, |e| *e as usize + 1);
    let mut wanted = vec![false; most];
    events.iter().for_each(|e| wanted[*e as usize] = true);
    (0..snapshot.rows as u32)
        .filter(|row| wanted.get(snapshot.order.event(*row as usize) as usize) == Some(&true))
        .collect()
}

fn with_context(rows: Vec<u32>, context: u32, total: u64) -> Vec<u32> {
    if context == 0 {
        return rows;
    }
    let mut out: Vec<u32> = Vec::with_capacity(rows.len() * 2);
    for row in rows {
        let from = row
            .saturating_sub(context)
            .max(out.last().map_or(0, |l| l + 1));
        out.extend(
            from..=row
                .saturating_add(context)
                .min((total as u32).saturating_sub(1)),
        );
    }
    out
}

/// The next row after (or before) `from` whose event is at least as bad as `level`; `rows` are those shown, or all.
pub fn seek(
    corpus: &Corpus,
    snapshot: &Snapshot,
    rows: Option<&[u32]>,
    from: usize,
    forward: bool,
    level: Level,
) -> Option<usize> {
    let bad: Vec<bool> = {
        let state = corpus.read();
        state
            .kinds
            .kinds
            .iter()
            .map(|k| state.kinds.headers[k.header as usize].level >= level)
            .collect()
    };
    let is = |shown: usize| {
        let row = rows.map_or(shown, |r| r[shown] as usize);
        snapshot
            .kind(snapshot.order.event(row))
            .is_some_and(|k| bad.get(k as usize) == Some(&true))
    };
    let total = rows.map_or(snapshot.rows as usize, <[u32]>::len);
    if forward {
        (from + 1..total).find(|i| is(*i))
    } else {
        (0..from.min(total)).rev().find(|i| is(*i))
    }
}

/// Says what is wrong with a query, before anything is opened for it.
pub fn check_query(query: &str) -> Result<(), String> {
    index::parse(query)
        .map(|_| ())
        .map_err(|e| format!("the query '{query}' cannot be read: {e}"))
}

/// Number of matching events or lines, and bytes that could not be searched.
pub fn count_matches(
    corpus: &Corpus,
    snapshot: &Snapshot,
    query: &str,
    range: TimeRange,
    unit: Unit,
) -> Result<(u64, u64), String> {
    Ok(count(
        corpus,
        &candidates(corpus, snapshot, query),
        &plan(corpus, query, range)?,
        unit,
    ))
}

/// Takes an event, the 1-based line and text of the match, and the template's id.
pub type Take<'t> = dyn FnMut(&Event, u64, &str, Option<u64>) -> Result<(), String> + 't;

/// Calls `take` for every match in merged order. Returns their number and the bytes that could not be searched.
pub fn for_each_match(
    corpus: &Corpus,
    snapshot: &Snapshot,
    query: &str,
    range: TimeRange,
    unit: Unit,
    take: &mut Take<'_>,
) -> Result<(u64, u64), String> {
    let plan = plan(corpus, query, range)?;
    let (hits, unread) = hits(corpus, &candidates(corpus, snapshot, query), &plan, unit);
    for h in merged(corpus, snapshot, &hits) {
        let Some(event) = corpus.event(snapshot, h.event) else {
            continue;
        };
        let template = snapshot
            .kind(h.event)
            .and_then(|k| snapshot.template_of.get(k as usize))
            .and_then(|t| snapshot.templates.get(*t as usize));
        let (line, text) = match unit {
            Unit::Event => (event.line, event.raw.as_str()),
            Unit::Line => (
                h.line + 1,
                event
                    .raw
                    .split('\n')
                    .nth((h.line + 1 - event.line) as usize)
                    .unwrap_or_default(),
            ),
        };
        take(&event, line, text, template.map(|t| t.id))?;
    }
    Ok((hits.len() as u64, unread))
}

/// Hits in the order of the merged stream.
fn merged<'h>(corpus: &Corpus, snapshot: &Snapshot, hits: &'h [SearchHit]) -> Vec<&'h SearchHit> {
    if snapshot.sources.len() <= 1 || hits.len() <= 1 {
        return hits.iter().collect();
    }
    let order = super::stitch::ordered(&corpus.read());
    let mut out = Vec::with_capacity(hits.len());
    for row in 0..order.rows(snapshot.events) as usize {
        let event = order.event(row);
        let from = hits.partition_point(|h| h.event < event);
        out.extend(hits[from..].iter().take_while(|h| h.event == event));
    }
    out
}
