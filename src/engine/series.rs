//! Columns -> what detection is given: counts per service, template and time bin; values of variables, sampled evenly.

use super::corpus::{Corpus, Snapshot};
use super::over::over_chunks;
use super::table;
use crate::detect::{Feature, FeatureKind, Input, Source, Values, bin_width};
use crate::index::Chunk;
use crate::mine::variables;
use crate::model::{Level, Moment, NO_TIME, SourceInfo};
use rustc_hash::FxHashMap;

/// Text read to look at values, and events parsed, at most; a larger corpus is sampled evenly.
const TEXT_BUDGET: u64 = 64 << 20;
const EVENT_BUDGET: u64 = 80_000;
/// Numbers looked at within one variable.
pub const PARTS: usize = 8;
/// Fewer bins are no ground to judge on.
pub const FEW_BINS: u32 = 100;

/// The series, with the names that their numbers stand for.
pub struct Series {
    pub input: Input,
    /// Stands the order of events for time?
    pub by_order: bool,
    /// Share of the events whose values were looked at.
    pub sampled: f64,
    /// Values of categories, by source, template, variable and number.
    pub categories: FxHashMap<(usize, u32, u16, u16), f64>,
}

/// What is taken as normal.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Baseline {
    #[default]
    Automatic,
    Range(Moment, Moment),
    /// Sources read from an input whose path starts so: another bundle.
    Input(String),
}

/// Maps moments (or ordinals) to bins.
struct Axis {
    start: i64,
    width: i64,
    bins: u32,
    by_order: bool,
    /// Per source, what is added to its times.
    shifted: Vec<i64>,
    given: Option<(u32, u32)>,
}

impl Axis {
    fn of(snapshot: &Snapshot, baseline: &Baseline) -> Axis {
        let timed: u64 = snapshot.sources.iter().map(|s| s.timed).sum();
        let by_order = timed * 2 < snapshot.events || snapshot.span().is_none();
        let apart = |s: &SourceInfo| matches!(baseline, Baseline::Input(path) if std::path::Path::new(&s.input).starts_with(path));
        let span = |own: bool| {
            let of = || {
                snapshot
                    .sources
                    .iter()
                    .filter(|s| apart(s) != own && s.timed > 0)
            };
            Some((of().map(|s| s.first).min()?, of().map(|s| s.last).max()?))
        };
        let (start, end) = if by_order {
            (0, snapshot.events as i64 * 1_000_000_000)
        } else {
            span(true).or(snapshot.span()).unwrap_or((0, 0))
        };
        // A reference is put directly before what it is the reference of.
        let reference = span(false).filter(|_| !by_order);
        let length = reference.map_or(0, |(a, z)| z - a);
        let width = bin_width(end - start + length, snapshot.events);
        let before = (length / width + i64::from(length > 0)) * width;
        let moved = reference.map_or(0, |(a, _)| start - before - a);
        let shifted = snapshot
            .sources
            .iter()
            .map(|s| if apart(s) { moved } else { 0 })
            .collect();
        let start = start.div_euclid(width) * width - before;
        // The last bin is seldom whole.
        let bins = ((end - start) / width).clamp(1, 4000) as u32;
        let given = match baseline {
            Baseline::Automatic => None,
            Baseline::Input(_) => (before > 0).then_some((0, (before / width) as u32)),
            Baseline::Range(a, z) => {
                let bin = |t: &Moment| ((t - start) / width).clamp(0, i64::from(bins)) as u32;
                Some((bin(a), bin(z)))
            }
        };
        Axis {
            start,
            width,
            bins,
            by_order,
            shifted,
            given,
        }
    }

    fn bin(&self, source: u32, at: Moment, ordinal: u64) -> Option<u32> {
        let shift = self.shifted.get(source as usize).copied().unwrap_or(0);
        let at = match (self.by_order, at) {
            (true, _) => ordinal as i64 * 1_000_000_000,
            (_, NO_TIME) => NO_TIME,
            (_, at) => at + shift,
        };
        let bin = (at != NO_TIME).then(|| (at - self.start).div_euclid(self.width))?;
        (0..i64::from(self.bins))
            .contains(&bin)
            .then_some(bin as u32)
    }
}

#[derive(Default)]
struct Building {
    names: FxHashMap<String, usize>,
    sources: Vec<Source>,
    counts: FxHashMap<(usize, FeatureKind), Vec<(u32, u32)>>,
    seen: Vec<(u32, u32)>,
}

/// What a kind in a source is: service, template, level.
#[derive(Clone, Copy)]
struct Role {
    service: usize,
    template: u32,
    level: Level,
}

impl Building {
    fn service(&mut self, name: &str) -> usize {
        if let Some(i) = self.names.get(name) {
            return *i;
        }
        let i = self.sources.len();
        self.names.insert(name.to_string(), i);
        self.sources.push(Source {
            name: name.to_string(),
            ..Source::default()
        });
        self.seen.push((u32::MAX, 0));
        i
    }

    fn count(&mut self, service: usize, kind: FeatureKind, bin: u32) {
        let counts = self.counts.entry((service, kind)).or_default();
        match counts.last_mut() {
            Some((b, n)) if *b == bin => *n += 1,
            _ => counts.push((bin, 1)),
        }
    }

    /// Sorts the counts, adds up what several files gave, and says what of it is trouble.
    fn finish(mut self, snapshot: &Snapshot, axis: &Axis) -> Vec<Source> {
        let mut all: Vec<_> = self.counts.into_iter().collect();
        all.sort_unstable_by_key(|(k, _)| *k);
        for ((service, kind), counts) in all {
            let bad = match kind {
                FeatureKind::Template(t) => is_bad(snapshot, t),
                FeatureKind::Warnings | FeatureKind::Errors => true,
                _ => false,
            };
            self.sources[service].features.push(Feature {
                kind,
                counts: merged(counts),
                bad,
            });
        }
        let collection = (120_000_000_000 / axis.width).max(i64::from(axis.bins) / 20) as u32;
        for (source, (first, last)) in self.sources.iter_mut().zip(&self.seen) {
            source.from = (*first).min(axis.bins);
            // What stops shortly before the end was cut off by the collection.
            source.to = if last + 1 + collection >= axis.bins {
                last + 1
            } else {
                axis.bins
            };
        }
        self.sources
    }
}

fn merged(mut counts: Vec<(u32, u32)>) -> Vec<(u32, u32)> {
    counts.sort_unstable();
    let mut out: Vec<(u32, u32)> = Vec::with_capacity(counts.len());
    for (b, n) in counts {
        match out.last_mut() {
            Some(last) if last.0 == b => last.1 += n,
            _ => out.push((b, n)),
        }
    }
    out
}

/// Does a template speak of trouble: mostly warnings or worse?
pub fn is_bad(snapshot: &Snapshot, template: u32) -> bool {
    let Some(t) = snapshot.templates.get(template as usize) else {
        return false;
    };
    let bad: u64 = t.levels[Level::Warn.index()..].iter().sum();
    bad * 2 > t.count
}

pub fn build(corpus: &Corpus, snapshot: &Snapshot, baseline: &Baseline) -> Series {
    let axis = Axis::of(snapshot, baseline);
    let mut building = Building::default();
    let roles = roles(corpus, snapshot, &mut building);
    let mut ordinal = 0u64;
    let traces = corpus.trace_sources(snapshot);
    for chunk in snapshot
        .chunks
        .iter()
        .filter(|c| !traces.contains(&c.source))
    {
        for block in &chunk.blocks {
            let role: Vec<Role> = block
                .dictionary
                .iter()
                .map(|k| roles[&(chunk.source, *k)])
                .collect();
            for i in 0..block.len() {
                ordinal += 1;
                let Some(bin) = axis.bin(chunk.source, block.time(i), ordinal - 1) else {
                    continue;
                };
                let r = role[block.kinds.get(i) as usize];
                let seen = &mut building.seen[r.service];
                *seen = (seen.0.min(bin), seen.1.max(bin));
                building.count(r.service, FeatureKind::All, bin);
                if r.template != u32::MAX {
                    building.count(r.service, FeatureKind::Template(r.template), bin);
                }
                if r.level >= Level::Warn {
                    building.count(r.service, FeatureKind::Warnings, bin);
                }
                if r.level >= Level::Error {
                    building.count(r.service, FeatureKind::Errors, bin);
                }
            }
        }
    }
    add_order(corpus, snapshot, &roles, &axis, &traces, &mut building);
    let sources = building.finish(snapshot, &axis);
    let input = Input {
        width: axis.width,
        start: axis.start,
        bins: axis.bins,
        sources,
        baseline: axis.given,
    };
    let mut series = Series {
        input,
        by_order: axis.by_order,
        sampled: 1.0,
        categories: FxHashMap::default(),
    };
    if series.input.bins >= FEW_BINS / 2 {
        add_values(corpus, snapshot, &roles, &axis, &mut series);
    }
    series
}

/// Counts the events that are out of order.
fn add_order(
    corpus: &Corpus,
    snapshot: &Snapshot,
    roles: &Roles,
    axis: &Axis,
    traces: &[u32],
    building: &mut Building,
) {
    let wanted = |c: &Chunk| !traces.contains(&c.source);
    let mut odd: Vec<usize> = Vec::new();
    corpus.out_of_order(snapshot, &wanted, |i| odd.push(i));
    let mut next = odd.into_iter().peekable();
    let mut ordinal = 0;
    for chunk in snapshot.chunks.iter().filter(|c| wanted(c)) {
        for block in &chunk.blocks {
            while let Some(at) = next.next_if(|at| *at < ordinal + block.len()) {
                let i = at - ordinal;
                let role = roles[&(chunk.source, block.kind(i))];
                if let Some(bin) = axis.bin(chunk.source, block.time(i), at as u64) {
                    building.count(role.service, FeatureKind::Sequence, bin);
                }
            }
            ordinal += block.len();
        }
    }
}

type Roles = FxHashMap<(u32, u32), Role>;

fn roles(corpus: &Corpus, snapshot: &Snapshot, building: &mut Building) -> Roles {
    let state = corpus.read();
    let mut roles = Roles::default();
    for chunk in snapshot.chunks.iter() {
        for k in chunk.blocks.iter().flat_map(|b| &b.dictionary) {
            roles.entry((chunk.source, *k)).or_insert_with(|| Role {
                service: building.service(table::service(&state, chunk.source, *k)),
                template: snapshot
                    .template_of
                    .get(*k as usize)
                    .copied()
                    .unwrap_or(u32::MAX),
                level: state.headers_level(*k),
            });
        }
    }
    roles
}

/// One value: service, template, variable, bin.
type Sample = (usize, u32, u16, u32, f32);

/// Reads the values of numeric variables from events spread evenly over the corpus.
fn add_values(
    corpus: &Corpus,
    snapshot: &Snapshot,
    roles: &Roles,
    axis: &Axis,
    series: &mut Series,
) {
    let total: u64 = snapshot.bytes.max(1);
    let every_block = total.div_ceil(TEXT_BUDGET).max(1);
    let with_values: u64 = snapshot
        .templates
        .iter()
        .filter(|t| t.text.contains("<*>"))
        .map(|t| t.count)
        .sum();
    let every_event = (with_values / every_block).div_ceil(EVENT_BUDGET).max(1);
    let mut samples: Vec<Sample> = Vec::new();
    let each = |chunk: &Chunk| {
        let mut out = Vec::new();
        for block in chunk.blocks.iter().step_by(every_block as usize) {
            let first = u64::from(chunk.first_event + block.first_event);
            sample_block(
                corpus,
                snapshot,
                roles,
                axis,
                chunk,
                block,
                (first, every_event),
                &mut out,
            );
        }
        out
    };
    over_chunks(
        &snapshot.chunks,
        corpus.options.threads,
        &|| corpus.is_cancelled(),
        &each,
        |part| samples.extend(part),
    );
    series.sampled = 1.0 / (every_block * every_event) as f64;
    let mut by: FxHashMap<(usize, u32, u16), Vec<(u32, f32)>> = FxHashMap::default();
    for (s, t, v, bin, x) in samples {
        by.entry((s, t, v)).or_default().push((bin, x));
    }
    let mut by: Vec<_> = by.into_iter().collect();
    by.sort_unstable_by_key(|(k, _)| *k);
    for ((source, template, variable), mut points) in by {
        if points.len() < 40 || is_counter(&points) {
            continue;
        }
        points.sort_by_key(|p| p.0);
        place(series, source, template, variable, points);
    }
}

#[allow(clippy::too_many_arguments)]
fn sample_block(
    corpus: &Corpus,
    snapshot: &Snapshot,
    roles: &Roles,
    axis: &Axis,
    chunk: &crate::index::Chunk,
    block: &crate::index::Block,
    (first, every): (u64, u64),
    out: &mut Vec<Sample>,
) {
    let wanted: Vec<bool> = block
        .dictionary
        .iter()
        .map(|k| {
            roles
                .get(&(chunk.source, *k))
                .and_then(|r| snapshot.templates.get(r.template as usize))
                .is_some_and(|t| t.text.contains("<*>"))
        })
        .collect();
    if !wanted.contains(&true) {
        return;
    }
    let Some(text) = corpus.raw(chunk.source, block.offset, block.bytes as usize) else {
        return;
    };
    let Some(mut reader) = corpus.reader(chunk.source) else {
        return;
    };
    for i in (0..block.len()).filter(|i| (first + *i as u64).is_multiple_of(every)) {
        let k = block.kinds.get(i) as usize;
        if !wanted[k] {
            continue;
        }
        let Some(bin) = axis.bin(chunk.source, block.time(i), first + i as u64) else {
            continue;
        };
        let role = roles[&(chunk.source, block.dictionary[k])];
        let from = (block.starts.get(i) as usize).min(text.len());
        let to = memchr::memchr(b'\n', &text[from..]).map_or(text.len(), |n| from + n);
        let message = reader.message(&text[from..to]);
        let template = &snapshot.templates[role.template as usize].text;
        for (v, value) in variables(template, &message).iter().enumerate().take(16) {
            // A variable of several words holds several numbers, each a position of its own.
            for (k, part) in value.split_whitespace().take(PARTS).enumerate() {
                if let Some(x) =
                    quantity(part).or_else(|| if k == 0 { quantity(value) } else { None })
                {
                    out.push((
                        role.service,
                        role.template,
                        (v * PARTS + k) as u16,
                        bin,
                        x as f32,
                    ));
                }
            }
        }
    }
}

/// A number; durations in ms, sizes in bytes.
pub fn quantity(value: &str) -> Option<f64> {
    let text = value.trim();
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e')))
        .unwrap_or(text.len());
    let end = if text[..end].ends_with('e') {
        end - 1
    } else {
        end
    };
    let number: f64 = text[..end].parse().ok().filter(|n: &f64| n.is_finite())?;
    let factor = match text[end..].trim() {
        "" | "%" | "ms" | "B" | "bytes" => 1.0,
        "us" | "µs" => 1e-3,
        "ns" => 1e-6,
        "s" | "sec" | "secs" => 1e3,
        "m" | "min" => 6e4,
        "KB" | "kB" | "K" | "k" => 1e3,
        "KiB" => 1024.0,
        "MB" | "M" => 1e6,
        "MiB" => 1048576.0,
        "GB" | "G" => 1e9,
        _ => return None,
    };
    Some(number * factor)
}

/// Nearly all steps go one way: a counter, a sequence number, a clock.
fn is_counter(points: &[(u32, f32)]) -> bool {
    let steps: Vec<f32> = points
        .windows(2)
        .map(|w| w[1].1 - w[0].1)
        .filter(|d| *d != 0.0)
        .collect();
    let up = steps.iter().filter(|d| **d > 0.0).count();
    steps.len() >= 8 && (up * 10 >= steps.len() * 9 || up * 10 <= steps.len())
}

/// Few distinct values are categories, each counted by itself; many are a distribution.
fn place(
    series: &mut Series,
    source: usize,
    template: u32,
    variable: u16,
    points: Vec<(u32, f32)>,
) {
    let mut counts: FxHashMap<u32, u32> = FxHashMap::default();
    points
        .iter()
        .for_each(|(_, v)| *counts.entry(v.to_bits()).or_default() += 1);
    let most = counts.values().copied().max().unwrap_or(0) as usize;
    let s = &mut series.input.sources[source];
    if counts.len() <= 12 || counts.len() <= 40 && most * 5 > points.len() {
        if counts.len() < 2 {
            return;
        }
        let mut values: Vec<f32> = counts.keys().map(|b| f32::from_bits(*b)).collect();
        values.sort_by(f32::total_cmp);
        for (n, value) in values.into_iter().enumerate() {
            let own = points
                .iter()
                .filter(|p| p.1 == value)
                .map(|p| (p.0, 1))
                .collect();
            let kind = FeatureKind::Category(template, variable, n as u16);
            series
                .categories
                .insert((source, template, variable, n as u16), f64::from(value));
            // A status of the server's fault among statuses speaks for itself.
            let bad = (500.0..600.0).contains(&value) && value.fract() == 0.0;
            s.features.push(Feature {
                kind,
                counts: merged(own),
                bad,
            });
        }
    } else {
        s.values.push(Values {
            template,
            variable,
            points,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_share_a_unit() {
        assert_eq!(
            (quantity("1.5s"), quantity("20ms"), quantity("3 KB")),
            (Some(1500.0), Some(20.0), Some(3000.0))
        );
        assert_eq!(
            (quantity("abc"), quantity("10.0.0.1"), quantity("5xyz")),
            (None, None, None)
        );
    }

    #[test]
    fn counters_are_no_values() {
        let up: Vec<(u32, f32)> = (0..50).map(|i| (i, i as f32 * 2.0)).collect();
        assert!(is_counter(&up));
        let wave: Vec<(u32, f32)> = (0..50).map(|i| (i, ((i * 37) % 11) as f32)).collect();
        assert!(!is_counter(&wave));
    }
}
