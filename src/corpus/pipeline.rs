//! Reads files and standard input into a corpus. A reader, workers and the assembler run on
//! different threads, with bounded queues between them. Does not decide what is read.

use super::assembler::Assembler;
use super::corpus::{Corpus, STDIN, lock};
use super::slice::Slicer;
use super::worker::{Done, Job, Worker, work};
use crate::ingest::files::walk::Walk;
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

/// Reads `paths` into the corpus, then standard input if `stdin` is true.
pub fn read_all(corpus: &Corpus, paths: &[PathBuf], stdin: bool, assembler: &mut Assembler<'_>) {
    let threads = corpus.options.threads.max(1);
    let (jobs, job_queue) = sync_channel::<Job>(threads * 2);
    let (done, done_queue) = sync_channel::<Done>(threads * 2);
    let job_queue = Mutex::new(job_queue);
    let spare: Mutex<Vec<Vec<u8>>> = Mutex::default();
    std::thread::scope(|scope| {
        let spare = &spare;
        let queue = &job_queue;
        scope.spawn(move || {
            let mut slicer = Slicer {
                corpus,
                jobs,
                seq: 0,
                spare,
                live: false,
            };
            let mut walk = Walk::new(corpus.options.limits, &mut slicer);
            for path in paths {
                if corpus.is_cancelled() {
                    break;
                }
                *lock(&corpus.reading) = path.display().to_string();
                walk.file(path);
            }
            if stdin {
                read_stdin(corpus, &mut slicer);
            }
        });
        for _ in 0..threads {
            let done = done.clone();
            scope.spawn(move || {
                let mut worker = Worker::default();
                while let Some(job) = next(queue) {
                    if done.send(work(&mut worker, job)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(done);
        assemble(done_queue, assembler, spare);
    });
    for source in &mut corpus.write().sources {
        source.info.complete = true;
    }
}

fn next(queue: &Mutex<Receiver<Job>>) -> Option<Job> {
    lock(queue).recv().ok()
}

/// Passes chunks to the assembler in the order in which they were cut, even if workers finish in a
/// different order.
fn assemble(queue: Receiver<Done>, assembler: &mut Assembler<'_>, spare: &Mutex<Vec<Vec<u8>>>) {
    let mut waiting: BTreeMap<u64, Done> = BTreeMap::new();
    let mut next = 0;
    while let Ok(done) = queue.recv() {
        waiting.insert(done.seq, done);
        while let Some(done) = waiting.remove(&next) {
            let buffer = assembler.take(done);
            let mut spare = lock(spare);
            if spare.len() < 4 {
                spare.push(buffer);
            }
            next += 1;
        }
    }
}

/// Reads standard input. In interactive mode, new input is shown at once, even if its chunk is not
/// full.
fn read_stdin(corpus: &Corpus, slicer: &mut Slicer<'_>) {
    slicer.live = corpus.options.interactive;
    let mut walk = Walk::new(corpus.options.limits, slicer);
    if corpus.options.interactive {
        walk.stream(STDIN, None, &mut Pipe::start());
    } else {
        walk.stream(STDIN, None, &mut io::stdin());
    }
}

/// Standard input, read on a separate thread, so that a pause in the input can be noticed. If
/// nothing arrives within a short time, `read` returns `Interrupted`.
struct Pipe {
    parts: Receiver<io::Result<Vec<u8>>>,
    part: Vec<u8>,
    given: usize,
}

impl Pipe {
    fn start() -> Pipe {
        let (send, parts) = sync_channel(64);
        // The thread ends when the input or the program ends. There is no other way to stop a
        // blocked read.
        std::thread::spawn(move || {
            let mut buffer = vec![0; 128 * 1024];
            loop {
                let read = io::stdin().read(&mut buffer).map(|n| buffer[..n].to_vec());
                let ended = !matches!(&read, Ok(part) if !part.is_empty());
                if send.send(read).is_err() || ended {
                    return;
                }
            }
        });
        Pipe {
            parts,
            part: Vec::new(),
            given: 0,
        }
    }
}

impl Read for Pipe {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.given == self.part.len() {
            self.part = match self.parts.recv_timeout(Duration::from_millis(40)) {
                Ok(part) => part?,
                Err(RecvTimeoutError::Timeout) => return Err(io::ErrorKind::Interrupted.into()),
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
            };
            self.given = 0;
        }
        let n = out.len().min(self.part.len() - self.given);
        out[..n].copy_from_slice(&self.part[self.given..self.given + n]);
        self.given += n;
        Ok(n)
    }
}
