//! Samples the numeric values of variables for the detection, evenly over the corpus. Detects
//! nothing.

use super::analysis::Analysis;
use super::axis::Axis;
use super::series::{Roles, Series, merged};
use crate::corpus::{EventRef, MessageReader, Part, Snapshot};
use crate::detect::{Feature, FeatureKind, Values};
use crate::mine::variables;
use crate::model::TemplateIx;
use rustc_hash::FxHashMap;

/// Maximum number of text bytes to read, and of events to parse. A larger corpus is sampled evenly.
const TEXT_BUDGET: u64 = 64 << 20;
const EVENT_BUDGET: u64 = 80_000;
/// Maximum number of numbers to read from one variable. Each number has its own position.
pub const PARTS: usize = 8;
/// Maximum number of variables to read from one event.
const MAX_VARIABLES: usize = 16;
/// Minimum number of values for a variable to be tested.
const MIN_VALUES: usize = 40;

/// Service, template, position, bin and value of one number.
type Sample = (usize, TemplateIx, u16, u32, f32);

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
    let mut by: FxHashMap<(usize, TemplateIx, u16), Vec<(u32, f32)>> = FxHashMap::default();
    for (s, t, v, bin, x) in samples {
        by.entry((s, t, v)).or_default().push((bin, x));
    }
    let mut by: Vec<_> = by.into_iter().collect();
    by.sort_unstable_by_key(|(k, _)| *k);
    for ((source, template, variable), mut points) in by {
        if points.len() < MIN_VALUES || is_counter(&points) {
            continue;
        }
        points.sort_by_key(|p| p.0);
        add_points(series, source, template, variable, points);
    }
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
            let template: Vec<Option<(usize, TemplateIx)>> = events
                .kinds()
                .map(|k| {
                    let role = self.roles.get(&(part.source(), k))?;
                    let text = &self.snapshot.template(role.template?)?.text;
                    text.contains("<*>")
                        .then_some((role.service, role.template?))
                })
                .collect();
            if template.iter().all(Option::is_none) {
                continue;
            }
            for e in events.iter() {
                if let Some((service, template)) = template[e.slot()]
                    && u64::from(e.id().0).is_multiple_of(self.stride.event)
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
        let Some(bin) = self.axis.bin(e.source(), e.time(), u64::from(e.id().0)) else {
            return;
        };
        let message = reader.message(e.first_line());
        let text = &self.snapshot.templates[template.index()].text;
        for (v, value) in variables(text, &message)
            .iter()
            .enumerate()
            .take(MAX_VARIABLES)
        {
            for (k, part) in value.split_whitespace().take(PARTS).enumerate() {
                let whole = || if k == 0 { quantity(value) } else { None };
                if let Some(x) = quantity(part).or_else(whole) {
                    out.push((service, template, (v * PARTS + k) as u16, bin, x as f32));
                }
            }
        }
    }
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

/// Returns true if nearly all steps go in the same direction, as in a counter, a sequence number or
/// a clock.
fn is_counter(points: &[(u32, f32)]) -> bool {
    let steps: Vec<f32> = points
        .windows(2)
        .map(|w| w[1].1 - w[0].1)
        .filter(|d| *d != 0.0)
        .collect();
    let up = steps.iter().filter(|d| **d > 0.0).count();
    steps.len() >= 8 && (up * 10 >= steps.len() * 9 || up * 10 <= steps.len())
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
    points: Vec<(u32, f32)>,
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
            points,
        });
        return;
    }
    if counts.len() < 2 {
        return;
    }
    let mut values: Vec<f32> = counts.keys().map(|b| f32::from_bits(*b)).collect();
    values.sort_by(f32::total_cmp);
    let is_status = is_status_variable(&points);
    for (n, value) in values.into_iter().enumerate() {
        let own = points
            .iter()
            .filter(|p| p.1 == value)
            .map(|p| (p.0, 1))
            .collect();
        let key = (source, template, variable, n as u16);
        series.categories.insert(key, f64::from(value));
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
