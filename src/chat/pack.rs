//! Builds the evidence pack: a summary of the analysis of a corpus for a language model. The most
//! important facts come first, and the pack stays within a token budget. It contains the diagnosis,
//! the fault chain, anomalies with sample lines and similar incidents. Does not talk to the model.

use crate::analysis::Analysis;
use crate::corpus::Snapshot;
use crate::model::{Diagnosis, EventId, Findings, Reason, Severity};
use crate::text::civil::rfc3339;
use crate::text::redact::Redactor;
use std::collections::BTreeMap;

/// Characters per token. Deliberately low, so that the estimated number of tokens is too high
/// rather than too low.
pub const CHARS_PER_TOKEN: usize = 3;

/// Evidence as text, with the marks that an answer can cite.
#[derive(Clone, Debug, Default)]
pub struct Pack {
    pub text: String,
    /// Each mark (`L..`, `T..`, `W..`, `S:..`) with the item that it cites.
    pub marks: BTreeMap<String, Mark>,
    /// Number of items that did not fit into the budget.
    pub left_out: usize,
}

/// The item that a citation points to.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// Id of its event. `None` if the item has no line.
    pub event: Option<EventId>,
    pub text: String,
}

impl Pack {
    /// Estimated number of tokens.
    pub fn tokens(&self) -> usize {
        self.text.chars().count().div_ceil(CHARS_PER_TOKEN)
    }

    /// Appends a line. Returns false if it exceeds the budget.
    fn add(&mut self, budget: usize, line: String) -> bool {
        if self.text.len() + line.len() > budget * CHARS_PER_TOKEN {
            self.left_out += 1;
            return false;
        }
        self.text.push_str(&line);
        self.text.push('\n');
        true
    }

    /// Appends a log line with its mark.
    fn line(
        &mut self,
        analysis: &Analysis,
        snapshot: &Snapshot,
        id: EventId,
        (budget, redactor): (usize, &mut Redactor),
    ) {
        let Some(event) = analysis.corpus.event(snapshot, id) else {
            return;
        };
        // A secret that is cut could not be recognized any more.
        let message: String = redactor
            .redact(&event.message)
            .lines()
            .next()
            .unwrap_or_default()
            .chars()
            .take(300)
            .collect();
        let mark = format!("L{id}");
        let time = event.time.map_or_else(String::new, |t| rfc3339(t, 3));
        if self.add(
            budget,
            format!(
                "[{mark}] {time} {} {}: {message}",
                event.level.name(),
                event.service
            ),
        ) {
            self.marks.insert(
                mark,
                Mark {
                    event: Some(id),
                    text: message,
                },
            );
        }
    }
}

/// Builds a pack of at most `budget` tokens. Secrets in messages are redacted here, because a message
/// can be cut; the rest is redacted with the whole request.
pub fn pack(
    analysis: &Analysis,
    snapshot: &Snapshot,
    (findings, d): (&Findings, &Diagnosis),
    budget: usize,
    redactor: &mut Redactor,
) -> Pack {
    let mut builder = Builder {
        analysis,
        snapshot,
        budget,
        redactor,
        pack: Pack::default(),
    };
    builder.summary(d);
    builder.services(d);
    builder.causes(d);
    builder.chain(d);
    builder.windows(findings);
    builder.similar(d);
    builder.pack
}

/// A pack that is being built.
struct Builder<'a> {
    analysis: &'a Analysis,
    snapshot: &'a Snapshot,
    budget: usize,
    redactor: &'a mut Redactor,
    pack: Pack,
}

impl Builder<'_> {
    fn add(&mut self, line: String) -> bool {
        self.pack.add(self.budget, line)
    }

    fn mark(&mut self, mark: String, event: Option<EventId>, text: &str) {
        let text = text.to_string();
        self.pack.marks.insert(mark, Mark { event, text });
    }

    fn line(&mut self, id: EventId) {
        self.pack.line(
            self.analysis,
            self.snapshot,
            id,
            (self.budget, self.redactor),
        );
    }

    fn summary(&mut self, d: &Diagnosis) {
        let s = self.snapshot;
        let (templates, sources) = (s.templates.len(), s.sources.len());
        self.add(format!(
            "corpus: {} events, {templates} templates, {sources} sources",
            s.events
        ));
        self.add(format!(
            "diagnosis: {} (severity {}, category {})",
            d.verdict,
            d.severity.name(),
            d.category
        ));
    }

    fn services(&mut self, d: &Diagnosis) {
        for s in d.services.iter().filter(|s| s.p_down >= 0.03) {
            let mark = format!("S:{}", s.name);
            if self.add(format!(
                "[{mark}] fault probability {:.0}%, health {:.2}",
                s.p_down * 100.0,
                s.health
            )) {
                self.mark(mark, None, &s.name);
            }
        }
    }

    fn causes(&mut self, d: &Diagnosis) {
        for c in d.causes.iter().take(3) {
            self.add(format!("cause {}: {}", c.service, c.summary));
            c.evidence.iter().for_each(|e| self.line(e.event));
        }
    }

    fn chain(&mut self, d: &Diagnosis) {
        for l in &d.chain {
            let mark = format!("T{}", l.template_id);
            self.add(format!(
                "fault chain: {} {} [{mark}] {} {}",
                rfc3339(l.first, 3),
                l.service,
                l.template,
                l.why
            ));
            self.mark(mark, l.event, &l.template);
        }
    }

    fn windows(&mut self, findings: &Findings) {
        let reported = findings
            .windows
            .iter()
            .filter(|w| w.severity >= Severity::Low);
        for (n, w) in reported.take(10).enumerate() {
            let mark = format!("W{}", n + 1);
            let text = format!(
                "{} .. {} {} in {}",
                rfc3339(w.start, 0),
                rfc3339(w.end, 0),
                w.severity.name(),
                w.services.join(", ")
            );
            if !self.add(format!("[{mark}] {text}")) {
                break;
            }
            let event = w.reasons.first().and_then(|r| r.events.first().copied());
            self.mark(mark, event, &text);
            w.reasons.iter().take(12).for_each(|r| self.reason(r));
        }
    }

    fn reason(&mut self, r: &Reason) {
        let mark = r.template_id.map(|t| format!("T{t}"));
        let shown = mark
            .as_ref()
            .map_or_else(String::new, |m| format!("[{m}] "));
        let is_added = self.add(format!(
            "  {}: {} {shown}{}",
            r.kind.name(),
            r.service,
            r.text
        ));
        if let Some(mark) = mark.filter(|_| is_added) {
            self.mark(mark, r.events.first().copied(), &r.text);
        }
        r.events.iter().take(2).for_each(|id| self.line(*id));
    }

    fn similar(&mut self, d: &Diagnosis) {
        for s in &d.similar {
            self.add(format!(
                "similar to incident {} ({:.2}): {}; fixed by: {}",
                s.incident, s.score, s.title, s.fix
            ));
        }
    }
}
