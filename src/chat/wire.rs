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
    /// It runs on another machine, whatever the server's address.
    pub remote: bool,
}

/// A piece of an answer: of what it says, or of the thinking before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'t> {
    Said(&'t str),
    Thought(&'t str),
}

type Each<'e> = dyn FnMut(Piece<'_>) -> bool + Send + 'e;

/// A model that the server has.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listed {
    pub name: String,
    /// Bytes on disk.
    pub size: u64,
    pub loaded: Option<Loaded>,
}

/// A model that is in memory now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Percent of it that the GPU holds.
    pub gpu: u64,
    /// Tokens of the window that was made for it.
    pub window: u64,
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
        let (host, port) = match host_port
            .rsplit_once(':')
            .filter(|(h, _)| !h.contains(':') || h.ends_with(']'))
        {
            Some((h, p)) => (h, p.parse::<u16>().unwrap_or(default)),
            None => (host_port, default),
        };
        let host = match host {
            "" | "0.0.0.0" => "127.0.0.1",
            "[::]" | "::" => "[::1]",
            h => h,
        };
        let path = path.trim_end_matches('/');
        let path = if path.is_empty() {
            String::new()
        } else {
            format!("/{path}")
        };
        let scheme = if scheme == "https" { "https" } else { "http" };
        Server {
            url: format!("{scheme}://{host}:{port}{path}"),
        }
    }

    /// The one asked for, else `OLLAMA_HOST`, else the usual one.
    pub fn find(asked: Option<&str>) -> Server {
        let given = asked.map(String::from).or_else(|| {
            std::env::var("OLLAMA_HOST")
                .ok()
                .filter(|h| !h.trim().is_empty())
        });
        Server::parse(given.as_deref().unwrap_or("127.0.0.1:11434"))
    }

    pub fn is_local(&self) -> bool {
        let host = self.url.split("://").nth(1).unwrap_or_default();
        ["127.", "localhost", "[::1]"]
            .iter()
            .any(|l| host.starts_with(l))
    }

    fn client(&self) -> Result<reqwest::Client, Failure> {
        reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .no_proxy()
            .build()
            .map_err(|e| Failure(format!("no HTTP client: {e}")))
    }

    async fn post(
        &self,
        path: &str,
        body: &Value,
        wait: Duration,
    ) -> Result<reqwest::Response, Failure> {
        let sent = self
            .client()?
            .post(format!("{}{path}", self.url))
            .json(body)
            .timeout(wait)
            .send()
            .await;
        let response = sent.map_err(|e| self.unreachable(&e))?;
        let status = response.status().as_u16();
        if status == 200 {
            return Ok(response);
        }
        let text = response.text().await.unwrap_or_default();
        let said = serde_json::from_str::<Value>(&text)
            .ok()
            .and_then(|v| v["error"].as_str().map(String::from))
            .unwrap_or(text);
        Err(told(
            status,
            &said,
            body["model"].as_str().unwrap_or_default(),
        ))
    }

    fn unreachable(&self, e: &reqwest::Error) -> Failure {
        if e.is_timeout() {
            return Failure(format!(
                "the model server at {} did not answer in time; is the model still loading?",
                self.url
            ));
        }
        Failure(format!(
            "no model server answers at {}; start one with `ollama serve`, or name it with --ollama URL",
            self.url
        ))
    }

    /// Capabilities and context length of a model.
    pub async fn show(&self, model: &str) -> Result<Model, Failure> {
        let response = self
            .post(
                "/api/show",
                &json!({ "model": model }),
                Duration::from_secs(20),
            )
            .await?;
        let v: Value = response.json().await.map_err(|e| {
            Failure(format!(
                "the server's answer about {model} cannot be read: {e}"
            ))
        })?;
        let info = v["model_info"].as_object();
        let context = info
            .and_then(|i| i.iter().find(|(k, _)| k.ends_with(".context_length")))
            .and_then(|(_, n)| n.as_u64());
        let can = |what: &str| {
            v["capabilities"]
                .as_array()
                .is_some_and(|c| c.iter().any(|x| x == what))
        };
        let remote = v["remote_host"].is_string() || v["remote_model"].is_string();
        Ok(Model {
            name: model.into(),
            context: context.unwrap_or(4096),
            tools: can("tools"),
            thinking: can("thinking"),
            remote,
        })
    }

    /// Models in memory, and how much of each the GPU holds.
    pub async fn loaded(&self) -> Result<Vec<(String, Loaded)>, Failure> {
        let sent = self
            .client()?
            .get(format!("{}/api/ps", self.url))
            .timeout(Duration::from_secs(10))
            .send()
            .await;
        let v: Value = sent
            .map_err(|e| self.unreachable(&e))?
            .json()
            .await
            .unwrap_or_default();
        let one = |m: &Value| {
            let (size, vram) = (
                m["size"].as_u64().unwrap_or(0),
                m["size_vram"].as_u64().unwrap_or(0),
            );
            let loaded = Loaded {
                gpu: vram * 100 / size.max(1),
                window: m["context_length"].as_u64().unwrap_or(0),
            };
            (m["name"].as_str().unwrap_or_default().to_string(), loaded)
        };
        Ok(v["models"]
            .as_array()
            .into_iter()
            .flatten()
            .map(one)
            .collect())
    }

    /// Gets a model; `each` hears how far it is and says whether to go on.
    pub async fn pull(
        &self,
        model: &str,
        each: &mut (dyn FnMut(String) -> bool + Send),
    ) -> Result<(), Failure> {
        let body = json!({"model": model, "stream": true});
        let mut success = false;
        self.stream("/api/pull", &body, &mut |v| {
            let status = v["status"].as_str().unwrap_or_default();
            success |= status == "success";
            let share = v["total"]
                .as_u64()
                .filter(|t| *t > 0)
                .map(|t| v["completed"].as_u64().unwrap_or(0) * 100 / t);
            let told =
                share.map_or_else(|| status.to_string(), |share| format!("{status}: {share}%"));
            if each(told) {
                Ok(success)
            } else {
                Err(Failure(
                    "stopped; what was pulled so far is kept by the server".into(),
                ))
            }
        })
        .await?;
        if success {
            Ok(())
        } else {
            Err(Failure(format!(
                "the server ended without having all of {model}; pull it again"
            )))
        }
    }

    /// Reads an answer line by line until `each` says that it is whole. Whether it did is returned.
    async fn stream(
        &self,
        path: &str,
        body: &Value,
        each: &mut (dyn FnMut(&Value) -> Result<bool, Failure> + Send),
    ) -> Result<bool, Failure> {
        let response = self.post(path, body, FIRST_TOKEN).await?;
        let mut stream = response.bytes_stream();
        let mut lines = Lines::default();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|e| {
                Failure(format!(
                    "the connection broke in the middle of the answer ({e}); ask again"
                ))
            })?;
            for line in lines.push(&chunk)? {
                if each(&parsed(&line)?)? {
                    return Ok(true);
                }
            }
        }
        match lines.rest() {
            Some(line) => each(&parsed(&line)?),
            None => Ok(false),
        }
    }

    /// One round of the chat; `each` gets pieces of the answer as they come, and says whether to go on.
    pub async fn chat(&self, body: &Value, each: &mut Each<'_>) -> Result<Reply, Failure> {
        let mut reply = Reply::default();
        match self
            .stream("/api/chat", body, &mut |v| take(v, &mut reply, each))
            .await?
        {
            true => Ok(reply),
            false => Err(Failure(
                "the answer ended without a word of why (no `done`); ask again".into(),
            )),
        }
    }
}

/// The models that the server has, with those in memory marked.
pub async fn models(server: &Server) -> Result<Vec<Listed>, Failure> {
    let url = reqwest::Url::parse(&format!("{}/", server.url))
        .map_err(|e| Failure(format!("'{}' is no address: {e}", server.url)))?;
    let port = url.port_or_known_default().unwrap_or(11434);
    let host = format!(
        "{}://{}",
        url.scheme(),
        url.host_str().unwrap_or("127.0.0.1")
    );
    let ollama = ollama_rs::Ollama::builder().host(host).port(port).build();
    let list = tokio::time::timeout(Duration::from_secs(10), ollama.list_local_models()).await;
    let Ok(Ok(models)) = list else {
        return Err(Failure(format!(
            "no model server answers at {}; start one with `ollama serve`, or name it with --ollama URL",
            server.url
        )));
    };
    let loaded = server.loaded().await.unwrap_or_default();
    let of = |name: &str| loaded.iter().find(|l| l.0 == name).map(|l| l.1);
    Ok(models
        .into_iter()
        .map(|m| Listed {
            loaded: of(&m.name),
            size: m.size,
            name: m.name,
        })
        .collect())
}

/// A status and the server's words as a sentence with a remedy.
fn told(status: u16, said: &str, model: &str) -> Failure {
    Failure(match status {
        404 => format!(
            "the server does not have the model '{model}'; get it with `ollama pull {model}`"
        ),
        400 if said.contains("context length") || said.contains("longer than") => {
            format!(
                "the question does not fit the model's window ({said}); ask for less, or raise num_ctx"
            )
        }
        400 if said.contains("does not support tools") => format!("{model} cannot call tools"),
        401 | 403 => format!("the server refuses access ({said})"),
        503 => "the server is busy; ask again in a moment".into(),
        _ => format!("the server says {status}: {said}"),
    })
}

fn parsed(line: &[u8]) -> Result<Value, Failure> {
    let v: Value = serde_json::from_slice(line).map_err(|e| {
        Failure(format!(
            "the server sent something that is no JSON ({e}); is it Ollama?"
        ))
    })?;
    match v["error"].as_str() {
        Some(e) => Err(Failure(format!(
            "the server stopped in the middle of the answer: {e}"
        ))),
        None => Ok(v),
    }
}

/// Takes one line; true at the end of the answer.
fn take(v: &Value, reply: &mut Reply, each: &mut Each<'_>) -> Result<bool, Failure> {
    reply.remote |= v["remote_host"].is_string();
    let message = &v["message"];
    reply.calls.extend(
        message["tool_calls"]
            .as_array()
            .into_iter()
            .flatten()
            .cloned(),
    );
    let text = |key: &str| message[key].as_str().unwrap_or_default();
    reply.thinking.push_str(text("thinking"));
    reply.content.push_str(text("content"));
    for piece in [
        Piece::Thought(text("thinking")),
        Piece::Said(text("content")),
    ] {
        let (Piece::Thought(t) | Piece::Said(t)) = piece;
        if !t.is_empty() && !each(piece) {
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
        if self.held.len() > MOST_LINE {
            Err(Failure("the server sends a line without end".into()))
        } else {
            Ok(out)
        }
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
        let text = "{\"message\":{\"content\":\"grö\"},\"done\":false}\n{\"message\":{\"content\":\"ße\"},\"done\":true,\"eval_count\":2}\n";
        for cut in 0..text.len() {
            let (mut lines, mut reply, mut done) = (Lines::default(), Reply::default(), false);
            for part in [&text.as_bytes()[..cut], &text.as_bytes()[cut..]] {
                for line in lines.push(part).unwrap() {
                    done |= take(&parsed(&line).unwrap(), &mut reply, &mut |_| true).unwrap();
                }
            }
            assert!(
                done && reply.content == "größe"
                    && reply.answer_tokens == Some(2)
                    && reply.prompt_tokens.is_none()
            );
        }
    }

    #[test]
    fn errors_in_the_stream_are_errors() {
        assert!(
            parsed(br#"{"error":"out of memory"}"#)
                .unwrap_err()
                .0
                .contains("out of memory")
        );
        assert!(parsed(b"<html>").is_err());
    }
}
