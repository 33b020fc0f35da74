//! Groups lines into sessions and scores them. A session has a common identifier or a fixed number
//! of lines. The scoring algorithm is in `detect`.

use super::analysis::Analysis;
use super::error::Error;
use crate::corpus::{EventRef, Snapshot};
use crate::detect::{Session, SessionResult, score_sessions};
use crate::model::{Moment, NO_TIME, SessionVerdict, TemplateIx};
use regex::bytes::Regex;
use rustc_hash::FxHashMap;

/// How lines are grouped into sessions.
#[derive(Clone, Debug)]
pub enum By {
    /// One session for each distinct match of the pattern in the raw lines.
    Pattern(Regex),
    /// One session for each run of this many consecutive lines in a source.
    Lines(u64),
}

/// Names and patterns of identifier types.
const TYPES: &[(&str, &str)] = &[
    (
        "uuid",
        r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}",
    ),
    ("ip", r"\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}\b"),
    ("block", r"\b[A-Za-z]{2,12}_-?[0-9]{4,}\b"),
    (
        "request",
        r"\breq-[0-9a-f-]{8,}|\b(?i:request[_-]?id)[=: ]\s*[\w-]+",
    ),
    (
        "trace",
        r"\b(?i:trace[_-]?id)[=: ]\s*[0-9a-fA-F]{16,32}|\b[0-9a-f]{32}\b",
    ),
    (
        "pod",
        r"\b[a-z0-9](?:[a-z0-9-]*[a-z0-9])?-[a-f0-9]{8,10}-[a-z0-9]{5}\b",
    ),
    (
        "session",
        r"\b(?i:session[_-]?(?:id)?)[=: ]\s*(?:0x)?[\w-]+",
    ),
    ("user", r"\b(?i:user(?:name)?)[=: ]\s*[\w.@-]+"),
    ("hex", r"\b0x[0-9a-fA-F]+\b|\b[0-9a-f]{12,}\b"),
    ("email", r"\b[\w.+-]+@[\w-]+\.[\w.]+\b"),
    ("path", r"(?:/[\w.-]+){2,}"),
];

/// Identifier types that the lines of one request have in common.
pub const REQUEST_TYPES: [&str; 5] = ["uuid", "block", "request", "trace", "hex"];
/// Additional identifiers that connect lines of different services: sessions, pods and peer
/// addresses.
const LINK_TYPES: [&str; 2] = ["session", "pod"];
const PEER: &str = r"\b[a-zA-Z0-9][\w.-]*[\w]:[0-9]{2,5}\b";

/// Returns the pattern of an identifier type.
pub fn pattern_of(name: &str) -> Option<&'static str> {
    TYPES.iter().find(|t| t.0 == name).map(|t| t.1)
}

/// Returns the identifiers in a line that can also occur in related lines.
pub fn identifiers_in(line: &str) -> std::collections::BTreeSet<String> {
    static PATTERNS: std::sync::OnceLock<Vec<regex::Regex>> = std::sync::OnceLock::new();
    let patterns = PATTERNS.get_or_init(|| {
        let types = TYPES
            .iter()
            .filter(|t| REQUEST_TYPES.contains(&t.0) || LINK_TYPES.contains(&t.0))
            .map(|t| t.1);
        types
            .chain([PEER])
            .filter_map(|p| regex::Regex::new(p).ok())
            .collect()
    });
    let value = |m: &str| m.rsplit(['=', ' ']).next().unwrap_or(m).to_lowercase();
    patterns
        .iter()
        .flat_map(|p| p.find_iter(line))
        .map(|m| value(m.as_str()))
        .filter(|v| !is_clock(v))
        .collect()
}

/// Returns true for a time such as `07:41` or `2026-03-02T07:41`. The peer pattern also matches
/// times.
fn is_clock(text: &str) -> bool {
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    text.split(':').all(digits)
        || text
            .split('-')
            .next()
            .is_some_and(|year| year.len() == 4 && digits(year) && text.contains('-'))
}

impl By {
    /// Parses `lines:N`, the name of an identifier type, or a regular expression.
    pub fn parse(text: &str) -> Result<By, Error> {
        if let Some(n) = text.strip_prefix("lines:") {
            let n = n.parse().ok().filter(|n| *n > 0);
            return n
                .map(By::Lines)
                .ok_or_else(|| Error::SessionLines(text.to_string()));
        }
        let wrong = |source: regex::Error| Error::SessionPattern {
            text: text.to_string(),
            known: TYPES.iter().map(|t| t.0).collect(),
            source,
        };
        Regex::new(pattern_of(text).unwrap_or(text))
            .map(By::Pattern)
            .map_err(wrong)
    }
}

#[derive(Default)]
struct Sessions {
    ids: FxHashMap<Vec<u8>, usize>,
    names: Vec<String>,
    /// Templates in ascending order, time of the first event, and number of events.
    sessions: Vec<(Vec<TemplateIx>, Moment, u64)>,
}

impl Sessions {
    fn add(&mut self, id: &[u8], template: Option<TemplateIx>, time: Moment) {
        let next = self.names.len();
        let at = match self.ids.get(id) {
            Some(at) => *at,
            None => {
                self.ids.insert(id.to_vec(), next);
                self.names.push(String::from_utf8_lossy(id).into_owned());
                self.sessions.push((Vec::new(), NO_TIME, 0));
                next
            }
        };
        let (templates, first, lines) = &mut self.sessions[at];
        *lines += 1;
        if let Some(template) = template
            && let Err(at) = templates.binary_search(&template)
        {
            templates.insert(at, template);
        }
        if time != NO_TIME && (*first == NO_TIME || time < *first) {
            *first = time;
        }
    }
}

impl Analysis {
    /// Scores all sessions. Also returns the threshold: a session is anomalous if its share is
    /// below the threshold. Sessions that start in `baseline` define what is normal. Without a
    /// baseline, all sessions define what is normal.
    pub fn sessions(
        &self,
        snapshot: &Snapshot,
        by: &By,
        baseline: Option<(Moment, Moment)>,
    ) -> (Vec<SessionVerdict>, f64) {
        let mut all = Sessions::default();
        for events in snapshot.blocks(&self.corpus) {
            let source = snapshot.sources.get(events.source().index());
            let source = source.map_or("", |s| s.name.as_str());
            for e in events.iter() {
                match by {
                    By::Lines(n) => {
                        let first = e.line() / n * n;
                        let id = format!("{source}:{}-{}", first + 1, first + n);
                        all.add(id.as_bytes(), e.template(), e.time());
                    }
                    By::Pattern(regex) => add_matches(&mut all, regex, &e),
                }
            }
        }
        verdicts(snapshot, all, baseline)
    }
}

/// Adds an event to the session of each identifier in it. Adds it only once to each session.
fn add_matches(all: &mut Sessions, regex: &Regex, e: &EventRef<'_>) {
    let mut seen: Vec<&[u8]> = Vec::new();
    for id in regex.find_iter(e.text()).map(|m| m.as_bytes()) {
        if !seen.contains(&id) {
            seen.push(id);
            all.add(id, e.template(), e.time());
        }
    }
}

fn verdicts(
    snapshot: &Snapshot,
    all: Sessions,
    baseline: Option<(Moment, Moment)>,
) -> (Vec<SessionVerdict>, f64) {
    let inside = |t: Moment| baseline.is_none_or(|(a, z)| t >= a && t <= z);
    let sessions: Vec<Session> = all
        .sessions
        .iter()
        .map(|(templates, first, _)| Session {
            templates: templates.clone(),
            baseline: inside(*first),
        })
        .collect();
    let (judged, threshold) = score_sessions(&sessions);
    let rows = all.names.into_iter().zip(judged).zip(&all.sessions);
    let mut out: Vec<SessionVerdict> = rows
        .map(|((id, j), (_, _, lines))| SessionVerdict {
            id,
            score: 1.0 / (1.0 + j.share / threshold),
            anomalous: j.anomalous,
            reasons: reasons(snapshot, &j, *lines),
        })
        .collect();
    out.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.id.cmp(&b.id)));
    (out, threshold)
}

fn reasons(snapshot: &Snapshot, j: &SessionResult, lines: u64) -> Vec<String> {
    if !j.anomalous {
        return Vec::new();
    }
    let text = |t: TemplateIx| {
        snapshot
            .templates
            .get(t.index())
            .map_or("?", |t| t.text.as_str())
    };
    let mut out: Vec<String> = j
        .causes
        .iter()
        .map(|c| {
            let share = format!("{:.1}% of sessions", c.share * 100.0);
            if c.missing {
                format!("missing (as in {share}): {}", text(c.template))
            } else {
                format!("rare (in {share}): {}", text(c.template))
            }
        })
        .collect();
    out.push(format!("{lines} lines"));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_one_request_share_its_identifier() {
        let a = identifiers_in(
            "2026-03-02T09:10:02 ERROR [orders] call failed request_id=eeb104b558e77bbc from db-0:5432",
        );
        let b = identifiers_in(r#"{"msg":"GET /carts 500","id":"eeb104b558e77bbc"}"#);
        assert!(
            a.contains("eeb104b558e77bbc")
                && b.contains("eeb104b558e77bbc")
                && a.contains("db-0:5432"),
            "{a:?} {b:?}"
        );
        assert!(identifiers_in("2026-03-02T09:10:02Z at 09:10:02 all was well").is_empty());
    }
}
