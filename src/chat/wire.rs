//! The wire of Ollama: addresses, models, and the chat stream read line by line. A line with an error ends it, a stream without
//! `done` is a failure, chunks may end anywhere. Knows no corpus.

use futures::StreamExt;
use serde_json::{Value, json};
use std::time::Duration;

/// A line of a stream longer than this is a fault.
const MOST_LINE: usize = 8 << 20;
/// A cold model of 70 billion parameters may take minutes to load.
const FIRST_TOKEN: Duration = Duration::from_secs(600);
const CONNECT: Duration = Duration::from_secs(3);

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    pub url: String,
}

/// What went wrong, as a sentence with a remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure(pub String);

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a model can and how large its window is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Model {
    pub name: String,
    pub context: u64,
    pub tools: bool,
    pub thinking: bool,
}

/// What one request gave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reply {
    pub content: String,
    pub thinking: String,
    pub calls: Vec<Value>,
    pub prompt_tokens: Option<u64>,
    pub answer_tokens: Option<u64>,
    /// The model runs elsewhere.
    pub remote: bool,
}

impl Server {
    /// `OLLAMA_HOST` as Ollama reads it: `[scheme://]host[:port][/path]`.
    pub fn parse(text: &str) -> Server {
        let text = text.trim().trim_matches(['"', '\'']);
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        let (host_port, path) = rest.split_once('/').unwrap_or((rest, ""));
        let default = match scheme {
            "http" => 80,
            "https" => 443,
            _ => 11434,
        };
        let (host, port) = match host_port.rsplit_once(':').filter(|(h, _)| !h.contains(':') || h.ends_with(']')) {
            Some((h, p)) => (h, p.parse::<u16>().unwrap_or(default)),
            None => (host_port, default),
        };
        let host = match host {
            "" | "0.0.0.0" => "127.0.0.1",
            "[::]" | "::" => "[::1]",
            h => h,
        };
        let path = path.trim_end_matches('/');
        let path = if path.is_empty() { String::new() } else { format!("/{path}") };
        let scheme = if scheme == "https" { "https" } else { "http" };
        Server { url: format!("{scheme}://{host}:{port}{path}") }
    }

    /// The one asked for, else `OLLAMA_HOST`, else the usual one.
    pub fn find(asked: Option<&str>) -> Server {
        let given = asked.map(String::from).or_else(|| std::env::var("OLLAMA_HOST").ok().filter(|h| !h.trim().is_empty()));
        Server::parse(given.as_deref().unwrap_or("127.0.0.1:11434"))
    }

    pub fn is_local(&self) -> bool {
        let host = self.url.split("://").nth(1).unwrap_or_default();
        ["127.", "localhost", "[::1]"].iter().any(|l| host.starts_with(l))
    }

    fn client(&self) -> Result<reqwest::Client, Failure> {
        reqwest::Client::builder().connect_timeout(CONNECT).no_proxy().build().map_err(|e| Failure(format!("no HTTP client: {e}")))
    }

    async fn post(&self, path: &str, body: &Value, wait: Duration) -> Result<reqwest::Response, Failure> {
        let sent = self.client()?.post(format!("{}{path}", self.url)).json(body).timeout(wait).send().await;
        let response = sent.map_err(|e| self.unreachable(&e))?;
        let status = response.status().as_u16();
        if status == 200 {
            return Ok(response);
        }
        let text = response.text().await.unwrap_or_default();
        let said = serde_json::from_str::<Value>(&text).ok().and_then(|v| v["error"].as_str().map(String::from)).unwrap_or(text);
        Err(told(status, &said, body["model"].as_str().unwrap_or_default()))
    }

    fn unreachable(&self, e: &reqwest::Error) -> Failure {
        if e.is_timeout() {
            return Failure(format!("the model server at {} did not answer in time; is the model still loading?", self.url));
        }
        Failure(format!("no model server answers at {}; start one with `ollama serve`, or name it with --ollama URL", self.url))
    }

    /// Capabilities and context length of a model.
    pub async fn show(&self, model: &str) -> Result<Model, Failure> {
        let response = self.post("/api/show", &json!({ "model": model }), Duration::from_secs(20)).await?;
        let v: Value = response.json().await.map_err(|e| Failure(format!("the server's answer about {model} cannot be read: {e}")))?;
        let info = v["model_info"].as_object();
        let context = info.and_then(|i| i.iter().find(|(k, _)| k.ends_with(".context_length"))).and_then(|(_, n)| n.as_u64());
        let can = |what: &str| v["capabilities"].as_array().is_some_and(|c| c.iter().any(|x| x == what));
        Ok(Model { name: model.into(), context: context.unwrap_or(4096), tools: can("tools"), thinking: can("thinking") })
    }

    /// One round of the chat; `each` gets pieces of the answer as they come, and says whether to go on.
    pub async fn chat(&self, body: &Value, each: &mut (dyn FnMut(&str) -> bool + Send)) -> Result<Reply, Failure> {
        let response = self.post("/api/chat", body, FIRST_TOKEN).await?;
        let mut stream = response.bytes_stream();
        let mut lines = Lines::default();
        let mut reply = Reply::default();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|e| Failure(format!("the connection broke in the middle of the answer ({e}); ask again")))?;
            for line in lines.push(&chunk)? {
                if take(&line, &mut reply, each)? {
                    return Ok(reply);
                }
            }
        }
        if let Some(line) = lines.rest()
            && take(&line, &mut reply, each)?
        {
            return Ok(reply);
        }
        Err(Failure("the answer ended without a word of why (no `done`); ask again".into()))
    }
}

/// Names of the models that the server has.
pub async fn models(server: &Server) -> Result<Vec<String>, Failure> {
    let url = reqwest::Url::parse(&format!("{}/", server.url)).map_err(|e| Failure(format!("'{}' is no address: {e}", server.url)))?;
    let port = url.port_or_known_default().unwrap_or(11434);
    let host = format!("{}://{}", url.scheme(), url.host_str().unwrap_or("127.0.0.1"));
    let ollama = ollama_rs::Ollama::builder().host(host).port(port).build();
    let list = tokio::time::timeout(Duration::from_secs(10), ollama.list_local_models()).await;
    match list {
        Ok(Ok(models)) => Ok(models.into_iter().map(|m| m.name).collect()),
        _ => {
            Err(Failure(format!("no model server answers at {}; start one with `ollama serve`, or name it with --ollama URL", server.url)))
        }
    }
}

/// A status and the server's words as a sentence with a remedy.
fn told(status: u16, said: &str, model: &str) -> Failure {
    Failure(match status {
        404 => format!("the server does not have the model '{model}'; get it with `ollama pull {model}`"),
        400 if said.contains("context length") || said.contains("longer than") => {
            format!("the question does not fit the model's window ({said}); ask for less, or raise num_ctx")
        }
        400 if said.contains("does not support tools") => format!("{model} cannot call tools"),
        401 | 403 => format!("the server refuses access ({said})"),
        503 => "the server is busy; ask again in a moment".into(),
        _ => format!("the server says {status}: {said}"),
    })
}

/// Takes one line; true at the end of the answer.
fn take(line: &[u8], reply: &mut Reply, each: &mut (dyn FnMut(&str) -> bool + Send)) -> Result<bool, Failure> {
    let v: Value =
        serde_json::from_slice(line).map_err(|e| Failure(format!("the server sent something that is no JSON ({e}); is it Ollama?")))?;
    if let Some(e) = v["error"].as_str() {
        return Err(Failure(format!("the server stopped in the middle of the answer: {e}")));
    }
    reply.remote |= v["remote_host"].is_string();
    let message = &v["message"];
    reply.thinking.push_str(message["thinking"].as_str().unwrap_or_default());
    reply.calls.extend(message["tool_calls"].as_array().into_iter().flatten().cloned());
    if let Some(text) = message["content"].as_str().filter(|t| !t.is_empty()) {
        reply.content.push_str(text);
        if !each(text) {
            return Err(Failure("stopped".into()));
        }
    }
    if v["done"] == true {
        reply.prompt_tokens = v["prompt_eval_count"].as_u64();
        reply.answer_tokens = v["eval_count"].as_u64();
        return Ok(true);
    }
    Ok(false)
}

/// Cuts a byte stream at its line ends, wherever chunks end.
#[derive(Default)]
struct Lines {
    held: Vec<u8>,
}

impl Lines {
    fn push(&mut self, chunk: &[u8]) -> Result<Vec<Vec<u8>>, Failure> {
        self.held.extend_from_slice(chunk);
        let mut out = Vec::new();
        while let Some(n) = memchr::memchr(b'\n', &self.held) {
            let line: Vec<u8> = self.held.drain(..=n).collect();
            if !line.trim_ascii().is_empty() {
                out.push(line);
            }
        }
        if self.held.len() > MOST_LINE { Err(Failure("the server sends a line without end".into())) } else { Ok(out) }
    }

    fn rest(&mut self) -> Option<Vec<u8>> {
        let held = std::mem::take(&mut self.held);
        (!held.trim_ascii().is_empty()).then_some(held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_ollama_reads_them() {
        for (text, url) in [
            ("", "http://127.0.0.1:11434"),
            ("0.0.0.0", "http://127.0.0.1:11434"),
            ("gpu:9000", "http://gpu:9000"),
            ("http://gpu", "http://gpu:80"),
            ("https://gpu/ollama/", "https://gpu:443/ollama"),
            ("[::1]:5", "http://[::1]:5"),
            ("host:x", "http://host:11434"),
        ] {
            assert_eq!(Server::parse(text).url, url, "{text}");
        }
        assert!(Server::parse("localhost").is_local() && !Server::parse("gpu").is_local());
    }

    #[test]
    fn streams_may_be_cut_anywhere() {
        let text =
            "{\"message\":{\"content\":\"grö\"},\"done\":false}\n{\"message\":{\"content\":\"ße\"},\"done\":true,\"eval_count\":2}\n";
        for cut in 0..text.len() {
            let (mut lines, mut reply, mut done) = (Lines::default(), Reply::default(), false);
            for part in [&text.as_bytes()[..cut], &text.as_bytes()[cut..]] {
                for line in lines.push(part).unwrap() {
                    done |= take(&line, &mut reply, &mut |_| true).unwrap();
                }
            }
            assert!(done && reply.content == "größe" && reply.answer_tokens == Some(2) && reply.prompt_tokens.is_none());
        }
    }

    #[test]
    fn errors_in_the_stream_are_errors() {
        let mut reply = Reply::default();
        assert!(take(br#"{"error":"out of memory"}"#, &mut reply, &mut |_| true).unwrap_err().0.contains("out of memory"));
        assert!(take(b"<html>", &mut reply, &mut |_| true).is_err());
    }
}
