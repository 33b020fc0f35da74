//! Findings, traces, map -> diagnosis: which service failed first, with the lines that prove it. Stitches the stages.

use super::corpus::{Corpus, Snapshot, lock};
use super::findings::clock;
use super::health::{log_penalties, trace_penalties};
use super::map::Map;
use super::sessions::identifiers_in;
use super::spans::Traced;
use crate::diagnose::{self, Cause, Classifier, Network, Node};
use crate::model::{
    Diagnosis, Edge, Evidence, Findings, Level, Link, Moment, ReasonKind, RootCause, ServiceHealth,
    Severity, Similar, Window,
};
use crate::text::civil::human_duration;
use crate::text::embed::embed;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Ranked causes shown, links of the chain, events in the graph.
const MOST_CAUSES: usize = 10;
const MOST_LINKS: usize = 8;
const MOST_NODES: usize = 60;
/// A cause that scores less is none.
const NOTHING: f64 = 0.01;
/// Fewer invocations are no ground for a ranking by traces.
const FEW_CALLS: usize = 20;

/// Other captures of the same system.
pub type Reference = Vec<diagnose::Rates>;

impl Corpus {
    /// The diagnosis of a snapshot, worked out once.
    pub fn diagnosis_of(&self, snapshot: &Snapshot) -> Arc<Diagnosis> {
        let key = (snapshot.events, snapshot.templates.len());
        if let Some((k, d)) = &*lock(&self.diagnosed)
            && *k == key
        {
            return d.clone();
        }
        let found = Arc::new(self.diagnose(snapshot, &self.findings_of(snapshot), None, &|_| true));
        *lock(&self.diagnosed) = Some((key, found.clone()));
        found
    }

    /// `reference`: inputs whose captures say what is usual; `only`: inputs that are diagnosed.
    pub fn diagnose(
        &self,
        snapshot: &Snapshot,
        findings: &Findings,
        reference: Option<&Reference>,
        only: &dyn Fn(&str) -> bool,
    ) -> Diagnosis {
        let started = std::time::Instant::now();
        let mut out = Diagnosis::default();
        let worst: Vec<&Window> = findings
            .windows
            .iter()
            .filter(|w| w.severity >= Severity::Medium)
            .collect();
        let windows: Vec<&Window> = if worst.is_empty() {
            findings.windows.iter().collect()
        } else {
            worst
        };
        let suspect: Vec<(Moment, Moment)> = windows.iter().map(|w| (w.start, w.end)).collect();
        if let Some(w) = windows.first() {
            (out.start, out.end, out.severity) = (w.start, w.end, w.severity);
        }
        let traced = self
            .traced(snapshot, only)
            .filter(|t| t.traces.invocations.len() >= FEW_CALLS);
        match &traced {
            Some(t) => self.by_traces(snapshot, t, reference, &mut out),
            None => self.by_logs(snapshot, &windows, &suspect, &mut out),
        }
        if let Some(t) = traced.as_ref().filter(|t| t.broken > 0) {
            out.notes.push(format!(
                "{} broken records of traces were skipped",
                t.broken
            ));
        }
        self.add_chain(snapshot, &windows, &mut out);
        self.classify_incident(snapshot, &windows, &mut out);
        out.verdict = verdict(&out, findings);
        out.elapsed_ms = started.elapsed().as_millis() as u64;
        out.since_open_ms = self.started.elapsed().as_millis() as u64;
        out
    }

    fn by_traces(
        &self,
        snapshot: &Snapshot,
        t: &Traced,
        reference: Option<&Reference>,
        out: &mut Diagnosis,
    ) {
        let traces = &t.traces;
        let mut causes = diagnose::rank(traces);
        if let Some(reference) = reference {
            diagnose::with_reference(traces, &t.keys, &mut causes, reference);
        }
        for (from, to, calls) in traces.edges() {
            let name = |s: u32| traces.services[s as usize].clone();
            out.edges.push(Edge {
                from: name(from),
                to: name(to),
                calls,
                source: "traces",
            });
        }
        let mut unhealthy: BTreeMap<String, f64> =
            traces.services.iter().map(|s| (s.clone(), 0.03)).collect();
        for cause in &causes {
            unhealthy.insert(
                traces.services[cause.service as usize].clone(),
                0.03 + 0.95 * cause.score,
            );
        }
        let mut penalties = trace_penalties(t, &self.options.health);
        self.add_rollouts(snapshot, out, &mut penalties);
        self.infer(&unhealthy, &penalties, out);
        if out.end == 0 {
            out.start = traces.spans.iter().map(|s| s.start).min().unwrap_or(0);
            out.end = traces.spans.iter().map(|s| s.end).max().unwrap_or(0);
        }
        for cause in causes
            .iter()
            .filter(|c| c.score >= NOTHING)
            .take(MOST_CAUSES)
        {
            let (summary, events) = told(t, cause);
            let evidence = events
                .iter()
                .filter_map(|id| self.evidence_of(snapshot, *id))
                .collect();
            out.causes.push(RootCause {
                service: traces.services[cause.service as usize].clone(),
                score: cause.score,
                summary,
                evidence,
            });
        }
    }

    fn by_logs(
        &self,
        snapshot: &Snapshot,
        windows: &[&Window],
        suspect: &[(Moment, Moment)],
        out: &mut Diagnosis,
    ) {
        let skip = self.trace_sources(snapshot);
        let map = self.service_map(snapshot, suspect, &skip);
        let services = self.service_names(snapshot, &skip);
        let own = own_evidence(windows);
        let implicated = implicated(&map);
        let mut unhealthy: BTreeMap<String, f64> = BTreeMap::new();
        for service in services.iter().chain(implicated.keys()) {
            let (odd, quiet) = own.get(service).copied().unwrap_or_default();
            let blamed = implicated.get(service).copied().unwrap_or(0.0);
            // Silence is trouble where others miss the service; where nobody asks for it, it is idle.
            let silent = if blamed > 0.0 { quiet } else { 0.0 };
            let p = 1.0 - (1.0 - odd) * (1.0 - blamed) * (1.0 - silent);
            unhealthy.insert(service.clone(), (0.03 + 0.95 * p).min(0.98));
        }
        out.edges.clone_from(&map.edges);
        let mut penalties = log_penalties(&map, &self.options.health);
        self.add_rollouts(snapshot, out, &mut penalties);
        self.infer(&unhealthy, &penalties, out);
        let mut order: Vec<(f64, String)> = out
            .services
            .iter()
            .map(|s| (s.p_down, s.name.clone()))
            .collect();
        order.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        for (p, service) in order
            .into_iter()
            .filter(|(p, _)| *p > 0.03)
            .take(MOST_CAUSES)
        {
            let reasons: Vec<&crate::model::Reason> = windows
                .iter()
                .flat_map(|w| &w.reasons)
                .filter(|r| r.service == service)
                .collect();
            let mut told: Vec<String> = reasons.iter().take(2).map(|r| r.text.clone()).collect();
            let blamers: Vec<String> = map
                .blames
                .iter()
                .filter(|((_, to), n)| *to == service && n.0 > n.1)
                .map(|((from, _), _)| from.clone())
                .collect();
            if !blamers.is_empty() {
                let mut blamers = blamers;
                blamers.sort();
                told.push(format!("blamed by {}", blamers.join(", ")));
            }
            let events: Vec<u32> = reasons
                .iter()
                .flat_map(|r| r.events.iter().copied())
                .take(3)
                .collect();
            let mut evidence: Vec<Evidence> = events
                .iter()
                .filter_map(|id| self.evidence_of(snapshot, *id))
                .collect();
            if evidence.is_empty() {
                evidence = self.blaming_lines(snapshot, windows, &service);
            }
            out.causes.push(RootCause {
                service,
                score: p,
                summary: told.join("; "),
                evidence,
            });
        }
    }

    /// Lines of others that name the service.
    fn blaming_lines(
        &self,
        snapshot: &Snapshot,
        windows: &[&Window],
        service: &str,
    ) -> Vec<Evidence> {
        let all = windows
            .iter()
            .flat_map(|w| &w.reasons)
            .flat_map(|r| r.events.iter().copied());
        all.filter_map(|id| self.evidence_of(snapshot, id))
            .filter(|e| e.text.contains(service))
            .take(3)
            .collect()
    }

    fn evidence_of(&self, snapshot: &Snapshot, id: u32) -> Option<Evidence> {
        let event = self.event(snapshot, id)?;
        let text = event.message.lines().next().unwrap_or_default().to_string();
        Some(Evidence {
            place: snapshot.place(id)?,
            text,
            event: id,
        })
    }

    /// P(down) of all services by the Bayesian network over the edges.
    fn infer(
        &self,
        unhealthy: &BTreeMap<String, f64>,
        penalties: &BTreeMap<String, BTreeMap<String, f64>>,
        out: &mut Diagnosis,
    ) {
        let names: Vec<&String> = unhealthy.keys().collect();
        let at = |name: &String| names.binary_search(&name).ok();
        let mut totals: BTreeMap<&str, u64> = BTreeMap::new();
        out.edges
            .iter()
            .for_each(|e| *totals.entry(&e.from).or_default() += e.calls);
        let edges: Vec<(usize, usize, f64)> = out
            .edges
            .iter()
            .filter_map(|e| {
                let share = e.calls as f64 / totals[e.from.as_str()].max(1) as f64;
                Some((at(&e.from)?, at(&e.to)?, 0.6 + 0.35 * share))
            })
            .collect();
        let network = Network {
            services: names.len(),
            edges,
            unhealthy: unhealthy.values().copied().collect(),
        };
        let posterior = network.infer();
        if !posterior.circles.is_empty() {
            let told: Vec<String> = posterior
                .circles
                .iter()
                .take(3)
                .map(|(a, b)| format!("{} -> {}", names[*a], names[*b]))
                .collect();
            out.notes.push(format!(
                "calls in circles: {} left out of the network ({})",
                posterior.circles.len(),
                told.join(", ")
            ));
        }
        if posterior.dropped > 0 {
            out.notes.push(format!(
                "the map is too dense for exact inference: the {} weakest edges are left out",
                posterior.dropped
            ));
        }
        for (i, name) in names.iter().enumerate() {
            let penalties = penalties.get(*name).cloned().unwrap_or_default();
            let by_calls = penalties.values().sum::<f64>();
            let health = if penalties.is_empty() {
                1.0 - (unhealthy[*name] - 0.03)
            } else {
                1.0 - by_calls
            };
            out.services.push(ServiceHealth {
                name: (*name).clone(),
                p_down: posterior.down[i],
                health: health.clamp(0.0, 1.0),
                penalties,
            });
        }
    }

    fn add_chain(&self, snapshot: &Snapshot, windows: &[&Window], out: &mut Diagnosis) {
        let mut nodes: Vec<Node> = Vec::new();
        let mut events = BTreeMap::new();
        for reason in windows.iter().take(3).flat_map(|w| &w.reasons) {
            let Some(t) = reason
                .template_id
                .and_then(|id| snapshot.template_by_id(id))
            else {
                continue;
            };
            if nodes.len() >= MOST_NODES
                || nodes
                    .iter()
                    .any(|n| n.template == t && n.service == reason.service)
            {
                continue;
            }
            if !matches!(
                reason.kind,
                ReasonKind::NewTemplate
                    | ReasonKind::RateSpike
                    | ReasonKind::ValueShift
                    | ReasonKind::Silence
            ) {
                continue;
            }
            if let Some(id) = reason.events.first() {
                events.insert((reason.service.clone(), t), *id);
            }
            nodes.push(Node {
                service: reason.service.clone(),
                template: t,
                embedding: embed(&snapshot.templates[t].text),
                first: reason.since,
                weight: reason.score,
                identifiers: reason
                    .events
                    .iter()
                    .filter_map(|id| self.event(snapshot, *id))
                    .flat_map(|e| identifiers_in(&e.raw))
                    .collect(),
                ..Node::default()
            });
        }
        let calls: std::collections::BTreeSet<(String, String)> = out
            .edges
            .iter()
            .map(|e| (e.from.clone(), e.to.clone()))
            .collect();
        let chain = diagnose::chain(
            nodes,
            &|a, b| calls.contains(&(a.to_string(), b.to_string())),
            MOST_LINKS,
        );
        out.chain = chain
            .into_iter()
            .map(|n| Link {
                event: events.get(&(n.service.clone(), n.template)).copied(),
                service: n.service,
                template_id: snapshot.templates[n.template].id,
                template: snapshot.templates[n.template].text.clone(),
                first: n.first,
                why: n.link,
            })
            .collect();
    }

    fn classify_incident(&self, snapshot: &Snapshot, windows: &[&Window], out: &mut Diagnosis) {
        let suspect: Vec<&crate::model::Template> = windows
            .iter()
            .flat_map(|w| &w.reasons)
            .filter_map(|r| snapshot.template_by_id(r.template_id?))
            .map(|t| &snapshot.templates[t])
            .filter(|t| {
                t.levels[Level::Warn.index()..].iter().sum::<u64>() > 0
                    || diagnose::words_score(&t.text) > 0.5
            })
            .collect();
        let classifier = self.classifier();
        let classes = suspect
            .iter()
            .map(|t| classifier.classify(&t.text, t.level))
            .filter(|c| c.confidence >= 0.7);
        let worst = classes.max_by(|a, b| {
            a.severity
                .cmp(&b.severity)
                .then_with(|| (a.by == "rule").cmp(&(b.by == "rule")))
        });
        if let Some(worst) = worst {
            out.category = worst.category;
            // A well-known critical pattern in a window that stands out is critical whatever its volume.
            if worst.by == "rule"
                && worst.severity == Severity::Critical
                && out.severity >= Severity::High
            {
                out.severity = Severity::Critical;
            }
        } else {
            out.category = "none".into();
        }
        let texts: Vec<&str> = suspect.iter().map(|t| t.text.as_str()).take(40).collect();
        let library = self.library();
        let words = crate::index::lexical::bm25(&library.texts(), &texts).unwrap_or_default();
        for m in library.resembling(&texts, &words, 5) {
            if let Some(i) = library.get(&m.id) {
                out.similar.push(Similar {
                    incident: m.id,
                    title: i.title.clone(),
                    fix: i.fix.clone(),
                    score: m.score,
                });
            }
        }
    }

    pub fn classifier(&self) -> Classifier {
        let memory = lock(&self.memory);
        let incidents: Vec<(String, String, Severity)> = memory
            .incidents
            .incidents
            .iter()
            .flat_map(|i| {
                i.templates
                    .iter()
                    .map(|t| (t.clone(), i.id.clone(), Severity::High))
            })
            .collect();
        Classifier::new(&memory.verdicts, &incidents)
    }

    /// Shipped incidents and the user's own.
    pub fn library(&self) -> diagnose::Library {
        let mut library = diagnose::Library::shipped();
        library
            .incidents
            .splice(0..0, lock(&self.memory).incidents.incidents.clone());
        library
    }
}

/// Per service: how odd its own lines are, and how silent it fell; 0..1 each.
fn own_evidence(windows: &[&Window]) -> BTreeMap<String, (f64, f64)> {
    let mut out: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for r in windows.iter().flat_map(|w| &w.reasons) {
        let e = out.entry(r.service.clone()).or_default();
        let join = |p: f64, x: f64| 1.0 - (1.0 - p) * (1.0 - x);
        match r.kind {
            ReasonKind::NewTemplate | ReasonKind::LevelShift | ReasonKind::ValueShift => {
                e.0 = join(e.0, 0.6 * r.score)
            }
            ReasonKind::RateSpike => e.0 = join(e.0, 0.2 * r.score),
            ReasonKind::Silence | ReasonKind::RateDrop => e.1 = join(e.1, 0.6 * r.score),
            _ => {}
        }
    }
    out
}

/// Per service: how much its callers hold against it.
fn implicated(map: &Map) -> BTreeMap<String, f64> {
    let mut out: BTreeMap<String, f64> = BTreeMap::new();
    let mut blame = |to: &str, x: f64| {
        let e = out.entry(to.to_string()).or_default();
        *e = 1.0 - (1.0 - *e) * (1.0 - x);
    };
    for ((_, to), (inside, outside)) in &map.calls {
        let worse = inside.failing() - outside.failing();
        if inside.n >= 3 && worse > 0.02 {
            blame(to, (2.0 * worse + 0.3).min(0.9));
        }
        let (before, now) = (outside.quantile(0.5), inside.quantile(0.5));
        if inside.n >= 10 && outside.n >= 10 && now > 1.5 * before + 5.0 {
            blame(to, 0.6);
        }
    }
    for ((_, to), (inside, outside)) in &map.blames {
        if *inside >= 3 && *inside > 3 * outside {
            blame(to, 0.9);
        }
    }
    out
}

/// What speaks against a service, in words, and the events that show it.
fn told(t: &Traced, c: &Cause) -> (String, Vec<u32>) {
    let mut parts = Vec::new();
    let mut events = Vec::new();
    let key = |k: u32| t.keys.get(k as usize).map_or("a statement", String::as_str);
    if let Some(x) = c.changed.as_ref().filter(|x| x.score > 0.05) {
        let what = x
            .key
            .map_or_else(|| "a call".to_string(), |k| format!("\"{}\"", key(k)));
        let how = if x.appeared { "appears" } else { "vanishes" };
        let name = t
            .traces
            .names
            .get(x.operation as usize)
            .map_or("", String::as_str);
        parts.push(format!(
            "{what} {how} in {name} from {} on ({} traces)",
            clock(x.at),
            x.traces
        ));
        events.extend(&x.events);
    }
    if c.slow.score > 0.05 {
        let whose = if c.slow.as_callee {
            "calls into it"
        } else {
            "its calls and its own work"
        };
        let since = c.slow.at.map_or_else(
            || "throughout".to_string(),
            |at| format!("from {} on", clock(at)),
        );
        parts.push(format!(
            "{whose} are slow {since}: {:.0} ms, {:.0} ms before ({} series)",
            c.slow.after, c.slow.before, c.slow.series
        ));
    }
    if c.errors > 0.0 {
        parts.push(format!(
            "{:.0}% of its calls log an error",
            c.errors * 100.0
        ));
        events.extend(&c.error_events);
    }
    if let Some(u) = c.unusual.as_ref().filter(|u| u.weight > 0.1) {
        parts.push(format!(
            "\"{}\" in {:.0}% of its calls, {:.0}% elsewhere",
            u.statement,
            u.rate * 100.0,
            u.usual * 100.0
        ));
    }
    if events.is_empty() {
        let own = t.traces.invocations.iter().filter(|v| {
            v.service == c.service
                && c.slow
                    .at
                    .is_none_or(|at| t.traces.spans[v.entry].start >= at)
        });
        events.extend(
            own.flat_map(|v| {
                v.spans
                    .iter()
                    .flat_map(|s| t.traces.logs[*s].iter().map(|l| l.event))
            })
            .take(3),
        );
    }
    (parts.join("; "), events)
}

fn verdict(d: &Diagnosis, findings: &Findings) -> String {
    let Some(first) = d.causes.first() else {
        return format!(
            "nothing to explain: {} events looked at, no service stands out",
            findings.events
        );
    };
    let second = d
        .causes
        .get(1)
        .filter(|s| s.score > 0.0 && first.score - s.score < 0.08 * first.score);
    let since = if d.start > 0 {
        format!(
            ", {} .. {} ({})",
            clock(d.start),
            clock(d.end),
            human_duration(d.end - d.start)
        )
    } else {
        String::new()
    };
    match second {
        Some(s) => format!(
            "inconclusive between {} and {}{since}",
            first.service, s.service
        ),
        None if first.summary.is_empty() => format!("{} failed first{since}", first.service),
        None => format!("{} failed first: {}{since}", first.service, first.summary),
    }
}

impl Corpus {
    /// Rates of log statements in this capture, as a reference for others; `None` without traces.
    pub fn rates(&self, snapshot: &Snapshot) -> Option<diagnose::Rates> {
        let t = self.traced(snapshot, &|_| true)?;
        Some(diagnose::reference_rates(&t.traces, &t.keys))
    }
}
