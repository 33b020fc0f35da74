//! The tools that the model can call: read-only queries on the corpus and the cluster. Results are
//! limited. A footer gives the number of omitted rows. Changes nothing.

use crate::analysis::{Analysis, Selection};
use crate::cluster::{Connection, read_cluster};
use crate::corpus::{Match, QueryError, Snapshot, Unit, count_matches, for_each_match, moment};
use crate::model::{
    Diagnosis, EventId, Findings, Moment, ServiceHealth, TemplateIx, TimeRange, VariableStats,
};
use crate::text::civil::rfc3339;
use crate::text::redact::Redactor;
use serde_json::{Value, json};

/// Maximum number of rows in one result.
const MAX_ROWS: usize = 20;
/// Number of lines to request around an event.
const AROUND: u64 = 6;
/// Maximum number of characters of a message in a list.
const MAX_MESSAGE: usize = 240;

/// The tools in the format of the Ollama API.
pub fn schemas() -> Value {
    let tool = |name: &str, description: &str, parameters: Value, required: &[&str]| {
        json!({"type": "function", "function": {"name": name, "description": description,
               "parameters": {"type": "object", "properties": parameters, "required": required}}})
    };
    json!([
        tool(
            "search",
            "Search lines with a query: words, \"phrase\", level:>=warn, service:name, -not",
            json!({"query": {"type": "string"}}),
            &["query"]
        ),
        tool(
            "template",
            "Show one template with its count and similar templates",
            json!({"id": {"type": "integer"}}),
            &["id"]
        ),
        tool(
            "around",
            "Show the lines around a line [L..]",
            json!({"line": {"type": "integer"}}),
            &["line"]
        ),
        tool("windows", "List the anomalies [W..]", json!({}), &[]),
        tool(
            "diagnosis",
            "Show the ranked root causes with their confidence",
            json!({}),
            &[]
        ),
        tool(
            "values",
            "Show the most frequent values of each variable of a template, with counts",
            json!({"id": {"type": "integer"}}),
            &["id"]
        ),
        tool(
            "compare",
            "Compare two time ranges: templates that are new, stopped, more frequent or less frequent",
            json!({"before": {"type": "string"}, "after": {"type": "string"}}),
            &["before", "after"]
        ),
        tool(
            "services",
            "Show the service map: calls between services, and the fault probability of each service",
            json!({}),
            &[]
        ),
        tool(
            "incidents",
            "List similar known incidents and how they were fixed",
            json!({}),
            &[]
        ),
        tool(
            "rollouts",
            "List when each service was last rolled out",
            json!({}),
            &[]
        ),
        tool(
            "cluster",
            "Read from the connected cluster; verb is get, describe, events or logs",
            json!({"verb": {"type": "string"}, "kind": {"type": "string"}, "name": {"type": "string"}, "namespace": {"type": "string"}}),
            &["verb"]
        ),
    ])
}

/// Runs one tool call. If the name is unknown or an argument is bad, the result is an error
/// message, so that the model can correct the call. `cluster` is the connected
/// cluster, if one is connected. The result is redacted where a row shows only a part of an event;
/// the caller redacts it once more as a whole.
pub fn run(
    analysis: &Analysis,
    snapshot: &Snapshot,
    (name, arguments): (&str, &Value),
    cluster: Option<&Connection>,
    redactor: &mut Redactor,
) -> String {
    let text = |k: &str| arguments[k].as_str().unwrap_or_default();
    let template = number(&arguments["id"]).and_then(|id| snapshot.template_by_id(id));
    let diagnosis = || analysis.diagnosis(snapshot);
    match name {
        "search" => search(analysis, snapshot, text("query"), redactor),
        "template" | "values" => match template {
            None => "no such template".into(),
            Some(t) if name == "values" => values(analysis, snapshot, t, redactor),
            Some(t) => describe_template(snapshot, t),
        },
        "around" => around(analysis, snapshot, number(&arguments["line"])),
        "windows" => windows(&analysis.findings(snapshot)),
        "diagnosis" => causes(&diagnosis()),
        "compare" => compare(analysis, snapshot, text("before"), text("after")),
        "services" => services(&diagnosis()),
        "incidents" => incidents(&diagnosis()),
        "rollouts" => {
            let rollouts = analysis.rollouts(snapshot).into_iter();
            capped(
                rollouts
                    .map(|(s, at)| format!("[S:{s}] {}", rfc3339(at, 0)))
                    .collect(),
            )
        }
        "cluster" => match cluster {
            None => {
                "no cluster is connected; the user can choose one in the plan pane with A".into()
            }
            Some(connection) => {
                let words = (text("verb"), text("kind"), text("name"), text("namespace"));
                read_cluster(connection, words)
            }
        },
        other => format!(
            "unknown tool '{other}'; available tools: search, template, around, windows, diagnosis, values, compare, services, incidents, rollouts, cluster"
        ),
    }
}

/// A number, or a mark such as `L12` or `[T34]`.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| {
        value
            .as_str()?
            .trim_start_matches(['L', 'T', '['])
            .trim_end_matches(']')
            .parse()
            .ok()
    })
}

fn describe_template(snapshot: &Snapshot, at: TemplateIx) -> String {
    let t = &snapshot.templates[at.index()];
    let near: Vec<String> = snapshot
        .resembling(at, 3)
        .into_iter()
        .map(|(n, similarity)| {
            let other = &snapshot.templates[n.index()];
            format!("[T{}] {similarity:.2} {}", other.id, other.text)
        })
        .collect();
    let (services, level) = (t.services.join(", "), t.level.name());
    format!(
        "[T{}] {} events, {level}, in {services}: {}\nsimilar: {}",
        t.id,
        t.count,
        t.text,
        near.join("; ")
    )
}

fn around(analysis: &Analysis, snapshot: &Snapshot, line: Option<u64>) -> String {
    let Some(id) = line.filter(|id| *id < snapshot.events) else {
        return "no such line".into();
    };
    let rows = analysis
        .corpus
        .neighbors(snapshot, EventId(id as u32), AROUND);
    rows.iter()
        .map(|n| format!("{} {}", n.line, n.text))
        .collect::<Vec<_>>()
        .join("\n")
}

fn windows(findings: &Findings) -> String {
    let row = |(n, w): (usize, &crate::model::Window)| {
        let reason = w.reasons.first().map_or("", |r| r.text.as_str());
        let (start, end) = (rfc3339(w.start, 0), rfc3339(w.end, 0));
        format!("[W{}] {start}..{end} {} {reason}", n + 1, w.severity.name())
    };
    findings
        .windows
        .iter()
        .take(10)
        .enumerate()
        .map(row)
        .collect::<Vec<_>>()
        .join("\n")
}

fn causes(d: &Diagnosis) -> String {
    let row =
        |c: &crate::model::RootCause| format!("[S:{}] {:.2} {}", c.service, c.score, c.summary);
    let causes: Vec<String> = d.causes.iter().take(5).map(row).collect();
    format!("{}\n{}", d.verdict, causes.join("\n"))
}

fn compare(analysis: &Analysis, snapshot: &Snapshot, before: &str, after: &str) -> String {
    let (Some(a), Some(b)) = (range(before), range(after)) else {
        return "invalid time range; example: 2026-03-02T09:00:00Z..2026-03-02T09:10:00Z".into();
    };
    let (a, b) = (Selection::Range(a.0, a.1), Selection::Range(b.0, b.1));
    capped(analysis.compare(snapshot, &a, &b).lines(snapshot))
}

fn incidents(d: &Diagnosis) -> String {
    let row = |s: &crate::model::Similar| {
        format!(
            "{} {:.2}: {}; fixed by: {}",
            s.incident, s.score, s.title, s.fix
        )
    };
    capped(d.similar.iter().map(row).collect())
}

/// Keeps at most `MAX_ROWS` rows and appends the footer.
fn capped(mut rows: Vec<String>) -> String {
    let total = rows.len();
    rows.truncate(MAX_ROWS);
    rows.push(footer(total, rows.len()));
    rows.join("\n")
}

fn footer(matched: usize, shown: usize) -> String {
    format!(
        "({matched} matched, {shown} shown, {} omitted)",
        matched.saturating_sub(shown)
    )
}

fn range(text: &str) -> Option<(Moment, Moment)> {
    let (start, end) = text.split_once("..")?;
    Some((moment(start.trim())?, moment(end.trim())?))
}

fn values(
    analysis: &Analysis,
    snapshot: &Snapshot,
    template: TemplateIx,
    redactor: &mut Redactor,
) -> String {
    let (stats, inspected) = analysis.corpus.values(snapshot, template);
    let text = &snapshot.templates[template.index()].text;
    let usual: Vec<&str> = stats
        .iter()
        .map(|v| v.top.first().map_or("", |t| t.0.as_str()))
        .collect();
    let row = |(n, v): (usize, &VariableStats)| {
        let top: Vec<String> = v
            .top
            .iter()
            .take(5)
            .map(|(value, count)| {
                let value = in_template(text, &usual, n, value, redactor);
                format!("{value} ({count})")
            })
            .collect();
        let (n, distinct, top) = (n + 1, v.distinct, top.join(", "));
        format!("variable {n}: {distinct} distinct values, most frequent: {top}")
    };
    let rows = stats.iter().enumerate().map(row).collect();
    format!("from {inspected} events:\n{}", capped(rows))
}

/// The `n`-th value of a template, redacted as it would be in its line: the words around it can
/// say that it is a secret. The other variables have their `usual` values.
fn in_template(
    template: &str,
    usual: &[&str],
    n: usize,
    value: &str,
    redactor: &mut Redactor,
) -> String {
    let (mut line, mut at) = (String::new(), 0);
    for (i, part) in template.split("<*>").enumerate() {
        if i > 0 {
            if i == n + 1 {
                at = line.len();
            }
            line.push_str(if i == n + 1 {
                value
            } else {
                usual.get(i - 1).unwrap_or(&"")
            });
        }
        line.push_str(part);
    }
    redactor.redact_in(&line, at, value)
}

fn services(d: &Diagnosis) -> String {
    let health = |s: &ServiceHealth| {
        let (probability, health) = (s.p_down * 100.0, s.health);
        format!(
            "[S:{}] fault probability {probability:.0}%, health {health:.2}",
            s.name
        )
    };
    let call = |e: &crate::model::Edge| {
        format!(
            "{} calls {}: {} calls (source: {})",
            e.from,
            e.to,
            e.calls,
            e.source.name()
        )
    };
    let health = capped(d.services.iter().map(health).collect());
    format!("{health}\n{}", capped(d.edges.iter().map(call).collect()))
}

/// Why a loop over the matches stops.
enum Stop {
    Enough,
    Query,
}

impl From<QueryError> for Stop {
    fn from(_: QueryError) -> Stop {
        Stop::Query
    }
}

fn search(
    analysis: &Analysis,
    snapshot: &Snapshot,
    query: &str,
    redactor: &mut Redactor,
) -> String {
    let (corpus, range, unit) = (&analysis.corpus, TimeRange::default(), Unit::Event);
    let matched = match count_matches(corpus, snapshot, query, range, unit) {
        Ok((n, _)) => n as usize,
        Err(e) => return e.to_string(),
    };
    let mut rows: Vec<String> = Vec::new();
    let mut take = |m: Match<'_>| {
        let message = redactor.redact(&m.event.message);
        let first = message.lines().next().unwrap_or_default();
        let message: String = first.chars().take(MAX_MESSAGE).collect();
        let time = m.event.time.map_or_else(String::new, |t| rfc3339(t, 3));
        let (id, level, service) = (m.event.id, m.event.level.name(), &m.event.service);
        rows.push(format!("[L{id}] {time} {level} {service}: {message}"));
        if rows.len() < MAX_ROWS {
            Ok(())
        } else {
            Err(Stop::Enough)
        }
    };
    match for_each_match(corpus, snapshot, query, range, unit, &mut take) {
        Ok(_) | Err(Stop::Enough) => {}
        Err(Stop::Query) => return "invalid query".into(),
    }
    rows.push(footer(matched, rows.len()));
    rows.join("\n")
}

/// Parses a tool call that a model without tool support writes as text:
/// `{"name": .., "arguments": {..}}`, alone, in a code block or in `<tool_call>` tags.
pub fn call_in_text(content: &str) -> Option<(String, Value)> {
    let body = content
        .trim()
        .trim_start_matches("```json")
        .trim_start_matches("```")
        .trim_end_matches("```")
        .trim();
    let body = body
        .strip_prefix("<tool_call>")
        .map_or(body, |b| b.trim_end_matches("</tool_call>").trim());
    let v: Value = serde_json::from_str(body).ok()?;
    let name = v["name"].as_str().or(v["function"].as_str())?.to_string();
    let arguments = if v["arguments"].is_object() {
        v["arguments"].clone()
    } else {
        v["parameters"].clone()
    };
    Some((name, arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tool_calls_in_text_are_parsed() {
        let got =
            call_in_text("```json\n{\"name\": \"search\", \"arguments\": {\"query\": \"x\"}}\n```")
                .unwrap();
        assert_eq!(
            (got.0.as_str(), got.1["query"].as_str()),
            ("search", Some("x"))
        );
        assert_eq!(call_in_text("I would search for x"), None);
    }
}
