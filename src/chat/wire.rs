//! Client for the Ollama API: models, and the chat stream of JSON lines. A line with an error, or a
//! stream that ends without `done`, is a failure. Does not use the corpus.

use super::error::Error;
use super::server::Server;
use futures::StreamExt;
use ollama_rs::models::LocalModel;
use serde_json::{Value, json};
use std::time::Duration;

/// Maximum length of a line in a stream, in bytes.
const MAX_LINE: usize = 8 << 20;
/// Maximum length of a response, in bytes. An answer has a few kilobytes.
const MAX_RESPONSE: usize = 32 << 20;
/// Maximum length of an answer with its thinking, in bytes.
const MAX_ANSWER: usize = 1 << 20;
/// Maximum length of an error message of the server that is shown, in characters.
const MAX_MESSAGE: usize = 500;
/// Timeout of a streamed request. A model with 70 billion parameters can take minutes to load.
const FIRST_TOKEN: Duration = Duration::from_secs(600);
const CONNECT: Duration = Duration::from_secs(3);
/// Timeout of a request that the server answers at once.
const QUERY: Duration = Duration::from_secs(20);

/// Capabilities of a model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Model {
    pub name: String,
    /// Context length in tokens.
    pub context: u64,
    pub tools: bool,
    pub thinking: bool,
    /// True if the model runs on another machine, even if the server is local.
    pub remote: bool,
}

/// A piece of a streamed reply: a part of the answer, or of the thinking before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'t> {
    Answer(&'t str),
    Thinking(&'t str),
}

/// Receives each piece. Returns false to stop the request.
type Each<'e> = dyn FnMut(Piece<'_>) -> bool + Send + 'e;

/// A model in the list of the server.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ModelInfo {
    pub name: String,
    /// Size on disk, in bytes.
    pub size: u64,
    /// `None` if the model is not in memory.
    pub loaded: Option<Loaded>,
}

/// State of a model that is in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Share of the model in GPU memory, in percent.
    pub gpu_percent: u64,
    /// Context window that the server allocated, in tokens.
    pub window: u64,
}

/// The reply to one chat request.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reply {
    pub content: String,
    pub thinking: String,
    /// Tool calls, as the API returns them.
    pub calls: Vec<Value>,
    pub prompt_tokens: Option<u64>,
    pub answer_tokens: Option<u64>,
    /// True if the model runs on another machine.
    pub remote: bool,
}

impl Server {
    fn client(&self) -> Result<reqwest::Client, Error> {
        self.check()?;
        reqwest::Client::builder()
            .connect_timeout(CONNECT)
            // The user agreed to this address, not to one that it names.
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|e| Error::Client(e.to_string()))
    }

    async fn post(
        &self,
        path: &str,
        body: &Value,
        wait: Duration,
    ) -> Result<reqwest::Response, Error> {
        let request = self
            .client()?
            .post(format!("{}{path}", self.url))
            .json(body);
        self.send(
            request.timeout(wait),
            body["model"].as_str().unwrap_or_default(),
        )
        .await
    }

    async fn get(&self, path: &str) -> Result<reqwest::Response, Error> {
        let request = self.client()?.get(format!("{}{path}", self.url));
        self.send(request.timeout(QUERY), "").await
    }

    /// Sends a request. Every answer but 200 is an error.
    async fn send(
        &self,
        request: reqwest::RequestBuilder,
        model: &str,
    ) -> Result<reqwest::Response, Error> {
        let sent = request.send().await;
        let response = sent.map_err(|e| self.unreachable(&e))?;
        let status = response.status();
        if status.as_u16() == 200 {
            return Ok(response);
        }
        if status.is_redirection() {
            let location = response.headers().get(reqwest::header::LOCATION);
            let location = location.and_then(|l| l.to_str().ok()).unwrap_or("nowhere");
            return Err(Error::Redirect {
                status: status.as_u16(),
                location: location.chars().take(MAX_MESSAGE).collect(),
            });
        }
        let text = self.body(response).await.unwrap_or_default();
        let message = serde_json::from_slice::<Value>(&text)
            .ok()
            .and_then(|v| v["error"].as_str().map(String::from))
            .unwrap_or_else(|| String::from_utf8_lossy(&text).into_owned());
        let message: String = message.chars().take(MAX_MESSAGE).collect();
        Err(http_error(status.as_u16(), &message, model))
    }

    /// The whole body of a response, if it is not too long.
    async fn body(&self, response: reqwest::Response) -> Result<Vec<u8>, Error> {
        let mut stream = response.bytes_stream();
        let mut out = Vec::new();
        while let Some(chunk) = stream.next().await {
            out.extend_from_slice(&chunk.map_err(|e| self.lost(&e))?);
            if out.len() > MAX_LINE {
                return Err(Error::ResponseTooLong(MAX_LINE));
            }
        }
        Ok(out)
    }

    /// The error for a response that broke off.
    fn lost(&self, e: &reqwest::Error) -> Error {
        if e.is_timeout() {
            Error::TimedOut(self.url.clone())
        } else {
            Error::Lost(e.to_string())
        }
    }

    fn unreachable(&self, e: &reqwest::Error) -> Error {
        if e.is_timeout() {
            Error::TimedOut(self.url.clone())
        } else {
            Error::Unreachable(self.url.clone())
        }
    }

    /// Requests the capabilities and the context length of a model.
    pub async fn show(&self, model: &str) -> Result<Model, Error> {
        let response = self
            .post("/api/show", &json!({ "model": model }), QUERY)
            .await?;
        let body = self.body(response).await?;
        let v: Value = serde_json::from_slice(&body).map_err(|e| Error::InvalidModel {
            model: model.to_string(),
            message: e.to_string(),
        })?;
        let info = v["model_info"].as_object();
        let context = info
            .and_then(|i| i.iter().find(|(k, _)| k.ends_with(".context_length")))
            .and_then(|(_, n)| n.as_u64());
        let has = |capability: &str| {
            v["capabilities"]
                .as_array()
                .is_some_and(|c| c.iter().any(|x| x == capability))
        };
        let remote = v["remote_host"].is_string() || v["remote_model"].is_string();
        Ok(Model {
            name: model.into(),
            context: context.unwrap_or(4096),
            tools: has("tools"),
            thinking: has("thinking"),
            remote,
        })
    }

    /// Requests the models in memory, with their GPU share and context window.
    pub async fn loaded(&self) -> Result<Vec<(String, Loaded)>, Error> {
        let body = self.body(self.get("/api/ps").await?).await?;
        let v: Value = serde_json::from_slice(&body).unwrap_or_default();
        let one = |m: &Value| {
            let (size, vram) = (
                m["size"].as_u64().unwrap_or(0),
                m["size_vram"].as_u64().unwrap_or(0),
            );
            let loaded = Loaded {
                gpu_percent: vram * 100 / size.max(1),
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

    /// Downloads a model. `each` receives the progress and returns false to stop.
    pub async fn pull(
        &self,
        model: &str,
        each: &mut (dyn FnMut(String) -> bool + Send),
    ) -> Result<(), Error> {
        let body = json!({"model": model, "stream": true});
        let mut success = false;
        self.stream("/api/pull", &body, &mut |v| {
            let status = v["status"].as_str().unwrap_or_default();
            success |= status == "success";
            let share = v["total"]
                .as_u64()
                .filter(|t| *t > 0)
                .map(|t| v["completed"].as_u64().unwrap_or(0) * 100 / t);
            let progress =
                share.map_or_else(|| status.to_string(), |share| format!("{status}: {share}%"));
            if each(progress) {
                Ok(success)
            } else {
                Err(Error::PullStopped)
            }
        })
        .await?;
        if success {
            Ok(())
        } else {
            Err(Error::IncompletePull(model.to_string()))
        }
    }

    /// Reads a response line by line until `each` returns true (the response is complete). Returns
    /// false if the stream ends before that.
    async fn stream(
        &self,
        path: &str,
        body: &Value,
        each: &mut (dyn FnMut(&Value) -> Result<bool, Error> + Send),
    ) -> Result<bool, Error> {
        let response = self.post(path, body, FIRST_TOKEN).await?;
        let mut stream = response.bytes_stream();
        let mut lines = Lines::default();
        let mut received = 0;
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|e| self.lost(&e))?;
            received += chunk.len();
            if received > MAX_RESPONSE {
                return Err(Error::ResponseTooLong(MAX_RESPONSE));
            }
            for line in lines.push(&chunk)? {
                if each(&parse_line(&line)?)? {
                    return Ok(true);
                }
            }
        }
        match lines.rest() {
            Some(line) => each(&parse_line(&line)?),
            None => Ok(false),
        }
    }

    /// Sends one chat request. `each` receives the pieces of the reply and returns false to stop.
    pub async fn chat(&self, body: &Value, each: &mut Each<'_>) -> Result<Reply, Error> {
        let mut reply = Reply::default();
        match self
            .stream("/api/chat", body, &mut |v| add_line(v, &mut reply, each))
            .await?
        {
            true => Ok(reply),
            false => Err(Error::EndedEarly),
        }
    }
}

/// Requests the list of the server's models, with the state of those in memory. Does not use the
/// client library for the request, because the library drops the path of an address such as
/// `https://gpu/ollama`.
pub async fn models(server: &Server) -> Result<Vec<ModelInfo>, Error> {
    #[derive(serde::Deserialize)]
    struct Tags {
        #[serde(default)]
        models: Vec<LocalModel>,
    }
    let body = server.body(server.get("/api/tags").await?).await?;
    let tags: Tags = serde_json::from_slice(&body).map_err(|e| Error::NotJson(e.to_string()))?;
    let loaded = server.loaded().await.unwrap_or_default();
    let loaded_as = |name: &str| loaded.iter().find(|l| l.0 == name).map(|l| l.1);
    let info = |m: LocalModel| ModelInfo {
        loaded: loaded_as(&m.name),
        size: m.size,
        name: m.name,
    };
    Ok(tags.models.into_iter().map(info).collect())
}

/// The error for an HTTP status and the server's message.
fn http_error(status: u16, message: &str, model: &str) -> Error {
    let message_is = |words: &[&str]| words.iter().any(|w| message.contains(w));
    match status {
        404 => Error::NoSuchModel(model.to_string()),
        400 if message_is(&["context length", "longer than"]) => {
            Error::PromptTooLong(message.to_string())
        }
        400 if message_is(&["does not support tools"]) => Error::NoTools(model.to_string()),
        401 | 403 => Error::Denied(message.to_string()),
        503 => Error::Busy,
        _ => Error::Status {
            status,
            message: message.to_string(),
        },
    }
}

fn parse_line(line: &[u8]) -> Result<Value, Error> {
    let v: Value = serde_json::from_slice(line).map_err(|e| Error::NotJson(e.to_string()))?;
    match v["error"].as_str() {
        Some(e) => Err(Error::InStream(e.chars().take(MAX_MESSAGE).collect())),
        None => Ok(v),
    }
}

/// Adds one line of the stream to the reply. Returns true at the end of the answer.
fn add_line(v: &Value, reply: &mut Reply, each: &mut Each<'_>) -> Result<bool, Error> {
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
    if reply.thinking.len() + reply.content.len() > MAX_ANSWER {
        return Err(Error::ResponseTooLong(MAX_ANSWER));
    }
    for piece in [
        Piece::Thinking(text("thinking")),
        Piece::Answer(text("content")),
    ] {
        let (Piece::Thinking(t) | Piece::Answer(t)) = piece;
        if !t.is_empty() && !each(piece) {
            return Err(Error::Stopped);
        }
    }
    if v["done"] == true {
        reply.prompt_tokens = v["prompt_eval_count"].as_u64();
        reply.answer_tokens = v["eval_count"].as_u64();
        return Ok(true);
    }
    Ok(false)
}

/// Splits a byte stream into lines. Chunks can end anywhere.
#[derive(Default)]
struct Lines {
    /// Bytes after the last newline.
    partial: Vec<u8>,
}

impl Lines {
    fn push(&mut self, chunk: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
        let searched = self.partial.len();
        self.partial.extend_from_slice(chunk);
        let mut out = Vec::new();
        let Some(last) = memchr::memrchr(b'\n', &self.partial[searched..]) else {
            return self.check().map(|()| out);
        };
        let rest = self.partial.split_off(searched + last + 1);
        let whole = std::mem::replace(&mut self.partial, rest);
        for line in whole.split(|b| *b == b'\n') {
            if !line.trim_ascii().is_empty() {
                out.push(line.to_vec());
            }
        }
        self.check().map(|()| out)
    }

    /// Fails if the line that has not ended is too long.
    fn check(&self) -> Result<(), Error> {
        if self.partial.len() > MAX_LINE {
            Err(Error::LineTooLong(MAX_LINE))
        } else {
            Ok(())
        }
    }

    /// The last line, if the stream does not end with a newline.
    fn rest(&mut self) -> Option<Vec<u8>> {
        let rest = std::mem::take(&mut self.partial);
        (!rest.trim_ascii().is_empty()).then_some(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_can_end_anywhere() {
        let text = "{\"message\":{\"content\":\"grö\"},\"done\":false}\n{\"message\":{\"content\":\"ße\"},\"done\":true,\"eval_count\":2}\n";
        for cut in 0..text.len() {
            let (mut lines, mut reply, mut done) = (Lines::default(), Reply::default(), false);
            for part in [&text.as_bytes()[..cut], &text.as_bytes()[cut..]] {
                for line in lines.push(part).unwrap() {
                    done |=
                        add_line(&parse_line(&line).unwrap(), &mut reply, &mut |_| true).unwrap();
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
    fn an_error_line_in_the_stream_is_a_failure() {
        assert!(
            parse_line(br#"{"error":"out of memory"}"#)
                .unwrap_err()
                .to_string()
                .contains("out of memory")
        );
        assert!(parse_line(b"<html>").is_err());
    }
}
