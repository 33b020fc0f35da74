//! Finds changes of numeric values that are too few for bins: values that become zero or constant,
//! that jump, or that start to grow. Handles one variable at a time, and numbers only.

use super::finding::{Change, Finding, Scope, What, repeated};
use super::series::{Numbers, Source};
use super::stat::{median, rank_trend};
use crate::model::Moment;

/// A variable has at least this many values, and this many outside of the change.
const MIN_VALUES: usize = 12;
const MIN_OUTSIDE: usize = 8;
/// Shortest runs of zeros, of equal values, and of values after a jump.
const MIN_ZEROS: usize = 3;
const MIN_EQUAL: usize = 6;
const MIN_JUMP: usize = 4;
/// A jump and a run of equal values last at least this long, in nanoseconds.
const MIN_LASTED: i64 = 120_000_000_000;
/// A variable does not vary if more than this share of its values equal the one before.
const MAX_EQUAL: f64 = 0.3;
/// A jump changes the median by at least this factor upward, and downward.
const JUMP_UP: f64 = 1.4;
const JUMP_DOWN: f64 = 0.2;
/// Share of a jump that happens within one step.
const SHARP: f64 = 0.5;
/// A growth changes the median by at least this factor, and its values rise with this rank
/// correlation.
const GROWTH: f64 = 1.5;
const MIN_TREND: f64 = 0.8;
/// Shares of the values up to the largest one that may be steady.
const STEADY_PARTS: [f64; 4] = [0.33, 0.5, 0.67, 0.8];
/// A growth has this many values at least.
const MIN_GROWING: usize = 20;

/// The changes of the numeric variables of a source.
pub fn value_changes(source: usize, s: &Source, scope: &Scope) -> Vec<Finding> {
    let mut out = Vec::new();
    for n in s.numbers.iter().filter(|n| n.points.len() >= MIN_VALUES) {
        let sudden = match n.is_counter {
            true => [None, constant(n), None],
            false => [zeros(n), constant(n), jump(&n.points)],
        };
        let strongest = |all: &mut dyn Iterator<Item = Found>| {
            all.filter(|f| f.evidence > scope.threshold)
                .max_by(|a, b| a.evidence.total_cmp(&b.evidence))
        };
        let best = strongest(&mut sudden.into_iter().flatten()).or_else(|| {
            let gradual = [growth(n), decline(n)].into_iter().flatten();
            strongest(&mut gradual.filter(|_| !n.is_counter))
        });
        if let Some(f) = best {
            out.push(Finding {
                word: n.group.clone(),
                ..Finding::new(
                    source,
                    Some(n.template),
                    (n.points[f.from].0, n.points[f.to - 1].0),
                    f.evidence - scope.threshold,
                    What::Value {
                        variable: n.variable,
                        change: f.change,
                        before: f.before,
                        now: f.now,
                        count: f.to - f.from,
                    },
                )
            });
        }
    }
    out
}

/// A change of the values `from..to` of a variable.
pub struct Found {
    pub from: usize,
    pub to: usize,
    pub change: Change,
    pub before: f64,
    pub now: f64,
    pub evidence: f64,
}

/// Values outside of the range.
fn outside(points: &[(Moment, f32)], from: usize, to: usize) -> Vec<f64> {
    let keep =
        |(i, p): (usize, &(Moment, f32))| (!(from..to).contains(&i)).then_some(f64::from(p.1));
    points.iter().enumerate().filter_map(keep).collect()
}

fn median_of(points: &[(Moment, f32)]) -> f64 {
    median(&mut points.iter().map(|p| f64::from(p.1)).collect::<Vec<_>>())
}

/// The longest run for which `same` holds between neighbours.
fn longest_run(
    points: &[(Moment, f32)],
    same: impl Fn(f32, f32) -> bool,
    starts: impl Fn(f32) -> bool,
) -> (usize, usize) {
    let (mut best, mut from) = ((0, 0), 0);
    for i in 0..points.len() {
        if i > 0 && !same(points[i - 1].1, points[i].1) {
            from = i;
        }
        if starts(points[i].1) && i + 1 - from > best.1 - best.0 {
            best = (from, i + 1);
        }
    }
    best
}

/// A value that is usually not zero is zero several times in a row.
fn zeros(n: &Numbers) -> Option<Found> {
    let p = &n.points;
    let (from, to) = longest_run(p, |a, b| (a == 0.0) == (b == 0.0), |v| v == 0.0);
    let rest = outside(p, from, to);
    if to - from < MIN_ZEROS || rest.len() < MIN_OUTSIDE {
        return None;
    }
    let zeros = rest.iter().filter(|v| **v == 0.0).count();
    let evidence = repeated((to - from) as f64, zeros, rest.len()) - (p.len() as f64).ln();
    let mut rest = rest;
    Some(Found {
        from,
        to,
        change: Change::Zero,
        before: median(&mut rest),
        now: 0.0,
        evidence,
    })
}

/// A value that usually varies is the same several times in a row.
fn constant(n: &Numbers) -> Option<Found> {
    let p = &n.points;
    let (from, to) = longest_run(p, |a, b| a == b, |v| v != 0.0);
    let rest = outside(p, from, to);
    let is_short = to - from < MIN_EQUAL || p[to - 1].0 - p[from].0 < MIN_LASTED;
    if is_short || rest.len() < MIN_OUTSIDE {
        return None;
    }
    let equal = rest.windows(2).filter(|w| w[0] == w[1]).count();
    if equal as f64 > MAX_EQUAL * rest.len() as f64 {
        return None;
    }
    let own = f64::from(p[from].1);
    let usual = rest.iter().filter(|v| **v == own).count();
    let evidence =
        repeated((to - from - 1) as f64, equal.max(usual), rest.len()) - (p.len() as f64).ln();
    let mut rest = rest;
    Some(Found {
        from,
        to,
        change: Change::Constant,
        before: median(&mut rest),
        now: own,
        evidence,
    })
}

/// The values jump: a run of values that all lie above, or below, all others. The evidence is the
/// chance that the largest values of a random order are neighbours.
pub fn jump(p: &[(Moment, f32)]) -> Option<Found> {
    if p.len() < MIN_VALUES {
        return None;
    }
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*b].1.total_cmp(&p[*a].1).then(a.cmp(b)));
    let up = separated(p, &order, true);
    order.reverse();
    let down = separated(p, &order, false);
    [up, down]
        .into_iter()
        .flatten()
        .max_by(|a, b| a.evidence.total_cmp(&b.evidence))
}

/// Looks for a run of neighbours among the first values of `order`.
fn separated(p: &[(Moment, f32)], order: &[usize], is_up: bool) -> Option<Found> {
    let (mut low, mut high) = (usize::MAX, 0);
    let mut best: Option<Found> = None;
    for (k, i) in order.iter().enumerate().take(p.len() - MIN_OUTSIDE) {
        (low, high) = (low.min(*i), high.max(*i));
        let count = k + 1;
        // Nearly all values of the run belong to it: one in eight may be an ordinary value.
        let length = high + 1 - low;
        if count < MIN_JUMP || length * 7 > count * 8 || p.len() - length < MIN_OUTSIDE {
            continue;
        }
        let evidence = ln_choose(p.len(), count) - (p.len() as f64).ln();
        if best.as_ref().is_some_and(|b| b.evidence >= evidence) {
            continue;
        }
        let now = median_of(&p[low..=high]);
        let mut rest = outside(p, low, high + 1);
        let before = median(&mut rest);
        // Equal values are in no order: as many as belong to the run can lie outside of it.
        let least = f64::from(p[*i].1);
        let is_like = |v: &&f64| match is_up {
            true => **v >= least,
            false => **v <= least,
        };
        if rest.iter().filter(is_like).count() * 8 > count {
            continue;
        }
        let lasted = p[high].0 - p[low].0;
        let is_short = lasted < MIN_LASTED || before == 0.0 && count < 2 * MIN_JUMP;
        let is_far = now > before * JUMP_UP || now < before * JUMP_DOWN;
        let is_far = is_far && !is_short && now > 0.0;
        if is_far
            && is_apart(p, low, high, &rest, now - before)
            && is_sharp(p, low, high, now - before)
        {
            best = Some(Found {
                from: low,
                to: high + 1,
                change: Change::Jump,
                before,
                now,
                evidence,
            });
        }
    }
    best
}

/// True if the distance of the medians is large compared to the spread of the other values.
fn is_apart(p: &[(Moment, f32)], low: usize, high: usize, rest: &[f64], distance: f64) -> bool {
    let middle = median(&mut rest.to_vec());
    let spread = median(&mut rest.iter().map(|v| (v - middle).abs()).collect::<Vec<_>>());
    let inside: Vec<f64> = p[low..=high].iter().map(|x| f64::from(x.1)).collect();
    let center = median(&mut inside.clone());
    let own = median(
        &mut inside
            .iter()
            .map(|v| (v - center).abs())
            .collect::<Vec<_>>(),
    );
    distance.abs() >= 4.0 * spread.max(own)
}

/// True if the values change within one step at the start of the run, as a fault does and a daily
/// rhythm does not.
fn is_sharp(p: &[(Moment, f32)], low: usize, high: usize, distance: f64) -> bool {
    if low == 0 {
        return false;
    }
    let before = median_of(&p[low.saturating_sub(3)..low]);
    let after = median_of(&p[low..(low + 3).min(high + 1)]);
    (after - before) / distance >= SHARP
}

/// Natural logarithm of the binomial coefficient.
fn ln_choose(n: usize, k: usize) -> f64 {
    let ln_factorial = |n: usize| (2..=n).map(|i| (i as f64).ln()).sum::<f64>();
    ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)
}

/// Values that were steady at first grow after it, up to the largest one.
fn growth(n: &Numbers) -> Option<Found> {
    let largest = (0..n.points.len()).max_by(|a, b| {
        let value = |i: &usize| n.points[*i].1;
        value(a).total_cmp(&value(b)).then(a.cmp(b))
    })?;
    let p = &n.points[..=largest];
    if p.len() < MIN_GROWING {
        return None;
    }
    let splits = STEADY_PARTS
        .iter()
        .map(|share| (p.len() as f64 * share) as usize);
    splits
        .filter_map(|split| growth_after(p, split))
        .max_by(|a, b| a.evidence.total_cmp(&b.evidence))
}

/// The same for a reserve that falls: the reciprocals of its values grow.
fn decline(n: &Numbers) -> Option<Found> {
    if !n.is_reserve || n.points.iter().any(|p| p.1 <= 0.0) {
        return None;
    }
    let reciprocals = Numbers {
        points: n.points.iter().map(|p| (p.0, 1.0 / p.1)).collect(),
        ..n.clone()
    };
    let found = growth(&reciprocals)?;
    Some(Found {
        before: 1.0 / found.before,
        now: 1.0 / found.now,
        ..found
    })
}

/// Growth of the values that is preceded by `steady` values without a trend.
fn growth_after(p: &[(Moment, f32)], steady: usize) -> Option<Found> {
    let ranked: Vec<(u32, f32)> = (0..).zip(p).map(|(i, x)| (i, x.1)).collect();
    let (early, late) = ranked.split_at(steady);
    if late.len() < MIN_OUTSIDE
        || rank_trend(early).abs() >= MIN_TREND / 2.0
        || rank_trend(late) < MIN_TREND
    {
        return None;
    }
    let first = median_of(&p[..steady]);
    let last = median_of(&p[p.len() - (late.len() / 4).max(1)..]);
    if first <= 0.0 || last < GROWTH * first {
        return None;
    }
    // The growth starts where the values leave the range of the steady part for good.
    let top = early.iter().map(|x| x.1).fold(f32::MIN, f32::max);
    let from = p.iter().rposition(|x| x.1 <= top).map_or(steady, |i| i + 1);
    let rising = p.len() - from;
    (rising >= MIN_JUMP).then(|| Found {
        from,
        to: p.len(),
        change: Change::Growth,
        before: first,
        now: last,
        evidence: repeated(rising as f64, 0, steady) - (p.len() as f64).ln(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TemplateIx;

    fn find(values: &[f32]) -> Option<Change> {
        let points = values
            .iter()
            .enumerate()
            .map(|(i, v)| (i as i64 * 30_000_000_000, *v))
            .collect();
        let numbers = Numbers {
            template: TemplateIx(0),
            variable: 0,
            group: None,
            is_reserve: false,
            is_counter: false,
            points,
        };
        let source = Source {
            numbers: vec![numbers],
            ..Source::default()
        };
        let scope = Scope::of_seconds(1, 6.0);
        let found = value_changes(0, &source, &scope);
        found.first().map(|f| match f.what {
            What::Value { change, .. } => change,
            _ => Change::Jump,
        })
    }

    fn noise(i: usize) -> f32 {
        100.0 + (i * 37 % 23) as f32
    }

    #[test]
    fn ordinary_values_do_not_change() {
        let values: Vec<f32> = (0..60).map(noise).collect();
        assert_eq!(find(&values), None);
        let day: Vec<f32> = (0..96)
            .map(|i| noise(i) * (2.0 + (i as f32 / 48.0 * std::f32::consts::TAU).sin()))
            .collect();
        assert_eq!(find(&day), None);
        let counter: Vec<f32> = (0..60).map(|i| i as f32).collect();
        assert_eq!(find(&counter), None);
    }

    #[test]
    fn zeros_constants_jumps_and_growth_are_found() {
        let with = |change: &dyn Fn(usize) -> f32| -> Vec<f32> {
            (0..60)
                .map(|i| if i >= 40 { change(i) } else { noise(i) })
                .collect()
        };
        assert_eq!(find(&with(&|_| 0.0)), Some(Change::Zero));
        assert_eq!(find(&with(&|_| 111.0)), Some(Change::Constant));
        assert_eq!(find(&with(&|i| noise(i) * 2.0)), Some(Change::Jump));
        let leak: Vec<f32> = (0..60)
            .map(|i| noise(i) + (i.max(20) - 20) as f32 * 6.0)
            .collect();
        assert_eq!(find(&leak), Some(Change::Growth));
    }

    #[test]
    fn slow_runs_of_a_rare_job_are_found() {
        let values: Vec<f32> = (0..24)
            .map(|i| if i >= 18 { 15.0 } else { 8.0 } + (i * 7 % 5) as f32 * 0.2)
            .collect();
        assert_eq!(find(&values), Some(Change::Jump));
    }
}
