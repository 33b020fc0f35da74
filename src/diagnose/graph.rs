//! Builds the event graph of LLM-ID and the fault chain from cause to symptoms. Nodes are
//! (template, service) pairs of the anomalous time; each gets a score as a root cause.
//! Knows nothing about files or screens.

use crate::model::TemplateIx;
use crate::text::embed::{Embedding, similarity};
use std::collections::{BTreeMap, BTreeSet};

const ROUNDS: usize = 4;
/// Assumed clock difference between two hosts, in ns.
const SLACK: i64 = 500_000_000;

/// Start times closer than this, in ns, give no reliable order; the callee is then placed before
/// its caller.
const CLOSE: i64 = 2_000_000_000;

/// A template of one service.
#[derive(Clone, Debug, Default)]
pub struct Node {
    pub service: String,
    pub template: TemplateIx,
    pub embedding: Embedding,
    /// First seen in the anomalous time, in ns since 1970.
    pub first: i64,
    /// How anomalous it is, 0..1.
    pub weight: f64,
    /// How likely it is the root cause, 0..1. Set by [`chain`].
    pub score: f64,
    /// Identifiers in its first lines: request, trace, pod, peer.
    pub identifiers: BTreeSet<String>,
    /// Why it follows the previous link, for people. Set by [`chain`].
    pub link: String,
}

/// Whether the service `a` calls the service `b`.
pub type Calls<'c> = dyn Fn(&str, &str) -> bool + 'c;

/// Scores the nodes and returns the `limit` strongest in order of time: the fault chain.
///
/// The parts come from the LLM-ID paper, the formula is our own. With unit embeddings `h_i` of
/// length `d`, the attention of `i` to a node `j` that may follow it is
///
/// ```text
/// A_ij = softmax_j((h_i . h_j) sqrt(d) / 4 + ln(1 + 2 calls + 3 shared))
/// ```
///
/// `A_ij` is 0 if `j` began more than `SLACK` before `i`. `calls` is 1 if the service of `j` calls
/// that of `i`; `shared` is 1 if both have the same service or a common identifier. In each of
/// `ROUNDS` rounds, `h <- norm(h + A h + A' h)` with the transpose `A'`, and `A_ij` times the
/// weight of `j` counts as outflow of `i` and as inflow of `j`. The score is the outflow minus
/// half the inflow, scaled to 0.2..1, times the weight of the node.
pub fn chain(mut nodes: Vec<Node>, calls: &Calls<'_>, limit: usize) -> Vec<Node> {
    let n = nodes.len();
    if n == 0 {
        return nodes;
    }
    drop_common_identifiers(&mut nodes);
    let mut h: Vec<Embedding> = nodes.iter().map(|x| x.embedding.clone()).collect();
    let mut flow = vec![0.0f64; n];
    for _ in 0..ROUNDS {
        let attention: Vec<Vec<f64>> = (0..n).map(|i| row(&nodes, &h, i, calls)).collect();
        for i in 0..n {
            for j in 0..n {
                let x = attention[i][j] * nodes[j].weight;
                flow[i] += x;
                flow[j] -= 0.5 * x;
            }
        }
        h = (0..n).map(|i| mixed(&h, &attention, i)).collect();
    }
    let (low, high) = flow
        .iter()
        .fold((f64::MAX, f64::MIN), |(a, b), x| (a.min(*x), b.max(*x)));
    for (node, f) in nodes.iter_mut().zip(&flow) {
        node.score = node.weight * (0.2 + 0.8 * (f - low) / (high - low).max(1e-9));
    }
    nodes.sort_by(|a, b| {
        b.score
            .total_cmp(&a.score)
            .then(a.first.cmp(&b.first))
            .then_with(|| a.service.cmp(&b.service))
    });
    nodes.truncate(limit);
    nodes.sort_by(|a, b| {
        a.first
            .cmp(&b.first)
            .then_with(|| a.service.cmp(&b.service))
            .then(a.template.cmp(&b.template))
    });
    callees_first(&mut nodes, calls);
    for i in 1..nodes.len() {
        nodes[i].link = why(&nodes[i - 1], &nodes[i], calls);
    }
    nodes
}

/// Drops identifiers that many nodes share, for example the address of the gateway: they do not
/// link events.
fn drop_common_identifiers(nodes: &mut [Node]) {
    let mut named: BTreeMap<String, usize> = BTreeMap::new();
    nodes
        .iter()
        .flat_map(|n| &n.identifiers)
        .for_each(|id| *named.entry(id.clone()).or_default() += 1);
    let max_nodes = (nodes.len() / 3).max(2);
    nodes
        .iter_mut()
        .for_each(|n| n.identifiers.retain(|id| named[id] <= max_nodes));
}

/// In a chain ordered by time, moves each node before callers that began at nearly the same time.
fn callees_first(nodes: &mut [Node], calls: &Calls<'_>) {
    for i in 1..nodes.len() {
        let close = |n: &Node| nodes[i].first - n.first <= CLOSE;
        let to =
            (0..i).find(|at| close(&nodes[*at]) && calls(&nodes[*at].service, &nodes[i].service));
        if let Some(to) = to.filter(|to| {
            nodes[*to..i]
                .iter()
                .all(|n| !calls(&nodes[i].service, &n.service))
        }) {
            nodes[to..=i].rotate_right(1);
        }
    }
}

/// Row `i` of the attention matrix.
fn row(nodes: &[Node], h: &[Embedding], i: usize, calls: &Calls<'_>) -> Vec<f64> {
    let scale = (h[i].len() as f32).sqrt();
    let logit = |j: usize| -> Option<f64> {
        if i == j || nodes[j].first + SLACK < nodes[i].first {
            return None;
        }
        let known = 1.0
            + 2.0 * f64::from(u8::from(calls(&nodes[j].service, &nodes[i].service)))
            + 3.0
                * f64::from(u8::from(
                    nodes[i].service == nodes[j].service || share(&nodes[i], &nodes[j]).is_some(),
                ));
        Some(f64::from(similarity(&h[i], &h[j]) * scale) / 4.0 + known.ln())
    };
    let logits: Vec<Option<f64>> = (0..nodes.len()).map(logit).collect();
    let top = logits.iter().flatten().copied().fold(f64::MIN, f64::max);
    let weights: Vec<f64> = logits
        .iter()
        .map(|l| l.map_or(0.0, |l| (l - top).exp()))
        .collect();
    let sum: f64 = weights.iter().sum();
    weights
        .into_iter()
        .map(|w| if sum > 0.0 { w / sum } else { 0.0 })
        .collect()
}

/// The embedding of node `i` after one round, normalized to unit length.
fn mixed(h: &[Embedding], attention: &[Vec<f64>], i: usize) -> Embedding {
    let mut out = h[i].clone();
    for j in 0..h.len() {
        let w = (attention[i][j] + attention[j][i]) as f32;
        if w > 0.0 {
            out.iter_mut().zip(&h[j]).for_each(|(o, x)| *o += w * x);
        }
    }
    let norm = out.iter().map(|x| x * x).sum::<f32>().sqrt();
    if norm > 0.0 {
        out.iter_mut().for_each(|x| *x /= norm);
    }
    out
}

/// An identifier that both nodes have.
fn share<'n>(a: &'n Node, b: &'n Node) -> Option<&'n String> {
    a.identifiers.intersection(&b.identifiers).next()
}

/// Describes the link between two consecutive nodes, for people.
fn why(before: &Node, after: &Node, calls: &Calls<'_>) -> String {
    let later = (after.first - before.first) as f64 / 1e9;
    let mut parts = vec![match later {
        l if l.abs() < 0.001 => "at the same time".to_string(),
        l if l < 0.0 => format!("timestamp {:.1} s earlier", -l),
        l => format!("{l:.1} s later"),
    }];
    if before.service == after.service {
        parts.push("same service".into());
    } else if calls(&after.service, &before.service) {
        parts.push(format!("{} calls {}", after.service, before.service));
    }
    if let Some(id) = share(before, after) {
        parts.push(format!("shares {id}"));
    }
    if similarity(&before.embedding, &after.embedding) > 0.6 {
        parts.push("similar text".into());
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::embed::embed;

    #[test]
    fn a_callee_comes_before_a_caller_that_began_at_the_same_time() {
        let node = |service: &str, first: i64| Node {
            service: service.into(),
            first: first * 1_000_000_000,
            weight: 1.0,
            ..Node::default()
        };
        let calls = |a: &str, b: &str| matches!((a, b), ("front", "carts") | ("carts", "db"));
        let mut nodes = vec![
            node("front", 10),
            node("carts", 10),
            node("db", 11),
            node("late", 40),
        ];
        callees_first(&mut nodes, &calls);
        let order: Vec<&str> = nodes.iter().map(|n| n.service.as_str()).collect();
        assert_eq!(order, ["db", "carts", "front", "late"]);
        assert_eq!(
            why(&nodes[0], &nodes[1], &calls),
            "timestamp 1.0 s earlier, carts calls db"
        );
        nodes[0].identifiers.insert("req-7".into());
        nodes[1].identifiers.insert("req-7".into());
        assert!(why(&nodes[0], &nodes[1], &calls).ends_with("shares req-7"));
        let mut apart = vec![node("front", 10), node("carts", 19)];
        callees_first(&mut apart, &calls);
        assert_eq!(apart[0].service, "front");
    }

    #[test]
    fn the_earliest_callee_leads_the_chain() {
        let node = |service: &str, text: &str, first: i64| Node {
            service: service.into(),
            template: TemplateIx(0),
            embedding: embed(text),
            first,
            weight: 0.9,
            ..Node::default()
        };
        let nodes = vec![
            node("web", "request failed with status <*>", 3_000_000_000),
            node("db", "too many connections", 0),
            node("api", "database connection refused", 1_000_000_000),
        ];
        let got = chain(
            nodes,
            &|a, b| (a, b) == ("api", "db") || (a, b) == ("web", "api"),
            5,
        );
        assert_eq!(
            got.iter().map(|n| n.service.as_str()).collect::<Vec<_>>(),
            ["db", "api", "web"]
        );
        assert!(got[1].link.contains("api calls db"));
        assert!(got[0].score >= got[2].score);
    }
}
