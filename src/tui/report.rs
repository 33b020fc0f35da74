//! Findings, diagnosis, plan and chat as lists of lines, each of which may lead to an event. Pure: from data to lines.

use super::state::State;
use crate::model::{Action, Diagnosis, Severity, Window};
use crate::text::civil::{human_duration, rfc3339};

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
}

fn row(text: impl Into<String>, role: &'static str) -> Row {
    Row { text: text.into(), role, ..Row::default() }
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
    let Some(f) = &state.findings else { return waiting(state) };
    let mut out = Vec::new();
    if let Some((a, z)) = f.baseline {
        out.push(row(format!("normal: {} .. {}", rfc3339(a, 0), rfc3339(z, 0)), "dim"));
    }
    if f.windows.is_empty() {
        out.push(row(format!("Nothing is out of the ordinary in {} events.", f.events), "text"));
    }
    for (i, w) in f.windows.iter().enumerate() {
        let (role, letter) = severity(w.severity);
        let tags = if w.tags.is_empty() { String::new() } else { format!(" [{}]", w.tags.join(", ")) };
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
        out.push(Row { text: head, role: if muted { "dim" } else { role }, event, item: Some(i), mute: Some(mute) });
        for r in w.reasons.iter().take(if muted { 0 } else { 10 }) {
            let mute = r.template_id.map_or_else(|| r.kind.name().to_string(), |t| format!("T{t}"));
            let muted = state.judged.muted.contains(&mute);
            let text = if muted {
                format!("    {:<13} (muted)", r.kind.name())
            } else {
                format!("    {:<13} {}: {}", r.kind.name(), r.service, r.text)
            };
            let role = if muted { "dim" } else { "text" };
            out.push(Row { text, role, event: r.events.first().copied(), item: Some(i), mute: Some(mute) });
        }
    }
    out.push(row("", "dim"));
    let (yes, no) = (state.judged.confirmed, state.judged.false_alarms);
    if yes + no > 0 {
        out.push(row(format!("(false alarms: {no} of {} judged)", yes + no), "dim"));
    }
    if !state.judged.muted.is_empty() {
        out.push(row(format!("({} windows, kinds or templates are muted)", state.judged.muted.len()), "dim"));
    }
    out.extend(f.notes.iter().map(|n| row(format!("({n})"), "dim")));
    out
}

/// What a muted window is remembered by.
pub fn window_key(w: &Window) -> String {
    format!("W{}", w.id)
}

pub fn diagnosis(state: &State) -> Vec<Row> {
    let Some(d) = &state.diagnosis else { return waiting(state) };
    let mut out = vec![
        row(d.verdict.clone(), severity(d.severity).0),
        row(format!("severity {}, category {}, worked out in {} ms", d.severity.name(), d.category, d.elapsed_ms), "dim"),
    ];
    title(&mut out, "Causes, the most likely first", d.causes.is_empty());
    for (i, c) in d.causes.iter().take(6).enumerate() {
        out.push(Row {
            text: format!("{}. {} ({:.2})  {}", i + 1, c.service, c.score, c.summary),
            role: "text",
            event: c.evidence.first().map(|e| e.event),
            item: None,
            mute: None,
        });
        out.extend(c.evidence.iter().map(|e| Row {
            text: format!("     {}:{}  {}", short(&e.place.source), e.place.line, e.text),
            role: "dim",
            event: Some(e.event),
            item: None,
            mute: None,
        }));
    }
    title(&mut out, "Fault chain", d.chain.is_empty());
    for l in &d.chain {
        let why = if l.why.is_empty() { String::new() } else { format!("  ({})", l.why) };
        out.push(Row {
            text: format!("  {} {} ─ {}{why}", &rfc3339(l.first, 3)[11..23], l.service, l.template),
            role: "text",
            event: l.event,
            item: None,
            mute: None,
        });
    }
    map(d, &mut out);
    title(&mut out, "Known incidents like it", d.similar.is_empty());
    out.extend(d.similar.iter().map(|s| row(format!("  {} {:.2}: {}; fixed by: {}", s.incident, s.score, s.title, s.fix), "text")));
    out.extend(d.notes.iter().map(|n| row(format!("({n})"), "dim")));
    out
}

fn title(out: &mut Vec<Row>, text: &str, empty: bool) {
    if !empty {
        out.extend([row("", "dim"), row(text, "title")]);
    }
}

/// The service map as boxes and arrows, from the callers down; services far from any fault are folded.
fn map(d: &Diagnosis, out: &mut Vec<Row>) {
    title(out, "Service map: chance of each service to be at fault", d.services.is_empty());
    let p = |name: &str| d.services.iter().find(|s| s.name == name);
    let mut names: Vec<&str> = d.services.iter().map(|s| s.name.as_str()).collect();
    names.sort_by(|a, b| p(b).map_or(0.0, |s| s.p_down).total_cmp(&p(a).map_or(0.0, |s| s.p_down)).then(a.cmp(b)));
    let mut folded = 0;
    for name in names {
        let Some(s) = p(name) else { continue };
        let callees: Vec<String> = d
            .edges
            .iter()
            .filter(|e| e.from == name)
            .map(|e| format!("{} {:.0}%", e.to, p(&e.to).map_or(0.0, |s| s.p_down * 100.0)))
            .collect();
        let callers = d.edges.iter().filter(|e| e.to == name).count();
        if s.p_down < 0.02 && callees.is_empty() && callers == 0 {
            folded += 1;
            continue;
        }
        let (role, mark) = match s.band() {
            "red" => ("error", "!!"),
            "yellow" => ("warn", "! "),
            _ => ("text", "  "),
        };
        let arrow = if callees.is_empty() { String::new() } else { format!(" ──▶ {}", callees.join(", ")) };
        let penalties: Vec<&str> = s.penalties.keys().map(String::as_str).collect();
        let health = if penalties.is_empty() { String::new() } else { format!("  health {:.2}: {}", s.health, penalties.join(", ")) };
        out.push(row(format!("  {mark}┤ {name} {:.0}% ├{arrow}{health}", s.p_down * 100.0), role));
    }
    if folded > 0 {
        out.push(row(format!("    and {folded} services without calls or suspicion"), "dim"));
    }
}

fn short(source: &str) -> &str {
    source.rsplit_once("/pods/").map_or(source, |(_, t)| t)
}

pub fn plan(state: &State) -> Vec<Row> {
    if state.diagnosis.is_none() {
        return waiting(state);
    }
    let mut out = vec![row(
        "Offline: Enter or y copies the command, <CONTEXT> stands for yours. A connects a context; until then nothing is run.",
        "dim",
    )];
    for (i, a) in state.actions.iter().enumerate() {
        out.extend(action(i, a));
    }
    out
}

fn action(i: usize, a: &Action) -> Vec<Row> {
    let item = Some(i);
    let role = if a.argv.is_empty() { "text" } else { "title" };
    let mut out = vec![Row {
        text: format!("{}. {}   risk {}, {:.0}%", i + 1, a.title, a.risk.name(), a.confidence * 100.0),
        role,
        event: None,
        item,
        mute: None,
    }];
    let mut add = |text: String, role| out.push(Row { text, role, event: None, item, mute: None });
    add(format!("     why: {}", a.why), "text");
    if !a.argv.is_empty() {
        add(format!("     run: {}", a.argv.join(" ")), "variable");
    }
    if let Some(r) = &a.rollback {
        add(format!("     back: {}", r.join(" ")), "dim");
    }
    add(format!("     worked when: {}", a.verify), "dim");
    out
}

pub fn chat(state: &State) -> Vec<Row> {
    let mut out = Vec::new();
    if state.chat.turns.is_empty() && !state.chat.busy {
        for line in [
            "Ask the corpus: Enter opens the question line. Without a model server the built-in analyst answers from the engine's own results.",
            "/anomalies /cause /fix /explain /summarise /timeline /parse /compare, or a question of your own. i asks about what is under the cursor.",
            "/preview QUESTION shows what would be sent; /retry and /edit the last question; /new begins a conversation, /back the one before; /model NAME.",
            "A local model: start `ollama serve`, get one with `ollama pull qwen3:8b`; OLLAMA_HOST names another server.",
        ] {
            out.push(row(line, "dim"));
        }
    }
    for turn in &state.chat.turns {
        out.push(row(format!("▸ {}", turn.question), "focus"));
        for line in turn.answer.lines() {
            let event = turn.events.iter().find(|id| line.contains(&format!("[L{id}]"))).copied();
            let role = if line.starts_with('#') { "title" } else { "text" };
            out.push(Row { text: line.to_string(), role, event, item: None, mute: None });
        }
        out.push(row(format!("(by {})", turn.by), "dim"));
        out.extend(turn.notes.iter().map(|n| row(format!("({n})"), "notice")));
        out.push(row("", "dim"));
    }
    if state.chat.busy {
        out.push(row(format!("▸ {}", state.chat.asked), "focus"));
        out.extend(state.chat.partial.lines().map(|l| row(l, "text")));
        out.push(row(format!("… {} (Esc stops)", state.chat.step), "dim"));
    }
    out
}

fn waiting(state: &State) -> Vec<Row> {
    let text = if state.snapshot.progress.finished {
        "Working it out…"
    } else {
        "The corpus is still being read; what is not normal is told when it is whole."
    };
    vec![row(text, "dim")]
}
