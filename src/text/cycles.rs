//! Finds the edges of a directed graph that close a cycle. Knows nothing about what the nodes are.

/// For each edge, in order: it closes a cycle with the edges before it that do not. Edges are
/// pairs of nodes in `0..nodes`; others, and edges from a node to itself, close one.
pub fn closing_edges(nodes: usize, edges: &[(usize, usize)]) -> Vec<bool> {
    let mut targets: Vec<Vec<usize>> = vec![Vec::new(); nodes];
    let mut closes = |(from, to): (usize, usize)| {
        if from >= nodes || to >= nodes || reaches(&targets, to, from) {
            return true;
        }
        targets[from].push(to);
        false
    };
    edges.iter().map(|edge| closes(*edge)).collect()
}

/// Whether a path leads from one node to another.
fn reaches(targets: &[Vec<usize>], from: usize, to: usize) -> bool {
    let mut seen = vec![false; targets.len()];
    let mut open = vec![from];
    while let Some(node) = open.pop() {
        if node == to {
            return true;
        }
        if !std::mem::replace(&mut seen[node], true) {
            open.extend(&targets[node]);
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_edge_of_a_cycle_closes_it() {
        let edges = [(0, 1), (1, 2), (2, 0), (0, 2), (1, 1), (0, 9)];
        let closes = closing_edges(3, &edges);
        assert_eq!(closes, [false, false, true, false, true, true]);
    }
}
