//! The bounded channel from the effects to the event loop. Knows nothing about the messages.

use crate::tui::state::msg::Msg;
use tokio::sync::mpsc;

/// Messages that may wait for the event loop. A sender waits when there are more.
const CAPACITY: usize = 1024;

/// The sending side. Works on any thread, also inside an async runtime.
#[derive(Clone)]
pub struct Outbox(mpsc::Sender<Msg>);

/// The receiving side, of the event loop.
pub type Inbox = mpsc::Receiver<Msg>;

/// A new channel.
pub fn channel() -> (Outbox, Inbox) {
    let (send, receive) = mpsc::channel(CAPACITY);
    (Outbox(send), receive)
}

impl Outbox {
    /// Sends a message, and waits while the channel is full. Returns false if the event loop ended.
    pub fn send(&self, msg: Msg) -> bool {
        // Without `unconstrained`, a send inside a runtime could wait for the runtime itself.
        let send = tokio::task::unconstrained(self.0.send(msg));
        futures::executor::block_on(send).is_ok()
    }
}
