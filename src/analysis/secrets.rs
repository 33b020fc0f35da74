//! Collects the secrets in a corpus, so that they are also hidden where a conclusion shows a value
//! without its key. Sends and writes nothing.

use super::Analysis;
use crate::corpus::Snapshot;
use crate::model::{EventId, Place};
use crate::text::redact::Redactor;
use std::sync::Arc;

/// Maximum number of templates whose example is searched for secrets.
const MAX_TEMPLATES: usize = 5_000;
/// Maximum number of events in reasons that are searched for secrets.
const MAX_EVENTS: usize = 2_000;

impl Analysis {
    /// A redactor that knows the secrets in one event of each template and in the events behind the
    /// conclusions. `names`: it also hides addresses and names.
    pub fn redactor(&self, snapshot: &Snapshot, names: bool) -> Redactor {
        let findings = self.findings(snapshot);
        let diagnosis = self.diagnosis(snapshot);
        let reasons = findings.windows.iter().flat_map(|w| &w.reasons);
        let evidence = diagnosis.causes.iter().flat_map(|c| &c.evidence);
        let events = reasons
            .flat_map(|r| r.events.iter().copied())
            .chain(evidence.map(|e| e.event));
        let learned = self.cached_redactor(snapshot, || {
            let mut redactor = Redactor::default();
            let examples = snapshot
                .templates
                .iter()
                .take(MAX_TEMPLATES)
                .filter_map(|t| example(snapshot, t.example_source.index(), t.example_line));
            for id in examples.chain(events.take(MAX_EVENTS)) {
                if let Some(event) = self.corpus.event(snapshot, id) {
                    redactor.learn(&event.raw);
                }
            }
            redactor
        });
        Arc::unwrap_or_clone(learned).with_names(names)
    }
}

/// The event at a line of a source.
fn example(snapshot: &Snapshot, source: usize, line: u64) -> Option<EventId> {
    let source = snapshot.sources.get(source)?.name.clone();
    snapshot.event_at_place(&Place { source, line })
}
