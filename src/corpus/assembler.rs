//! Adds finished chunks to the corpus in order, and publishes snapshots. Does not read or parse
//! text.

use super::corpus::{Corpus, STDIN, lock, sample_memory};
use super::snapshot::Snapshot;
use super::state::{Body, Progress, State};
use super::template_table;
use super::timeline::{BINS, Timeline};
use super::worker::Done;
use crate::index::disk::FILTERS;
use crate::index::{Chunk, Order, merge, widen};
use crate::model::NO_TIME;
use crate::text::civil::{add_years, years_between};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Shortest time between two snapshots. Making them may use at most a tenth of the time: a snapshot
/// of 100,000 sources is expensive.
const PUBLISH_INTERVAL: Duration = Duration::from_millis(50);
/// Shortest time between two rebuilds of the template table while a corpus is read.
const TABLE_INTERVAL: Duration = Duration::from_millis(300);

pub struct Assembler<'c> {
    corpus: &'c Corpus,
    published: Option<Instant>,
    publish_cost: Duration,
    tables_built: Option<Instant>,
    /// Duration of the last rebuild of the tables. Rebuilds may use at most a tenth of the time.
    table_cost: Duration,
    finished: bool,
    pub stage: &'static str,
    pub from_cache: bool,
    /// True if the columns of all chunks taken so far are in the cache file.
    pub columns_written: bool,
}

impl<'c> Assembler<'c> {
    pub fn new(corpus: &'c Corpus) -> Assembler<'c> {
        Assembler {
            corpus,
            published: None,
            publish_cost: Duration::ZERO,
            tables_built: None,
            table_cost: Duration::ZERO,
            finished: false,
            stage: "reading",
            from_cache: false,
            columns_written: false,
        }
    }

    /// Adds one chunk to the corpus. Returns the buffer of its text, so that it can be reused.
    pub fn take(&mut self, mut done: Done) -> Vec<u8> {
        self.corpus.covered.store(0, Ordering::SeqCst);
        if let Some(folder) = self.corpus.folder.as_ref().filter(|_| done.filter.rows > 0) {
            match folder.append(FILTERS, &done.filter.bytes) {
                Ok(at) => {
                    let chunk = &mut done.chunk;
                    chunk.filter_at = at;
                    (chunk.filter_rows, chunk.filter_width) = (done.filter.rows, done.filter.width);
                }
                Err(e) => self.corpus.notice(format!(
                    "the word index cannot be written ({e}); searches read the text instead"
                )),
            }
        }
        if !done.packed.is_empty() {
            self.corpus
                .store()
                .append(done.chunk.source, done.chunk.offset, &done.packed);
        }
        let mut state = self.corpus.write();
        if done.replaces {
            drop_last(&mut state, done.chunk.source);
            self.columns_written = false;
        }
        correct_year(&state, &mut done);
        let chunk = add(&mut state, &mut done);
        drop(state);
        if self.columns_written {
            let folder = self.corpus.folder.as_ref();
            self.columns_written = folder.is_some_and(|f| f.append_chunk(&chunk).is_ok());
        }
        sample_memory();
        if self
            .published
            .is_none_or(|at| at.elapsed() >= PUBLISH_INTERVAL.max(self.publish_cost * 10))
        {
            self.publish(self.table_due(), false);
        }
        done.bytes
    }

    /// Records how much text of a pipe was evicted from memory. Text of an archive is not counted
    /// because it can be read again.
    fn record_evicted_bytes(&self) {
        let store = self.corpus.store();
        if store.is_complete() {
            return;
        }
        for (i, source) in self.corpus.write().sources.iter_mut().enumerate() {
            if matches!(source.body, Body::Store) && source.info.name == STDIN {
                source.info.lost_bytes = store.lost(i as u32);
            }
        }
    }

    pub fn table_due(&self) -> bool {
        self.tables_built
            .is_none_or(|at| at.elapsed() >= TABLE_INTERVAL.max(self.table_cost * 10))
    }

    /// Publishes a snapshot. If `table` is true and the corpus is interactive, the template table
    /// is rebuilt first. If `last` is true, all templates are resolved, trends are added, and the
    /// sources of an interactive corpus are merged.
    pub fn publish(&mut self, table: bool, last: bool) {
        let corpus = self.corpus;
        self.finished |= last;
        let started = Instant::now();
        // If the corpus is not interactive, nobody reads tables that are not final.
        let table = table && corpus.options.interactive;
        if table || last {
            let mut state = corpus.write();
            template_table::refresh(&mut state, last);
            if last || corpus.options.follow {
                template_table::add_trends(&mut state, corpus.options.threads);
            }
        }
        // Merging is too expensive to do often. Until the first merge, events stay in the order in
        // which they were read.
        if corpus.options.interactive && (last || corpus.options.follow && table) {
            let order = merged_order(&corpus.read());
            corpus.write().order = Arc::new(order);
        }
        if table || last {
            (self.tables_built, self.table_cost) = (Some(Instant::now()), started.elapsed());
        }
        self.record_evicted_bytes();
        let progress = Progress {
            stage: self.stage,
            bytes: 0,
            total_bytes: corpus.total_bytes.load(Ordering::Relaxed),
            lines: 0,
            elapsed_s: corpus.started.elapsed().as_secs_f64(),
            finished: self.finished,
            followed: corpus.options.follow,
            from_cache: self.from_cache,
        };
        *lock(&corpus.latest) = Arc::new(snapshot(&mut corpus.write(), progress));
        self.published = Some(Instant::now());
        self.publish_cost = started.elapsed();
    }
}

/// Corrects the year of timestamps that have no year. The parser assumes that each chunk begins in
/// the first year of its source. If the log has passed a New Year since then, the chunk is moved to
/// a later year: the year in which its earliest time is nearest to the latest time of the previous
/// chunk.
fn correct_year(state: &State, done: &mut Done) {
    let chunk = &mut done.chunk;
    if !state.sources[chunk.source as usize].info.lacks_year() || chunk.min_time == NO_TIME {
        return;
    }
    let of_source = |c: &&Arc<Chunk>| c.source == chunk.source && c.max_time != NO_TIME;
    let Some(before) = state.chunks.iter().rfind(of_source) else {
        return;
    };
    let years = years_between(chunk.min_time, before.max_time).max(0);
    if years == 0 {
        return;
    }
    chunk.map_times(|t| add_years(t, years));
    for k in &mut done.kinds {
        for t in [&mut k.first, &mut k.last] {
            *t = if *t == NO_TIME {
                NO_TIME
            } else {
                add_years(*t, years)
            };
        }
    }
    done.timeline = Timeline::of_chunk(chunk, |k| done.kinds[k as usize].header.level);
}

/// Adds a chunk to the corpus, and gives its kinds, lines and events the numbers that the corpus
/// uses.
fn add(state: &mut State, done: &mut Done) -> Arc<Chunk> {
    let chunk = &mut done.chunk;
    let source = &state.sources[chunk.source as usize];
    let name: Arc<str> = source.info.name.as_str().into();
    chunk.first_line = source.info.lines;
    chunk.first_event = state.next_event;
    let global = state.kinds.absorb(&done.kinds, &name, chunk.first_line);
    chunk.renumber(&global);
    let info = &mut state.sources[chunk.source as usize].info;
    info.bytes += chunk.bytes;
    info.lines += chunk.lines;
    info.events += u64::from(chunk.events);
    info.timed += done.timed;
    info.unparsed += done.unparsed;
    info.clock_jumps += done.clock_jumps;
    (info.first, info.last) = widen((info.first, info.last), chunk.min_time, chunk.max_time);
    state.next_event += chunk.events;
    state.events += u64::from(chunk.events);
    state.lines += chunk.lines;
    state.bytes += chunk.bytes;
    state.generation += 1;
    state.timeline.merge(&done.timeline, BINS);
    state.timelines.push(std::mem::take(&mut done.timeline));
    let chunk = Arc::new(std::mem::take(chunk));
    state.chunks.push(chunk.clone());
    chunk
}

/// Removes the last chunk of a source, before a longer chunk replaces it.
fn drop_last(state: &mut State, source: u32) {
    let Some(i) = state.chunks.iter().rposition(|c| c.source == source) else {
        return;
    };
    let chunk = state.chunks.remove(i);
    state.timelines.remove(i);
    state.generation += 1;
    let info = &mut state.sources[source as usize].info;
    info.bytes -= chunk.bytes;
    info.lines -= chunk.lines;
    info.events -= u64::from(chunk.events);
    state.events -= u64::from(chunk.events);
    state.lines -= chunk.lines;
    state.bytes -= chunk.bytes;
    let mut counts = vec![];
    let (mut timed, mut unparsed) = (0, 0);
    for block in &chunk.blocks {
        let mut local = vec![0u64; block.dictionary.len()];
        block.kinds.iter().for_each(|k| local[k as usize] += 1);
        for (kind, n) in block.dictionary.iter().zip(local) {
            let header = &state.kinds.headers[state.kinds.kinds[*kind as usize].header as usize];
            timed += if header.timed { n } else { 0 };
            unparsed += if header.known { 0 } else { n };
            counts.push((*kind, n));
        }
    }
    state.kinds.forget(counts.into_iter());
    let info = &mut state.sources[source as usize].info;
    info.timed -= timed;
    info.unparsed -= unparsed;
    // If this was the last chunk of the corpus, its event numbers can be used again. Otherwise they
    // stay unused.
    if chunk.first_event + chunk.events == state.next_event {
        state.next_event = chunk.first_event;
    }
    let mut all = Timeline::default();
    state.timelines.iter().for_each(|t| all.merge(t, BINS));
    state.timeline = all;
}

/// Computes the merged order of all current events.
pub fn merged_order(state: &State) -> Order {
    let mut chunks: Vec<&Arc<Chunk>> = state.chunks.iter().collect();
    chunks.sort_by_key(|c| (c.source, c.offset));
    let mut by_name: Vec<usize> = (0..state.sources.len()).collect();
    by_name.sort_by_key(|i| {
        let info = &state.sources[*i].info;
        (
            info.origin.stream.clone(),
            info.origin.restart,
            info.name.clone(),
        )
    });
    let mut rank = vec![0u32; by_name.len()];
    by_name
        .iter()
        .enumerate()
        .for_each(|(r, i)| rank[*i] = r as u32);
    merge(chunks.into_iter().map(|c| &**c), &rank)
}

pub fn snapshot(state: &mut State, mut progress: Progress) -> Snapshot {
    state.revision += 1;
    progress.bytes = state.bytes;
    progress.lines = state.lines;
    Snapshot {
        revision: state.revision,
        generation: state.generation,
        chunks: Arc::new(state.chunks.clone()),
        order: state.order.clone(),
        rows: state.order.rows(state.events),
        events: state.events,
        lines: state.lines,
        bytes: state.bytes,
        sources: Arc::new(state.sources.iter().map(|s| s.info.clone()).collect()),
        failures: Arc::new(state.failures.clone()),
        templates: state.templates.clone(),
        template_of: state.template_of.clone(),
        timeline: Arc::new(state.timeline.clone()),
        progress,
        notices: Arc::new(state.notices.clone()),
    }
}
