//! Links spans and their log lines: which spans form an invocation, and which service calls which.
//! Tolerates missing parents, duplicates and clock skew. Does not read files.

use crate::model::EventId;
use rustc_hash::{FxHashMap, FxHashSet};

/// A span of a trace.
#[derive(Clone, Debug, Default)]
pub struct Span {
    pub trace: u128,
    pub id: u64,
    /// Id of the parent span; 0: none.
    pub parent: u64,
    /// Index into [`Traces::services`].
    pub service: u32,
    /// Index into [`Traces::names`].
    pub name: u32,
    /// In ns since 1970.
    pub start: i64,
    /// In ns since 1970.
    pub end: i64,
    pub failed: bool,
}

/// A log line that belongs to a span.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// Id of the span.
    pub span: u64,
    /// Number of the log statement: its level and source location, or its template.
    pub key: u32,
    pub error: bool,
    /// Another service that the line names.
    pub names: Option<u32>,
    /// Number of the event.
    pub event: EventId,
}

/// The work of a service on one call: its entry span and the spans below it in the same service.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Index of the entry span.
    pub entry: usize,
    pub service: u32,
    /// The calling service; `None` at the root.
    pub caller: Option<u32>,
    pub spans: Vec<usize>,
    /// Index of the calling invocation.
    pub parent: Option<usize>,
    /// Not counted as evidence: it, or an invocation below it, names another service in an error
    /// line.
    pub excused: bool,
    /// One of its own error lines names another service.
    pub names_other: bool,
}

/// All spans, linked to parents, invocations and log lines. Spans are sorted by start time.
#[derive(Debug, Default)]
pub struct Traces {
    pub services: Vec<String>,
    /// Span names.
    pub names: Vec<String>,
    pub spans: Vec<Span>,
    /// Per span, its child spans.
    pub children: Vec<Vec<usize>>,
    /// Per span, its invocation.
    pub invocation_of: Vec<usize>,
    pub invocations: Vec<Invocation>,
    /// Per span, its log lines.
    pub logs: Vec<Vec<Log>>,
}

impl Traces {
    /// Drops duplicate spans, and log lines without a known span.
    pub fn new(
        services: Vec<String>,
        names: Vec<String>,
        mut spans: Vec<Span>,
        logs: Vec<Log>,
    ) -> Traces {
        let mut seen = FxHashSet::default();
        spans.retain(|s| seen.insert((s.trace, s.id)));
        spans.sort_by_key(|s| (s.start, s.id));
        let by_id: FxHashMap<u64, usize> =
            spans.iter().enumerate().map(|(i, s)| (s.id, i)).collect();
        let parent: Vec<Option<usize>> = spans
            .iter()
            .enumerate()
            .map(|(i, s)| {
                by_id
                    .get(&s.parent)
                    .copied()
                    .filter(|p| s.parent != 0 && *p != i && spans[*p].trace == s.trace)
            })
            .collect();
        let mut children = vec![Vec::new(); spans.len()];
        parent.iter().enumerate().for_each(|(i, p)| {
            if let Some(p) = p {
                children[*p].push(i);
            }
        });
        let mut own: Vec<Vec<Log>> = vec![Vec::new(); spans.len()];
        for log in logs {
            if let Some(i) = by_id.get(&log.span) {
                own[*i].push(log);
            }
        }
        let mut traces = Traces {
            services,
            names,
            spans,
            children,
            invocation_of: Vec::new(),
            invocations: Vec::new(),
            logs: own,
        };
        traces.link(&parent);
        traces.excuse();
        traces
    }

    /// Groups the spans into invocations.
    fn link(&mut self, parent: &[Option<usize>]) {
        let n = self.spans.len();
        let is_entry =
            |i: usize| parent[i].is_none_or(|p| self.spans[p].service != self.spans[i].service);
        let mut entry = vec![usize::MAX; n];
        for i in 0..n {
            let (mut at, mut path) = (i, vec![]);
            // The limit on the path length ends the walk if parents form a cycle.
            while entry[at] == usize::MAX && !is_entry(at) && path.len() < 1000 {
                path.push(at);
                at = parent[at].unwrap_or(at);
            }
            let root = if entry[at] == usize::MAX {
                at
            } else {
                entry[at]
            };
            path.into_iter().chain([at]).for_each(|p| entry[p] = root);
        }
        let mut number: FxHashMap<usize, usize> = FxHashMap::default();
        self.invocation_of = vec![0; n];
        for (i, e) in entry.iter().copied().enumerate() {
            let at = *number.entry(e).or_insert_with(|| {
                let caller = parent[e].map(|p| self.spans[p].service);
                self.invocations.push(Invocation {
                    entry: e,
                    service: self.spans[e].service,
                    caller,
                    spans: Vec::new(),
                    parent: None,
                    excused: false,
                    names_other: false,
                });
                self.invocations.len() - 1
            });
            self.invocation_of[i] = at;
            self.invocations[at].spans.push(i);
        }
        for v in 0..self.invocations.len() {
            self.invocations[v].parent = parent[self.invocations[v].entry]
                .map(|p| self.invocation_of[p])
                .filter(|p| *p != v);
        }
    }

    /// Excuses invocations with an error line that names another service, and all invocations above
    /// them.
    fn excuse(&mut self) {
        for v in 0..self.invocations.len() {
            let own = self.invocations[v].service;
            let names = |l: &Log| l.error && l.names.is_some_and(|s| s != own);
            if !self.invocations[v]
                .spans
                .iter()
                .any(|s| self.logs[*s].iter().any(names))
            {
                continue;
            }
            self.invocations[v].names_other = true;
            let (mut at, mut steps) = (Some(v), 0);
            while let Some(i) = at.filter(|_| steps < 64) {
                self.invocations[i].excused = true;
                (at, steps) = (self.invocations[i].parent, steps + 1);
            }
        }
    }

    /// The client span that made the call with the entry span `entry`; `None` if the call is not
    /// synchronous.
    pub fn client(&self, entry: usize) -> Option<usize> {
        let id = self.spans[entry].parent;
        let v = self.invocation_of[entry];
        let parent = self.invocations[v].parent?;
        let client = self.invocations[parent]
            .spans
            .iter()
            .copied()
            .find(|s| self.spans[*s].id == id)?;
        (self.spans[entry].start < self.spans[client].end).then_some(client)
    }

    /// Calls between services: caller, callee, number of calls.
    pub fn edges(&self) -> Vec<(u32, u32, u64)> {
        let mut count: FxHashMap<(u32, u32), u64> = FxHashMap::default();
        for v in &self.invocations {
            if let Some(caller) = v.caller.filter(|c| *c != v.service) {
                *count.entry((caller, v.service)).or_default() += 1;
            }
        }
        let mut out: Vec<_> = count.into_iter().map(|((a, b), n)| (a, b, n)).collect();
        out.sort_unstable();
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(id: u64, parent: u64, service: u32, start: i64, end: i64) -> Span {
        Span {
            trace: 1,
            id,
            parent,
            service,
            name: service,
            start,
            end,
            failed: false,
        }
    }

    #[test]
    fn spans_are_grouped_into_invocations_with_callers() {
        let spans = vec![
            span(1, 0, 0, 0, 100),
            span(2, 1, 0, 5, 90),
            span(3, 2, 1, 10, 80),
            span(3, 2, 1, 10, 80),
            span(9, 77, 2, 3, 4),
        ];
        let log = Log {
            span: 3,
            key: 0,
            error: true,
            names: Some(2),
            event: EventId(0),
        };
        let t = Traces::new(
            vec!["a".into(), "b".into(), "c".into()],
            vec![],
            spans,
            vec![log],
        );
        assert_eq!(t.invocations.len(), 3);
        assert_eq!(t.edges(), [(0, 1, 1)]);
        let entry = t.invocations.iter().find(|v| v.service == 1).unwrap();
        assert_eq!(t.spans[t.client(entry.entry).unwrap()].id, 2);
        assert!(
            t.invocations
                .iter()
                .filter(|v| v.service < 2)
                .all(|v| v.excused)
        );
    }

    #[test]
    fn cycles_of_parents_terminate() {
        let t = Traces::new(
            vec!["a".into()],
            vec![],
            vec![span(1, 2, 0, 0, 9), span(2, 1, 0, 1, 8)],
            vec![],
        );
        assert!(!t.invocations.is_empty());
    }
}
