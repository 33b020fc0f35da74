//! The event graph of LLM-ID: (template, service) nodes of the suspect time, attention in both directions, a score for each
//! as a root cause, and the chain from cause to symptoms.
//!
//! The paper names the parts; the formula is ours. With unit embeddings `h_i`:
//! `A_ij = softmax_j((h_i . h_j) / sqrt(d) + g_ij)` over the nodes that may follow `i`: `g_ij` is `-inf` where `j` began more
//! than `SLACK` before `i`, else `ln(1 + 3 shared + 2 calls)` with what is known to link them; A-> and its transpose A<- are
//! applied `R` times, `h <- norm(h + A-> h + A<- h)`. A node's score is what flows out of it over the rounds less what flows
//! in, times its anomaly weight.

use crate::text::embed::{Embedding, similarity};
use std::collections::{BTreeMap, BTreeSet};

const ROUNDS: usize = 4;
/// Clocks of two hosts differ by so much, ns.
const SLACK: i64 = 500_000_000;

/// What began so close together has no order that can be trusted: the one that is called stands before its caller.
const CLOSE: i64 = 2_000_000_000;

#[derive(Clone, Debug, Default)]
pub struct Node {
    pub service: String,
    pub template: usize,
    pub embedding: Embedding,
    /// First seen in the suspect time, ns.
    pub first: i64,
    /// How anomalous: 0..1.
    pub weight: f64,
    pub score: f64,
    /// Request, trace, pod, peer: what its first lines name.
    pub identifiers: BTreeSet<String>,
    /// Why it follows the link before it.
    pub link: String,
}

/// What links two nodes: does `a` call `b`?
pub type Calls<'c> = dyn Fn(&str, &str) -> bool + 'c;

/// Scores the nodes and orders the strongest by time: the chain.
pub fn chain(mut nodes: Vec<Node>, calls: &Calls<'_>, most: usize) -> Vec<Node> {
    let n = nodes.len();
    if n == 0 {
        return nodes;
    }
    forget_common(&mut nodes);
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
    nodes.truncate(most);
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

/// What most nodes name (the address of the one gateway) links nothing.
fn forget_common(nodes: &mut [Node]) {
    let mut named: BTreeMap<String, usize> = BTreeMap::new();
    nodes
        .iter()
        .flat_map(|n| &n.identifiers)
        .for_each(|id| *named.entry(id.clone()).or_default() += 1);
    let most = (nodes.len() / 3).max(2);
    nodes
        .iter_mut()
        .for_each(|n| n.identifiers.retain(|id| named[id] <= most));
}

/// In a chain ordered by time, moves each node before the callers that began at nearly the same time.
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

/// An identifier that both name.
fn share<'n>(a: &'n Node, b: &'n Node) -> Option<&'n String> {
    a.identifiers.intersection(&b.identifiers).next()
}

fn why(before: &Node, after: &Node, calls: &Calls<'_>) -> String {
    let later = (after.first - before.first) as f64 / 1e9;
    let mut parts = vec![match later {
        l if l.abs() < 0.001 => "at the same time".to_string(),
        l if l < 0.0 => format!("{:.1} s before by the clock", -l),
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
        parts.push("says much the same".into());
    }
    parts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::embed::embed;

    #[test]
    fn of_what_began_together_the_called_one_stands_first() {
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
            "1.0 s before by the clock, carts calls db"
        );
        nodes[0].identifiers.insert("req-7".into());
        nodes[1].identifiers.insert("req-7".into());
        assert!(why(&nodes[0], &nodes[1], &calls).ends_with("shares req-7"));
        let mut apart = vec![node("front", 10), node("carts", 19)];
        callees_first(&mut apart, &calls);
        assert_eq!(apart[0].service, "front");
    }

    #[test]
    fn what_came_first_and_is_called_leads_the_chain() {
        let node = |service: &str, text: &str, first: i64| Node {
            service: service.into(),
            template: 0,
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
