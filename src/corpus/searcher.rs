//! Searches while the user types. A search runs on its own thread, reports partial results, and
//! stops as soon as a newer search starts. Does not know how results are shown.

use super::corpus::Corpus;
use super::parallel::over_chunks;
use super::search::{candidates, chunk_hits, plan};
use super::snapshot::Snapshot;
use crate::index::{Chunk, QueryError, Unit};
use crate::model::{EventId, TimeRange};
use regex::bytes::Regex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::SyncSender;

/// The results of a search, or the results found so far.
#[derive(Clone, Debug, Default)]
pub struct SearchResults {
    pub generation: u64,
    pub matches: u64,
    /// Rows of the merged stream in ascending order, including the context rows. Partial results
    /// have no context rows. If sources are merged, partial results have no rows at all.
    pub rows: Arc<Vec<u32>>,
    pub chunks_done: usize,
    pub chunks: usize,
    /// Number of bytes that could not be read and were not searched.
    pub unread: u64,
    pub finished: bool,
    pub elapsed_ms: f64,
    pub error: Option<QueryError>,
    pub highlights: Vec<Regex>,
}

/// Runs searches while the user types. Each new search stops the previous one.
#[derive(Clone, Default)]
pub struct Searcher {
    generation: Arc<AtomicU64>,
}

/// What to search for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SearchRequest {
    pub query: String,
    pub range: TimeRange,
    /// Number of rows before and after each match that are added to the results.
    pub context: u32,
}

impl Searcher {
    /// Starts a search on a new thread. Partial and final results are sent to `out`. Returns the
    /// generation of the search.
    pub fn start(
        &self,
        corpus: Arc<Corpus>,
        snapshot: Arc<Snapshot>,
        request: SearchRequest,
        out: SyncSender<SearchResults>,
    ) -> u64 {
        let generation = self.generation.fetch_add(1, Ordering::SeqCst) + 1;
        let latest = self.generation.clone();
        let failed = out.clone();
        let run = move || search(&corpus, &snapshot, &request, generation, &latest, &out);
        if std::thread::Builder::new()
            .name("search".into())
            .spawn(run)
            .is_err()
        {
            failed
                .send(SearchResults {
                    generation,
                    finished: true,
                    error: None,
                    ..SearchResults::default()
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
    request: &SearchRequest,
    generation: u64,
    latest: &AtomicU64,
    out: &SyncSender<SearchResults>,
) {
    let start = std::time::Instant::now();
    let mut found = SearchResults {
        generation,
        chunks: snapshot.chunks.len(),
        ..SearchResults::default()
    };
    let plan = match plan(corpus, &request.query, request.range) {
        Ok(plan) => plan,
        Err(e) => {
            out.send(SearchResults {
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
    let merged = snapshot.is_merged();
    let mut events: Vec<EventId> = Vec::new();
    let mut reported = start;
    let each = |chunk: &Chunk| chunk_hits(corpus, chunk, &plan, Unit::Event);
    let chunks = candidates(corpus, snapshot, &request.query);
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
            if reported.elapsed().as_millis() > 60 {
                reported = std::time::Instant::now();
                let rows = if merged {
                    Vec::new()
                } else {
                    events.iter().map(|e| e.0).collect()
                };
                out.send(SearchResults {
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
    let rows = with_context(rows_of(snapshot, events), request.context, snapshot.rows);
    out.send(SearchResults {
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

/// Converts events (ascending) to rows of the merged stream (ascending).
fn rows_of(snapshot: &Snapshot, events: Vec<EventId>) -> Vec<u32> {
    if !snapshot.is_merged() {
        return events.into_iter().map(|e| e.0).collect();
    }
    let most = events.last().map_or(0, |e| e.index() + 1);
    let mut wanted = vec![false; most];
    events.iter().for_each(|e| wanted[e.index()] = true);
    let is_wanted =
        |row: &u32| wanted.get(snapshot.event_in_row(*row as usize).index()) == Some(&true);
    (0..snapshot.rows as u32).filter(is_wanted).collect()
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
