//! A discrete Bayesian network over the service map. Each service has two variables: its own fault
//! (D), and a bad state that its callers notice (U). U depends on D and on the U of the services
//! that it calls, by noisy-OR. Inference is exact: variable elimination on a bucket tree, with one
//! pass up and one pass down for all services. If a table would grow too large, the weakest
//! dependencies are dropped and counted. Knows numbers only.

use crate::text::cycles::closing_edges;
use std::collections::BTreeSet;

/// Caller, callee, probability that a fault of the callee affects the caller.
type Weighted = (usize, usize, f64);

/// Probability that a service has a fault of its own.
const PRIOR: f64 = 0.03;
/// Probability that a fault is visible as a bad state.
const SHOWS: f64 = 0.97;
/// Probability of a bad state without a cause in the map.
const LEAK: f64 = 0.01;
/// Maximum number of variables in a table.
const MAX_WIDTH: usize = 14;

/// The service map. Services are numbers from 0.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// Number of services.
    pub services: usize,
    /// Caller, callee, probability that a fault of the callee affects the caller.
    pub edges: Vec<(usize, usize, f64)>,
    /// Per service, how unhealthy it looks, 0..1; 0.5 is neutral.
    pub unhealthy: Vec<f64>,
}

/// The result of inference.
#[derive(Clone, Debug, Default)]
pub struct Posterior {
    /// Per service, the probability that it has a fault of its own.
    pub down: Vec<f64>,
    /// Edges (caller, callee) that were left out to break cycles.
    pub cycles: Vec<(usize, usize)>,
    /// Number of edges that were left out because tables grew too large.
    pub dropped: usize,
}

/// A table over binary variables; bit `i` of an index is the state of `vars[i]`.
#[derive(Clone, Debug, Default)]
struct Factor {
    vars: Vec<usize>,
    table: Vec<f64>,
}

impl Factor {
    fn new(vars: Vec<usize>, value: impl Fn(&[bool]) -> f64) -> Factor {
        let n = vars.len();
        let table = (0..1usize << n)
            .map(|i| value(&(0..n).map(|b| i >> b & 1 == 1).collect::<Vec<_>>()))
            .collect();
        Factor { vars, table }
    }

    /// The product of two tables over the union of their variables.
    fn times(&self, other: &Factor) -> Factor {
        let mut vars = self.vars.clone();
        vars.extend(other.vars.iter().filter(|v| !self.vars.contains(v)));
        let places = |of: &Factor| -> Vec<usize> {
            of.vars
                .iter()
                .filter_map(|v| vars.iter().position(|x| x == v))
                .collect()
        };
        let (a, b) = (places(self), places(other));
        let pick = |i: usize, places: &[usize]| {
            places
                .iter()
                .enumerate()
                .fold(0, |acc, (k, p)| acc | (i >> p & 1) << k)
        };
        let table = (0..1usize << vars.len())
            .map(|i| self.table[pick(i, &a)] * other.table[pick(i, &b)])
            .collect();
        Factor { vars, table }
    }

    /// Divides this table by `other`, which must have the same variables. 0 / 0 is 0.
    fn divided_by(&self, other: &Factor) -> Factor {
        let inverse = other
            .table
            .iter()
            .map(|x| if *x > 0.0 { 1.0 / x } else { 0.0 })
            .collect();
        self.times(&Factor {
            vars: other.vars.clone(),
            table: inverse,
        })
    }

    /// Scales the table to a sum of 1, because products of many probabilities underflow.
    fn normalized(mut self) -> Factor {
        let sum: f64 = self.table.iter().sum();
        if sum > 0.0 {
            self.table.iter_mut().for_each(|x| *x /= sum);
        }
        self
    }

    /// Probability that a variable is true.
    fn probability(&self, var: usize) -> f64 {
        let Some(at) = self.vars.iter().position(|v| *v == var) else {
            return 0.0;
        };
        let yes: f64 = self
            .table
            .iter()
            .enumerate()
            .filter(|(i, _)| i >> at & 1 == 1)
            .map(|(_, x)| x)
            .sum();
        yes / self.table.iter().sum::<f64>().max(1e-300)
    }

    /// The table without `var`: sums over both of its states.
    fn sum_out(&self, var: usize) -> Factor {
        let Some(at) = self.vars.iter().position(|v| *v == var) else {
            return self.clone();
        };
        let mut vars = self.vars.clone();
        vars.remove(at);
        let low = (1usize << at) - 1;
        let table = (0..1usize << vars.len())
            .map(|i| {
                let base = (i & !low) << 1 | i & low;
                self.table[base] + self.table[base | 1 << at]
            })
            .collect();
        Factor { vars, table }
    }
}

impl Network {
    /// The probability of a fault, for each service. Leaves out edges that close a cycle, and the
    /// weakest edges if a table would grow too large.
    pub fn infer(&self) -> Posterior {
        let (mut edges, cycles) = self.without_cycles();
        let mut dropped = 0;
        loop {
            match self.eliminate(&edges) {
                Some(down) => {
                    return Posterior {
                        down,
                        cycles,
                        dropped,
                    };
                }
                None => {
                    // Drop the weakest dependencies. Each step makes the tables smaller, so the
                    // loop ends.
                    let keep = edges.len() - edges.len().div_ceil(12).min(edges.len());
                    if edges.is_empty() {
                        return Posterior {
                            down: vec![PRIOR; self.services],
                            cycles,
                            dropped,
                        };
                    }
                    edges.sort_by(|a, b| b.2.total_cmp(&a.2).then((a.0, a.1).cmp(&(b.0, b.1))));
                    dropped += edges.len() - keep;
                    edges.truncate(keep);
                }
            }
        }
    }

    /// The edges to use, strongest first, and the edges left out because they would close a cycle.
    fn without_cycles(&self) -> (Vec<Weighted>, Vec<(usize, usize)>) {
        let mut order: Vec<Weighted> = self.edges.iter().copied().filter(|e| e.0 != e.1).collect();
        order.sort_by(|a, b| b.2.total_cmp(&a.2).then((a.0, a.1).cmp(&(b.0, b.1))));
        let pairs: Vec<(usize, usize)> = order.iter().map(|e| (e.0, e.1)).collect();
        let closes = closing_edges(self.services, &pairs);
        let (mut edges, mut cycles) = (Vec::new(), Vec::new());
        for (edge, closes) in order.into_iter().zip(closes) {
            match closes {
                true => cycles.push((edge.0, edge.1)),
                false => edges.push(edge),
            }
        }
        (edges, cycles)
    }

    /// The factors, and the number of variables. D of service `i` is variable `2i`, U is `2i + 1`;
    /// additional variables combine many causes two at a time.
    fn factors(&self, edges: &[(usize, usize, f64)]) -> (Vec<Factor>, usize) {
        let mut next = 2 * self.services;
        let mut factors = Vec::new();
        for i in 0..self.services {
            let (d, u) = (2 * i, 2 * i + 1);
            factors.push(Factor::new(
                vec![d],
                |s| if s[0] { PRIOR } else { 1.0 - PRIOR },
            ));
            let unhealthy = self.unhealthy[i].clamp(0.02, 0.98);
            factors.push(Factor::new(vec![u], |s| {
                if s[0] { unhealthy } else { 1.0 - unhealthy }
            }));
            let causes: Vec<(usize, f64)> = edges
                .iter()
                .filter(|e| e.0 == i)
                .map(|e| (2 * e.1 + 1, e.2.clamp(0.01, 0.99)))
                .collect();
            let mut so_far = (d, SHOWS);
            let mut leak = LEAK;
            for (n, (cause, w)) in causes.iter().enumerate() {
                let out = if n + 1 == causes.len() { u } else { next };
                next += usize::from(n + 1 != causes.len());
                let (before, shows, l) = (so_far.0, so_far.1, std::mem::take(&mut leak));
                factors.push(Factor::new(vec![before, *cause, out], |s| {
                    let healthy = (1.0 - l)
                        * if s[0] { 1.0 - shows } else { 1.0 }
                        * if s[1] { 1.0 - w } else { 1.0 };
                    if s[2] { 1.0 - healthy } else { healthy }
                }));
                so_far = (out, 1.0);
            }
            if causes.is_empty() {
                factors.push(Factor::new(vec![d, u], |s| {
                    let healthy = (1.0 - LEAK) * if s[0] { 1.0 - SHOWS } else { 1.0 };
                    if s[1] { 1.0 - healthy } else { healthy }
                }));
            }
        }
        (factors, next)
    }

    /// The probability of a fault, for each service; `None` if a table grew too wide.
    fn eliminate(&self, edges: &[(usize, usize, f64)]) -> Option<Vec<f64>> {
        let (factors, variables) = self.factors(edges);
        let tree = Buckets::new(&factors, variables)?;
        let beliefs = tree.calibrated(factors);
        Some(
            (0..self.services)
                .map(|i| beliefs[2 * i].probability(2 * i))
                .collect(),
        )
    }
}

/// The elimination order, and the variables of each table.
struct Buckets {
    order: Vec<usize>,
    /// Position of each variable in the order.
    rank: Vec<usize>,
    /// Per variable, the other variables in its table when it is eliminated.
    others: Vec<Vec<usize>>,
}

impl Buckets {
    /// Eliminates the variable with the fewest neighbors first and connects its neighbors
    /// (min-degree order). `None`: a table grew too wide.
    fn new(factors: &[Factor], variables: usize) -> Option<Buckets> {
        let mut neighbors: Vec<BTreeSet<usize>> = vec![BTreeSet::new(); variables];
        for f in factors {
            for v in &f.vars {
                neighbors[*v].extend(f.vars.iter().filter(|x| *x != v));
            }
        }
        let mut queue: BTreeSet<(usize, usize)> =
            (0..variables).map(|v| (neighbors[v].len(), v)).collect();
        let mut tree = Buckets {
            order: Vec::new(),
            rank: vec![0; variables],
            others: vec![Vec::new(); variables],
        };
        while let Some((size, v)) = queue.pop_first() {
            if size + 1 > MAX_WIDTH {
                return None;
            }
            let others: Vec<usize> = neighbors[v].iter().copied().collect();
            for a in &others {
                queue.remove(&(neighbors[*a].len(), *a));
                neighbors[*a].remove(&v);
                neighbors[*a].extend(others.iter().filter(|b| *b != a));
                queue.insert((neighbors[*a].len(), *a));
            }
            tree.rank[v] = tree.order.len();
            tree.order.push(v);
            tree.others[v] = others;
        }
        Some(tree)
    }

    /// The bucket that takes a table over these variables: that of the variable that is eliminated
    /// first.
    fn bucket(&self, vars: &[usize]) -> Option<usize> {
        vars.iter().copied().min_by_key(|v| self.rank[*v])
    }

    /// The posterior over the variables of each bucket: Shafer-Shenoy message passing, with the
    /// division from Hugin.
    fn calibrated(&self, factors: Vec<Factor>) -> Vec<Factor> {
        let one = |v: usize| {
            Factor::new(
                std::iter::once(v)
                    .chain(self.others[v].iter().copied())
                    .collect(),
                |_| 1.0,
            )
        };
        let mut beliefs: Vec<Factor> = (0..self.rank.len()).map(one).collect();
        for f in factors {
            if let Some(v) = self.bucket(&f.vars) {
                beliefs[v] = beliefs[v].times(&f);
            }
        }
        let mut up: Vec<Factor> = vec![Factor::default(); self.rank.len()];
        for v in &self.order {
            let message = beliefs[*v].sum_out(*v).normalized();
            if let Some(parent) = self.bucket(&self.others[*v]) {
                beliefs[parent] = beliefs[parent].times(&message);
            }
            up[*v] = message;
        }
        for v in self.order.iter().rev() {
            let Some(parent) = self.bucket(&self.others[*v]) else {
                continue;
            };
            let extra: Vec<usize> = beliefs[parent]
                .vars
                .iter()
                .copied()
                .filter(|x| !self.others[*v].contains(x))
                .collect();
            let message = extra
                .iter()
                .fold(beliefs[parent].clone(), |f, x| f.sum_out(*x));
            beliefs[*v] = beliefs[*v].times(&message.divided_by(&up[*v])).normalized();
        }
        beliefs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reference result: sums over all states of all variables.
    fn brute(n: &Network) -> Vec<f64> {
        let (edges, _) = n.without_cycles();
        let (factors, variables) = n.factors(&edges);
        let mut down = vec![0.0; n.services];
        let mut total = 0.0;
        for state in 0..1usize << variables {
            let p: f64 = factors
                .iter()
                .map(|f| {
                    f.table[f
                        .vars
                        .iter()
                        .enumerate()
                        .fold(0, |acc, (k, v)| acc | (state >> v & 1) << k)]
                })
                .product();
            total += p;
            (0..n.services)
                .filter(|i| state >> (2 * i) & 1 == 1)
                .for_each(|i| down[i] += p);
        }
        down.into_iter().map(|d| d / total).collect()
    }

    #[test]
    fn elimination_equals_brute_force_on_random_networks() {
        let mut x = 7u64;
        let mut random = || {
            x = x
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (x >> 33) as f64 / (1u64 << 31) as f64
        };
        for _ in 0..30 {
            let services = 2 + (random() * 4.0) as usize;
            let mut edges = Vec::new();
            for a in 0..services {
                for b in 0..services {
                    if a != b && random() < 0.3 && edges.len() < 6 {
                        edges.push((a, b, random()));
                    }
                }
            }
            let n = Network {
                services,
                edges,
                unhealthy: (0..services).map(|_| random()).collect(),
            };
            for (a, b) in n.infer().down.iter().zip(brute(&n)) {
                assert!((a - b).abs() < 1e-9, "{n:?}");
            }
        }
    }

    #[test]
    fn a_faulty_callee_explains_its_callers() {
        let n = Network {
            services: 4,
            edges: vec![(0, 1, 0.9), (1, 2, 0.9), (1, 3, 0.9)],
            unhealthy: vec![0.95, 0.95, 0.97, 0.03],
        };
        let down = n.infer().down;
        assert!(down[2] > 0.46, "{down:?}");
        assert!(
            down[1] < down[2] && down[3] < 0.16 && down[1] > down[3],
            "{down:?}"
        );
    }

    #[test]
    fn cycles_are_broken_and_large_maps_terminate() {
        let n = Network {
            services: 3,
            edges: vec![(0, 1, 0.9), (1, 2, 0.8), (2, 0, 0.1)],
            unhealthy: vec![0.5; 3],
        };
        assert_eq!(n.infer().cycles, [(2, 0)]);
        let edges = (0..40)
            .flat_map(|a| (a + 1..40).map(move |b| (a, b, 0.5 + (a * b % 7) as f64 / 20.0)))
            .collect();
        let big = Network {
            services: 40,
            edges,
            unhealthy: vec![0.5; 40],
        };
        let p = big.infer();
        assert!(p.dropped > 0 && p.down.len() == 40);
        let ring = (0..2000)
            .map(|a| (a, (a + 1) % 2000, 0.9))
            .chain((0..2000).map(|a| (a, (a * 7 + 3) % 2000, 0.7)))
            .collect();
        let many = Network {
            services: 2000,
            edges: ring,
            unhealthy: vec![0.5; 2000],
        };
        assert!(many.infer().down.iter().all(|d| (0.0..=1.0).contains(d)));
    }
}
