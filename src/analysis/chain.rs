//! Builds the fault chain: the anomalous templates in the order in which the fault spread. The
//! graph algorithm is in `diagnose`.

use super::analysis::Analysis;
use super::diagnosis::Suspect;
use super::sessions::identifiers_in;
use crate::corpus::Snapshot;
use crate::diagnose::{self, Node};
use crate::model::{Diagnosis, EventId, Link, Reason, ReasonKind, TemplateIx};
use crate::text::embed::embed;
use std::collections::{BTreeMap, BTreeSet};

/// Maximum number of links in the chain, and of templates in the graph.
const MAX_LINKS: usize = 8;
const MAX_NODES: usize = 60;
/// Maximum number of windows whose reasons are added to the graph.
const MAX_WINDOWS: usize = 3;

impl Analysis {
    /// Adds the fault chain to `out`. The edges of the service map must already be in `out`.
    pub fn add_chain(&self, snapshot: &Snapshot, suspect: &Suspect<'_>, out: &mut Diagnosis) {
        let mut nodes: Vec<Node> = Vec::new();
        let mut events: BTreeMap<(String, TemplateIx), EventId> = BTreeMap::new();
        for reason in suspect
            .windows
            .iter()
            .take(MAX_WINDOWS)
            .flat_map(|w| &w.reasons)
        {
            let Some(t) = reason
                .template_id
                .and_then(|id| snapshot.template_by_id(id))
            else {
                continue;
            };
            let is_known = nodes
                .iter()
                .any(|n| n.template == t && n.service == reason.service);
            if nodes.len() >= MAX_NODES || is_known || !can_spread(reason.kind) {
                continue;
            }
            if let Some(id) = reason.events.first() {
                events.insert((reason.service.clone(), t), *id);
            }
            nodes.push(self.node(snapshot, reason, t));
        }
        let calls: BTreeSet<(&str, &str)> = out
            .edges
            .iter()
            .map(|e| (e.from.as_str(), e.to.as_str()))
            .collect();
        let chain = diagnose::chain(nodes, &|a, b| calls.contains(&(a, b)), MAX_LINKS);
        let link = |n: Node| Link {
            event: events.get(&(n.service.clone(), n.template)).copied(),
            template_id: snapshot.templates[n.template.index()].id,
            template: snapshot.templates[n.template.index()].text.clone(),
            service: n.service,
            first: n.first,
            why: n.link,
        };
        let links = chain.into_iter().map(link).collect();
        out.chain = links;
    }

    fn node(&self, snapshot: &Snapshot, reason: &Reason, template: TemplateIx) -> Node {
        let events = reason
            .events
            .iter()
            .filter_map(|id| self.corpus.event(snapshot, *id));
        Node {
            service: reason.service.clone(),
            template,
            embedding: embed(&snapshot.templates[template.index()].text),
            first: reason.since,
            weight: reason.score,
            identifiers: events.flat_map(|e| identifiers_in(&e.raw)).collect(),
            ..Node::default()
        }
    }
}

fn can_spread(kind: ReasonKind) -> bool {
    matches!(
        kind,
        ReasonKind::NewTemplate
            | ReasonKind::RateSpike
            | ReasonKind::ValueShift
            | ReasonKind::Silence
    )
}
