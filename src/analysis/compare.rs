//! Compares two sides of one corpus: two inputs that were opened together, or two time ranges. A
//! template is the same on both sides, because the sides are mined together. The statistics are in
//! `detect`.

use super::analysis::Analysis;
use super::collect::quantity;
use crate::corpus::{EventRef, Snapshot};
use crate::detect::{self, Change, Side};
use crate::mine::variables;
use crate::model::{EventId, Moment, NO_TIME, SourceId, Template, TemplateIx};
use std::path::Path;

/// Maximum number of events per template and side whose values are compared.
const MAX_EVENTS: u64 = 2_000;
/// Minimum number of events per template and side to compare values.
const MIN_EVENTS: u64 = 20;
/// Maximum number of rows of each kind in the text output.
const MAX_ROWS: usize = 20;

/// Selects the events of a side.
#[derive(Clone, Debug)]
pub enum Selection {
    /// Sources whose input path starts with this path.
    Input(String),
    /// Events from the first moment up to, but not including, the second moment.
    Range(Moment, Moment),
}

/// A template that differs between the sides.
#[derive(Clone, Debug)]
pub struct Difference {
    pub template: TemplateIx,
    pub counts: (u64, u64),
    /// Events per minute on each side.
    pub rates: (f64, f64),
    /// Probability that such a difference occurs by chance, multiplied by the number of tests.
    pub significance: f64,
}

/// A variable whose values differ between the sides.
#[derive(Clone, Debug)]
pub struct ValueShift {
    pub template: TemplateIx,
    /// Position of the variable in the template, counted from 0.
    pub variable: usize,
    pub medians: (f64, f64),
    pub significance: f64,
}

#[derive(Clone, Debug, Default)]
pub struct Comparison {
    pub new: Vec<Difference>,
    pub gone: Vec<Difference>,
    pub up: Vec<Difference>,
    pub down: Vec<Difference>,
    pub values: Vec<ValueShift>,
    /// Number of templates without a significant difference.
    pub unchanged: usize,
    pub events: (u64, u64),
    /// Lengths of the sides in minutes.
    pub spans: (f64, f64),
}

impl Analysis {
    pub fn compare(&self, snapshot: &Snapshot, a: &Selection, b: &Selection) -> Comparison {
        let mut sides: Vec<Side> = (0..snapshot.templates.len())
            .map(|t| Side {
                template: TemplateIx::at(t),
                a: 0,
                b: 0,
            })
            .collect();
        let (mut first, mut second) = (Extent::default(), Extent::default());
        self.each_event(snapshot, |e, template| {
            let (in_a, in_b) = (holds(snapshot, a, e), holds(snapshot, b, e));
            first.add(in_a, e.time());
            second.add(in_b, e.time());
            if let Some(side) = template.and_then(|t| sides.get_mut(t.index())) {
                side.a += u64::from(in_a);
                side.b += u64::from(in_b);
            }
        });
        sides.retain(|s| s.a + s.b > 0);
        let mut out = Comparison {
            events: (first.events, second.events),
            spans: (first.minutes(a), second.minutes(b)),
            values: self.value_shifts(snapshot, a, b, &sides),
            ..Comparison::default()
        };
        for (side, (change, significance)) in sides.iter().zip(detect::compare(&sides, out.events))
        {
            let row = Difference {
                template: side.template,
                counts: (side.a, side.b),
                rates: (side.a as f64 / out.spans.0, side.b as f64 / out.spans.1),
                significance,
            };
            match change {
                Change::New => out.new.push(row),
                Change::Gone => out.gone.push(row),
                Change::Up => out.up.push(row),
                Change::Down => out.down.push(row),
                Change::Same => out.unchanged += 1,
            }
        }
        for list in [&mut out.new, &mut out.gone, &mut out.up, &mut out.down] {
            sort(snapshot, list);
        }
        out
    }

    fn each_event(
        &self,
        snapshot: &Snapshot,
        mut each: impl FnMut(&EventRef<'_>, Option<TemplateIx>),
    ) {
        for events in snapshot.blocks(&self.corpus) {
            let templates: Vec<Option<TemplateIx>> = events.templates().collect();
            events.iter().for_each(|e| each(&e, templates[e.slot()]));
        }
    }

    /// Returns the variables whose values differ between the sides. Both sides must contain the
    /// template.
    fn value_shifts(
        &self,
        snapshot: &Snapshot,
        a: &Selection,
        b: &Selection,
        sides: &[Side],
    ) -> Vec<ValueShift> {
        let has_values = |t: TemplateIx| snapshot.templates[t.index()].text.contains("<*>");
        let is_large = |s: &&Side| s.a >= MIN_EVENTS && s.b >= MIN_EVENTS;
        let both: Vec<&Side> = sides
            .iter()
            .filter(is_large)
            .filter(|s| has_values(s.template))
            .collect();
        let mut samples: Vec<Option<[Sample; 2]>> = vec![None; snapshot.templates.len()];
        for s in &both {
            samples[s.template.index()] = Some([Sample::of(s.a), Sample::of(s.b)]);
        }
        self.each_event(snapshot, |e, template| {
            let Some(sample) = template.and_then(|t| samples[t.index()].as_mut()) else {
                return;
            };
            for (side, selection) in sample.iter_mut().zip([a, b]) {
                if holds(snapshot, selection, e) {
                    side.add(e.id());
                }
            }
        });
        let mut out = Vec::new();
        for side in both {
            let template = &snapshot.templates[side.template.index()];
            let Some(sample) = &samples[side.template.index()] else {
                continue;
            };
            let [left, right] = [0, 1].map(|k| self.numbers(snapshot, template, &sample[k].events));
            for (variable, (mut x, y)) in left.into_iter().zip(right).enumerate() {
                if let Some((_, significance)) = detect::test_shift(&mut x, &y, sides.len() * 2) {
                    let medians = (median(x), median(y));
                    out.push(ValueShift {
                        template: side.template,
                        variable,
                        medians,
                        significance,
                    });
                }
            }
        }
        out.sort_by(|x, y| {
            x.significance
                .total_cmp(&y.significance)
                .then(x.template.cmp(&y.template))
        });
        out
    }

    /// Returns the numeric values of each variable in the given events.
    fn numbers(&self, snapshot: &Snapshot, template: &Template, ids: &[EventId]) -> Vec<Vec<f32>> {
        let mut out: Vec<Vec<f32>> = Vec::new();
        for event in ids.iter().filter_map(|id| self.corpus.event(snapshot, *id)) {
            for (i, value) in variables(&template.text, &event.message).iter().enumerate() {
                if out.len() <= i {
                    out.push(Vec::new());
                }
                out[i].extend(quantity(value).map(|x| x as f32));
            }
        }
        out
    }
}

/// Sorts the differences, most significant first.
fn sort(snapshot: &Snapshot, list: &mut [Difference]) {
    let text = |d: &Difference| &snapshot.templates[d.template.index()].text;
    list.sort_by(|x, y| {
        x.significance
            .total_cmp(&y.significance)
            .then_with(|| (y.counts.0 + y.counts.1).cmp(&(x.counts.0 + x.counts.1)))
            .then_with(|| text(x).cmp(text(y)))
    });
}

/// A sample of the events of one template, spread evenly over a side.
#[derive(Clone)]
struct Sample {
    stride: u64,
    seen: u64,
    events: Vec<EventId>,
}

impl Sample {
    fn of(count: u64) -> Sample {
        Sample {
            stride: count.div_ceil(MAX_EVENTS),
            seen: 0,
            events: Vec::new(),
        }
    }

    fn add(&mut self, id: EventId) {
        if self.seen.is_multiple_of(self.stride) {
            self.events.push(id);
        }
        self.seen += 1;
    }
}

impl Comparison {
    /// Formats the comparison as lines of text.
    pub fn lines(&self, snapshot: &Snapshot) -> Vec<String> {
        let mut out = vec![format!(
            "{} events compared with {}",
            self.events.0, self.events.1
        )];
        for (title, list) in [
            ("New templates", &self.new),
            ("Stopped", &self.gone),
            ("More often", &self.up),
            ("Less often", &self.down),
        ] {
            out.push(format!("{title}: {}", list.len()));
            for d in list.iter().take(MAX_ROWS) {
                let t = &snapshot.templates[d.template.index()];
                let (before, after, level) = (d.counts.0, d.counts.1, t.level.name());
                out.push(format!("  {before:>8} -> {after:<8} {level:<5} {}", t.text));
            }
        }
        out.push(format!("Shifted values: {}", self.values.len()));
        for v in self.values.iter().take(MAX_ROWS) {
            let t = &snapshot.templates[v.template.index()];
            let (before, after, field) = (v.medians.0, v.medians.1, v.variable + 1);
            out.push(format!(
                "  median {before} -> {after} (field {field}): {}",
                t.text
            ));
        }
        out.push(format!("Unchanged: {} templates", self.unchanged));
        out
    }
}

fn median(mut values: Vec<f32>) -> f64 {
    values.sort_unstable_by(f32::total_cmp);
    values.get(values.len() / 2).map_or(0.0, |v| f64::from(*v))
}

#[derive(Default)]
struct Extent {
    events: u64,
    first: Option<Moment>,
    last: Option<Moment>,
}

impl Extent {
    fn add(&mut self, inside: bool, time: Moment) {
        if inside {
            self.events += 1;
            if time != NO_TIME {
                self.first = Some(self.first.map_or(time, |t| t.min(time)));
                self.last = Some(self.last.map_or(time, |t| t.max(time)));
            }
        }
    }

    /// Returns the length in minutes. The minimum is one second.
    fn minutes(&self, selection: &Selection) -> f64 {
        let span = match (selection, self.first, self.last) {
            (Selection::Range(a, z), ..) => z - a,
            (_, Some(a), Some(z)) => z - a,
            _ => 0,
        };
        (span as f64 / 60e9).max(1.0 / 60.0)
    }
}

fn holds(snapshot: &Snapshot, selection: &Selection, e: &EventRef<'_>) -> bool {
    let is_in = |source: SourceId, path: &str| {
        let source = snapshot.sources.get(source.index());
        source.is_some_and(|s| Path::new(&s.input).starts_with(path))
    };
    match selection {
        Selection::Input(path) => is_in(e.source(), path),
        Selection::Range(a, z) => e.time() != NO_TIME && (*a..*z).contains(&e.time()),
    }
}
