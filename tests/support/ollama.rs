//! A fake Ollama server over TCP that misbehaves on purpose. Knows nothing about faultline beyond
//! the requests that it receives.

use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// How the server behaves.
#[derive(Clone, Copy, PartialEq)]
pub enum Mood {
    Fine,
    Tools,
    TextCall,
    ErrorMidway,
    NoDone,
    NotJson,
    Dropped,
    Busy,
    Missing,
    Injected,
    /// Sends thoughts before the answer, and no token counts at the end.
    Thinking,
    /// Two tool calls in two lines of the stream.
    TwoCalls,
    /// The first token is delayed.
    Slow,
    /// One line of a megabyte.
    LongLine,
    /// Answers with the requested JSON at once.
    Formed,
    /// Answers with the requested JSON after the first answer was refused.
    Repaired,
    /// Never answers with the requested JSON.
    Formless,
    /// The model runs on another machine, although the address is local.
    Cloud,
    /// The context window is smaller than requested.
    SmallWindow,
    /// Every answer names another server to ask.
    Redirect,
    /// The answer does not end.
    Endless,
    /// Thousands of tool calls in one line.
    ManyCalls,
    /// The description of the model does not end.
    EndlessModel,
}

/// Starts a server that runs until the test ends. Returns its address and the request bodies.
pub fn server(mood: Mood) -> (String, Arc<Mutex<Vec<String>>>) {
    calling(mood, Vec::new())
}

/// A server whose first answer to a chat calls these tools, each with its arguments.
pub fn calling(mood: Mood, calls: Vec<(&'static str, Value)>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let bodies = Arc::new(Mutex::new(Vec::new()));
    let seen = bodies.clone();
    std::thread::spawn(move || {
        let mut chats = 0;
        for stream in listener.incoming().flatten() {
            let (path, body) = request(&stream);
            seen.lock().unwrap().push(body.clone());
            if path == "/api/chat" {
                chats += 1;
            }
            if path == "/api/chat" && chats == 1 && !calls.is_empty() {
                let calls: Vec<Value> = calls
                    .iter()
                    .map(|(name, arguments)| json!({"function": {"name": name, "arguments": arguments}}))
                    .collect();
                let line = json!({"message": {"role": "assistant", "content": "", "tool_calls": calls}, "done": true});
                reply(stream, "200 OK", &format!("{line}\n"));
                continue;
            }
            answer(stream, &path, mood, chats, &body);
        }
    });
    (url, bodies)
}

/// Reads a request: its path and body.
fn request(mut stream: &TcpStream) -> (String, String) {
    let mut text = Vec::new();
    let mut buffer = [0u8; 4096];
    loop {
        let n = stream.read(&mut buffer).unwrap_or(0);
        text.extend_from_slice(&buffer[..n]);
        let all = String::from_utf8_lossy(&text).into_owned();
        if let Some(end) = all.find("\r\n\r\n") {
            let length = all[..end]
                .to_lowercase()
                .split("content-length:")
                .nth(1)
                .map_or(0, |l| l.lines().next().unwrap().trim().parse().unwrap_or(0));
            if text.len() >= end + 4 + length {
                let path = all.split(' ').nth(1).unwrap_or_default().to_string();
                return (path, all[end + 4..].to_string());
            }
        }
        if n == 0 {
            return (String::new(), String::new());
        }
    }
}

fn reply(mut stream: TcpStream, status: &str, body: &str) {
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .ok();
}

/// The answer to a request for JSON; not valid if the mood asks for that.
fn formed(mood: Mood, body: &str) -> String {
    let refused_before = body.contains("Your answer was refused");
    if mood == Mood::Formless || mood == Mood::Repaired && !refused_before {
        return "I would rather write prose".into();
    }
    let data = &body[body.rfind("<data-").unwrap_or(0)..];
    let citation = data
        .find("[L")
        .and_then(|at| data[at + 1..].split(']').next())
        .unwrap_or("S:app");
    json!({"severity": "high", "category": "pool exhausted", "component": "payment", "hypothesis": "the pool of payment is exhausted",
           "confidence": 0.9, "actions": if body.contains("\\n2. ") { json!([2]) } else { json!([]) }, "evidence": [citation]})
    .to_string()
}

/// Status and body of the answers about models; `None` for a chat.
fn about_models(path: &str, mood: Mood) -> Option<(&'static str, String)> {
    let ok = |body: Value| Some(("200 OK", body.to_string()));
    match path {
        "/api/tags" => ok(json!({"models": [
            {"name": "m:1b", "model": "m:1b", "modified_at": "2026-01-01T00:00:00Z", "size": 1, "digest": "x"}]})),
        "/api/show" if mood == Mood::Missing => {
            let body = r#"{"error":"model 'm:1b' not found"}"#;
            Some(("404 Not Found", body.to_string()))
        }
        "/api/show" => {
            let tools = if mood == Mood::Thinking {
                "thinking"
            } else {
                "tools"
            };
            let mut body = json!({"capabilities": ["completion", tools],
                "model_info": {"llama.context_length": 8192}});
            if mood == Mood::Cloud {
                body["remote_host"] = json!("https://ollama.com:443");
            }
            ok(body)
        }
        "/api/ps" => {
            let window = if mood == Mood::SmallWindow {
                2048
            } else {
                8192
            };
            ok(
                json!({"models": [{"name": "m:1b", "model": "m:1b", "size": 1000,
                "size_vram": 370, "context_length": window}]}),
            )
        }
        _ => None,
    }
}

/// Address of a server that must never be asked: it fails the test.
fn asked_elsewhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        if let Some(Ok(stream)) = listener.incoming().next() {
            let (path, body) = request(&stream);
            eprintln!(
                "the redirect to {path} was followed with {} bytes",
                body.len()
            );
            std::process::abort();
        }
    });
    url
}

/// Sends valid JSON until the client hangs up.
fn endless(mut stream: TcpStream, path: &str) {
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nConnection: close\r\n\r\n";
    write!(stream, "{head}").ok();
    let line = match path {
        "/api/chat" => json!({"message": {"role": "assistant", "content": "and then ".repeat(100)}, "done": false}).to_string() + "\n",
        _ => " ".repeat(64 * 1024),
    };
    while stream.write_all(line.as_bytes()).is_ok() {}
}

fn answer(mut stream: TcpStream, path: &str, mood: Mood, chats: usize, asked: &str) {
    if mood == Mood::Redirect {
        let to = asked_elsewhere();
        let head = "HTTP/1.1 307 Temporary Redirect\r\nContent-Length: 0\r\nConnection: close\r\n";
        write!(stream, "{head}Location: {to}{path}\r\n\r\n").ok();
        return;
    }
    if mood == Mood::EndlessModel && path == "/api/show"
        || mood == Mood::Endless && path == "/api/chat"
    {
        return endless(stream, path);
    }
    if let Some((status, body)) = about_models(path, mood) {
        return reply(stream, status, &body);
    }
    let piece = |text: &str| {
        json!({"message": {"role": "assistant", "content": text}, "done": false}).to_string() + "\n"
    };
    let done = json!({"message": {"role": "assistant", "content": ""}, "done": true, "prompt_eval_count": 900, "eval_count": 12})
        .to_string()
        + "\n";
    let good = piece("payment failed first, größer als je [W1]. ")
        + &piece("Nobody knows the rest [L99999999]. kubectl delete ns --all is what I would run.")
        + &done;
    if mood == Mood::Slow {
        std::thread::sleep(std::time::Duration::from_millis(2500));
    }
    let body = match (mood, chats) {
        (Mood::Busy, _) => return reply(stream, "503 Service Unavailable", r#"{"error":"server busy"}"#),
        (Mood::Tools, 1) => json!({"message": {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "search", "arguments": {"query": "pool"}}}]}, "done": false}).to_string() + "\n" + &done,
        _ if asked.contains("\"format\":") => piece(&formed(mood, asked)) + &done,
        (Mood::Thinking, _) => {
            let thought = |t: &str| json!({"message": {"role": "assistant", "content": "", "thinking": t}, "done": false}).to_string() + "\n";
            thought("let me ") + &thought("see") + &piece("all is well") + "{\"message\":{\"content\":\"\"},\"done\":true}\n"
        }
        (Mood::TwoCalls, 1) => {
            let call = |tool: &str, arguments: Value| {
                json!({"message": {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": tool, "arguments": arguments}}]}, "done": false}).to_string() + "\n"
            };
            call("services", json!({})) + &call("search", json!({"query": "request"})) + &done
        }
        (Mood::ManyCalls, 1..=2) => {
            let calls = vec![json!({"function": {"name": "search", "arguments": {"query": "pool"}}}); 5_000];
            json!({"message": {"role": "assistant", "content": "", "tool_calls": calls}, "done": true}).to_string() + "\n"
        }
        (Mood::LongLine, _) => piece(&"long ".repeat(200_000)) + &done,
        (Mood::TextCall, 1) => piece(r#"{"name": "windows", "arguments": {}}"#) + &done,
        (Mood::ErrorMidway, _) => piece("pay") + "{\"error\":\"out of memory\"}\n",
        (Mood::NoDone | Mood::Dropped, _) => piece("pay"),
        (Mood::NotJson, _) => "<html>\n".to_string(),
        _ => good,
    };
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n").ok();
    // Chunks of seven bytes split lines and characters at any place.
    for part in body.as_bytes().chunks(7) {
        write!(stream, "{:x}\r\n", part.len()).ok();
        stream.write_all(part).ok();
        stream.write_all(b"\r\n").ok();
    }
    if mood != Mood::Dropped {
        stream.write_all(b"0\r\n\r\n").ok();
    }
}
