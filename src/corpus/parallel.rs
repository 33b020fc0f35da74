//! Runs a function over the chunks of a corpus on several threads. Returns the results in order.
//! Knows nothing about what the function does.

use crate::index::Chunk;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Runs `each` over all chunks on several threads, and passes the results to `take` in chunk order.
/// Ends early if `stop` returns true.
pub fn over_chunks<T: Send>(
    chunks: &[Arc<Chunk>],
    threads: usize,
    stop: &(dyn Fn() -> bool + Sync),
    each: &(dyn Fn(&Chunk) -> T + Sync),
    mut take: impl FnMut(T),
) {
    let next = AtomicUsize::new(0);
    let (send, receive) = std::sync::mpsc::sync_channel::<(usize, T)>(threads * 4);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(chunks.len()).max(1) {
            let (send, next) = (send.clone(), &next);
            scope.spawn(move || {
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    if i >= chunks.len() || stop() || send.send((i, each(&chunks[i]))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(send);
        let (mut waiting, mut want) = (BTreeMap::new(), 0);
        while let Ok((i, result)) = receive.recv() {
            waiting.insert(i, result);
            while let Some(result) = waiting.remove(&want) {
                take(result);
                want += 1;
            }
        }
    });
}
