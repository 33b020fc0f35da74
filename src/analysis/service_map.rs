//! The service map of a corpus without traces: which services call each other, and how the calls
//! inside and outside the suspect time differ. Reads proxy access logs and the service names in
//! messages. Draws no conclusions.

use super::analysis::Analysis;
use super::name_finder::NameFinder;
use crate::corpus::{Events, MessageReader, Snapshot};
use crate::model::{Edge, EdgeSource, KindId, Level, Moment, NO_TIME, SourceId};
use rustc_hash::FxHashMap;

/// Maximum number of messages to read, for each kind in a source and in total. The first limit does
/// not apply to proxy logs and to warnings in the suspect time.
const MAX_PER_KIND: u32 = 40;
const MAX_MESSAGES: usize = 150_000;
/// Maximum number of durations to keep in one `Calls`.
const MAX_DURATIONS: usize = 20_000;

/// Statistics of a group of calls, such as the calls inside the suspect time.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    pub n: u64,
    /// Number of successful calls. In logs, these have status 2xx.
    pub good: u64,
    /// Number of failed calls. In logs, these have status 5xx.
    pub failed: u64,
    /// Durations in milliseconds. Those from logs are limited to the first calls.
    pub ms: Vec<f32>,
}

impl Calls {
    fn add(&mut self, status: u32, ms: f32) {
        self.n += 1;
        self.good += u64::from((200..300).contains(&status));
        self.failed += u64::from(status >= 500);
        if self.ms.len() < MAX_DURATIONS {
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

/// A pair of services. The first service is the caller, the second is the callee.
type Pair = (String, String);

#[derive(Default)]
pub struct ServiceMap {
    pub edges: Vec<Edge>,
    /// Calls between two services, inside and outside the suspect time.
    pub calls: FxHashMap<Pair, (Calls, Calls)>,
    /// Requests that a service answered itself, inside and outside the suspect time.
    pub served: FxHashMap<String, (Calls, Calls)>,
    /// Number of warnings and errors of the first service that name the second service, inside and
    /// outside the suspect time.
    pub accusations: FxHashMap<Pair, (u64, u64)>,
}

/// Parses one call from an Envoy access log: status, milliseconds and callee. The callee is `None`
/// if the service answered the request itself.
fn access(raw: &str) -> Option<(u32, f32, Option<&str>)> {
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
    // The numbers are: bytes in, bytes out, duration, upstream time.
    let ms = if cluster.is_some() {
        numbers.get(2).copied().unwrap_or(0.0)
    } else {
        0.0
    };
    Some((status, ms, callee.filter(|c| !c.is_empty())))
}

impl Analysis {
    /// Builds the service map of all sources except `skip`. `suspect` contains the time ranges of
    /// the anomalies.
    pub fn service_map(
        &self,
        snapshot: &Snapshot,
        names: &[String],
        suspect: &[(Moment, Moment)],
        skip: &[SourceId],
    ) -> ServiceMap {
        let finder = NameFinder::new(names);
        let mut mapper = Mapper {
            finder,
            suspect,
            map: ServiceMap::default(),
            mentions: FxHashMap::default(),
            seen: FxHashMap::default(),
            read: 0,
        };
        for part in snapshot.parts().filter(|p| !skip.contains(&p.source())) {
            let Some(mut reader) = self.corpus.reader(part.source()) else {
                continue;
            };
            let is_proxy = snapshot.sources[part.source().index()]
                .format
                .contains("envoy");
            for events in part.blocks(&self.corpus) {
                let kinds: Vec<(String, Level)> = {
                    let state = self.corpus.read();
                    let of = |k| (state.service(part.source(), k).to_string(), state.level(k));
                    events.kinds().map(of).collect()
                };
                mapper.add(&events, &kinds, is_proxy, &mut reader);
            }
        }
        mapper.finish()
    }

    /// Returns the names of all services in ascending order. The sources in `skip` are excluded.
    pub fn service_names(&self, snapshot: &Snapshot, skip: &[SourceId]) -> Vec<String> {
        let state = self.corpus.read();
        let mut out: Vec<String> = Vec::new();
        for part in snapshot.parts().filter(|p| !skip.contains(&p.source())) {
            for k in part.kinds() {
                let name = state.service(part.source(), k);
                if let Err(at) = out.binary_search_by(|x| x.as_str().cmp(name)) {
                    out.insert(at, name.to_string());
                }
            }
        }
        out
    }
}

struct Mapper<'a> {
    finder: NameFinder,
    suspect: &'a [(Moment, Moment)],
    map: ServiceMap,
    mentions: FxHashMap<Pair, u64>,
    /// Number of events so far, by source and kind.
    seen: FxHashMap<(SourceId, KindId), u32>,
    /// Number of messages read so far.
    read: usize,
}

impl Mapper<'_> {
    /// Adds the events of a block. `kinds` contains the service and level of each kind in the
    /// block.
    fn add(
        &mut self,
        events: &Events<'_>,
        kinds: &[(String, Level)],
        is_proxy: bool,
        reader: &mut MessageReader,
    ) {
        for e in events.iter() {
            let (service, level) = &kinds[e.slot()];
            let count = self.seen.entry((e.source(), e.kind())).or_default();
            *count += 1;
            let time = e.time();
            let is_suspect =
                time != NO_TIME && self.suspect.iter().any(|(a, z)| (*a..*z).contains(&time));
            let is_wanted =
                is_proxy || *count <= MAX_PER_KIND || *level >= Level::Warn && is_suspect;
            if !is_wanted || self.read >= MAX_MESSAGES {
                continue;
            }
            self.read += 1;
            let raw = e.first_line();
            if !(is_proxy && self.add_call(service, &String::from_utf8_lossy(raw), is_suspect)) {
                self.add_mention(service, *level, &reader.message(raw), is_suspect);
            }
        }
    }

    /// Adds the call in a line of a proxy log. Returns false if the line contains no call.
    fn add_call(&mut self, service: &str, line: &str, is_suspect: bool) -> bool {
        let Some((status, ms, callee)) = access(line) else {
            return false;
        };
        let sides = match callee {
            Some(c) if c != service => self
                .map
                .calls
                .entry((service.to_string(), c.to_string()))
                .or_default(),
            _ => self.map.served.entry(service.to_string()).or_default(),
        };
        if is_suspect {
            sides.0.add(status, ms)
        } else {
            sides.1.add(status, ms)
        }
        true
    }

    fn add_mention(&mut self, service: &str, level: Level, message: &str, is_suspect: bool) {
        let Some(other) = self.finder.find(message, service) else {
            return;
        };
        let pair = (service.to_string(), other.to_string());
        *self.mentions.entry(pair.clone()).or_default() += 1;
        if level >= Level::Warn {
            let (inside, outside) = self.map.accusations.entry(pair).or_default();
            *(if is_suspect { inside } else { outside }) += 1;
        }
    }

    fn finish(self) -> ServiceMap {
        let mut map = self.map;
        for ((from, to), (a, b)) in &map.calls {
            let (from, to, calls) = (from.clone(), to.clone(), a.n + b.n);
            map.edges.push(Edge {
                from,
                to,
                calls,
                source: EdgeSource::AccessLog,
            });
        }
        for ((from, to), calls) in self.mentions {
            if !map.calls.contains_key(&(from.clone(), to.clone())) {
                map.edges.push(Edge {
                    from,
                    to,
                    calls,
                    source: EdgeSource::Mention,
                });
            }
        }
        map.edges
            .sort_by(|a, b| (&a.from, &a.to).cmp(&(&b.from, &b.to)));
        map
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_line_gives_status_duration_and_callee() {
        let line = r#"[2024-03-01T10:00:00.000Z] "GET /x HTTP/1.1" 503 UF via_upstream - "-" 0 91 12 11 "-" "Go" "id" "payment" "10.0.0.9:80" outbound|80||payment.shop.svc.cluster.local 10.0.0.4:80"#;
        assert_eq!(access(line), Some((503, 12.0, Some("payment"))));
        assert_eq!(access("no call"), None);
    }
}
