//! Findings, diagnosis and plan as lists of lines, each of which may lead to an event. Pure: from data to lines.

use super::graph::{self, Box, Strip};
use super::recovery;
use super::state::State;
use crate::model::{Diagnosis, ServiceHealth, Severity, Window};
use crate::text::civil::{human_duration, rfc3339};
use crate::text::escape::for_terminal;
use std::collections::BTreeMap;

/// A line of a report.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    pub text: String,
    pub role: &'static str,
    /// Enter goes there.
    pub event: Option<u32>,
    /// Number of the window or action that it tells of.
    pub item: Option<usize>,
    /// What `mute` would hide.
    pub mute: Option<String>,
    /// Part of a picture, in place of text: neither wrapped nor cut, it scrolls sideways.
    pub strip: Strip,
}

pub fn row(text: impl Into<String>, role: &'static str) -> Row {
    Row {
        text: text.into(),
        role,
        ..Row::default()
    }
}

/// Role and letter by which a severity is told, with and without colour.
pub fn severity(s: Severity) -> (&'static str, char) {
    match s {
        Severity::Critical => ("fatal", 'C'),
        Severity::High => ("error", 'H'),
        Severity::Medium => ("warn", 'M'),
        _ => ("dim", '·'),
    }
}

pub fn anomalies(state: &State) -> Vec<Row> {
    let Some(f) = &state.findings else {
        return waiting(state);
    };
    let mut out = Vec::new();
    if let Some((a, z)) = f.baseline {
        out.push(row(
            format!("normal: {} .. {}", rfc3339(a, 0), rfc3339(z, 0)),
            "dim",
        ));
    }
    if f.windows.is_empty() {
        out.push(row(
            format!("Nothing is out of the ordinary in {} events.", f.events),
            "text",
        ));
    }
    for (i, w) in f.windows.iter().enumerate() {
        let (role, letter) = severity(w.severity);
        let tags = if w.tags.is_empty() {
            String::new()
        } else {
            format!(" [{}]", w.tags.join(", "))
        };
        let mute = window_key(w);
        let muted = state.judged.muted.contains(&mute);
        let head = format!(
            "{letter} {:<8} {} for {}{tags}  {}{}",
            w.severity.name(),
            rfc3339(w.start, 0).replace('T', " "),
            human_duration(w.end - w.start),
            w.services.join(", "),
            if muted { "  (muted)" } else { "" }
        );
        let event = w.reasons.iter().find_map(|r| r.events.first().copied());
        out.push(Row {
            text: head,
            role: if muted { "dim" } else { role },
            event,
            item: Some(i),
            mute: Some(mute),
            ..Row::default()
        });
        for r in w.reasons.iter().take(if muted { 0 } else { 10 }) {
            let mute = r
                .template_id
                .map_or_else(|| r.kind.name().to_string(), |t| format!("T{t}"));
            let muted = state.judged.muted.contains(&mute);
            let text = if muted {
                format!("    {:<13} (muted)", r.kind.name())
            } else {
                format!("    {:<13} {}: {}", r.kind.name(), r.service, r.text)
            };
            let role = if muted { "dim" } else { "text" };
            out.push(Row {
                text,
                role,
                event: r.events.first().copied(),
                item: Some(i),
                mute: Some(mute),
                ..Row::default()
            });
        }
    }
    out.push(row("", "dim"));
    let (yes, no) = (state.judged.confirmed, state.judged.false_alarms);
    if yes + no > 0 {
        out.push(row(
            format!("(false alarms: {no} of {} judged)", yes + no),
            "dim",
        ));
    }
    if !state.judged.muted.is_empty() {
        out.push(row(
            format!(
                "({} windows, kinds or templates are muted)",
                state.judged.muted.len()
            ),
            "dim",
        ));
    }
    out.extend(f.notes.iter().map(|n| row(format!("({n})"), "dim")));
    out
}

/// What a muted window is remembered by.
pub fn window_key(w: &Window) -> String {
    format!("W{}", w.id)
}

pub fn diagnosis(state: &State) -> Vec<Row> {
    let Some(d) = &state.diagnosis else {
        return waiting(state);
    };
    let mut out = vec![
        row(d.verdict.clone(), severity(d.severity).0),
        row(
            format!(
                "severity {}, category {}, worked out in {} ms, {:.1} s after the open",
                d.severity.name(),
                d.category,
                d.elapsed_ms,
                d.since_open_ms as f64 / 1000.0
            ),
            "dim",
        ),
    ];
    title(
        &mut out,
        "Causes, the most likely first",
        d.causes.is_empty(),
    );
    for (i, c) in d.causes.iter().take(6).enumerate() {
        out.push(Row {
            text: format!("{}. {} ({:.2})  {}", i + 1, c.service, c.score, c.summary),
            role: "text",
            event: c.evidence.first().map(|e| e.event),
            ..Row::default()
        });
        out.extend(c.evidence.iter().map(|e| Row {
            text: format!(
                "     {}:{}  {}",
                short(&e.place.source),
                e.place.line,
                e.text
            ),
            role: "dim",
            event: Some(e.event),
            ..Row::default()
        }));
    }
    title(&mut out, "Fault chain", d.chain.is_empty());
    for l in &d.chain {
        let why = if l.why.is_empty() {
            String::new()
        } else {
            format!("  ({})", l.why)
        };
        out.push(Row {
            text: format!(
                "  {} {} ─ {}{why}",
                &rfc3339(l.first, 3)[11..23],
                l.service,
                l.template
            ),
            role: "text",
            event: l.event,
            ..Row::default()
        });
    }
    map(d, &mut out);
    title(&mut out, "Known incidents like it", d.similar.is_empty());
    out.extend(d.similar.iter().map(|s| {
        row(
            format!(
                "  {} {:.2}: {}; fixed by: {}",
                s.incident, s.score, s.title, s.fix
            ),
            "text",
        )
    }));
    out.extend(d.notes.iter().map(|n| row(format!("({n})"), "dim")));
    out
}

fn title(out: &mut Vec<Row>, text: &str, empty: bool) {
    if !empty {
        out.extend([row("", "dim"), row(text, "title")]);
    }
}

/// Services drawn in the map; the others are folded.
const MOST_DRAWN: usize = 18;

/// The services to draw: those at fault and those beside them first; what neither is suspected nor calls is left out.
fn near_fault(d: &Diagnosis) -> Vec<&ServiceHealth> {
    let down: BTreeMap<&str, f64> = d
        .services
        .iter()
        .map(|s| (s.name.as_str(), s.p_down))
        .collect();
    // Per service its edges, and the worst of its neighbours: in one pass, for this is drawn again and again.
    let mut beside: BTreeMap<&str, (usize, f64)> = BTreeMap::new();
    for e in &d.edges {
        for (one, other) in [
            (e.from.as_str(), e.to.as_str()),
            (e.to.as_str(), e.from.as_str()),
        ]
        .into_iter()
        .take(if e.from == e.to { 1 } else { 2 })
        {
            let (edges, worst) = beside.entry(one).or_default();
            *edges += 1;
            *worst = worst.max(down.get(other).copied().unwrap_or(0.0));
        }
    }
    let of = |s: &ServiceHealth| beside.get(s.name.as_str()).copied().unwrap_or_default();
    let mut near: Vec<(f64, usize, &ServiceHealth)> = d
        .services
        .iter()
        .map(|s| (s.p_down.max(of(s).1 * 0.9), of(s).0, s))
        .collect();
    near.retain(|(_, edges, s)| s.p_down >= 0.16 || *edges > 0);
    near.sort_by(|a, b| {
        b.0.total_cmp(&a.0)
            .then(b.1.cmp(&a.1))
            .then_with(|| a.2.name.cmp(&b.2.name))
    });
    near.into_iter().take(MOST_DRAWN).map(|n| n.2).collect()
}

/// The service map as a graph: those at fault, who calls them and whom they call; services far from any fault are folded.
fn map(d: &Diagnosis, out: &mut Vec<Row>) {
    title(
        out,
        "Service map: chance of each service to be at fault (callers left, h and l scroll)",
        d.services.is_empty(),
    );
    let near = near_fault(d);
    let boxes: Vec<Box> = near
        .iter()
        .map(|s| {
            let (role, mark) = match s.band() {
                "red" => ("error", " !!"),
                "yellow" => ("warn", " !"),
                _ => ("text", ""),
            };
            Box {
                label: format!("{} {:.0}%{mark}", for_terminal(&s.name), s.p_down * 100.0),
                role,
            }
        })
        .collect();
    let at = |name: &str| near.iter().position(|s| s.name == name);
    let edges: Vec<(usize, usize)> = d
        .edges
        .iter()
        .filter_map(|e| Some((at(&e.from)?, at(&e.to)?)))
        .filter(|e| e.0 != e.1)
        .collect();
    let (strips, back) = graph::draw(&boxes, &edges);
    out.extend(strips.into_iter().map(|strip| Row {
        strip,
        ..row("", "text")
    }));
    let told: Vec<String> = back
        .iter()
        .map(|(a, b)| format!("{} calls {}", near[*a].name, near[*b].name))
        .collect();
    if !told.is_empty() {
        out.push(row(
            format!("  in circles, not drawn: {}", told.join(", ")),
            "dim",
        ));
    }
    if d.services.len() > near.len() {
        out.push(row(
            format!(
                "  {} services that are green and farther away are folded",
                d.services.len() - near.len()
            ),
            "dim",
        ));
    }
    for s in near
        .iter()
        .filter(|s| !s.penalties.is_empty() && (s.p_down >= 0.16 || s.health < 0.6))
    {
        let broken: Vec<&str> = s.penalties.keys().map(String::as_str).collect();
        out.push(row(
            format!("  {} health {:.2}: {}", s.name, s.health, broken.join(", ")),
            "dim",
        ));
    }
}

pub fn short(source: &str) -> &str {
    source.rsplit_once("/pods/").map_or(source, |(_, t)| t)
}

pub fn plan(state: &State) -> Vec<Row> {
    if state.diagnosis.is_none() {
        waiting(state)
    } else {
        recovery::rows(state)
    }
}

fn waiting(state: &State) -> Vec<Row> {
    let text = if state.snapshot.progress.finished {
        "Working it out…"
    } else {
        "The corpus is still being read; what is not normal is told when it is whole."
    };
    vec![row(text, "dim")]
}
