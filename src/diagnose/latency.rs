//! Finds where latency is added: between caller and callee, or inside a service; and which service
//! explains most of it. Knows traces only.

use super::split::step;
use super::traces::Traces;
use rustc_hash::FxHashMap;

/// Durations below this, in ms, are treated as equal.
const LEAST_MS: f64 = 5.0;

/// Durations of the calls from one service to another, or of one service's own work.
#[derive(Clone, Debug)]
pub struct Times {
    /// `None`: the service's own work.
    pub caller: Option<u32>,
    pub service: u32,
    /// How anomalous the series is, 0..1.
    pub anomaly: f64,
    /// Grows with the number of traces up to 20: 0..1.
    pub weight: f64,
    /// When the durations changed, in ns since 1970; `None` if they did not change (normal or slow
    /// throughout).
    pub changed: Option<i64>,
    /// Start of the last call, in ns since 1970.
    pub last: i64,
    /// Median before the jump, in ms; without a jump, the median of all.
    pub before: f64,
    /// Median after the jump, in ms; without a jump, the median of all.
    pub after: f64,
}

/// Latency evidence against a service.
#[derive(Clone, Debug, Default)]
pub struct Slow {
    /// 0..1.
    pub score: f64,
    /// Only the calls into it are slow. `false`: its own work and the calls that it makes count
    /// too.
    pub as_callee: bool,
    /// When the strongest series changed, in ns since 1970; `None`: slow throughout.
    pub at: Option<i64>,
    /// Median of the strongest series before the change, in ms.
    pub before: f64,
    /// Median of the strongest series after the change, in ms.
    pub after: f64,
    /// Number of anomalous series.
    pub series: usize,
}

/// Trace, start in ns, duration in ms.
type Points = Vec<(u128, i64, f64)>;

/// All series of durations, one value per trace.
pub fn series(t: &Traces) -> Vec<Times> {
    let mut edges: FxHashMap<(u32, u32, u32), Points> = FxHashMap::default();
    let mut selves: FxHashMap<(u32, u32), Points> = FxHashMap::default();
    for v in &t.invocations {
        let entry = &t.spans[v.entry];
        if let (Some(caller), Some(client)) = (v.caller, t.client(v.entry)) {
            let c = &t.spans[client];
            let gap = ((c.end - c.start) - (entry.end - entry.start)) as f64 / 1e6;
            edges
                .entry((caller, v.service, entry.name))
                .or_default()
                .push((entry.trace, entry.start, gap));
        }
        if !v.excused {
            let own = (entry.end - entry.start - waiting(t, &v.spans)) as f64 / 1e6;
            selves.entry((v.service, entry.name)).or_default().push((
                entry.trace,
                entry.start,
                own,
            ));
        }
    }
    let mut edges: Vec<_> = edges.into_iter().collect();
    edges.sort_unstable_by_key(|e| e.0);
    let mut selves: Vec<_> = selves.into_iter().collect();
    selves.sort_unstable_by_key(|e| e.0);
    let mut gaps: Vec<f64> = edges
        .iter()
        .map(|(_, p)| median(p.iter().map(|x| x.2).collect()))
        .collect();
    gaps.sort_by(f64::total_cmp);
    let usual = gaps
        .get(gaps.len() / 2)
        .copied()
        .unwrap_or(0.0)
        .max(LEAST_MS)
        .log10();
    let mut out: Vec<Times> = edges
        .into_iter()
        .map(|((a, b, _), p)| score_series(Some(a), b, p, Some(usual)))
        .collect();
    out.extend(
        selves
            .into_iter()
            .map(|((s, _), p)| score_series(None, s, p, None)),
    );
    out
}

/// Time in ns that an invocation spends in synchronous calls to other services. Overlapping calls
/// count once.
fn waiting(t: &Traces, spans: &[usize]) -> i64 {
    let mut ranges: Vec<(i64, i64)> = spans
        .iter()
        .filter(|s| {
            let span = &t.spans[**s];
            t.children[**s]
                .iter()
                .any(|c| t.spans[*c].service != span.service && t.spans[*c].start < span.end)
        })
        .map(|s| (t.spans[*s].start, t.spans[*s].end))
        .collect();
    ranges.sort_unstable();
    let (mut sum, mut upto) = (0, i64::MIN);
    for (a, z) in ranges {
        sum += (z - a.max(upto)).max(0);
        upto = upto.max(z);
    }
    sum
}

fn median(mut v: Vec<f64>) -> f64 {
    v.sort_by(f64::total_cmp);
    match v.len() {
        0 => 0.0,
        n if n % 2 == 1 => v[n / 2],
        n => (v[n / 2 - 1] + v[n / 2]) / 2.0,
    }
}

/// Scores one series: for a jump (`a`), or for being slow throughout compared to the usual edge
/// (`b`). `usual` is the log10 of the median duration of all edges, in ms.
fn score_series(caller: Option<u32>, service: u32, points: Points, usual: Option<f64>) -> Times {
    let mut by_trace: FxHashMap<u128, (i64, Vec<f64>)> = FxHashMap::default();
    for (trace, at, v) in points {
        let e = by_trace.entry(trace).or_insert((at, Vec::new()));
        e.0 = e.0.min(at);
        e.1.push(v);
    }
    let mut rows: Vec<(i64, u128, f64)> = by_trace
        .into_iter()
        .map(|(trace, (at, v))| (at, trace, median(v)))
        .collect();
    rows.sort_by_key(|r| (r.0, r.1));
    let y: Vec<f64> = rows.iter().map(|r| r.2.max(LEAST_MS).log10()).collect();
    let n = y.len();
    let mut out = Times {
        caller,
        service,
        anomaly: 0.0,
        weight: (n.min(20) as f64 / 20.0).sqrt(),
        changed: None,
        last: rows.last().map_or(0, |r| r.0),
        before: median(rows.iter().map(|r| r.2).collect()),
        after: 0.0,
    };
    out.after = out.before;
    if let Some(s) = step(&y).filter(|s| s.rise > 0.4) {
        let a = (s.gain - 2.0).clamp(0.0, 20.0) / 20.0 * ((s.rise - 0.4) / 0.6).min(1.0);
        if a > 0.0 {
            (out.anomaly, out.changed) = (a, Some(rows[s.at].0));
            out.before = median(rows[..s.at].iter().map(|r| r.2).collect());
            out.after = median(rows[s.at..].iter().map(|r| r.2).collect());
        }
    }
    if let Some(usual) = usual.filter(|_| n >= 4) {
        let above = median(y) - usual;
        let b = 0.6 * ((above - 0.7).max(0.0) / 0.8).min(1.0) * n as f64 / (n as f64 + 5.0);
        if b > out.anomaly {
            (out.anomaly, out.changed) = (b, None);
        }
    }
    out
}

/// Per service: how well it alone explains all slow series, under the better of two hypotheses:
/// only the calls into it are slow, or everything that it takes part in is slow.
pub fn explain(all: &[Times], services: u32) -> Vec<Slow> {
    let total: f64 = all.iter().map(|s| s.weight * s.anomaly).sum();
    (0..services)
        .map(|service| {
            let callee = |s: &Times| s.caller.is_some() && s.service == service;
            let whole = |s: &Times| s.service == service || s.caller == Some(service);
            let mut a = hypothesis(all, total, &callee);
            a.as_callee = true;
            let b = hypothesis(all, total, &whole);
            // Choose by the share that is explained, not by the strength of the series.
            if a.0 >= b.0 { a.1 } else { b.1 }
        })
        .collect()
}

/// The share of the anomaly that a hypothesis explains, and its evidence.
struct Weighed(f64, Slow);

impl std::ops::Deref for Weighed {
    type Target = Slow;
    fn deref(&self) -> &Slow {
        &self.1
    }
}

impl std::ops::DerefMut for Weighed {
    fn deref_mut(&mut self) -> &mut Slow {
        &mut self.1
    }
}

/// Evaluates one hypothesis. `applies` selects the series that it covers.
fn hypothesis(all: &[Times], total: f64, applies: &dyn Fn(&Times) -> bool) -> Weighed {
    let own: Vec<&Times> = all.iter().filter(|s| applies(s)).collect();
    let Some(strongest) = own
        .iter()
        .max_by(|x, y| (x.weight * x.anomaly).total_cmp(&(y.weight * y.anomaly)))
        .filter(|s| s.anomaly > 0.0)
    else {
        return Weighed(0.0, Slow::default());
    };
    let explained: f64 = own.iter().map(|s| s.weight * s.anomaly).sum();
    // A series without a call after the change is no evidence against the hypothesis.
    let no_later_call = |s: &Times| {
        strongest
            .changed
            .is_some_and(|at| s.anomaly == 0.0 && s.last < at)
    };
    let weight: f64 = own
        .iter()
        .filter(|s| !no_later_call(s))
        .map(|s| s.weight)
        .sum();
    let share = explained / (weight + total - explained).max(1e-9);
    let slow = Slow {
        score: share * strongest.anomaly,
        as_callee: false,
        at: strongest.changed,
        before: strongest.before,
        after: strongest.after,
        series: own.iter().filter(|s| s.anomaly > 0.0).count(),
    };
    Weighed(share, slow)
}
