//! The chunks of a corpus on all cores, results in order, and its events one by one. Knows nothing of what is done with them.

use super::corpus::Snapshot;
use crate::index::Chunk;
use crate::model::Moment;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Runs `each` over all chunks on all cores; results come back in order.
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

/// Every event of the chunks that reach beyond `from`: source, time, template, ordinal.
pub fn each_event(snapshot: &Snapshot, from: Moment, mut f: impl FnMut(u32, Moment, u32, u32)) {
    for chunk in snapshot
        .chunks
        .iter()
        .filter(|c| from == Moment::MIN || c.max_time >= from)
    {
        for block in &chunk.blocks {
            let templates: Vec<u32> = block
                .dictionary
                .iter()
                .map(|k| {
                    snapshot
                        .template_of
                        .get(*k as usize)
                        .copied()
                        .unwrap_or(u32::MAX)
                })
                .collect();
            for i in 0..block.len() {
                f(
                    chunk.source,
                    block.time(i),
                    templates[block.kinds.get(i) as usize],
                    chunk.first_event + block.first_event + i as u32,
                );
            }
        }
    }
}
