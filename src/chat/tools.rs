//! What the model may call: read-only looks into the corpus, each capped, with a footer that says what was left out.

use crate::engine::{self, Corpus, Part, Snapshot, Unit, count_matches, for_each_match};
use crate::model::{Diagnosis, Moment, TimeRange};
use crate::text::civil::rfc3339;
use serde_json::{Value, json};

/// Lines of one result.
const MOST_ROWS: usize = 20;

/// The tools as the wire describes them.
pub fn described() -> Value {
    let tool = |name: &str, what: &str, parameters: Value, required: &[&str]| {
        json!({"type": "function", "function": {"name": name, "description": what,
               "parameters": {"type": "object", "properties": parameters, "required": required}}})
    };
    json!([
        tool(
            "search",
            "Lines that match a query: words, \"phrase\", level:>=warn, service:name, -not",
            json!({"query": {"type": "string"}}),
            &["query"]
        ),
        tool(
            "template",
            "One template with its counts and resembling ones",
            json!({"id": {"type": "integer"}}),
            &["id"]
        ),
        tool(
            "around",
            "Lines around a line [L..]",
            json!({"line": {"type": "integer"}}),
            &["line"]
        ),
        tool("windows", "All windows that are not normal", json!({}), &[]),
        tool(
            "diagnosis",
            "Ranked causes, chain and probabilities",
            json!({}),
            &[]
        ),
        tool(
            "values",
            "Values of the variables of a template, with their shares",
            json!({"id": {"type": "integer"}}),
            &["id"]
        ),
        tool(
            "compare",
            "What differs between two time ranges: templates new, gone, up, down",
            json!({"before": {"type": "string"}, "after": {"type": "string"}}),
            &["before", "after"]
        ),
        tool(
            "services",
            "The service map: who calls whom, and each one's chance to be at fault",
            json!({}),
            &[]
        ),
        tool(
            "incidents",
            "Known incidents like this one, with what fixed them",
            json!({}),
            &[]
        ),
        tool(
            "rollouts",
            "When the workloads of the bundle were last rolled out",
            json!({}),
            &[]
        ),
        tool(
            "cluster",
            "A read-only look at the connected cluster: verb is get, describe, events or logs",
            json!({"verb": {"type": "string"}, "kind": {"type": "string"}, "name": {"type": "string"}, "namespace": {"type": "string"}}),
            &["verb"]
        ),
    ])
}

/// Runs one call. Unknown names and arguments are answered, not failed.
pub fn run(
    corpus: &Corpus,
    snapshot: &Snapshot,
    (name, arguments): (&str, &Value),
    context: Option<&str>,
) -> String {
    let (findings, d) = (corpus.findings_of(snapshot), corpus.diagnosis_of(snapshot));
    let text = |k: &str| arguments[k].as_str().unwrap_or_default();
    let number = |k: &str| {
        arguments[k].as_u64().or_else(|| {
            arguments[k].as_str().and_then(|t| {
                t.trim_start_matches(['L', 'T', '['])
                    .trim_end_matches(']')
                    .parse()
                    .ok()
            })
        })
    };
    match name {
        "search" => search(
            corpus,
            snapshot,
            arguments["query"].as_str().unwrap_or_default(),
        ),
        "template" => match number("id").and_then(|id| snapshot.template_by_id(id)) {
            Some(i) => {
                let t = &snapshot.templates[i];
                let near: Vec<String> = snapshot
                    .resembling(i, 3)
                    .into_iter()
                    .map(|(n, s)| {
                        format!(
                            "[T{}] {s:.2} {}",
                            snapshot.templates[n].id, snapshot.templates[n].text
                        )
                    })
                    .collect();
                format!(
                    "[T{}] {} times, {}, in {}: {}\nresembling: {}",
                    t.id,
                    t.count,
                    t.level.name(),
                    t.services.join(", "),
                    t.text,
                    near.join("; ")
                )
            }
            None => "there is no such template".into(),
        },
        "around" => match number("line") {
            Some(id) if id < snapshot.events => {
                let rows = corpus.neighbours(snapshot, id as u32, 6);
                rows.iter()
                    .map(|n| format!("{} {}", n.line, n.text))
                    .collect::<Vec<_>>()
                    .join("\n")
            }
            _ => "there is no such line".into(),
        },
        "windows" => findings
            .windows
            .iter()
            .take(10)
            .enumerate()
            .map(|(n, w)| {
                format!(
                    "[W{}] {} .. {} {} {}",
                    n + 1,
                    rfc3339(w.start, 0),
                    rfc3339(w.end, 0),
                    w.severity.name(),
                    w.reasons.first().map_or("", |r| r.text.as_str())
                )
            })
            .collect::<Vec<_>>()
            .join("\n"),
        "diagnosis" => format!(
            "{}\n{}",
            d.verdict,
            d.causes
                .iter()
                .take(5)
                .map(|c| format!("[S:{}] {:.2} {}", c.service, c.score, c.summary))
                .collect::<Vec<_>>()
                .join("\n")
        ),
        "values" => match number("id").and_then(|id| snapshot.template_by_id(id)) {
            Some(i) => values(corpus, snapshot, i),
            None => "there is no such template".into(),
        },
        "compare" => match (range(text("before")), range(text("after"))) {
            (Some(a), Some(b)) => capped(
                corpus
                    .compare(snapshot, &Part::Range(a.0, a.1), &Part::Range(b.0, b.1))
                    .lines(snapshot),
            ),
            _ => "ranges are written 2026-03-02T09:00:00Z..2026-03-02T09:10:00Z".into(),
        },
        "services" => services(&d),
        "incidents" => capped(
            d.similar
                .iter()
                .map(|s| {
                    format!(
                        "{} {:.2}: {}; fixed by: {}",
                        s.incident, s.score, s.title, s.fix
                    )
                })
                .collect(),
        ),
        "rollouts" => capped(
            corpus
                .rollouts(snapshot)
                .into_iter()
                .map(|(s, at)| format!("[S:{s}] {}", rfc3339(at, 0)))
                .collect(),
        ),
        "cluster" => match context {
            Some(context) => engine::look(
                context,
                text("verb"),
                (text("kind"), text("name"), text("namespace")),
            ),
            None => "no cluster is connected; the user connects one in the plan (A)".into(),
        },
        other => format!(
            "there is no tool '{other}'; there are search, template, around, windows, diagnosis, values, compare, services, incidents, rollouts, cluster"
        ),
    }
}

/// Rows up to the most that one result shows, and how many there were.
fn capped(mut rows: Vec<String>) -> String {
    let all = rows.len();
    rows.truncate(MOST_ROWS);
    rows.push(format!(
        "({all} matched, {} shown, {} omitted)",
        rows.len(),
        all - rows.len()
    ));
    rows.join("\n")
}

fn range(text: &str) -> Option<(Moment, Moment)> {
    let (a, z) = text.split_once("..")?;
    Some((engine::moment(a.trim())?, engine::moment(z.trim())?))
}

fn values(corpus: &Corpus, snapshot: &Snapshot, template: usize) -> String {
    let (stats, looked) = corpus.values(snapshot, template);
    let told = |(n, v): (usize, &crate::model::VariableStats)| {
        let top: Vec<String> = v
            .top
            .iter()
            .take(5)
            .map(|(value, n)| format!("{value} ({n})"))
            .collect();
        format!(
            "variable {}: {} distinct, most often {}",
            n + 1,
            v.distinct,
            top.join(", ")
        )
    };
    format!(
        "of {looked} events looked at:\n{}",
        capped(stats.iter().enumerate().map(told).collect())
    )
}

fn services(d: &Diagnosis) -> String {
    let chance = |s: &crate::model::ServiceHealth| {
        format!(
            "[S:{}] chance to be at fault {:.0}%, health {:.2}",
            s.name,
            s.p_down * 100.0,
            s.health
        )
    };
    let calls = d.edges.iter().map(|e| {
        format!(
            "{} calls {} {} times (by {})",
            e.from, e.to, e.calls, e.source
        )
    });
    format!(
        "{}\n{}",
        capped(d.services.iter().map(chance).collect()),
        capped(calls.collect())
    )
}

fn search(corpus: &Corpus, snapshot: &Snapshot, query: &str) -> String {
    let matched = match count_matches(corpus, snapshot, query, TimeRange::default(), Unit::Event) {
        Ok((n, _)) => n as usize,
        Err(e) => return format!("the query cannot be read: {e}"),
    };
    let mut rows: Vec<String> = Vec::new();
    // Enough is enough: the error only ends the walk.
    for_each_match(
        corpus,
        snapshot,
        query,
        TimeRange::default(),
        Unit::Event,
        &mut |event, _, _, _| {
            let first: String = event
                .message
                .lines()
                .next()
                .unwrap_or_default()
                .chars()
                .take(240)
                .collect();
            let at = event.time.map_or_else(String::new, |t| rfc3339(t, 3));
            rows.push(format!(
                "[L{}] {at} {} {}: {first}",
                event.id,
                event.level.name(),
                event.service
            ));
            if rows.len() < MOST_ROWS {
                Ok(())
            } else {
                Err(String::new())
            }
        },
    )
    .ok();
    rows.push(format!(
        "({matched} matched, {} shown, {} omitted)",
        rows.len(),
        matched.saturating_sub(rows.len())
    ));
    rows.join("\n")
}

/// Calls written as text by models that know no tools: `{"name": .., "arguments": {..}}`, alone or in a code block.
pub fn in_text(content: &str) -> Option<(String, Value)> {
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
    fn calls_in_text_are_read() {
        let got =
            in_text("```json\n{\"name\": \"search\", \"arguments\": {\"query\": \"x\"}}\n```")
                .unwrap();
        assert_eq!(
            (got.0.as_str(), got.1["query"].as_str()),
            ("search", Some("x"))
        );
        assert_eq!(in_text("I would search for x"), None);
    }
}
