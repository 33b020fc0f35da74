//! Turns the values of variables into series for the detection: counts of frequent values,
//! distributions, and single values with their times. Reads no text and detects nothing.

use super::series::{Series, merged};
use super::values::{PARTS, Position, Sample, SampleValue};
use crate::corpus::Snapshot;
use crate::detect::{Feature, FeatureKind, Numbers, Occurrences, Source, Values, Words};
use crate::diagnose::word_log_odds;
use crate::model::{EventId, Moment, TemplateIx};
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};

/// Minimum number of values for a variable to be tested in bins, and by single values.
const MIN_VALUES: usize = 40;
const MIN_NUMBERS: usize = 12;
/// Minimum number of events of one word for their times to be tested.
const MIN_TIMES: usize = 6;
/// A variable of words has at most this many different ones to be counted by word.
const MAX_WORDS: usize = 40;
/// Numbers are also tested for each word of another variable, if it has at most this many.
const MAX_GROUPS: usize = 20;
/// Share of the events that the words of a grouping variable must cover.
const MIN_GROUPED: f64 = 0.8;

/// Numbers of variables from here on are those of fields.
const FIELDS: u16 = 1 << 15;

/// The samples of one variable.
type Variable = (usize, TemplateIx, u16);

/// Adds all series to the sources. `is_complete`: all events of the template were read.
pub fn add(
    snapshot: &Snapshot,
    series: &mut Series,
    samples: Vec<Sample>,
    is_complete: &dyn Fn(TemplateIx) -> bool,
) {
    let mut numbers: BTreeMap<Variable, Vec<Number>> = BTreeMap::new();
    let mut words: BTreeMap<Variable, Vec<(Moment, Option<u32>, EventId, Box<str>)>> =
        BTreeMap::new();
    let fields: BTreeSet<Box<str>> = samples.iter().filter_map(field_name).collect();
    series.fields = fields.into_iter().map(String::from).collect();
    for s in samples {
        let key = (
            s.service,
            s.template,
            number_of(&s.position, &series.fields),
        );
        match s.value {
            SampleValue::Number(value) => numbers.entry(key).or_default().push(Number {
                at: s.at,
                bin: s.bin,
                event: s.event,
                single: s.single,
                value,
            }),
            SampleValue::Word(w) => words
                .entry(key)
                .or_default()
                .push((s.at, s.bin, s.event, w)),
        }
    }
    // The grouping variable of each template: its words by event.
    let mut groups: FxHashMap<(usize, TemplateIx), (usize, FxHashMap<EventId, u32>, Vec<String>)> =
        FxHashMap::default();
    let mut not_numbers: BTreeMap<Variable, Vec<Moment>> = BTreeMap::new();
    for ((source, template, variable), mut samples) in words {
        samples.sort_by_key(|s| (s.0, s.2));
        if samples.iter().all(|s| is_not_a_number(&s.3)) {
            let times = samples.iter().map(|s| s.0).collect();
            not_numbers.insert((source, template, variable), times);
            continue;
        }
        let Some(named) = Named::of(&samples) else {
            continue;
        };
        if named.names.len() >= 2 && named.grouped >= MIN_GROUPED {
            let by_event = samples.iter().zip(&named.ids).map(|(s, id)| (s.2, *id));
            let best = groups.entry((source, template)).or_default();
            if named.names.len() <= MAX_GROUPS && named.names.len() > best.0 {
                *best = (named.names.len(), by_event.collect(), named.names.clone());
            }
        }
        let is_complete = is_complete(template);
        add_words(
            series,
            source,
            template,
            variable,
            &samples,
            named,
            is_complete,
        );
    }
    for ((source, template, variable), mut points) in numbers {
        if let Some(words) = not_numbers.remove(&(source, template, variable)) {
            add_not_numbers(series, source, template, variable, &points, &words);
        }
        if points.len() < MIN_NUMBERS {
            continue;
        }
        points.sort_by_key(|n| (n.at, n.event));
        let binned: Vec<(u32, f32)> = points
            .iter()
            .filter_map(|n| Some((n.bin?, n.value)))
            .collect();
        if binned.len() >= MIN_VALUES && !is_counter(&binned) && !keeps_rising(&binned) {
            let is_mixed = groups.contains_key(&(source, template));
            add_points(series, source, template, variable, &binned, is_mixed);
        }
        if is_status_variable(&binned) {
            continue;
        }
        let text = snapshot.template(template).map_or("", |t| t.text.as_str());
        let is_reserve = is_reserve(text, &series.variable_name(text, variable));
        if points.iter().any(|n| !n.single) {
            continue;
        }
        let mut add = |group: Option<String>, points: Vec<(Moment, f32)>| {
            // A value that only starts to grow later looks like a counter as a whole.
            let is_counter = is_counter(&points[..points.len() / 3]) || keeps_rising(&points);
            if points.len() >= MIN_NUMBERS && !is_counter {
                series.input.sources[source].numbers.push(Numbers {
                    template,
                    variable,
                    group,
                    is_reserve,
                    points,
                });
            }
        };
        if let Some((_, by_event, names)) = groups.get(&(source, template)) {
            for (id, name) in (0u32..).zip(names) {
                let own = points
                    .iter()
                    .filter(|n| by_event.get(&n.event) == Some(&id));
                add(Some(name.clone()), own.map(|n| (n.at, n.value)).collect());
            }
        }
        add(None, points.iter().map(|n| (n.at, n.value)).collect());
    }
}

fn field_name(s: &Sample) -> Option<Box<str>> {
    match &s.position {
        Position::Field(name) => Some(name.clone()),
        Position::Variable(_) => None,
    }
}

/// The number of a position: a variable keeps its number, a field has the number of its name.
fn number_of(position: &Position, fields: &[String]) -> u16 {
    match position {
        Position::Variable(n) => (*n).min(FIELDS - 1),
        Position::Field(name) => {
            let i = fields
                .binary_search_by(|f| f.as_str().cmp(name))
                .unwrap_or(0);
            FIELDS.saturating_add(i as u16)
        }
    }
}

impl Series {
    /// What a variable is called in the log: the name of the field, or the key before the value in
    /// the template. Otherwise its number.
    pub fn variable_name(&self, template: &str, variable: u16) -> String {
        if variable >= FIELDS {
            let name = self.fields.get(usize::from(variable - FIELDS));
            return name.cloned().unwrap_or_default();
        }
        let number = usize::from(variable) / PARTS;
        let before = template.split("<*>").nth(number).unwrap_or_default();
        let key = before.trim_end_matches(['"', ' ', '=', ':']);
        let is_key =
            key.len() < before.len() && before.trim_end_matches(['"', ' ']).ends_with(['=', ':']);
        let name = key
            .rsplit(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '.' | '-'))
            .next();
        match name.filter(|n| is_key && !n.is_empty()) {
            Some(name) => name.to_string(),
            None => format!("value {}", number + 1),
        }
    }
}

/// True for what programs print in place of a number that they do not have.
fn is_not_a_number(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    matches!(
        lower.trim_start_matches(['-', '+']),
        "nan" | "inf" | "infinity" | "null" | "none" | "nil" | "undefined" | "n/a"
    )
}

/// Adds a numeric variable that sometimes has no number, as a variable of two words.
fn add_not_numbers(
    series: &mut Series,
    source: usize,
    template: TemplateIx,
    variable: u16,
    numbers: &[Number],
    others: &[Moment],
) {
    let mut points: Vec<(Moment, u32)> = numbers.iter().map(|n| (n.at, 0)).collect();
    points.extend(others.iter().map(|t| (*t, 1)));
    points.sort_unstable();
    series.input.sources[source].words.push(Words {
        template,
        variable,
        points,
        names: vec!["a number".into(), "not a number".into()],
        log_odds: vec![-2.5, 2.5],
    });
}

/// True if a variable counts what is left of something.
fn is_reserve(template: &str, name: &str) -> bool {
    const WORDS: [&str; 8] = [
        "avail", "free", "remain", "idle", "left", "headroom", "unused", "spare",
    ];
    let all = format!("{template} {name}").to_lowercase();
    WORDS.iter().any(|w| all.contains(w))
}

struct Number {
    at: Moment,
    bin: Option<u32>,
    event: EventId,
    single: bool,
    value: f32,
}

/// The different words of a variable, numbered in order of their names.
struct Named {
    names: Vec<String>,
    /// Number of the word of each sample.
    ids: Vec<u32>,
    /// Share of the samples whose word occurs often enough to be tested.
    grouped: f64,
}

impl Named {
    /// `None` if there are too few samples or too many different words.
    fn of(samples: &[(Moment, Option<u32>, EventId, Box<str>)]) -> Option<Named> {
        if samples.len() < MIN_VALUES {
            return None;
        }
        let words: Vec<String> = samples.iter().map(|s| s.3.to_string()).collect();
        let (words, counts) = match counted(&words) {
            Some(counts) => (words, counts),
            None => {
                let masked: Vec<String> = words.iter().map(|w| masked(w)).collect();
                let counts = counted(&masked)?;
                (masked, counts)
            }
        };
        let number: FxHashMap<&str, u32> = counts.keys().map(String::as_str).zip(0..).collect();
        let frequent: usize = counts.values().filter(|n| **n >= MIN_NUMBERS).sum();
        Some(Named {
            ids: words.iter().map(|w| number[w.as_str()]).collect(),
            names: counts.keys().cloned().collect(),
            grouped: frequent as f64 / samples.len() as f64,
        })
    }
}

/// Adds the times of the events of each word. Several variables can say the same, so equal times are
/// added once.
fn add_of_words(
    source: &mut Source,
    template: TemplateIx,
    samples: &[(Moment, Option<u32>, EventId, Box<str>)],
    named: &Named,
) {
    let Some(whole) = source.occurrences.iter().find(|o| o.template == template) else {
        return;
    };
    let whole = whole.clone();
    for (id, name) in (0u32..).zip(&named.names) {
        let own = samples.iter().zip(&named.ids).filter(|(_, i)| **i == id);
        let times: Vec<Moment> = own.map(|(s, _)| s.0).collect();
        let is_known = |o: &Occurrences| o.template == template && o.times == times;
        let (Some(first), Some(last)) = (times.first().copied(), times.last().copied()) else {
            continue;
        };
        if times.len() < MIN_TIMES || source.of_words.iter().any(is_known) {
            continue;
        }
        source.of_words.push(Occurrences {
            word: Some(name.clone()),
            first,
            last,
            count: times.len() as u64,
            times,
            ..whole.clone()
        });
    }
}

/// Counts each word. `None` if there are too many different ones.
fn counted(words: &[String]) -> Option<BTreeMap<String, usize>> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for w in words {
        if let Some(n) = counts.get_mut(w) {
            *n += 1;
        } else if counts.len() == MAX_WORDS {
            return None;
        } else {
            counts.insert(w.clone(), 1);
        }
    }
    Some(counts)
}

/// A word with each run of digits as `#`, and without the query of a URL: different requests of the
/// same kind are the same value.
fn masked(word: &str) -> String {
    let word = word.split('?').next().unwrap_or(word);
    let mut out = String::with_capacity(word.len());
    for c in word.chars() {
        match c.is_ascii_digit() {
            true if out.ends_with('#') => {}
            true => out.push('#'),
            false => out.push(c),
        }
    }
    out
}

/// Adds the words of one variable: counts of each word, and the words with their times.
fn add_words(
    series: &mut Series,
    source: usize,
    template: TemplateIx,
    variable: u16,
    samples: &[(Moment, Option<u32>, EventId, Box<str>)],
    named: Named,
    is_complete: bool,
) {
    let s = &mut series.input.sources[source];
    for (n, name) in (0u16..).zip(&named.names).filter(|_| named.names.len() > 1) {
        let own = samples
            .iter()
            .zip(&named.ids)
            .filter(|(_, id)| **id == u32::from(n))
            .filter_map(|(s, _)| Some((s.1?, 1)))
            .collect();
        series
            .categories
            .insert((source, template, variable, n), name.clone());
        s.features.push(Feature {
            kind: FeatureKind::Word(template, variable, n),
            counts: merged(own),
            indicates_problem: false,
        });
    }
    if is_complete && named.names.len() > 1 {
        add_of_words(s, template, samples, &named);
    }
    s.words.push(Words {
        template,
        variable,
        points: samples
            .iter()
            .zip(&named.ids)
            .map(|(s, id)| (s.0, *id))
            .collect(),
        log_odds: named.names.iter().map(|n| word_log_odds(n)).collect(),
        names: named.names,
    });
}

/// Returns true if nearly all steps go in the same direction, as in a counter, a sequence number or
/// a clock.
fn is_counter<T>(points: &[(T, f32)]) -> bool {
    let steps: Vec<f32> = points
        .windows(2)
        .map(|w| w[1].1 - w[0].1)
        .filter(|d| *d != 0.0)
        .collect();
    let up = steps.iter().filter(|d| **d > 0.0).count();
    steps.len() >= 8 && (up * 10 >= steps.len() * 9 || up * 10 <= steps.len())
}

/// Returns true if the largest value so far is exceeded again and again, in each quarter of the
/// values: several counters in one variable.
fn keeps_rising<T>(points: &[(T, f32)]) -> bool {
    const MIN_RECORDS: usize = 3;
    let mut records = [0usize; 4];
    let mut largest = f32::MIN;
    for (i, (_, v)) in points.iter().enumerate() {
        if *v > largest {
            largest = *v;
            records[i * 4 / points.len()] += 1;
        }
    }
    points.len() >= 40 && records.iter().all(|n| *n >= MIN_RECORDS)
}

/// Returns true if a value is in the range of HTTP status codes registered with IANA. Most sizes
/// and ports are outside of these ranges.
fn is_http_status(value: f32) -> bool {
    const RANGES: [(f32, f32); 6] = [
        (100.0, 103.0),
        (200.0, 208.0),
        (300.0, 308.0),
        (400.0, 431.0),
        (500.0, 508.0),
        (510.0, 511.0),
    ];
    value.fract() == 0.0 && RANGES.iter().any(|(a, z)| (*a..=*z).contains(&value))
}

/// A variable is an HTTP status if at least this share of its values are HTTP status codes.
const STATUS_SHARE: f64 = 0.9;

/// Adds the values of one variable. If there are few distinct values, each value is a category with
/// its own counts. Otherwise the values are a distribution.
fn add_points(
    series: &mut Series,
    source: usize,
    template: TemplateIx,
    variable: u16,
    points: &[(u32, f32)],
    is_mixed: bool,
) {
    let mut counts: FxHashMap<u32, u32> = FxHashMap::default();
    points
        .iter()
        .for_each(|(_, v)| *counts.entry(v.to_bits()).or_default() += 1);
    let most = counts.values().copied().max().unwrap_or(0) as usize;
    let s = &mut series.input.sources[source];
    let is_category = counts.len() <= 12 || counts.len() <= 40 && most * 5 > points.len();
    if !is_category {
        s.values.push(Values {
            template,
            variable,
            is_mixed,
            points: points.to_vec(),
        });
        return;
    }
    if counts.len() < 2 {
        return;
    }
    let mut values: Vec<f32> = counts.keys().map(|b| f32::from_bits(*b)).collect();
    values.sort_by(f32::total_cmp);
    let is_status = is_status_variable(points);
    for (n, value) in values.into_iter().enumerate() {
        let own = points
            .iter()
            .filter(|p| p.1 == value)
            .map(|p| (p.0, 1))
            .collect();
        let key = (source, template, variable, n as u16);
        series.categories.insert(key, value.to_string());
        s.features.push(Feature {
            kind: FeatureKind::Category(template, variable, n as u16),
            counts: merged(own),
            // An increase in server errors is a problem, whatever the level of the events.
            indicates_problem: is_status && value >= 500.0 && is_http_status(value),
        });
    }
}

fn is_status_variable(points: &[(u32, f32)]) -> bool {
    let statuses = points.iter().filter(|p| is_http_status(p.1)).count();
    statuses as f64 >= STATUS_SHARE * points.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_the_same_kind_are_the_same_word() {
        assert_eq!(masked("/orders/812/items?page=2"), "/orders/#/items");
    }

    #[test]
    fn variables_are_called_as_in_the_log() {
        let series = Series::default();
        assert_eq!(series.variable_name("wrote rows=<*> in <*> ms", 0), "rows");
        assert_eq!(
            series.variable_name("wrote rows=<*> in <*> ms", 8),
            "value 2"
        );
    }

    #[test]
    fn sizes_and_ports_are_not_http_errors() {
        let points = |values: &[f32]| -> Vec<(u32, f32)> {
            (0..100u32)
                .map(|i| (i, values[i as usize % values.len()]))
                .collect()
        };
        assert!(is_status_variable(&points(&[200.0, 200.0, 404.0, 503.0])));
        assert!(
            !is_status_variable(&points(&[512.0, 1024.0, 500.0])),
            "bytes"
        );
        assert!(!is_status_variable(&points(&[25.0, 465.0, 587.0])), "ports");
        assert!(!is_http_status(512.0) && !is_http_status(587.0) && is_http_status(503.0));
    }

    #[test]
    fn counters_are_not_values() {
        let up: Vec<(u32, f32)> = (0..50).map(|i| (i, i as f32 * 2.0)).collect();
        assert!(is_counter(&up));
        let wave: Vec<(u32, f32)> = (0..50).map(|i| (i, ((i * 37) % 11) as f32)).collect();
        assert!(!is_counter(&wave));
    }
}
