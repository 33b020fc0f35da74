//! What differs between two parts of one corpus: two inputs opened together, or two ranges of time. Mined as one, so that
//! a template is the same on both sides.

use super::corpus::{Corpus, Snapshot};
use super::over::each_event;
use crate::detect::{self, Compared, Side};
use crate::mine::variables;
use crate::model::{Moment, NO_TIME, Template};

/// Events of one template whose values are compared, on each side.
const VALUES: usize = 2_000;

/// Which events belong to a side.
#[derive(Clone, Debug)]
pub enum Part {
    /// Sources read from an input whose path starts so.
    Input(String),
    Range(Moment, Moment),
}

/// One template that differs.
#[derive(Clone, Debug)]
pub struct Difference {
    pub template: usize,
    pub counts: (u64, u64),
    /// Events per minute.
    pub rates: (f64, f64),
    /// Chance of such a difference, times the number of tests.
    pub significance: f64,
}

/// One variable whose values moved.
#[derive(Clone, Debug)]
pub struct Moved {
    pub template: usize,
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
    pub values: Vec<Moved>,
    pub unchanged: usize,
    pub events: (u64, u64),
    pub spans: (f64, f64),
}

impl Corpus {
    pub fn compare(&self, snapshot: &Snapshot, a: &Part, b: &Part) -> Comparison {
        let mut sides: Vec<Side> = (0..snapshot.templates.len() as u32)
            .map(|template| Side {
                template,
                a: 0,
                b: 0,
            })
            .collect();
        let mut out = Comparison::default();
        let (mut first, mut second) = (Extent::default(), Extent::default());
        each_event(snapshot, Moment::MIN, |source, time, template, _| {
            let (in_a, in_b) = (
                holds(snapshot, a, source, time),
                holds(snapshot, b, source, time),
            );
            first.add(in_a, time);
            second.add(in_b, time);
            if let Some(side) = sides.get_mut(template as usize) {
                side.a += u64::from(in_a);
                side.b += u64::from(in_b);
            }
        });
        out.events = (first.events, second.events);
        out.spans = (first.minutes(a), second.minutes(b));
        sides.retain(|s| s.a + s.b > 0);
        let verdicts = detect::compare(&sides, out.events);
        for (side, (what, significance)) in sides.iter().zip(verdicts) {
            let rates = (side.a as f64 / out.spans.0, side.b as f64 / out.spans.1);
            let row = Difference {
                template: side.template as usize,
                counts: (side.a, side.b),
                rates,
                significance,
            };
            match what {
                Compared::New => out.new.push(row),
                Compared::Gone => out.gone.push(row),
                Compared::Up => out.up.push(row),
                Compared::Down => out.down.push(row),
                Compared::Same => out.unchanged += 1,
            }
        }
        let text = |d: &Difference| &snapshot.templates[d.template].text;
        for list in [&mut out.new, &mut out.gone, &mut out.up, &mut out.down] {
            list.sort_by(|x, y| {
                x.significance
                    .total_cmp(&y.significance)
                    .then_with(|| (y.counts.0 + y.counts.1).cmp(&(x.counts.0 + x.counts.1)))
                    .then_with(|| text(x).cmp(text(y)))
            });
        }
        out.values = self.moved(snapshot, a, b, &sides);
        out
    }

    /// Variables of templates on both sides whose values lie elsewhere.
    fn moved(&self, snapshot: &Snapshot, a: &Part, b: &Part, sides: &[Side]) -> Vec<Moved> {
        let both: Vec<&Side> = sides
            .iter()
            .filter(|s| {
                s.a >= 20
                    && s.b >= 20
                    && snapshot.templates[s.template as usize].text.contains("<*>")
            })
            .collect();
        let mut wanted = vec![false; snapshot.templates.len()];
        both.iter().for_each(|s| wanted[s.template as usize] = true);
        let mut ids: Vec<[Vec<u32>; 2]> = vec![Default::default(); snapshot.templates.len()];
        let mut nth = vec![[0u64; 2]; snapshot.templates.len()];
        let stride: Vec<[u64; 2]> = {
            let mut stride = vec![[1; 2]; snapshot.templates.len()];
            both.iter().for_each(|s| {
                stride[s.template as usize] =
                    [s.a.div_ceil(VALUES as u64), s.b.div_ceil(VALUES as u64)]
            });
            stride
        };
        each_event(snapshot, Moment::MIN, |source, time, template, id| {
            let t = template as usize;
            if wanted.get(t) != Some(&true) {
                return;
            }
            for (k, part) in [a, b].into_iter().enumerate() {
                if holds(snapshot, part, source, time) {
                    if nth[t][k].is_multiple_of(stride[t][k]) {
                        ids[t][k].push(id);
                    }
                    nth[t][k] += 1;
                }
            }
        });
        let mut out = Vec::new();
        for side in both {
            let t = side.template as usize;
            let template = &snapshot.templates[t];
            let [left, right] = [0, 1].map(|k| self.numbers(snapshot, template, &ids[t][k]));
            for (variable, (mut x, y)) in left.into_iter().zip(right).enumerate() {
                if let Some((_, significance)) = detect::shifted(&mut x, &y, sides.len() * 2) {
                    let medians = (middle(x), middle(y));
                    out.push(Moved {
                        template: t,
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

    fn numbers(&self, snapshot: &Snapshot, template: &Template, ids: &[u32]) -> Vec<Vec<f32>> {
        let mut out: Vec<Vec<f32>> = Vec::new();
        for id in ids {
            let Some(event) = self.event(snapshot, *id) else {
                continue;
            };
            for (i, value) in variables(&template.text, &event.message).iter().enumerate() {
                if out.len() <= i {
                    out.push(Vec::new());
                }
                out[i].extend(super::series::quantity(value).map(|x| x as f32));
            }
        }
        out
    }
}

impl Comparison {
    /// The comparison in words.
    pub fn lines(&self, snapshot: &Snapshot) -> Vec<String> {
        let c = self;
        let mut out = vec![format!("{} events against {}", c.events.0, c.events.1)];
        for (title, list) in [
            ("New", &c.new),
            ("Gone", &c.gone),
            ("More often", &c.up),
            ("Less often", &c.down),
        ] {
            out.push(format!("{title}: {}", list.len()));
            for d in list.iter().take(20) {
                let t = &snapshot.templates[d.template];
                out.push(format!(
                    "  {:>8} -> {:<8} {:<5} {}",
                    d.counts.0,
                    d.counts.1,
                    t.level.name(),
                    t.text
                ));
            }
        }
        out.push(format!("Values that moved: {}", c.values.len()));
        for m in c.values.iter().take(20) {
            let t = &snapshot.templates[m.template];
            out.push(format!(
                "  median {} -> {} of variable {}: {}",
                m.medians.0,
                m.medians.1,
                m.variable + 1,
                t.text
            ));
        }
        out.push(format!("Unchanged: {} templates", c.unchanged));
        out
    }
}

fn middle(mut values: Vec<f32>) -> f64 {
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

    /// Length in minutes, at least a second.
    fn minutes(&self, part: &Part) -> f64 {
        let span = match (part, self.first, self.last) {
            (Part::Range(a, z), ..) => z - a,
            (_, Some(a), Some(z)) => z - a,
            _ => 0,
        };
        (span as f64 / 60e9).max(1.0 / 60.0)
    }
}

fn holds(snapshot: &Snapshot, part: &Part, source: u32, time: Moment) -> bool {
    match part {
        Part::Input(path) => snapshot
            .sources
            .get(source as usize)
            .is_some_and(|s| std::path::Path::new(&s.input).starts_with(path)),
        Part::Range(a, z) => time != NO_TIME && time >= *a && time < *z,
    }
}
