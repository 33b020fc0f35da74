//! A discrete Bayesian network over the service map. Each service has a fault of its own (D) and a state that others feel
//! (U): U follows from D and from the states of the services that it calls, by noisy-OR. Exact inference by variable
//! elimination; where a table would grow too large the weakest dependencies are left out, and that is said. Knows numbers.

use std::collections::BTreeSet;

/// Caller, callee, chance that trouble is felt.
type Weighted = (usize, usize, f64);

/// Chance that a service is at fault by itself, and that it shows when it is.
const PRIOR: f64 = 0.03;
const SHOWS: f64 = 0.97;
/// Trouble without a cause in the map.
const LEAK: f64 = 0.01;
/// Tables of more variables are not built.
const WIDEST: usize = 14;

#[derive(Clone, Debug, Default)]
pub struct Network {
    pub services: usize,
    /// Caller, callee, chance that trouble of the callee is felt by the caller.
    pub edges: Vec<(usize, usize, f64)>,
    /// Per service, how unhealthy it looks: 0..1; 0.5 says nothing.
    pub unhealthy: Vec<f64>,
}

#[derive(Clone, Debug, Default)]
pub struct Posterior {
    /// Chance that each service is at fault by itself.
    pub down: Vec<f64>,
    /// Edges left out: to break circles, and because tables grew too large.
    pub circles: Vec<(usize, usize)>,
    pub dropped: usize,
}

/// A table over binary variables; bit `i` of an index is the state of `vars[i]`.
#[derive(Clone, Debug)]
struct Factor {
    vars: Vec<usize>,
    table: Vec<f64>,
}

impl Factor {
    fn new(vars: Vec<usize>, value: impl Fn(&[bool]) -> f64) -> Factor {
        let n = vars.len();
        let table = (0..1usize << n).map(|i| value(&(0..n).map(|b| i >> b & 1 == 1).collect::<Vec<_>>())).collect();
        Factor { vars, table }
    }

    fn times(&self, other: &Factor) -> Factor {
        let mut vars = self.vars.clone();
        vars.extend(other.vars.iter().filter(|v| !self.vars.contains(v)));
        let places = |of: &Factor| -> Vec<usize> { of.vars.iter().filter_map(|v| vars.iter().position(|x| x == v)).collect() };
        let (a, b) = (places(self), places(other));
        let pick = |i: usize, places: &[usize]| places.iter().enumerate().fold(0, |acc, (k, p)| acc | (i >> p & 1) << k);
        let table = (0..1usize << vars.len()).map(|i| self.table[pick(i, &a)] * other.table[pick(i, &b)]).collect();
        Factor { vars, table }
    }

    fn sum_out(&self, var: usize) -> Factor {
        let Some(at) = self.vars.iter().position(|v| *v == var) else { return self.clone() };
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
    pub fn infer(&self) -> Posterior {
        let (mut edges, circles) = self.without_circles();
        let mut dropped = 0;
        loop {
            match self.eliminate(&edges) {
                Some(down) => return Posterior { down, circles, dropped },
                None => {
                    // The weakest dependencies go; each step makes the tables smaller, so this ends.
                    let keep = edges.len() - edges.len().div_ceil(12).min(edges.len());
                    if edges.is_empty() {
                        return Posterior { down: vec![PRIOR; self.services], circles, dropped };
                    }
                    edges.sort_by(|a, b| b.2.total_cmp(&a.2).then((a.0, a.1).cmp(&(b.0, b.1))));
                    dropped += edges.len() - keep;
                    edges.truncate(keep);
                }
            }
        }
    }

    /// Edges in order of weight, strongest first; one that would close a circle is left out.
    fn without_circles(&self) -> (Vec<Weighted>, Vec<(usize, usize)>) {
        let mut order: Vec<(usize, usize, f64)> = self.edges.iter().copied().filter(|e| e.0 != e.1).collect();
        order.sort_by(|a, b| b.2.total_cmp(&a.2).then((a.0, a.1).cmp(&(b.0, b.1))));
        let mut out: Vec<Vec<usize>> = vec![Vec::new(); self.services];
        let (mut kept, mut circles) = (Vec::new(), Vec::new());
        for (a, b, w) in order {
            if reaches(&out, b, a) {
                circles.push((a, b));
            } else {
                out[a].push(b);
                kept.push((a, b, w));
            }
        }
        (kept, circles)
    }

    /// Variables: D of service i is 2i, U is 2i+1; further ones join many causes two at a time.
    fn factors(&self, edges: &[(usize, usize, f64)]) -> (Vec<Factor>, usize) {
        let mut next = 2 * self.services;
        let mut factors = Vec::new();
        for i in 0..self.services {
            let (d, u) = (2 * i, 2 * i + 1);
            factors.push(Factor::new(vec![d], |s| if s[0] { PRIOR } else { 1.0 - PRIOR }));
            let odd = self.unhealthy[i].clamp(0.02, 0.98);
            factors.push(Factor::new(vec![u], |s| if s[0] { odd } else { 1.0 - odd }));
            let causes: Vec<(usize, f64)> = edges.iter().filter(|e| e.0 == i).map(|e| (2 * e.1 + 1, e.2.clamp(0.01, 0.99))).collect();
            let mut so_far = (d, SHOWS);
            let mut leak = LEAK;
            for (n, (cause, w)) in causes.iter().enumerate() {
                let out = if n + 1 == causes.len() { u } else { next };
                next += usize::from(n + 1 != causes.len());
                let (before, shows, l) = (so_far.0, so_far.1, std::mem::take(&mut leak));
                factors.push(Factor::new(vec![before, *cause, out], |s| {
                    let quiet = (1.0 - l) * if s[0] { 1.0 - shows } else { 1.0 } * if s[1] { 1.0 - w } else { 1.0 };
                    if s[2] { 1.0 - quiet } else { quiet }
                }));
                so_far = (out, 1.0);
            }
            if causes.is_empty() {
                factors.push(Factor::new(vec![d, u], |s| {
                    let quiet = (1.0 - LEAK) * if s[0] { 1.0 - SHOWS } else { 1.0 };
                    if s[1] { 1.0 - quiet } else { quiet }
                }));
            }
        }
        (factors, next)
    }

    fn eliminate(&self, edges: &[(usize, usize, f64)]) -> Option<Vec<f64>> {
        let (factors, variables) = self.factors(edges);
        (0..self.services).map(|i| posterior(&factors, variables, 2 * i)).collect()
    }
}

fn reaches(out: &[Vec<usize>], from: usize, to: usize) -> bool {
    let (mut stack, mut seen) = (vec![from], BTreeSet::new());
    while let Some(at) = stack.pop() {
        if at == to {
            return true;
        }
        if seen.insert(at) {
            stack.extend(&out[at]);
        }
    }
    false
}

/// Only what is connected with the variable asked for matters: the rest sums to a constant.
fn posterior(all: &[Factor], variables: usize, query: usize) -> Option<f64> {
    let mut factors: Vec<Factor> = connected(all, variables, query);
    loop {
        let mut left: BTreeSet<usize> = factors.iter().flat_map(|f| f.vars.iter().copied()).collect();
        left.remove(&query);
        // The variable whose elimination makes the smallest table goes first.
        let size = |v: usize| factors.iter().filter(|f| f.vars.contains(&v)).flat_map(|f| f.vars.iter()).collect::<BTreeSet<_>>().len();
        let Some(v) = left.into_iter().min_by_key(|v| (size(*v), *v)) else { break };
        if size(v) > WIDEST {
            return None;
        }
        let (with, without): (Vec<Factor>, Vec<Factor>) = factors.into_iter().partition(|f| f.vars.contains(&v));
        factors = without;
        let joined = with.iter().skip(1).fold(with[0].clone(), |acc, f| acc.times(f));
        factors.push(joined.sum_out(v));
    }
    let last = factors.iter().fold(Factor { vars: vec![query], table: vec![1.0, 1.0] }, |acc, f| acc.times(f));
    Some(last.table[1] / (last.table[0] + last.table[1]).max(1e-300))
}

fn connected(all: &[Factor], variables: usize, query: usize) -> Vec<Factor> {
    let mut of: Vec<Vec<usize>> = vec![Vec::new(); variables];
    all.iter().enumerate().for_each(|(i, f)| f.vars.iter().for_each(|v| of[*v].push(i)));
    let (mut seen, mut used, mut stack) = (vec![false; variables], BTreeSet::new(), vec![query]);
    while let Some(v) = stack.pop() {
        if std::mem::replace(&mut seen[v], true) {
            continue;
        }
        for i in &of[v] {
            if used.insert(*i) {
                stack.extend(&all[*i].vars);
            }
        }
    }
    used.into_iter().map(|i| all[i].clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sums over all states of all variables.
    fn brute(n: &Network) -> Vec<f64> {
        let (edges, _) = n.without_circles();
        let (factors, variables) = n.factors(&edges);
        let mut down = vec![0.0; n.services];
        let mut total = 0.0;
        for state in 0..1usize << variables {
            let p: f64 =
                factors.iter().map(|f| f.table[f.vars.iter().enumerate().fold(0, |acc, (k, v)| acc | (state >> v & 1) << k)]).product();
            total += p;
            (0..n.services).filter(|i| state >> (2 * i) & 1 == 1).for_each(|i| down[i] += p);
        }
        down.into_iter().map(|d| d / total).collect()
    }

    #[test]
    fn elimination_equals_brute_force_on_random_networks() {
        let mut x = 7u64;
        let mut random = || {
            x = x.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
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
            let n = Network { services, edges, unhealthy: (0..services).map(|_| random()).collect() };
            for (a, b) in n.infer().down.iter().zip(brute(&n)) {
                assert!((a - b).abs() < 1e-9, "{n:?}");
            }
        }
    }

    #[test]
    fn the_callee_explains_its_callers() {
        let n = Network { services: 4, edges: vec![(0, 1, 0.9), (1, 2, 0.9), (1, 3, 0.9)], unhealthy: vec![0.95, 0.95, 0.97, 0.03] };
        let down = n.infer().down;
        assert!(down[2] > 0.46, "{down:?}");
        assert!(down[1] < down[2] && down[3] < 0.16 && down[1] > down[3], "{down:?}");
    }

    #[test]
    fn circles_are_broken_and_large_maps_end() {
        let n = Network { services: 3, edges: vec![(0, 1, 0.9), (1, 2, 0.8), (2, 0, 0.1)], unhealthy: vec![0.5; 3] };
        assert_eq!(n.infer().circles, [(2, 0)]);
        let edges = (0..40).flat_map(|a| (a + 1..40).map(move |b| (a, b, 0.5 + (a * b % 7) as f64 / 20.0))).collect();
        let big = Network { services: 40, edges, unhealthy: vec![0.5; 40] };
        let p = big.infer();
        assert!(p.dropped > 0 && p.down.len() == 40);
    }
}
