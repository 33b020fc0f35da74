//! Lines grouped by an identifier, or in fixed runs, and judged. Knows the corpus, not the arithmetic.

use super::corpus::{Corpus, Snapshot};
use crate::detect::{Judged, Session, judge};
use crate::model::{Moment, NO_TIME, SessionVerdict};
use regex::bytes::Regex;
use rustc_hash::FxHashMap;

/// What makes lines one session.
#[derive(Clone, Debug)]
pub enum By {
    /// Each match of the pattern in the raw line.
    Pattern(Regex),
    /// So many consecutive lines of a source.
    Lines(u64),
}

/// Patterns of the identifier types that can be named in place of a regular expression.
const TYPES: &[(&str, &str)] = &[
    (
        "uuid",
        r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}",
    ),
    ("ip", r"\b(?:[0-9]{1,3}\.){3}[0-9]{1,3}\b"),
    ("block", r"\bblk_-?[0-9]+"),
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

/// Types of identifiers that the lines of one request share.
pub const REQUEST: [&str; 5] = ["uuid", "block", "request", "trace", "hex"];
/// What links lines of several services besides: sessions and pods, and peers by address.
const OTHERS: [&str; 2] = ["session", "pod"];
const PEER: &str = r"\b[a-zA-Z0-9][\w.-]*[\w]:[0-9]{2,5}\b";

/// Identifiers in a line that another line may share.
pub fn identifiers_in(line: &str) -> std::collections::BTreeSet<String> {
    static PATTERNS: std::sync::OnceLock<Vec<regex::Regex>> = std::sync::OnceLock::new();
    let patterns = PATTERNS.get_or_init(|| {
        let types = TYPES
            .iter()
            .filter(|t| REQUEST.contains(&t.0) || OTHERS.contains(&t.0))
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

/// `07:41` or `2026-03-02T07:41`, which the pattern of a peer takes for one.
fn is_clock(text: &str) -> bool {
    let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
    text.split(':').all(digits)
        || text
            .split('-')
            .next()
            .is_some_and(|year| year.len() == 4 && digits(year) && text.contains('-'))
}

impl By {
    /// `lines:N`, the name of a type, or a regular expression.
    pub fn parse(text: &str) -> Result<By, String> {
        if let Some(n) = text.strip_prefix("lines:") {
            let n = n.parse().ok().filter(|n| *n > 0);
            return n
                .map(By::Lines)
                .ok_or_else(|| format!("'{text}': lines:N needs a number above 0"));
        }
        let pattern = TYPES
            .iter()
            .find(|(name, _)| *name == text)
            .map_or(text, |(_, p)| p);
        let names: Vec<&str> = TYPES.iter().map(|t| t.0).collect();
        let wrong = |e: regex::Error| {
            format!(
                "'{text}' is neither an identifier type ({}), lines:N, nor a regular expression: {e}",
                names.join(", ")
            )
        };
        Regex::new(pattern).map(By::Pattern).map_err(wrong)
    }
}

#[derive(Default)]
struct Gathered {
    ids: FxHashMap<Vec<u8>, usize>,
    names: Vec<String>,
    sessions: Vec<(Vec<u32>, Moment, u64)>,
}

impl Gathered {
    fn add(&mut self, id: &[u8], template: u32, time: Moment) {
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
        if let Err(place) = templates.binary_search(&template) {
            templates.insert(place, template);
        }
        if time != NO_TIME && (*first == NO_TIME || time < *first) {
            *first = time;
        }
    }
}

impl Corpus {
    /// Judges all sessions. Those that begin in `baseline` say what is normal; without one, all of them do.
    pub fn sessions(
        &self,
        snapshot: &Snapshot,
        by: &By,
        baseline: Option<(Moment, Moment)>,
    ) -> (Vec<SessionVerdict>, f64) {
        let mut all = Gathered::default();
        for chunk in snapshot.chunks.iter() {
            let source = snapshot
                .sources
                .get(chunk.source as usize)
                .map_or("", |s| s.name.as_str());
            for block in &chunk.blocks {
                let text = match by {
                    By::Pattern(_) => self
                        .raw(chunk.source, block.offset, block.bytes as usize)
                        .unwrap_or_default(),
                    By::Lines(_) => Vec::new(),
                };
                for i in 0..block.len() {
                    let template = snapshot
                        .template_of
                        .get(block.kind(i) as usize)
                        .copied()
                        .unwrap_or(u32::MAX);
                    let time = block.time(i);
                    match by {
                        By::Lines(n) => {
                            let line = chunk.line(block.first_event + i as u32);
                            let first = line / n * n;
                            all.add(
                                format!("{source}:{}-{}", first + 1, first + n).as_bytes(),
                                template,
                                time,
                            );
                        }
                        By::Pattern(regex) => {
                            let from = (block.starts.get(i) as usize).min(text.len());
                            let to = if i + 1 < block.len() {
                                (block.starts.get(i + 1) as usize).min(text.len())
                            } else {
                                text.len()
                            };
                            let mut seen: Vec<&[u8]> = Vec::new();
                            for m in regex.find_iter(&text[from..to]).map(|m| m.as_bytes()) {
                                if !seen.contains(&m) {
                                    seen.push(m);
                                    all.add(m, template, time);
                                }
                            }
                        }
                    }
                }
            }
        }
        verdicts(snapshot, all, baseline)
    }
}

fn verdicts(
    snapshot: &Snapshot,
    all: Gathered,
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
    let (judged, threshold) = judge(&sessions);
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

fn reasons(snapshot: &Snapshot, j: &Judged, lines: u64) -> Vec<String> {
    if !j.anomalous {
        return Vec::new();
    }
    let text = |t: u32| {
        snapshot
            .templates
            .get(t as usize)
            .map_or("?", |t| t.text.as_str())
    };
    let mut out: Vec<String> = j
        .causes
        .iter()
        .map(|c| {
            let share = format!("{:.1}% of sessions", c.share * 100.0);
            if c.missing {
                format!("missing (so in {share}): {}", text(c.template))
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
