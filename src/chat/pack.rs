//! The evidence pack: what a model needs to know of a corpus, most telling first, within a budget of tokens. Windows, suspect
//! templates with samples, the diagnosis, the chain, like incidents; never raw lines by the million.

use crate::engine::{Corpus, Snapshot};
use crate::model::{Diagnosis, Findings, Severity};
use crate::text::civil::rfc3339;
use std::collections::BTreeMap;

/// Characters of one token, on the low side, so that the estimate is high.
pub const CHARS_PER_TOKEN: usize = 3;

#[derive(Clone, Debug, Default)]
pub struct Pack {
    pub text: String,
    /// What each mark stands for.
    pub marks: BTreeMap<String, Mark>,
    pub left_out: usize,
}

/// What a citation points at.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    pub event: Option<u32>,
    pub text: String,
}

impl Pack {
    pub fn tokens(&self) -> usize {
        self.text.chars().count().div_ceil(CHARS_PER_TOKEN)
    }

    fn add(&mut self, room: usize, line: String) -> bool {
        if self.text.len() + line.len() > room * CHARS_PER_TOKEN {
            self.left_out += 1;
            return false;
        }
        self.text.push_str(&line);
        self.text.push('\n');
        true
    }

    fn line(&mut self, corpus: &Corpus, snapshot: &Snapshot, id: u32, room: usize) {
        let Some(event) = corpus.event(snapshot, id) else {
            return;
        };
        let first: String = event
            .message
            .lines()
            .next()
            .unwrap_or_default()
            .chars()
            .take(300)
            .collect();
        let mark = format!("L{id}");
        let at = event.time.map_or_else(String::new, |t| rfc3339(t, 3));
        if self.add(
            room,
            format!(
                "[{mark}] {at} {} {}: {first}",
                event.level.name(),
                event.service
            ),
        ) {
            self.marks.insert(
                mark,
                Mark {
                    event: Some(id),
                    text: first,
                },
            );
        }
    }
}

/// Packs what fits into `room` tokens.
pub fn pack(
    corpus: &Corpus,
    snapshot: &Snapshot,
    findings: &Findings,
    d: &Diagnosis,
    room: usize,
) -> Pack {
    let mut p = Pack::default();
    p.add(
        room,
        format!(
            "corpus: {} events, {} templates, {} sources",
            snapshot.events,
            snapshot.templates.len(),
            snapshot.sources.len()
        ),
    );
    p.add(
        room,
        format!(
            "diagnosis: {} (severity {}, category {})",
            d.verdict,
            d.severity.name(),
            d.category
        ),
    );
    for s in d.services.iter().filter(|s| s.p_down >= 0.03) {
        let mark = format!("S:{}", s.name);
        if p.add(
            room,
            format!(
                "[{mark}] chance to be at fault {:.0}%, health {:.2}",
                s.p_down * 100.0,
                s.health
            ),
        ) {
            p.marks.insert(
                mark,
                Mark {
                    event: None,
                    text: s.name.clone(),
                },
            );
        }
    }
    for c in d.causes.iter().take(3) {
        p.add(room, format!("cause {}: {}", c.service, c.summary));
        c.evidence
            .iter()
            .for_each(|e| p.line(corpus, snapshot, e.event, room));
    }
    for l in &d.chain {
        p.add(
            room,
            format!(
                "chain: {} {} [T{}] {} {}",
                rfc3339(l.first, 3),
                l.service,
                l.template_id,
                l.template,
                l.why
            ),
        );
        p.marks.insert(
            format!("T{}", l.template_id),
            Mark {
                event: l.event,
                text: l.template.clone(),
            },
        );
    }
    for (n, w) in findings
        .windows
        .iter()
        .filter(|w| w.severity >= Severity::Low)
        .take(10)
        .enumerate()
    {
        let mark = format!("W{}", n + 1);
        let text = format!(
            "{} .. {} {} in {}",
            rfc3339(w.start, 0),
            rfc3339(w.end, 0),
            w.severity.name(),
            w.services.join(", ")
        );
        if !p.add(room, format!("[{mark}] {text}")) {
            break;
        }
        p.marks.insert(
            mark,
            Mark {
                event: w.reasons.first().and_then(|r| r.events.first().copied()),
                text,
            },
        );
        for r in w.reasons.iter().take(12) {
            let template = r
                .template_id
                .map_or_else(String::new, |t| format!("[T{t}] "));
            if p.add(
                room,
                format!("  {}: {} {template}{}", r.kind.name(), r.service, r.text),
            ) && let Some(t) = r.template_id
            {
                p.marks.insert(
                    format!("T{t}"),
                    Mark {
                        event: r.events.first().copied(),
                        text: r.text.clone(),
                    },
                );
            }
            r.events
                .iter()
                .take(2)
                .for_each(|id| p.line(corpus, snapshot, *id, room));
        }
    }
    for s in &d.similar {
        p.add(
            room,
            format!(
                "resembles {} ({:.2}): {}; fixed by: {}",
                s.incident, s.score, s.title, s.fix
            ),
        );
    }
    p
}
