//! Reads what the later lines of new events say: the exceptions of a stack trace. The first line
//! often names only who caught them. Detects nothing.

use super::analysis::Analysis;
use super::collect::Series;
use super::evidence::Request;
use crate::corpus::Snapshot;
use crate::diagnose::Prior;
use crate::model::{Level, Moment};

/// Maximum number of messages whose events are read.
const MAX_READ: usize = 200;
/// Maximum number of lines that are read of one event.
const MAX_LINES: usize = 80;
/// A message appears after this part of the corpus to be read.
const EARLY_PART: i64 = 10;
/// Messages with lower log-odds are not read. They are harmless at their level.
const MIN_LOG_ODDS: f64 = -2.0;

impl Analysis {
    /// Raises the prior of new messages whose later lines report a worse problem.
    pub fn add_exceptions(&self, snapshot: &Snapshot, series: &mut Series) {
        let all = || series.input.sources.iter().flat_map(|s| &s.occurrences);
        let (Some(start), Some(end)) = (all().map(|o| o.first).min(), all().map(|o| o.last).max())
        else {
            return;
        };
        let early = start + (end - start) / EARLY_PART;
        let mut found: Vec<(usize, usize)> = Vec::new();
        for (i, s) in series.input.sources.iter().enumerate() {
            let wanted = |(k, o): (usize, &crate::detect::Occurrences)| {
                let is_new = o.first > early || end == start;
                (is_new && !o.alone && o.log_odds > MIN_LOG_ODDS).then_some((i, k))
            };
            found.extend(s.occurrences.iter().enumerate().filter_map(wanted));
        }
        let odds = |f: &(usize, usize)| series.input.sources[f.0].occurrences[f.1].log_odds;
        found.sort_by(|a, b| odds(b).total_cmp(&odds(a)).then(a.cmp(b)));
        found.truncate(MAX_READ);
        let requests: Vec<Request<'_>> = found
            .iter()
            .map(|(i, k)| {
                let s = &series.input.sources[*i];
                let first: Moment = s.occurrences[*k].first;
                Request {
                    service: Some(&s.name),
                    template: Some(s.occurrences[*k].template),
                    problems: false,
                    from: first,
                    to: first + 1,
                    latest: false,
                }
            })
            .collect();
        let events = self.evidence(snapshot, &requests, series.by_order);
        drop(requests);
        for ((i, k), ids) in found.into_iter().zip(events) {
            let event = ids.first().and_then(|id| self.corpus.event(snapshot, *id));
            let Some(event) = event.filter(|e| e.lines > 1) else {
                continue;
            };
            let o = &mut series.input.sources[i].occurrences[k];
            for line in event
                .raw
                .lines()
                .skip(1)
                .take(MAX_LINES)
                .filter(|l| is_exception(l))
            {
                let prior = Prior::of(line, Level::Unknown);
                o.log_odds = o.log_odds.max(prior.log_odds);
                if prior.alone && !o.alone {
                    o.alone = true;
                    o.message = Some(line.trim().to_string());
                }
            }
        }
    }
}

/// True for the line of a stack trace that names an exception, not a place in the code.
fn is_exception(line: &str) -> bool {
    let text = line.trim_start();
    let is_place =
        text.starts_with("at ") || text.starts_with("File \"") || text.starts_with("...");
    let names = ["Error", "Exception", "Caused by", "panic", "fatal"];
    !is_place && names.iter().any(|n| text.contains(n))
}
