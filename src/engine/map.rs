//! The service map of a corpus without traces: who calls whom, out of sidecar access logs and mentions in messages; and how
//! calls went inside the suspect time against outside. Knows the corpus, not the arithmetic.

use super::corpus::{Corpus, Snapshot};
use super::spans::NameFinder;
use super::table;
use crate::model::{Edge, Level, Moment, NO_TIME};
use rustc_hash::FxHashMap;

/// Messages looked at per service and template, and in all.
const PER_TEMPLATE: u32 = 40;
const MOST_MESSAGES: usize = 150_000;

/// How calls went on one side of the suspect time.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    pub n: u64,
    pub good: u64,
    pub failed: u64,
    pub ms: Vec<f32>,
}

impl Calls {
    fn add(&mut self, status: u32, ms: f32) {
        self.n += 1;
        self.good += u64::from((200..300).contains(&status));
        self.failed += u64::from(status >= 500);
        if self.ms.len() < 20_000 {
            self.ms.push(ms);
        }
    }

    pub fn failing(&self) -> f64 {
        self.failed as f64 / (self.n as f64).max(1.0)
    }

    pub fn quantile(&self, q: f64) -> f64 {
        let mut ms = self.ms.clone();
        ms.sort_unstable_by(f32::total_cmp);
        ms.get(((ms.len() as f64 * q) as usize).min(ms.len().saturating_sub(1)))
            .map_or(0.0, |x| f64::from(*x))
    }
}

#[derive(Default)]
pub struct Map {
    pub edges: Vec<Edge>,
    /// Per caller and callee: calls inside and outside the suspect time.
    pub calls: FxHashMap<(String, String), (Calls, Calls)>,
    /// Requests that a service answered itself.
    pub served: FxHashMap<String, (Calls, Calls)>,
    /// Lines of trouble inside the suspect time by which a service blames another; and outside.
    pub blames: FxHashMap<(String, String), (u64, u64)>,
}

/// One call in an Envoy access log: status, milliseconds, callee (`None`: served here).
pub fn access(raw: &str) -> Option<(u32, f32, Option<&str>)> {
    let rest = &raw[raw.find("HTTP/")?..];
    let mut words = rest[rest.find('"')? + 1..].split_whitespace();
    let status: u32 = words
        .next()?
        .parse()
        .ok()
        .filter(|s| (100..600).contains(s))?;
    let numbers: Vec<f32> = words
        .clone()
        .take_while(|w| !w.starts_with("\"-\"") || w.len() == 3)
        .filter_map(|w| w.parse().ok())
        .collect();
    let cluster = rest
        .split_whitespace()
        .find(|w| w.starts_with("outbound|") || w.starts_with("inbound|"));
    let callee = cluster
        .filter(|c| c.starts_with("outbound|"))
        .and_then(|c| c.rsplit('|').next())
        .and_then(|h| h.split('.').next());
    // bytes in, bytes out, duration, upstream time
    let ms = if cluster.is_some() {
        numbers.get(2).copied().unwrap_or(0.0)
    } else {
        0.0
    };
    Some((status, ms, callee.filter(|c| !c.is_empty())))
}

impl Corpus {
    pub fn service_map(
        &self,
        snapshot: &Snapshot,
        suspect: &[(Moment, Moment)],
        skip: &[u32],
    ) -> Map {
        let services = self.service_names(snapshot, skip);
        let finder = NameFinder::new(&services);
        let mut map = Map::default();
        let mut mentioned: FxHashMap<(String, String), u64> = FxHashMap::default();
        let mut seen: FxHashMap<(u32, u32), u32> = FxHashMap::default();
        let mut read = 0usize;
        for chunk in snapshot.chunks.iter().filter(|c| !skip.contains(&c.source)) {
            let Some(mut reader) = self.reader(chunk.source) else {
                continue;
            };
            let envoy = snapshot.sources[chunk.source as usize]
                .format
                .contains("envoy");
            for block in &chunk.blocks {
                let rows: Vec<(String, Level)> = {
                    let state = self.read();
                    let row = |k: &u32| {
                        (
                            table::service(&state, chunk.source, *k).to_string(),
                            state.headers_level(*k),
                        )
                    };
                    block.dictionary.iter().map(row).collect()
                };
                let mut text: Option<Vec<u8>> = None;
                for i in 0..block.len() {
                    let k = block.kinds.get(i) as usize;
                    let (service, level) = &rows[k];
                    let count = seen.entry((chunk.source, block.dictionary[k])).or_default();
                    *count += 1;
                    let time = block.time(i);
                    let inside =
                        time != NO_TIME && suspect.iter().any(|(a, z)| time >= *a && time < *z);
                    let wanted = envoy || *count <= PER_TEMPLATE || *level >= Level::Warn && inside;
                    if !wanted || read >= MOST_MESSAGES {
                        continue;
                    }
                    read += 1;
                    let text = text.get_or_insert_with(|| {
                        self.raw(chunk.source, block.offset, block.bytes as usize)
                            .unwrap_or_default()
                    });
                    let from = (block.starts.get(i) as usize).min(text.len());
                    let to = memchr::memchr(b'\n', &text[from..]).map_or(text.len(), |n| from + n);
                    let raw = &text[from..to];
                    if envoy
                        && let Some((status, ms, callee)) = access(&String::from_utf8_lossy(raw))
                    {
                        let sides = match callee {
                            Some(c) if c != service => map
                                .calls
                                .entry((service.clone(), c.to_string()))
                                .or_default(),
                            _ => map.served.entry(service.clone()).or_default(),
                        };
                        if inside {
                            sides.0.add(status, ms)
                        } else {
                            sides.1.add(status, ms)
                        }
                        continue;
                    }
                    let message = reader.message(raw);
                    if let Some(other) = finder.find(&message, service) {
                        *mentioned
                            .entry((service.clone(), other.to_string()))
                            .or_default() += 1;
                        if *level >= Level::Warn {
                            let blamed = map
                                .blames
                                .entry((service.clone(), other.to_string()))
                                .or_default();
                            if inside { blamed.0 += 1 } else { blamed.1 += 1 }
                        }
                    }
                }
            }
        }
        for ((from, to), (a, b)) in &map.calls {
            map.edges.push(Edge {
                from: from.clone(),
                to: to.clone(),
                calls: a.n + b.n,
                source: "access-log",
            });
        }
        for ((from, to), calls) in mentioned {
            if !map.calls.contains_key(&(from.clone(), to.clone())) {
                map.edges.push(Edge {
                    from,
                    to,
                    calls,
                    source: "mention",
                });
            }
        }
        map.edges
            .sort_by(|a, b| (&a.from, &a.to).cmp(&(&b.from, &b.to)));
        map
    }

    /// Names of all services, ascending.
    pub fn service_names(&self, snapshot: &Snapshot, skip: &[u32]) -> Vec<String> {
        let state = self.read();
        let mut out: Vec<String> = Vec::new();
        for chunk in snapshot.chunks.iter().filter(|c| !skip.contains(&c.source)) {
            for k in chunk.blocks.iter().flat_map(|b| &b.dictionary) {
                let name = table::service(&state, chunk.source, *k);
                if let Err(at) = out.binary_search_by(|x| x.as_str().cmp(name)) {
                    out.insert(at, name.to_string());
                }
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_lines_tell_who_called_whom() {
        let line = r#"[2024-03-01T10:00:00.000Z] "GET /x HTTP/1.1" 503 UF via_upstream - "-" 0 91 12 11 "-" "Go" "id" "payment" "10.0.0.9:80" outbound|80||payment.shop.svc.cluster.local 10.0.0.4:80"#;
        assert_eq!(access(line), Some((503, 12.0, Some("payment"))));
        assert_eq!(access("no call"), None);
    }
}
