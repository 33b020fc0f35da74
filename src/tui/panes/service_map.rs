//! The service map as lines: services at fault, their callers and callees. Pure functions.

use super::graph::{self, Box};
use super::row::{Row, row, section};
use crate::model::{Band, Diagnosis, ServiceHealth};
use crate::text::escape::for_terminal;
use std::collections::BTreeMap;

/// How many services the map shows; the others are hidden.
const MOST_DRAWN: usize = 18;

/// The services to draw: first those at fault and their neighbors. Services that are neither
/// suspected nor part of a call are left out.
fn near_fault(d: &Diagnosis) -> Vec<&ServiceHealth> {
    let down: BTreeMap<&str, f64> = d
        .services
        .iter()
        .map(|s| (s.name.as_str(), s.p_down))
        .collect();
    // For each service, the number of its edges and the highest P(down) of its neighbors. Computed
    // in one pass, because every frame needs it.
    let mut neighbors: BTreeMap<&str, (usize, f64)> = BTreeMap::new();
    for e in &d.edges {
        for (service, neighbor) in [
            (e.from.as_str(), e.to.as_str()),
            (e.to.as_str(), e.from.as_str()),
        ]
        .into_iter()
        .take(if e.from == e.to { 1 } else { 2 })
        {
            let (edges, worst) = neighbors.entry(service).or_default();
            *edges += 1;
            *worst = worst.max(down.get(neighbor).copied().unwrap_or(0.0));
        }
    }
    let of = |s: &ServiceHealth| neighbors.get(s.name.as_str()).copied().unwrap_or_default();
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

/// The service map as a graph: services at fault, their callers and callees. Other services are
/// hidden.
pub fn rows(d: &Diagnosis, out: &mut Vec<Row>) {
    if d.services.is_empty() {
        return;
    }
    section(
        out,
        "Service map: probability that a service is at fault (callers on the left; h and l scroll)",
    );
    let near = near_fault(d);
    let boxes: Vec<Box> = near
        .iter()
        .map(|s| {
            let (role, mark) = match s.band() {
                Band::Red => ("error", " !!"),
                Band::Yellow => ("warn", " !"),
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
    let cycles: Vec<String> = back
        .iter()
        .map(|(a, b)| format!("{} calls {}", near[*a].name, near[*b].name))
        .collect();
    if !cycles.is_empty() {
        out.push(row(
            format!(
                "  calls that close a cycle, not drawn: {}",
                cycles.join(", ")
            ),
            "dim",
        ));
    }
    if d.services.len() > near.len() {
        out.push(row(
            match d.services.len() - near.len() {
                1 => "  1 more service is not drawn".to_string(),
                n => format!("  {n} more services are not drawn"),
            },
            "dim",
        ));
    }
    for s in near
        .iter()
        .filter(|s| !s.penalties.is_empty() && (s.p_down >= 0.16 || s.health < 0.6))
    {
        let penalties: Vec<&str> = s.penalties.iter().map(|p| p.text.as_str()).collect();
        out.push(row(
            format!(
                "  {} health {:.2}: {}",
                s.name,
                s.health,
                penalties.join(", ")
            ),
            "dim",
        ));
    }
}
