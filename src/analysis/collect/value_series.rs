//! Turns the values of variables into series for the detection: counts of frequent values,
//! distributions, and single values with their times. Reads no text and detects nothing.

use super::counts::MAX_TIMES;
use super::file_groups::FileGroups;
use super::series::{MIN_NUMBERS, MIN_VALUES, Series, Variable, merged};
use super::values::{PARTS, Position, Sample, SampleValue};
use super::word_series::{Named, WordSample, add_of_words, add_words};
use crate::corpus::Snapshot;
use crate::detect::{Feature, FeatureKind, Ids, Numbers, Values, Words};
use crate::model::{EventId, Moment, TemplateIx};
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet};

/// Numbers are also tested for each word of another variable, if it has at most this many.
const MAX_GROUPS: usize = 20;
/// Share of the events that the words of a grouping variable must cover.
const MIN_GROUPED: f64 = 0.8;

/// Numbers of variables from here on are those of fields.
pub const FIELDS: u16 = 1 << 15;

/// The words of one variable that tell the events of a template apart: a job, a path, a device.
#[derive(Default)]
struct Groups {
    names: Vec<String>,
    /// Index into `names`.
    of_event: FxHashMap<EventId, u32>,
}

impl Groups {
    fn of(samples: &[WordSample], named: Named) -> Groups {
        let by_event = samples.iter().zip(&named.ids).map(|(s, id)| (s.2, *id));
        Groups {
            of_event: by_event.collect(),
            names: named.names,
        }
    }
}

/// Collects the series of one corpus.
struct Builder<'s> {
    snapshot: &'s Snapshot,
    series: &'s mut Series,
    groups: FxHashMap<(usize, TemplateIx), Groups>,
    /// The same by file.
    files: FxHashMap<(usize, TemplateIx), Groups>,
    /// Times at which a numeric variable had no number.
    not_numbers: BTreeMap<Variable, Vec<Moment>>,
}

/// Adds all series to the sources. `is_complete`: all events of the template were read.
pub fn add(
    snapshot: &Snapshot,
    series: &mut Series,
    samples: Vec<Sample>,
    is_complete: &dyn Fn(TemplateIx) -> bool,
) {
    let mut numbers: BTreeMap<Variable, Vec<Number>> = BTreeMap::new();
    let mut words: BTreeMap<Variable, Vec<WordSample>> = BTreeMap::new();
    let mut ids: BTreeMap<Variable, Vec<(Moment, u64)>> = BTreeMap::new();
    let fields: BTreeSet<Box<str>> = samples.iter().filter_map(field_name).collect();
    let files = FileGroups::of(snapshot, &samples).words(snapshot);
    series.fields = fields.into_iter().map(String::from).collect();
    for s in samples {
        let position = number_of(&s.position, &series.fields);
        let key = (s.service, s.template, position);
        match s.value {
            SampleValue::Number(value) => numbers.entry(key).or_default().push(Number {
                at: s.at,
                bin: s.bin,
                event: s.event,
                single: s.single,
                value,
            }),
            SampleValue::Word(w) => {
                let own = words.entry(key).or_default();
                own.push((s.at, s.bin, s.event, w));
            }
            SampleValue::Id(id) => ids.entry(key).or_default().push((s.at, id)),
        }
    }
    for ((source, template, _), points) in ids {
        if is_complete(template) && points.len() >= MIN_NUMBERS {
            series.input.sources[source]
                .ids
                .push(Ids { template, points });
        }
    }
    let mut builder = Builder {
        snapshot,
        series,
        groups: FxHashMap::default(),
        files: FxHashMap::default(),
        not_numbers: BTreeMap::new(),
    };
    // The exact times of frequent templates are not kept.
    let has_times = |t: TemplateIx| {
        let count = snapshot.template(t).map_or(u64::MAX, |t| t.count);
        is_complete(t) && count <= MAX_TIMES
    };
    for (variable, samples) in words {
        builder.words(variable, samples, has_times(variable.1));
    }
    for (of, words) in files {
        builder.files(of, &words, has_times(of.1));
    }
    for (variable, points) in numbers {
        builder.numbers(variable, points);
    }
}

impl Builder<'_> {
    fn words(&mut self, variable: Variable, mut samples: Vec<WordSample>, is_complete: bool) {
        samples.sort_by_key(|s| (s.0, s.2));
        if samples.iter().all(|s| is_not_a_number(&s.3)) {
            let times = samples.iter().map(|s| s.0).collect();
            self.not_numbers.insert(variable, times);
            return;
        }
        let Some(named) = Named::of(&samples) else {
            return;
        };
        let can_group = (2..=MAX_GROUPS).contains(&named.names.len());
        if can_group && named.grouped >= MIN_GROUPED {
            let groups = self.groups.entry((variable.0, variable.1)).or_default();
            if named.names.len() > groups.names.len() {
                *groups = Groups::of(&samples, named.clone());
            }
        }
        add_words(self.series, variable, &samples, named, is_complete);
    }

    /// Groups the events of a template by file.
    fn files(&mut self, of: (usize, TemplateIx), words: &[WordSample], is_complete: bool) {
        let Some(named) = Named::of(words) else {
            return;
        };
        if is_complete {
            add_of_words(&mut self.series.input.sources[of.0], of.1, words, &named);
        }
        self.files.insert(of, Groups::of(words, named));
    }

    fn numbers(&mut self, variable: Variable, mut points: Vec<Number>) {
        let (source, template, position) = variable;
        if let Some(times) = self.not_numbers.remove(&variable) {
            add_not_numbers(self.series, variable, &points, &times);
        }
        if points.len() < MIN_NUMBERS {
            return;
        }
        points.sort_by_key(|n| (n.at, n.event));
        let groups = self.groups.get(&(source, template));
        let binned: Vec<(u32, f32)> = points
            .iter()
            .filter_map(|n| Some((n.bin?, n.value)))
            .collect();
        if binned.len() >= MIN_VALUES && !is_counter(&binned) && !keeps_rising(&binned) {
            add_points(self.series, variable, &binned, groups.is_some());
        }
        if is_status_variable(&binned) || points.iter().any(|n| !n.single) {
            return;
        }
        let text = self.snapshot.template(template);
        let text = text.map_or("", |t| t.text.as_str());
        let is_reserve = is_reserve(text, &self.series.variable_name(text, position));
        let out = &mut self.series.input.sources[source].numbers;
        let mut add = |group: Option<String>, points: Vec<(Moment, f32)>| {
            // A value that only starts to grow later looks like a counter as a whole.
            let is_counter = is_counter(&points[..points.len() / 3]) || keeps_rising(&points);
            if points.len() >= MIN_NUMBERS {
                out.push(Numbers {
                    template,
                    variable: position,
                    group,
                    is_reserve,
                    is_counter,
                    points,
                });
            }
        };
        let files = self.files.get(&(source, template));
        for groups in groups.into_iter().chain(files) {
            for (id, name) in (0u32..).zip(&groups.names) {
                let is_own = |n: &&Number| groups.of_event.get(&n.event) == Some(&id);
                let own = points.iter().filter(is_own).map(|n| (n.at, n.value));
                add(Some(name.clone()), own.collect());
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
    (source, template, variable): Variable,
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
    (source, template, variable): Variable,
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
