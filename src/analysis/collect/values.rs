//! Samples the numeric values of variables for the detection, evenly over the corpus. Detects
//! nothing.

use super::axis::Axis;
use super::counts::MAX_TIMES;
use super::series::{Roles, Series};
use super::value_series;
use crate::analysis::analysis::Analysis;
use crate::corpus::{EventRef, MessageReader, Part, Snapshot};
use crate::mine::variables;
use crate::model::{EventId, Moment, SourceId, TemplateIx};
use serde_json::Value;

/// Maximum number of text bytes to read, and of events to parse. A larger corpus is sampled evenly.
const TEXT_BUDGET: u64 = 64 << 20;
const EVENT_BUDGET: u64 = 80_000;
/// Maximum number of numbers to read from one variable. Each number has its own position.
pub const PARTS: usize = 8;
/// Maximum number of variables to read from one event.
const MAX_VARIABLES: usize = 16;

/// All events of templates with at most this many events are read.
const RARE: u64 = MAX_TIMES;
/// Maximum number of fields to read from one event.
const MAX_FIELDS: usize = 24;
/// An identifier has at least this many characters, and digits.
const MIN_ID: usize = 5;
const MIN_ID_DIGITS: usize = 3;
/// Maximum length of a word that is read as a value.
const MAX_WORD: usize = 64;

/// One value that was read.
pub struct Sample {
    pub service: usize,
    pub template: TemplateIx,
    pub position: Position,
    pub at: Moment,
    pub bin: Option<u32>,
    pub event: EventId,
    pub file: SourceId,
    /// The value is a single word, not part of a longer text.
    pub single: bool,
    pub value: SampleValue,
}

/// Where a value is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Position {
    /// A variable of the template: its number times `PARTS`, plus the number of the word.
    Variable(u16),
    /// A field of the event, by its name.
    Field(Box<str>),
}

pub enum SampleValue {
    Number(f32),
    Word(Box<str>),
    /// Hash of an identifier of a request, an order, a job.
    Id(u64),
}

/// Which events are read: every `block`th block, and every `event`th event in it.
struct Stride {
    block: u64,
    event: u64,
}

impl Stride {
    /// True if all events of a template with this many events are read.
    fn reads_all(&self, count: u64) -> bool {
        self.block == 1 && (self.event == 1 || count <= RARE)
    }
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
    let events: u64 = snapshot.templates.iter().map(|t| t.count).sum();
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
    let is_complete = |t: TemplateIx| {
        let count = snapshot.template(t).map_or(u64::MAX, |t| t.count);
        sampler.stride.reads_all(count)
    };
    value_series::add(snapshot, series, samples, &is_complete);
}

/// How the events of one kind are read.
struct Reading {
    service: usize,
    template: TemplateIx,
    /// Only every so many of them are read.
    every: u64,
    wants_ids: bool,
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
            let readings: Vec<Option<Reading>> = events
                .kinds()
                .map(|k| {
                    let role = self.roles.get(&(part.source(), k))?;
                    let template = self.snapshot.template(role.template?)?;
                    let every = match template.count {
                        ..=RARE => 1,
                        _ => self.stride.event,
                    };
                    // Identifiers are of use only if no event is left out.
                    let wants_ids = self.stride.reads_all(template.count);
                    Some(Reading {
                        service: role.service,
                        template: role.template?,
                        every,
                        wants_ids,
                    })
                })
                .collect();
            if readings.iter().all(Option::is_none) {
                continue;
            }
            for e in events.iter() {
                if let Some(r) = &readings[e.slot()]
                    && u64::from(e.id().0).is_multiple_of(r.every)
                {
                    self.event(&e, r, &mut reader, &mut out);
                }
            }
        }
        out
    }

    fn event(
        &self,
        e: &EventRef<'_>,
        reading: &Reading,
        reader: &mut MessageReader,
        out: &mut Vec<Sample>,
    ) {
        let ordinal = u64::from(e.id().0);
        let Some(at) = self.axis.moment(e.source(), e.time(), ordinal) else {
            return;
        };
        let bin = self.axis.bin_at(at);
        let message = reader.message(e.first_line());
        let mut add = |position: Position, single: bool, value: SampleValue| {
            out.push(Sample {
                service: reading.service,
                template: reading.template,
                position,
                at,
                bin,
                event: e.id(),
                file: e.source(),
                single,
                value,
            });
        };
        let text = &self.snapshot.templates[reading.template.index()].text;
        for (v, value) in variables(text, &message)
            .iter()
            .enumerate()
            .take(MAX_VARIABLES)
        {
            let single = !value.trim().contains(char::is_whitespace) || quantity(value).is_some();
            for (k, part) in value.split_whitespace().take(PARTS).enumerate() {
                let whole = || if k == 0 { quantity(value) } else { None };
                let number = quantity(part).or_else(whole);
                let position = Position::Variable((v * PARTS + k) as u16);
                if reading.wants_ids
                    && let Some(id) = identifier(part)
                {
                    add(position.clone(), single, SampleValue::Id(id));
                }
                if let Some(value) = sample_of(number, part) {
                    add(position, single, value);
                }
            }
        }
        let fields = reader.fields(e.first_line()).into_iter();
        let fields = fields.flat_map(|(name, value)| flat(name, value));
        for (name, value) in fields.take(MAX_FIELDS) {
            if reading.wants_ids
                && let Some(id) = identifier(&value)
            {
                let position = Position::Field(name.clone().into_boxed_str());
                add(position, true, SampleValue::Id(id));
            }
            if is_number_of_something(&name) {
                continue;
            }
            if let Some(value) = sample_of(quantity(&value), &value) {
                add(Position::Field(name.into_boxed_str()), true, value);
            }
        }
    }
}

/// True for fields whose numbers only tell things apart.
fn is_number_of_something(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    matches!(
        name.as_str(),
        "pid" | "tid" | "port" | "line" | "thread" | "seq" | "id"
    ) || name.ends_with("_id")
        || name.ends_with("_port")
}

/// Hash of the longest part of a value that can identify something: it has several digits, and no
/// other signs than those that join words. The parts of addresses and of decimal numbers are shorter.
fn identifier(value: &str) -> Option<u64> {
    let joins = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let parts = value.split(|c: char| !joins(c));
    let digits = |p: &str| p.bytes().filter(u8::is_ascii_digit).count();
    let ids =
        parts.filter(|p| (MIN_ID..=MAX_WORD).contains(&p.len()) && digits(p) >= MIN_ID_DIGITS);
    let id = ids.max_by_key(|p| p.len())?;
    Some(xxhash_rust::xxh3::xxh3_64(id.as_bytes()))
}

/// The numbers and words in a field whose value is a JSON object, by their paths. Other fields as
/// they are.
fn flat(name: String, value: String) -> Vec<(String, String)> {
    let object = value
        .starts_with('{')
        .then(|| serde_json::from_str::<Value>(&value).ok());
    let Some(Some(Value::Object(all))) = object else {
        return vec![(name, value)];
    };
    let plain = |(key, v): (String, Value)| {
        let text = match v {
            Value::Number(n) => n.to_string(),
            Value::String(s) => s,
            _ => return None,
        };
        Some((format!("{name}.{key}"), text))
    };
    all.into_iter().filter_map(plain).collect()
}

/// True for names of weekdays and months, which change by themselves.
fn is_calendar(word: &str) -> bool {
    const NAMES: [&str; 19] = [
        "mon", "tue", "wed", "thu", "fri", "sat", "sun", "jan", "feb", "mar", "apr", "may", "jun",
        "jul", "aug", "sep", "oct", "nov", "dec",
    ];
    let lower = word.to_ascii_lowercase();
    lower.len() == 3 && NAMES.contains(&lower.as_str()) || lower.ends_with("day")
}

/// True for identifiers in hexadecimal digits.
fn is_hexadecimal(word: &str) -> bool {
    let digits = word.strip_prefix("0x").unwrap_or(word);
    digits.len() >= 6
        && digits.contains(|c: char| c.is_ascii_digit())
        && digits
            .chars()
            .all(|c| c.is_ascii_hexdigit() || matches!(c, '-' | ':' | '.'))
}

/// A value as a number or as a word. `None` for a word that is too long or has no letter.
fn sample_of(number: Option<f64>, word: &str) -> Option<SampleValue> {
    if let Some(x) = number {
        return Some(SampleValue::Number(x as f32));
    }
    let is_word = word.len() <= MAX_WORD
        && word.contains(|c: char| c.is_alphabetic())
        && !word.contains(char::is_whitespace)
        && !is_calendar(word)
        && !is_hexadecimal(word);
    is_word.then(|| SampleValue::Word(word.into()))
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
}
