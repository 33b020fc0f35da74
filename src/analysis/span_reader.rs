//! Reads spans from OTLP/JSON, Jaeger and Zipkin files. Counts and skips records that cannot be
//! read. Does not know where the text comes from.

use crate::diagnose::Span;
use rustc_hash::FxHashMap;
use serde_json::Value;

/// A list of distinct names. Each name has a number, which is its index in the list.
#[derive(Default)]
pub struct Names {
    pub ids: FxHashMap<String, u32>,
    pub list: Vec<String>,
}

impl Names {
    pub fn id(&mut self, name: &str) -> u32 {
        if let Some(i) = self.ids.get(name) {
            return *i;
        }
        self.ids.insert(name.to_string(), self.list.len() as u32);
        self.list.push(name.to_string());
        self.list.len() as u32 - 1
    }
}

/// The spans read so far, and the names that they refer to by number.
#[derive(Default)]
pub struct SpanReader {
    pub services: Names,
    pub names: Names,
    pub spans: Vec<Span>,
    /// Number of records that could not be read.
    pub broken: u64,
}

impl SpanReader {
    /// Reads text with one JSON document per line, or with a JSON document over several lines.
    pub fn read(&mut self, text: &[u8]) {
        let mut whole = false;
        for line in text
            .split(|b| *b == b'\n')
            .filter(|l| !l.trim_ascii().is_empty())
        {
            match serde_json::from_slice::<Value>(line) {
                Ok(value) => self.document(&value),
                Err(_) if self.spans.is_empty() && !whole => {
                    whole = true;
                    for value in serde_json::Deserializer::from_slice(text).into_iter::<Value>() {
                        match value {
                            Ok(value) => self.document(&value),
                            Err(_) => {
                                self.broken += 1;
                                break;
                            }
                        }
                    }
                    if !self.spans.is_empty() {
                        return;
                    }
                }
                Err(_) => self.broken += 1,
            }
        }
    }

    fn document(&mut self, v: &Value) {
        if let Some(resources) = v["resourceSpans"].as_array() {
            resources.iter().for_each(|r| self.otlp(r));
        } else if let Some(data) = v["data"].as_array() {
            data.iter().for_each(|t| self.jaeger(t));
        } else if v["spans"].is_array() {
            self.jaeger(v);
        } else if let Some(list) = v.as_array() {
            list.iter().for_each(|s| self.zipkin(s));
        } else if v["traceId"].is_string() {
            self.zipkin(v);
        }
    }

    fn otlp(&mut self, r: &Value) {
        let attribute = |list: &Value, key: &str| {
            list.as_array()?
                .iter()
                .find(|a| a["key"] == key)
                .and_then(|a| a["value"]["stringValue"].as_str())
                .map(String::from)
        };
        let attributes = &r["resource"]["attributes"];
        let service = attribute(attributes, "service.name")
            .or_else(|| attribute(attributes, "k8s.pod.name"))
            .unwrap_or_default();
        let service = self.services.id(&service);
        for span in r["scopeSpans"]
            .as_array()
            .into_iter()
            .flatten()
            .flat_map(|s| s["spans"].as_array().into_iter().flatten())
        {
            let nanos = |k: &str| {
                span[k]
                    .as_str()
                    .and_then(|t| t.parse().ok())
                    .or_else(|| span[k].as_i64())
                    .unwrap_or(0)
            };
            let failed =
                span["status"]["code"] == 2 || span["status"]["code"] == "STATUS_CODE_ERROR";
            let ids = (
                span["traceId"].as_str(),
                span["spanId"].as_str(),
                span["parentSpanId"].as_str(),
            );
            self.push(
                ids,
                service,
                span["name"].as_str(),
                (nanos("startTimeUnixNano"), nanos("endTimeUnixNano")),
                failed,
            );
        }
    }

    fn jaeger(&mut self, t: &Value) {
        for span in t["spans"].as_array().into_iter().flatten() {
            let service = span["processID"]
                .as_str()
                .and_then(|p| t["processes"][p]["serviceName"].as_str())
                .or(span["process"]["serviceName"].as_str());
            let service = self.services.id(service.unwrap_or_default());
            let parent = span["references"]
                .as_array()
                .and_then(|r| r.iter().find(|r| r["refType"] == "CHILD_OF"))
                .and_then(|r| r["spanID"].as_str());
            let start = span["startTime"].as_i64().unwrap_or(0) * 1000;
            let end = start + span["duration"].as_i64().unwrap_or(0) * 1000;
            let failed = span["tags"]
                .as_array()
                .is_some_and(|t| t.iter().any(|t| t["key"] == "error" && t["value"] == true));
            self.push(
                (span["traceID"].as_str(), span["spanID"].as_str(), parent),
                service,
                span["operationName"].as_str(),
                (start, end),
                failed,
            );
        }
    }

    fn zipkin(&mut self, span: &Value) {
        let service = self.services.id(span["localEndpoint"]["serviceName"]
            .as_str()
            .unwrap_or_default());
        let start = span["timestamp"].as_i64().unwrap_or(0) * 1000;
        let end = start + span["duration"].as_i64().unwrap_or(0) * 1000;
        let failed = span["tags"]["error"].is_string();
        self.push(
            (
                span["traceId"].as_str(),
                span["id"].as_str(),
                span["parentId"].as_str(),
            ),
            service,
            span["name"].as_str(),
            (start, end),
            failed,
        );
    }

    fn push(
        &mut self,
        (trace, id, parent): (Option<&str>, Option<&str>, Option<&str>),
        service: u32,
        name: Option<&str>,
        (start, end): (i64, i64),
        failed: bool,
    ) {
        let hex = |t: Option<&str>| t.and_then(|t| u128::from_str_radix(t, 16).ok());
        let (Some(trace), Some(id)) = (hex(trace), hex(id)) else {
            self.broken += 1;
            return;
        };
        let name = self.names.id(name.unwrap_or_default());
        self.spans.push(Span {
            trace,
            id: id as u64,
            parent: hex(parent).unwrap_or(0) as u64,
            service,
            name,
            start,
            end: end.max(start),
            failed,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_trace_formats_are_read() {
        let mut r = SpanReader::default();
        r.read(br#"{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"a"}}]},"scopeSpans":[{"spans":[{"traceId":"01","spanId":"02","parentSpanId":"","name":"x","startTimeUnixNano":"5","endTimeUnixNano":"9"}]}]}]}
broken {
[{"traceId":"01","id":"03","parentId":"02","name":"y","timestamp":1,"duration":2,"localEndpoint":{"serviceName":"b"}}]
{"data":[{"traceID":"01","spans":[{"traceID":"01","spanID":"4","operationName":"z","references":[{"refType":"CHILD_OF","spanID":"3"}],"startTime":3,"duration":4,"processID":"p1"}],"processes":{"p1":{"serviceName":"c"}}}]}"#);
        assert_eq!(r.services.list, ["a", "b", "c"]);
        assert_eq!(
            r.spans.iter().map(|s| (s.id, s.parent)).collect::<Vec<_>>(),
            [(2, 0), (3, 2), (4, 3)]
        );
        assert_eq!(r.broken, 1);
    }
}
