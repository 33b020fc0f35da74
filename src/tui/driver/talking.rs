//! Talks to the model server on a thread of its own. Partial results are sent as messages, and Esc
//! cancels it. Builds no requests.

use super::outbox::Outbox;
use crate::analysis::Analysis;
use crate::chat::{self, Progress, Question, Server};
use crate::config::settings::Llm;
use crate::corpus::Snapshot;
use crate::tui::state::msg::Msg;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::runtime::{Builder, Runtime};

/// Sends a partial result. Returns false when the user canceled.
type Sender<'s> = dyn FnMut(Msg) -> bool + Send + 's;
/// A conversation with the server. It returns its final message.
pub type Talk = Box<dyn FnOnce(&mut Sender<'_>, &Runtime) -> Msg + Send>;

/// Runs a conversation until it ends or `stop` is set.
pub fn spawn(out: Outbox, stop: Arc<AtomicBool>, talk: Talk) {
    stop.store(false, Ordering::Relaxed);
    std::thread::spawn(move || {
        let msg = match Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => {
                let partial = out.clone();
                let mut send = move |msg| partial.send(msg) && !stop.load(Ordering::Relaxed);
                talk(&mut send, &runtime)
            }
            Err(e) => Msg::Notice(format!("cannot start the request: {e}")),
        };
        out.send(msg);
    });
}

/// Asks a question.
pub fn ask(analysis: Arc<Analysis>, snapshot: Arc<Snapshot>, question: Box<Question>) -> Talk {
    Box::new(move |send, runtime| {
        let mut on_progress = |progress| {
            send(match progress {
                Progress::Step(step) => Msg::ChatStep(step),
                Progress::Piece(piece) => Msg::ChatPiece(piece),
                Progress::Thinking(piece) => Msg::ChatThinking(piece),
            })
        };
        let answer = chat::ask(&analysis, &snapshot, &question, &mut on_progress);
        Msg::ChatDone(Box::new(runtime.block_on(answer)))
    })
}

/// Lists the models of the server.
pub fn models(llm: Llm) -> Talk {
    Box::new(move |_, runtime| {
        match runtime.block_on(chat::models(&Server::find(llm.ollama.as_deref()))) {
            Ok(models) if models.is_empty() => {
                Msg::Notice("the server has no models; download one with /pull qwen3:8b".into())
            }
            Ok(models) => Msg::Models(models),
            Err(e) => Msg::Notice(e.to_string()),
        }
    })
}

/// Downloads a model.
pub fn pull(model: String, llm: Llm) -> Talk {
    Box::new(move |send, runtime| {
        let server = Server::find(llm.ollama.as_deref());
        let mut on_step = |step| send(Msg::ChatStep(step));
        let done = runtime.block_on(server.pull(&model, &mut on_step));
        Msg::Pulled(model, done.err().map(|e| e.to_string()))
    })
}
