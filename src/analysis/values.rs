//! Samples the numeric values of variables for the detection, evenly over the corpus. Detects
//! nothing.

use super::analysis::Analysis;
use super::axis::Axis;
use super::series::{Roles, Series};
use super::value_series;
use crate::corpus::{EventRef, MessageReader, Part, Snapshot};
use crate::mine::variables;
use crate::model::{EventId, Moment, TemplateIx};

/// Maximum number of text bytes to read, and of events to parse. A larger corpus is sampled evenly.
const TEXT_BUDGET: u64 = 64 << 20;
const EVENT_BUDGET: u64 = 80_000;
/// Maximum number of numbers to read from one variable. Each number has its own position.
pub const PARTS: usize = 8;
/// Maximum number of variables to read from one event.
const MAX_VARIABLES: usize = 16;

/// All events of templates with at most this many events are read.
const RARE: u64 = 1000;
/// Maximum length of a word that is read as a value.
const MAX_WORD: usize = 64;

/// One value that was read.
pub struct Sample {
    pub service: usize,
    pub template: TemplateIx,
    pub position: u16,
    pub at: Moment,
    pub bin: Option<u32>,
    pub event: EventId,
    pub value: SampleValue,
}

pub enum SampleValue {
    Number(f32),
    /// A word with its digits masked. See `masked`.
    Word(Box<str>),
}

/// Which events are read: every `block`th block, and every `event`th event in it.
struct Stride {
    block: u64,
    event: u64,
}

/// Reads the values of numeric variables and adds them to the series.
pub fn add(
    analysis: &Analysis,
    snapshot: &Snapshot,
    roles: &Roles,
    axis: &Axis,
    series: &mut Series,
) {
    let block = snapshot.bytes.max(1).div_ceil(TEXT_BUDGET).max(1);
    let has_values = |t: &&crate::model::Template| t.text.contains("<*>");
    let events: u64 = snapshot
        .templates
        .iter()
        .filter(has_values)
        .map(|t| t.count)
        .sum();
    let event = (events / block).div_ceil(EVENT_BUDGET).max(1);
    let stride = Stride { block, event };
    let mut samples: Vec<Sample> = Vec::new();
    let sampler = Sampler {
        analysis,
        snapshot,
        roles,
        axis,
        stride,
    };
    snapshot.each_part(&analysis.corpus, &|part| sampler.part(part), |part| {
        samples.extend(part)
    });
    series.sampled = 1.0 / (block * event) as f64;
    value_series::add(series, samples);
}

struct Sampler<'a> {
    analysis: &'a Analysis,
    snapshot: &'a Snapshot,
    roles: &'a Roles,
    axis: &'a Axis,
    stride: Stride,
}

impl Sampler<'_> {
    fn part(&self, part: Part<'_>) -> Vec<Sample> {
        let mut out = Vec::new();
        let corpus = &self.analysis.corpus;
        let Some(mut reader) = corpus.reader(part.source()) else {
            return out;
        };
        for events in part.blocks(corpus).step_by(self.stride.block as usize) {
            let template: Vec<Option<(usize, TemplateIx, u64)>> = events
                .kinds()
                .map(|k| {
                    let role = self.roles.get(&(part.source(), k))?;
                    let template = self.snapshot.template(role.template?)?;
                    let every = match template.count {
                        ..=RARE => 1,
                        _ => self.stride.event,
                    };
                    let has_values = template.text.contains("<*>");
                    has_values.then_some((role.service, role.template?, every))
                })
                .collect();
            if template.iter().all(Option::is_none) {
                continue;
            }
            for e in events.iter() {
                if let Some((service, template, every)) = template[e.slot()]
                    && u64::from(e.id().0).is_multiple_of(every)
                {
                    self.event(&e, service, template, &mut reader, &mut out);
                }
            }
        }
        out
    }

    fn event(
        &self,
        e: &EventRef<'_>,
        service: usize,
        template: TemplateIx,
        reader: &mut MessageReader,
        out: &mut Vec<Sample>,
    ) {
        let ordinal = u64::from(e.id().0);
        let Some(at) = self.axis.moment(e.source(), e.time(), ordinal) else {
            return;
        };
        let bin = self.axis.bin_at(at);
        let message = reader.message(e.first_line());
        let text = &self.snapshot.templates[template.index()].text;
        for (v, value) in variables(text, &message)
            .iter()
            .enumerate()
            .take(MAX_VARIABLES)
        {
            let mut add = |k: usize, value: SampleValue| {
                out.push(Sample {
                    service,
                    template,
                    position: (v * PARTS + k) as u16,
                    at,
                    bin,
                    event: e.id(),
                    value,
                });
            };
            for (k, part) in value.split_whitespace().take(PARTS).enumerate() {
                let whole = || if k == 0 { quantity(value) } else { None };
                if let Some(x) = quantity(part).or_else(whole) {
                    add(k, SampleValue::Number(x as f32));
                } else if let Some(word) = masked(part) {
                    add(k, SampleValue::Word(word));
                }
            }
        }
    }
}

/// A word with each run of digits as `#`, and without the query of a URL: different requests of the
/// same kind are the same value. `None` for a word that is too long or has no letter.
fn masked(word: &str) -> Option<Box<str>> {
    let word = word.split('?').next().unwrap_or(word);
    if word.len() > MAX_WORD || !word.contains(|c: char| c.is_alphabetic()) {
        return None;
    }
    let mut out = String::with_capacity(word.len());
    for c in word.chars() {
        match c.is_ascii_digit() {
            true if out.ends_with('#') => {}
            true => out.push('#'),
            false => out.push(c),
        }
    }
    Some(out.into_boxed_str())
}

/// Parses a number with an optional unit. Converts durations to milliseconds and sizes to bytes.
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
    fn requests_of_the_same_kind_are_the_same_word() {
        assert_eq!(
            masked("/orders/812/items?page=2").as_deref(),
            Some("/orders/#/items")
        );
        assert_eq!(masked("0x1f"), masked("0x7f"));
        assert_eq!(masked("12.5"), None);
    }
}
