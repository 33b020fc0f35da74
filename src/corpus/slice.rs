//! Cuts input streams into chunks of about 4 MB that end at the end of an event, if possible. The
//! same code reads files, archives and pipes. Does not build the index.

use super::corpus::{Corpus, lock};
use super::state::{Body, Source};
use super::worker::Job;
use crate::config::paths::open_file;
use crate::ingest::detect::{Detected, detect};
use crate::ingest::files::inputs::reason;
use crate::ingest::files::layout;
use crate::ingest::files::walk::{Body as From, Member, Visitor};
use crate::ingest::frame::last_start;
use crate::model::{Failure, Inferred, SourceInfo};
use crate::text::civil::DAY;
use crate::text::time::clock::{Clock, NO_DATE, NO_YEAR, NO_ZONE};
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;

pub const CHUNK: usize = 4 << 20;
/// Size of the sample that is used to detect the format, in bytes.
const SAMPLE: usize = 256 * 1024;
/// A full buffer is cut at most this many bytes before its end.
const CUT_BACK: usize = 512 * 1024;

/// Reads all members, and sends jobs in order.
pub struct Slicer<'c> {
    pub corpus: &'c Corpus,
    pub jobs: SyncSender<Job>,
    pub seq: u64,
    /// Buffers that can be used again.
    pub spare: &'c std::sync::Mutex<Vec<Vec<u8>>>,
    /// If true, input is processed as soon as it arrives. If more of the same chunk arrives later,
    /// the chunk is processed again.
    pub live: bool,
}

/// Shortest time between two updates of a live stream.
const LIVE_INTERVAL: std::time::Duration = std::time::Duration::from_millis(60);

impl Slicer<'_> {
    /// Registers a source. Its format is detected from `sample`.
    fn source(
        &mut self,
        name: &str,
        mtime: Option<u64>,
        sample: &[u8],
        tail: &[u8],
        body: Body,
        path: Option<std::path::PathBuf>,
    ) -> u32 {
        let clock = self.corpus.clock(mtime);
        let forced = self
            .corpus
            .options
            .format_as
            .as_deref()
            .and_then(|n| self.corpus.catalog.by_name(n));
        let sample = &sample[..sample.len().min(SAMPLE)];
        let mut found = detect(sample, &self.corpus.catalog, &clock, forced.as_ref());
        let reference = i64::from(clock.year);
        infer_year(&mut found, &clock, sample, tail, mtime);
        debug_assert!(i64::from(found.parser.clock.year) <= reference + 1);
        let origin = layout::origin(name);
        let stem = layout::stem(name.rsplit('/').next().unwrap_or(name));
        let fixed_service = origin.workload.clone();
        let lacks = |part| found.missing & part != 0;
        let inferred = Inferred {
            year: lacks(NO_YEAR),
            date: lacks(NO_DATE),
            zone: lacks(NO_ZONE),
        };
        let info = SourceInfo {
            name: name.to_string(),
            input: lock(&self.corpus.reading).clone(),
            service: fixed_service.clone().unwrap_or(stem),
            origin,
            format: found.format,
            inferred,
            ..SourceInfo::default()
        };
        let mut state = self.corpus.write();
        state.sources.push(Source {
            info,
            parser: found.parser,
            body,
            fixed_service,
            path,
        });
        (state.sources.len() - 1) as u32
    }

    fn buffer(&self) -> Vec<u8> {
        let mut buffer = lock(self.spare).pop().unwrap_or_default();
        buffer.clear();
        buffer
    }

    /// Cuts the stream of a source into jobs. Ends at the end of the stream, on an error, or when
    /// the user cancels.
    pub fn slice(
        &mut self,
        source: u32,
        input: &mut dyn Read,
        mut buffer: Vec<u8>,
        keep: bool,
    ) -> io::Result<()> {
        let parser = self.corpus.read().sources[source as usize].parser.clone();
        let mut cursor = Cursor {
            source,
            parser,
            offset: 0,
            keep,
            in_line: false,
            tail_sent: false,
        };
        let mut delivered_at = std::time::Instant::now();
        loop {
            let want = CHUNK.max(buffer.len() + 1) - buffer.len();
            let read = if self.live {
                fill_some(input, &mut buffer, want)
            } else {
                fill(input, &mut buffer, want).map(|n| Filled { n, ended: n < want })
            };
            let ended = read.as_ref().map_or(true, |f| f.ended);
            if self.live && !ended && buffer.len() < CHUNK {
                if delivered_at.elapsed() >= LIVE_INTERVAL && !buffer.is_empty() && !cursor.in_line
                {
                    self.send_one(&mut cursor, buffer.clone(), false, true)?;
                    delivered_at = std::time::Instant::now();
                }
                continue;
            }
            let cut = if ended {
                buffer.len()
            } else {
                cut(&buffer, &cursor.parser)
            };
            if cut > 0 {
                let mut next = self.buffer();
                next.extend_from_slice(&buffer[cut..]);
                buffer.truncate(cut);
                let bytes = std::mem::replace(&mut buffer, next);
                self.send(&mut cursor, bytes)?;
            }
            read?;
            if ended || self.corpus.is_cancelled() {
                return Ok(());
            }
        }
    }

    /// Sends one chunk. If the chunk starts with the rest of a huge line, that rest is sent as a
    /// separate job.
    fn send(&mut self, cursor: &mut Cursor, mut bytes: Vec<u8>) -> io::Result<()> {
        let open_after = !bytes.ends_with(b"\n");
        let rest = if cursor.in_line {
            memchr::memchr(b'\n', &bytes).map_or(bytes.len(), |n| n + 1)
        } else {
            0
        };
        if rest > 0 && rest < bytes.len() {
            let tail = bytes.split_off(rest);
            self.send_one(cursor, bytes, true, false)?;
            self.send_one(cursor, tail, false, false)?;
        } else {
            self.send_one(cursor, bytes, rest > 0, false)?;
        }
        cursor.in_line = open_after;
        Ok(())
    }

    /// Sends one job. If `tail` is true, the same bytes are sent again later, together with the
    /// bytes that follow them.
    fn send_one(
        &mut self,
        cursor: &mut Cursor,
        bytes: Vec<u8>,
        continues_line: bool,
        tail: bool,
    ) -> io::Result<()> {
        let job = Job {
            seq: self.seq,
            source: cursor.source,
            parser: cursor.parser.clone(),
            offset: cursor.offset,
            keep: cursor.keep,
            continues_line,
            replaces: std::mem::replace(&mut cursor.tail_sent, tail),
            filter: !tail && self.corpus.folder.as_ref().is_some_and(|f| f.writable),
            bytes,
        };
        self.seq += 1;
        // The text of a file is not kept, so that it is a plain file.
        if self.corpus.options.follow && !job.keep {
            lock(&self.corpus.contents).extend(job.source, job.offset, &job.bytes);
        }
        cursor.offset += if tail { 0 } else { job.bytes.len() as u64 };
        self.jobs
            .send(job)
            .map_err(|_| io::Error::other("cancelled"))
    }
}

/// Progress of cutting one source.
struct Cursor {
    source: u32,
    parser: crate::ingest::line::LineParser,
    offset: u64,
    keep: bool,
    /// True if the last chunk ended in the middle of a line.
    in_line: bool,
    /// True if a tail was sent. The next job replaces it.
    tail_sent: bool,
}

struct Filled {
    n: usize,
    ended: bool,
}

/// Reads once and takes the bytes that are available. An `Interrupted` error means that no input is
/// available at the moment.
fn fill_some(input: &mut dyn Read, buffer: &mut Vec<u8>, want: usize) -> io::Result<Filled> {
    let start = buffer.len();
    buffer.resize(start + want, 0);
    let read = input.read(&mut buffer[start..]);
    let n = read.as_ref().map_or(0, |n| *n);
    buffer.truncate(start + n);
    match read {
        Err(e) if e.kind() == io::ErrorKind::Interrupted => Ok(Filled { n: 0, ended: false }),
        Err(e) => Err(e),
        Ok(n) => Ok(Filled { n, ended: n == 0 }),
    }
}

/// Reads until `want` more bytes are in the buffer. Fewer bytes mean the end of the input. Bytes
/// that were read before an error stay in the buffer.
fn fill(input: &mut dyn Read, buffer: &mut Vec<u8>, want: usize) -> io::Result<usize> {
    buffer.reserve(want);
    input.take(want as u64).read_to_end(buffer)
}

/// Position at which a full buffer is cut: before an event if possible, otherwise after a line. In
/// a huge line, the cut does not split a word.
pub fn cut(buffer: &[u8], parser: &crate::ingest::line::LineParser) -> usize {
    let floor = buffer.len().saturating_sub(CUT_BACK);
    if let Some(at) = last_start(buffer, floor.max(1), parser) {
        return at;
    }
    if let Some(at) = memchr::memrchr(b'\n', &buffer[floor..]) {
        return floor + at + 1;
    }
    let blank = buffer[floor..]
        .iter()
        .rposition(|b| b.is_ascii() && !b.is_ascii_alphanumeric() && *b != b'_');
    blank.map_or(buffer.len(), |at| floor + at + 1)
}

/// Corrects the year of the first line, or its day if timestamps have no date. Log lines cannot be
/// later than the last change of their source.
fn infer_year(found: &mut Detected, clock: &Clock, sample: &[u8], tail: &[u8], mtime: Option<u64>) {
    if found.missing & (NO_YEAR | NO_DATE) == 0 {
        return;
    }
    let time = |text: &[u8], last: bool| {
        let mut parser = found.parser.clone();
        let mut line = Default::default();
        let mut times = text
            .split(|b| *b == b'\n')
            .filter(|l| !l.is_empty())
            .filter_map(|l| {
                parser.parse(l, &mut line);
                line.time
            });
        if last { times.last() } else { times.next() }
    };
    let limit = mtime.map_or_else(
        || clock.day * DAY + 2 * DAY,
        |m| m as i64 * 1_000_000_000 + DAY,
    );
    let first = time(sample, false);
    let last = time(tail, true).or(first);
    let (Some(first), Some(last)) = (first, last) else {
        return;
    };
    if found.missing & NO_DATE != 0 {
        if first.ns > limit - DAY {
            found.parser.clock.day -= 1;
        }
        return;
    }
    if last.ns > limit {
        found.parser.clock.year -= 1;
    }
    // The log contains a New Year, so the first line belongs to the previous year.
    if first.ns > last.ns + 30 * DAY {
        found.parser.clock.year -= 1;
    }
}

impl Visitor for Slicer<'_> {
    fn member(&mut self, member: Member<'_>) -> io::Result<()> {
        match member.body {
            From::File(path) => {
                let mut file = open_file(&path)?;
                let len = file.metadata()?.len();
                let mut buffer = self.buffer();
                fill(&mut file, &mut buffer, SAMPLE)?;
                let tail = tail(&file, len);
                // The same file, even if another one takes its name now.
                let body = Body::File(Arc::new(file.try_clone()?));
                let called = self
                    .corpus
                    .options
                    .called
                    .as_ref()
                    .and_then(|(folder, _)| path.strip_prefix(folder).ok());
                let name = called.map_or(member.name, |p| p.display().to_string());
                let source = self.source(&name, member.mtime, &buffer, &tail, body, Some(path));
                self.finish(source, |s| s.slice(source, &mut file, buffer, false))
            }
            From::Stream(stream) => {
                let mut buffer = self.buffer();
                let read = if self.live {
                    fill_some(stream, &mut buffer, SAMPLE).map(|f| f.n)
                } else {
                    fill(stream, &mut buffer, SAMPLE)
                };
                let source =
                    self.source(&member.name, member.mtime, &buffer, &[], Body::Store, None);
                match read {
                    Ok(_) => self.finish(source, |s| s.slice(source, stream, buffer, true)),
                    Err(e) => {
                        self.slice(source, &mut io::empty(), buffer, true)?;
                        Err(e)
                    }
                }
            }
        }
    }

    fn failed(&mut self, failure: Failure) {
        self.corpus.fail(failure);
    }

    fn keep_going(&self) -> bool {
        !self.corpus.is_cancelled()
    }
}

impl Slicer<'_> {
    fn finish(
        &mut self,
        source: u32,
        run: impl FnOnce(&mut Self) -> io::Result<()>,
    ) -> io::Result<()> {
        let result = run(self);
        if let Err(e) = &result {
            self.corpus.write().sources[source as usize].info.failure = Some(reason(e));
        }
        result
    }
}

fn tail(file: &File, len: u64) -> Vec<u8> {
    use std::os::unix::fs::FileExt;
    let n = len.min(16 * 1024);
    let mut bytes = vec![0; n as usize];
    if file.read_exact_at(&mut bytes, len - n).is_err() {
        return Vec::new();
    }
    let from = memchr::memchr(b'\n', &bytes).map_or(0, |i| i + 1);
    bytes.split_off(from)
}
