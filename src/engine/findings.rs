//! Windows that are not normal, with names, sentences and lines of evidence. Knows the corpus, not the arithmetic.

use super::corpus::{Corpus, Snapshot, lock};
use super::series::{self, Baseline, FEW_BINS, Series};
use super::table;
use crate::detect::{self, FeatureKind, Found, Raw};
use crate::model::{Findings, Moment, NO_TIME, Place, Reason, ReasonKind, Severity, Window};
use crate::text::civil::{human_duration, rfc3339};
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Reasons shown of a window, lines of evidence of a reason.
const MOST_REASONS: usize = 24;
const MOST_LINES: usize = 3;
/// What came so many times flaps.
const FLAPS: usize = 3;
/// Where there is too little to judge on, so many templates are listed.
const MOST_LISTED: usize = 40;

impl Corpus {
    /// What is not normal in the corpus.
    pub fn findings(&self, snapshot: &Snapshot, baseline: &Baseline) -> Findings {
        let started = std::time::Instant::now();
        let mut series = series::build(self, snapshot, baseline);
        let mut out = Findings {
            events: snapshot.events,
            ..Findings::default()
        };
        notes(&series, &mut out);
        out.baseline = series
            .input
            .baseline
            .map(|(a, z)| (at(&series, a as usize), at(&series, z as usize)));
        if series.input.bins < FEW_BINS && series.input.baseline.is_none() {
            self.list_instead(snapshot, &series, &mut out);
        } else {
            let (raw, normal) = detect::detect(&mut series.input);
            if series.input.baseline.is_none() {
                out.baseline = longest(&normal).map(|(a, z)| (at(&series, a), at(&series, z)));
                if normal.iter().filter(|n| **n).count() * 10 < normal.len() * 3 {
                    out.notes.push(
                        "no stretch of at least 30% is alike: what is normal here is a guess"
                            .into(),
                    );
                }
            }
            let mut windows: Vec<Window> = raw
                .iter()
                .map(|w| self.window(snapshot, &series, w))
                .collect();
            flapping(&mut windows);
            windows.sort_by(|a, b| {
                b.severity
                    .cmp(&a.severity)
                    .then(b.score.total_cmp(&a.score))
                    .then(a.start.cmp(&b.start))
            });
            out.windows = windows;
        }
        out.elapsed_ms = started.elapsed().as_millis() as u64;
        out
    }

    /// Findings of a snapshot, worked out once.
    pub fn findings_of(&self, snapshot: &Snapshot) -> Arc<Findings> {
        let key = (snapshot.events, snapshot.templates.len());
        let mut cached = lock(&self.found);
        match &*cached {
            Some((k, found)) if *k == key => found.clone(),
            _ => {
                let found = Arc::new(self.findings(snapshot, &Baseline::Automatic));
                *cached = Some((key, found.clone()));
                found
            }
        }
    }

    fn window(&self, snapshot: &Snapshot, series: &Series, raw: &Raw) -> Window {
        let (start, end) = (at(series, raw.from), at(series, raw.to));
        let mut reasons: Vec<Reason> = Vec::new();
        let wanted: Vec<&Found> = distinct(series, raw);
        let evidence = self.evidence(snapshot, series, &wanted);
        for (f, events) in wanted.iter().zip(evidence) {
            let mut reason = describe(snapshot, series, f);
            reason.lines = events.iter().filter_map(|id| snapshot.place(*id)).collect();
            reason.since = events
                .first()
                .and_then(|id| snapshot.time(*id))
                .unwrap_or_else(|| at(series, f.from as usize));
            reason.events = events;
            reasons.push(reason);
        }
        let mut services: Vec<String> = Vec::new();
        for reason in &reasons {
            if !services.contains(&reason.service) {
                services.push(reason.service.clone());
            }
        }
        spread(&mut reasons);
        if let Some(rho) = raw.load.filter(|r| !(0.8..=1.25).contains(r)) {
            let kind = if rho > 1.0 {
                ReasonKind::RateSpike
            } else {
                ReasonKind::RateDrop
            };
            let text = format!(
                "the load as a whole went to {:.0}% of what is usual; what moved with it is left out",
                rho * 100.0
            );
            reasons.push(Reason {
                kind,
                score: 0.2,
                text,
                since: start,
                ..Reason::default()
            });
        }
        let over = raw.to + 1 < series.input.bins as usize;
        if over && raw.severity >= Severity::Medium {
            let text = format!(
                "back to normal at {} after {}",
                clock(end),
                human_duration(end - start)
            );
            reasons.push(Reason {
                kind: ReasonKind::Recovered,
                score: 0.1,
                text,
                since: end,
                ..Reason::default()
            });
        }
        let mut tags = Vec::new();
        if is_start_up(series, raw) {
            tags.push("start-up".to_string());
        }
        let key = format!("{start} {services:?}");
        Window {
            id: xxhash_rust::xxh3::xxh3_64(key.as_bytes()) >> 11,
            start,
            end,
            score: 1.0 - (-raw.strength / 100.0).exp(),
            severity: raw.severity,
            tags,
            services,
            reasons,
        }
    }

    /// Ordinals of the first events that each finding is about, in time order.
    fn evidence(&self, snapshot: &Snapshot, series: &Series, found: &[&Found]) -> Vec<Vec<u32>> {
        let mut out: Vec<Vec<(Moment, u32)>> = vec![Vec::new(); found.len()];
        let state = self.read();
        let mut wanted: FxHashMap<(&str, Option<u32>), Vec<usize>> = FxHashMap::default();
        for (i, f) in found.iter().enumerate() {
            let source = &series.input.sources[f.source];
            wanted
                .entry((&source.name, template_of(series, f)))
                .or_default()
                .push(i);
        }
        let ranges: Vec<(Moment, Moment)> = found
            .iter()
            .map(|f| {
                let (a, z) = (at(series, f.from as usize), at(series, f.to as usize));
                // What is missing is shown by the last that was there.
                if !f.up && f.observed < 0.5 {
                    (a - (z - a).max(10 * series.input.width), a)
                } else {
                    (a, z)
                }
            })
            .collect();
        for chunk in snapshot.chunks.iter() {
            for block in &chunk.blocks {
                let uses: Vec<Vec<usize>> = block
                    .dictionary
                    .iter()
                    .map(|k| {
                        let service = table::service(&state, chunk.source, *k);
                        let template = snapshot.template_of.get(*k as usize).copied();
                        let mut all = wanted
                            .get(&(service, template))
                            .cloned()
                            .unwrap_or_default();
                        all.extend(wanted.get(&(service, None)).into_iter().flatten().filter(
                            |i| {
                                let bad = state.headers_level(*k) >= crate::model::Level::Warn;
                                bad || !matches!(
                                    kind_of(series, found[**i]),
                                    Some(FeatureKind::Warnings | FeatureKind::Errors)
                                )
                            },
                        ));
                        all
                    })
                    .collect();
                if uses.iter().all(Vec::is_empty) {
                    continue;
                }
                for i in 0..block.len() {
                    for n in &uses[block.kinds.get(i) as usize] {
                        let time = if series.by_order {
                            i64::from(chunk.first_event + block.first_event) * 1_000_000_000
                        } else {
                            block.time(i)
                        };
                        if time != NO_TIME && (ranges[*n].0..ranges[*n].1).contains(&time) {
                            let id = chunk.first_event + block.first_event + i as u32;
                            keep(
                                &mut out[*n],
                                (time, id),
                                found[*n].up || found[*n].observed >= 0.5,
                            );
                        }
                    }
                }
            }
        }
        out.into_iter()
            .map(|mut v| {
                v.sort_unstable();
                v.into_iter().map(|(_, id)| id).collect()
            })
            .collect()
    }

    /// Too little for a baseline: new and error-level templates in order of first appearance.
    fn list_instead(&self, snapshot: &Snapshot, series: &Series, out: &mut Findings) {
        out.notes.push(format!(
            "only {} time bins of {}: too little for a baseline, so templates of warnings and errors are listed as they first appeared",
            series.input.bins,
            human_duration(series.input.width)
        ));
        let mut bad: Vec<(usize, &crate::model::Template)> = snapshot
            .templates
            .iter()
            .enumerate()
            .filter(|(i, _)| series::is_bad(snapshot, *i as u32))
            .collect();
        bad.sort_by_key(|(i, t)| (t.first.is_none(), t.first, *i));
        for (_, t) in bad.into_iter().take(MOST_LISTED) {
            let source = snapshot
                .sources
                .get(t.example_source as usize)
                .map_or_else(String::new, |s| s.name.clone());
            let place = Place {
                source,
                line: t.example_line,
            };
            let service = t.services.first().cloned().unwrap_or_default();
            let text = format!(
                "{} {}, {} times: {}",
                t.level.name(),
                t.first
                    .map_or_else(String::new, |f| format!("first at {}", clock(f))),
                t.count,
                t.text
            );
            let reason = Reason {
                kind: ReasonKind::NewTemplate,
                service: service.clone(),
                template_id: Some(t.id),
                score: 0.3,
                text,
                events: snapshot.event_at_place(&place).into_iter().collect(),
                lines: vec![place],
                since: t.first.unwrap_or(0),
            };
            let (start, end) = (t.first.unwrap_or(0), t.last.unwrap_or(0));
            out.windows.push(Window {
                id: t.id,
                start,
                end,
                score: 0.3,
                severity: Severity::Low,
                tags: vec!["too-little-data".into()],
                services: vec![service],
                reasons: vec![reason],
            });
        }
    }
}

/// Keeps the few earliest (or the latest) of what comes.
fn keep(list: &mut Vec<(Moment, u32)>, item: (Moment, u32), earliest: bool) {
    list.push(item);
    list.sort_unstable();
    if list.len() > MOST_LINES {
        if earliest {
            list.pop();
        } else {
            list.remove(0);
        }
    }
}

fn notes(series: &Series, out: &mut Findings) {
    if series.by_order {
        out.notes.push(
            "most events have no time: their order takes the place of time, one event a second"
                .into(),
        );
    }
    if series.sampled < 1.0 {
        out.notes.push(format!(
            "values of variables are read from one event in {:.0}",
            1.0 / series.sampled
        ));
    }
    let lines: usize = series
        .input
        .sources
        .iter()
        .map(|s| s.features.len() + s.values.len())
        .sum();
    out.notes.push(format!(
        "{} services, {lines} series, {} bins of {}",
        series.input.sources.len(),
        series.input.bins,
        human_duration(series.input.width)
    ));
}

fn at(series: &Series, bin: usize) -> Moment {
    series.input.start + bin as i64 * series.input.width
}

pub fn clock(t: Moment) -> String {
    let text = rfc3339(t, 0);
    text.get(11..19).unwrap_or(&text).to_string()
}

/// The longest run of normal bins.
fn longest(normal: &[bool]) -> Option<(usize, usize)> {
    let mut best = (0, 0);
    let mut start = None;
    for i in 0..=normal.len() {
        match (normal.get(i) == Some(&true), start) {
            (true, None) => start = Some(i),
            (false, Some(s)) => {
                if i - s > best.1 - best.0 {
                    best = (s, i);
                }
                start = None;
            }
            _ => {}
        }
    }
    (best.1 > best.0).then_some(best)
}

fn kind_of(series: &Series, f: &Found) -> Option<FeatureKind> {
    series.input.sources[f.source]
        .features
        .get(f.series)
        .map(|x| x.kind)
}

fn template_of(series: &Series, f: &Found) -> Option<u32> {
    let source = &series.input.sources[f.source];
    match kind_of(series, f) {
        Some(FeatureKind::Template(t) | FeatureKind::Category(t, ..) | FeatureKind::Tail(t, _)) => {
            Some(t)
        }
        Some(_) => None,
        None => source
            .values
            .get(f.series - source.features.len())
            .map(|v| v.template),
    }
}

/// The findings worth a sentence: one per service, template and direction, the strongest.
fn distinct<'f>(series: &Series, raw: &'f Raw) -> Vec<&'f Found> {
    let mut seen = FxHashSet::default();
    let mut out: Vec<&Found> = Vec::new();
    for f in &raw.found {
        let whole = matches!(kind_of(series, f), Some(FeatureKind::All)) && f.observed > 0.5;
        if !whole && seen.insert((f.source, template_of(series, f), f.up)) {
            out.push(f);
        }
    }
    out.truncate(MOST_REASONS);
    out
}

fn describe(snapshot: &Snapshot, series: &Series, f: &Found) -> Reason {
    let source = &series.input.sources[f.source];
    let template = template_of(series, f).and_then(|t| snapshot.templates.get(t as usize));
    let span = human_duration(i64::from(f.to - f.from) * series.input.width);
    let text = template.map_or("", |t| t.text.as_str());
    let (y, mu) = (f.observed, f.expected);
    let number = |x: f64| {
        if x >= 100.0 || x.fract() == 0.0 {
            format!("{x:.0}")
        } else {
            format!("{x:.1}")
        }
    };
    let rates = format!("{} in {span}, {} expected", number(y), number(mu));
    let (kind, text) = match (kind_of(series, f), f.up) {
        (Some(FeatureKind::Template(_)), true) if mu < 0.02 * y => {
            (ReasonKind::NewTemplate, format!("new: {rates}: {text}"))
        }
        (Some(FeatureKind::Template(_)), true) => (
            ReasonKind::RateSpike,
            format!("more often: {rates}: {text}"),
        ),
        (Some(FeatureKind::Template(_)), false) if y < 0.5 => {
            (ReasonKind::Silence, format!("missing: {rates}: {text}"))
        }
        (Some(FeatureKind::Template(_)), false) => {
            (ReasonKind::RateDrop, format!("less often: {rates}: {text}"))
        }
        (Some(FeatureKind::Warnings), up) => (
            ReasonKind::LevelShift,
            format!("{} warnings and errors: {rates}", more(up)),
        ),
        (Some(FeatureKind::Errors), up) => (
            ReasonKind::LevelShift,
            format!("{} errors: {rates}", more(up)),
        ),
        (Some(FeatureKind::All), _) if y < 0.5 => (
            ReasonKind::Silence,
            format!(
                "{} fell silent: no line in {span}, {} expected",
                source.name,
                number(mu)
            ),
        ),
        (Some(FeatureKind::All), up) => (
            if up {
                ReasonKind::RateSpike
            } else {
                ReasonKind::RateDrop
            },
            format!("{} lines: {rates}", more(up)),
        ),
        (Some(FeatureKind::Sequence), _) => (
            ReasonKind::Sequence,
            format!("events follow each other as they never did: {rates}"),
        ),
        (Some(FeatureKind::Category(t, v, n)), up) => {
            let value = series
                .categories
                .get(&(f.source, t, v, n))
                .copied()
                .unwrap_or(0.0);
            (
                ReasonKind::ValueShift,
                format!(
                    "value {value} of variable {} {} often: {rates}: {text}",
                    number_of(v),
                    more(up)
                ),
            )
        }
        (Some(FeatureKind::Tail(_, v)), _) => (
            ReasonKind::ValueShift,
            format!(
                "unusually large values of variable {}: {rates}: {text}",
                number_of(v)
            ),
        ),
        (None, up) => {
            let v = number_of(source.values[f.series - source.features.len()].variable);
            let word = if up { "rose" } else { "fell" };
            (
                ReasonKind::ValueShift,
                format!(
                    "variable {v} {word}: median {} in {span}, {} before: {text}",
                    number(y),
                    number(mu)
                ),
            )
        }
    };
    let score = 1.0 - (-f.evidence / 8.0).exp();
    Reason {
        kind,
        service: source.name.clone(),
        template_id: template.map(|t| t.id),
        score,
        text,
        ..Reason::default()
    }
}

/// Number of a variable as people count: 1-based.
fn number_of(position: u16) -> usize {
    usize::from(position) / series::PARTS + 1
}

fn more(up: bool) -> &'static str {
    if up { "more" } else { "fewer" }
}

/// Trouble in several services within seconds is told as such, in the order in which it began.
fn spread(reasons: &mut Vec<Reason>) {
    let mut first: FxHashMap<&str, Moment> = FxHashMap::default();
    for r in reasons.iter().filter(|r| !r.events.is_empty()) {
        let t = first.entry(&r.service).or_insert(r.since);
        *t = (*t).min(r.since);
    }
    let mut order: Vec<(Moment, &str)> = first.into_iter().map(|(s, t)| (t, s)).collect();
    order.sort_unstable();
    if order.len() < 3 {
        return;
    }
    let start = order[0].0;
    let told: Vec<String> = order
        .iter()
        .take(6)
        .map(|(t, s)| format!("{s} +{}", human_duration(t - start)))
        .collect();
    let text = format!(
        "{} services, in this order: {}",
        order.len(),
        told.join(", ")
    );
    let service = order[0].1.to_string();
    let (lines, events) = reasons
        .iter()
        .find(|r| r.service == service)
        .map(|r| (r.lines.clone(), r.events.clone()))
        .unwrap_or_default();
    reasons.push(Reason {
        kind: ReasonKind::CrossService,
        service,
        score: 0.5,
        text,
        lines,
        events,
        since: start,
        template_id: None,
    });
}

/// What came and went several times without anyone acting is told in the latest of its windows.
fn flapping(windows: &mut [Window]) {
    windows.sort_by_key(|w| w.start);
    let mut seen: BTreeMap<(String, u64), Vec<usize>> = BTreeMap::new();
    for (i, w) in windows.iter().enumerate() {
        for r in w.reasons.iter().filter(|r| {
            matches!(
                r.kind,
                ReasonKind::NewTemplate | ReasonKind::RateSpike | ReasonKind::Silence
            )
        }) {
            let Some(template) = r.template_id else {
                continue;
            };
            let at = seen.entry((r.service.clone(), template)).or_default();
            if at.last() != Some(&i) {
                at.push(i);
            }
        }
    }
    // One reason a window: that of the template that came most often.
    let mut told: BTreeMap<usize, (usize, Reason)> = BTreeMap::new();
    for ((service, template), at) in seen.into_iter().filter(|(_, at)| at.len() >= FLAPS) {
        let Some(&last) = at.last() else { continue };
        if told.get(&last).is_some_and(|(n, _)| *n >= at.len()) {
            continue;
        }
        let times: Vec<String> = at.iter().map(|i| clock(windows[*i].start)).collect();
        let Some(like) = windows[last]
            .reasons
            .iter()
            .find(|r| r.template_id == Some(template) && r.service == service)
        else {
            continue;
        };
        let text = format!("came and went {} times: {}", at.len(), times.join(", "));
        told.insert(
            last,
            (
                at.len(),
                Reason {
                    kind: ReasonKind::Flapping,
                    score: 0.4,
                    text,
                    ..like.clone()
                },
            ),
        );
    }
    for (i, (_, reason)) in told {
        windows[i].reasons.push(reason);
    }
}

/// The window begins when most services begin.
fn is_start_up(series: &Series, raw: &Raw) -> bool {
    let near = (series.input.bins / 20).max(1) as usize;
    let mut firsts: Vec<usize> = series
        .input
        .sources
        .iter()
        .filter(|s| s.to > s.from)
        .map(|s| s.from as usize)
        .collect();
    firsts.sort_unstable();
    let starting = firsts
        .iter()
        .filter(|f| raw.from <= **f + near && **f <= raw.to)
        .count();
    raw.from <= near && starting * 2 > firsts.len()
}

impl Snapshot {
    pub fn place(&self, id: u32) -> Option<Place> {
        let (chunk, i) = self.locate(id)?;
        let source = self.sources.get(chunk.source as usize)?.name.clone();
        Some(Place {
            source,
            line: chunk.line(i) + 1,
        })
    }

    /// The event whose first line is at a place.
    pub fn event_at_place(&self, place: &Place) -> Option<u32> {
        let source = self.sources.iter().position(|s| s.name == place.source)? as u32;
        let line = place.line.checked_sub(1)?;
        let holds = |c: &&Arc<crate::index::Chunk>| {
            c.source == source && (c.first_line..c.first_line + c.lines.max(1)).contains(&line)
        };
        let chunk = self.chunks.iter().find(holds)?;
        let (mut a, mut b) = (0, chunk.events);
        while a < b {
            let mid = (a + b) / 2;
            if chunk.line(mid) <= line {
                a = mid + 1
            } else {
                b = mid
            }
        }
        a.checked_sub(1).map(|i| chunk.first_event + i)
    }
}
