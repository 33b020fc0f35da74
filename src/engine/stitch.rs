//! Takes finished chunks in order into the corpus, and publishes snapshots.

use super::cache;
use super::corpus::{Body, Corpus, Progress, STDIN, Snapshot, State, lock, sample_memory};
use super::table;
use super::timeline::Timeline;
use super::worker::Done;
use crate::index::disk::FILTERS;
use crate::index::{merge, widen};
use crate::model::{Moment, NO_TIME};
use crate::text::civil::{DAY, civil_from_days, days_from_civil};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Bins of the corpus' histogram.
pub const BINS: usize = 2048;
/// Snapshots are not published more often.
const EVERY: Duration = Duration::from_millis(50);
/// Template tables are not rebuilt more often while a corpus is being read.
const TABLE_EVERY: Duration = Duration::from_millis(300);

pub struct Stitcher<'c> {
    corpus: &'c Corpus,
    published: Option<Instant>,
    tabled: Option<Instant>,
    /// What rebuilding the tables took: it is not done more than a tenth of the time.
    table_cost: Duration,
    finished: bool,
    /// Last moment and years added so far, per source without years.
    years: (u32, Moment, i32),
    pub stage: &'static str,
    pub from_cache: bool,
    /// The columns of every chunk taken in stand in the cache's file.
    pub columns_written: bool,
}

impl<'c> Stitcher<'c> {
    pub fn new(corpus: &'c Corpus) -> Stitcher<'c> {
        Stitcher {
            corpus,
            published: None,
            tabled: None,
            table_cost: Duration::ZERO,
            finished: false,
            years: (u32::MAX, NO_TIME, 0),
            stage: "reading",
            from_cache: false,
            columns_written: false,
        }
    }

    /// Takes one chunk in. Returns its text's buffer.
    pub fn take(&mut self, mut done: Done) -> Vec<u8> {
        self.corpus
            .covered
            .store(0, std::sync::atomic::Ordering::SeqCst);
        self.carry_year(&mut done);
        if let Some(folder) = self.corpus.folder.as_ref().filter(|_| done.filter.rows > 0) {
            match folder.append(FILTERS, &done.filter.bytes) {
                Ok(at) => {
                    done.chunk.filter_at = at;
                    (done.chunk.filter_rows, done.chunk.filter_width) =
                        (done.filter.rows, done.filter.width);
                }
                Err(e) => self.notice(format!(
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
        let chunk = add(&mut state, &mut done);
        drop(state);
        if self.columns_written {
            let folder = self.corpus.folder.as_ref();
            self.columns_written = folder.is_some_and(|f| cache::append_columns(f, &chunk).is_ok());
        }
        sample_memory();
        self.publish_if_due();
        done.bytes
    }

    fn notice(&self, text: String) {
        let mut state = self.corpus.write();
        if !state.notices.contains(&text) {
            state.notices.push(text);
        }
    }

    /// Logs without a year run through New Year: what comes long before the chunk before it is of the next one.
    fn carry_year(&mut self, done: &mut Done) {
        let chunk = &mut done.chunk;
        let (source, last, years) = self.years;
        let yearless = self.corpus.read().sources[chunk.source as usize]
            .info
            .inferred
            .contains("year");
        if !yearless || chunk.min_time == NO_TIME {
            return;
        }
        let mut years = if source == chunk.source { years } else { 0 };
        if source == chunk.source && add_years(chunk.max_time, years) < last - 180 * DAY {
            years += 1;
        }
        if years != 0 {
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
        self.years = (chunk.source, chunk.max_time, years);
    }

    /// Text of a pipe that fell out of memory cannot be had again; that of an archive can.
    fn note_losses(&self) {
        let store = self.corpus.store();
        if store.is_whole() {
            return;
        }
        for (i, source) in self.corpus.write().sources.iter_mut().enumerate() {
            if matches!(source.body, Body::Store) && source.info.name == STDIN {
                source.info.lost_bytes = store.lost(i as u32);
            }
        }
    }

    fn publish_if_due(&mut self) {
        if self.published.is_none_or(|at| at.elapsed() >= EVERY) {
            self.publish(self.table_due(), false);
        }
    }

    pub fn table_due(&self) -> bool {
        self.tabled
            .is_none_or(|at| at.elapsed() >= TABLE_EVERY.max(self.table_cost * 10))
    }

    /// Publishes a snapshot; `last` resolves all templates, merges all sources and adds trends.
    pub fn publish(&mut self, table: bool, last: bool) {
        let corpus = self.corpus;
        self.finished |= last;
        let started = Instant::now();
        // Nobody looks at the tables of a corpus that is opened for one answer before it is whole.
        let table = table && corpus.options.interactive;
        if table || last {
            let mut state = corpus.write();
            table::refresh(&mut state, last);
            if last || corpus.options.follow {
                table::add_trends(&mut state, corpus.options.threads);
            }
            drop(state);
        }
        // While a corpus is being read its sources stand one after the other; merging costs too much to do it often.
        if corpus.options.interactive && (last || corpus.options.follow && table) {
            let order = ordered(&corpus.read());
            corpus.write().order = Arc::new(order);
        }
        if table || last {
            (self.tabled, self.table_cost) = (Some(Instant::now()), started.elapsed());
        }
        self.note_losses();
        let progress = Progress {
            stage: self.stage,
            bytes: 0,
            total_bytes: corpus
                .total_bytes
                .load(std::sync::atomic::Ordering::Relaxed),
            lines: 0,
            elapsed_s: corpus.started.elapsed().as_secs_f64(),
            finished: self.finished,
            followed: corpus.options.follow,
            from_cache: self.from_cache,
        };
        *lock(&corpus.latest) = Arc::new(snapshot(&mut corpus.write(), progress));
        self.published = Some(Instant::now());
    }
}

fn add_years(at: Moment, years: i32) -> Moment {
    if at == NO_TIME || years == 0 {
        return at;
    }
    let (y, m, d) = civil_from_days(at.div_euclid(DAY));
    days_from_civil(y + years, m, d) * DAY + at.rem_euclid(DAY)
}

/// Histogram of a chunk that is numbered by the corpus.
pub fn chunk_timeline(kinds: &crate::mine::Kinds, chunk: &crate::index::Chunk) -> Timeline {
    Timeline::of_chunk(chunk, |k| {
        kinds.headers[kinds.kinds[k as usize].header as usize].level
    })
}

fn add(state: &mut State, done: &mut Done) -> Arc<crate::index::Chunk> {
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
    state.timeline.merge(&done.timeline, BINS);
    state.timelines.push(std::mem::take(&mut done.timeline));
    let chunk = Arc::new(std::mem::take(chunk));
    state.chunks.push(chunk.clone());
    chunk
}

/// Takes back the last chunk of a source, which is to be replaced by a longer one.
fn drop_last(state: &mut State, source: u32) {
    let Some(i) = state.chunks.iter().rposition(|c| c.source == source) else {
        return;
    };
    let chunk = state.chunks.remove(i);
    state.timelines.remove(i);
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
    // Ordinals of a chunk that was the last are free again; others leave a gap.
    if chunk.first_event + chunk.events == state.next_event {
        state.next_event = chunk.first_event;
    }
    let mut all = Timeline::default();
    state.timelines.iter().for_each(|t| all.merge(t, BINS));
    state.timeline = all;
}

/// The merged order of all events as they are now.
pub fn ordered(state: &State) -> crate::index::Order {
    let mut chunks: Vec<&Arc<crate::index::Chunk>> = state.chunks.iter().collect();
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
