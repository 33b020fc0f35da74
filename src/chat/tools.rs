//! What the model may call: read-only looks into the corpus, each capped, with a footer that says what was left out.

use crate::engine::{Corpus, Snapshot, Unit, count_matches, for_each_match};
use crate::model::{Diagnosis, Findings, TimeRange};
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
        tool("template", "One template with its counts and resembling ones", json!({"id": {"type": "integer"}}), &["id"]),
        tool("around", "Lines around a line [L..]", json!({"line": {"type": "integer"}}), &["line"]),
        tool("windows", "All windows that are not normal", json!({}), &[]),
        tool("diagnosis", "Ranked causes, chain and probabilities", json!({}), &[]),
    ])
}

/// Runs one call. Unknown names and arguments are answered, not failed.
pub fn run(corpus: &Corpus, snapshot: &Snapshot, findings: &Findings, d: &Diagnosis, name: &str, arguments: &Value) -> String {
    let number = |k: &str| {
        arguments[k]
            .as_u64()
            .or_else(|| arguments[k].as_str().and_then(|t| t.trim_start_matches(['L', 'T', '[']).trim_end_matches(']').parse().ok()))
    };
    match name {
        "search" => search(corpus, snapshot, arguments["query"].as_str().unwrap_or_default()),
        "template" => match number("id").and_then(|id| snapshot.template_by_id(id)) {
            Some(i) => {
                let t = &snapshot.templates[i];
                let near: Vec<String> = snapshot
                    .resembling(i, 3)
                    .into_iter()
                    .map(|(n, s)| format!("[T{}] {s:.2} {}", snapshot.templates[n].id, snapshot.templates[n].text))
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
                rows.iter().map(|n| format!("{} {}", n.line, n.text)).collect::<Vec<_>>().join("\n")
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
            d.causes.iter().take(5).map(|c| format!("[S:{}] {:.2} {}", c.service, c.score, c.summary)).collect::<Vec<_>>().join("\n")
        ),
        other => format!("there is no tool '{other}'; there are search, template, around, windows, diagnosis"),
    }
}

fn search(corpus: &Corpus, snapshot: &Snapshot, query: &str) -> String {
    let matched = match count_matches(corpus, snapshot, query, TimeRange::default(), Unit::Event) {
        Ok((n, _)) => n as usize,
        Err(e) => return format!("the query cannot be read: {e}"),
    };
    let mut rows: Vec<String> = Vec::new();
    // Enough is enough: the error only ends the walk.
    for_each_match(corpus, snapshot, query, TimeRange::default(), Unit::Event, &mut |event, _, _, _| {
        let first: String = event.message.lines().next().unwrap_or_default().chars().take(240).collect();
        let at = event.time.map_or_else(String::new, |t| rfc3339(t, 3));
        rows.push(format!("[L{}] {at} {} {}: {first}", event.id, event.level.name(), event.service));
        if rows.len() < MOST_ROWS { Ok(()) } else { Err(String::new()) }
    })
    .ok();
    rows.push(format!("({matched} matched, {} shown, {} omitted)", rows.len(), matched.saturating_sub(rows.len())));
    rows.join("\n")
}

/// Calls written as text by models that know no tools: `{"name": .., "arguments": {..}}`, alone or in a code block.
pub fn in_text(content: &str) -> Option<(String, Value)> {
    let body = content.trim().trim_start_matches("```json").trim_start_matches("```").trim_end_matches("```").trim();
    let body = body.strip_prefix("<tool_call>").map_or(body, |b| b.trim_end_matches("</tool_call>").trim());
    let v: Value = serde_json::from_str(body).ok()?;
    let name = v["name"].as_str().or(v["function"].as_str())?.to_string();
    let arguments = if v["arguments"].is_object() { v["arguments"].clone() } else { v["parameters"].clone() };
    Some((name, arguments))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_in_text_are_read() {
        let got = in_text("```json\n{\"name\": \"search\", \"arguments\": {\"query\": \"x\"}}\n```").unwrap();
        assert_eq!((got.0.as_str(), got.1["query"].as_str()), ("search", Some("x")));
        assert_eq!(in_text("I would search for x"), None);
    }
}
