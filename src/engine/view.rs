//! Reads events back: from an ordinal to the parsed event, from a place to what stands around it.

use super::corpus::{Corpus, Snapshot};
use super::table;
use crate::index::Chunk;
use crate::ingest::frame::MAX_PARSE;
use crate::ingest::line::{Join, Line, LineParser};
use crate::model::{Event, Moment, NO_TIME, VariableStats};
use std::sync::Arc;

/// Text of an event is shown up to here.
const MAX_SHOWN: usize = 256 * 1024;
/// Values of a template's variables are taken from so many events, spread evenly.
const VALUE_SAMPLE: usize = 2_000;

/// A line near an event in its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// 1-based.
    pub line: u64,
    pub text: String,
    /// Part of the event itself.
    pub own: bool,
}

impl Snapshot {
    /// The chunk that holds an event, and the event's place in it.
    pub fn locate(&self, id: u32) -> Option<(&Arc<Chunk>, u32)> {
        let at = self
            .chunks
            .partition_point(|c| c.first_event <= id)
            .checked_sub(1)?;
        let chunk = &self.chunks[at];
        (id - chunk.first_event < chunk.events).then(|| (chunk, id - chunk.first_event))
    }

    /// Time of an event, for merging and jumping.
    pub fn time(&self, id: u32) -> Option<Moment> {
        let (chunk, i) = self.locate(id)?;
        let (block, at) = chunk.locate(i)?;
        Some(block.time(at)).filter(|t| *t != NO_TIME)
    }

    /// Kind of an event.
    pub fn kind(&self, id: u32) -> Option<u32> {
        let (chunk, i) = self.locate(id)?;
        chunk.locate(i).map(|(block, at)| block.kind(at))
    }

    /// First row at or after a moment. Rows are ordered by time but for jumps of the clock.
    pub fn row_at(&self, at: Moment) -> usize {
        let (mut a, mut b) = (0usize, self.rows as usize);
        while a < b {
            let mid = (a + b) / 2;
            match self.time(self.order.event(mid)) {
                Some(t) if t >= at => b = mid,
                _ => a = mid + 1,
            }
        }
        a.min((self.rows as usize).saturating_sub(1))
    }

    /// Row of an event in the merged stream.
    pub fn row_of(&self, id: u32) -> usize {
        if self.order.bytes() == 0 {
            return id as usize;
        }
        let near = self.time(id).map_or(0, |t| self.row_at(t));
        let rows = self.rows as usize;
        // Rows of one moment stand together, out-of-order ones somewhat behind.
        (near..rows)
            .chain((0..near).rev())
            .find(|r| self.order.event(*r) == id)
            .unwrap_or(0)
    }
}

impl Corpus {
    /// Byte range of an event in its source.
    fn range(chunk: &Chunk, i: u32) -> Option<(u64, usize)> {
        let start = chunk.start(i)?;
        let end = if i + 1 < chunk.events {
            chunk.start(i + 1)?
        } else {
            chunk.offset + chunk.bytes
        };
        Some((start, (end - start) as usize))
    }

    /// An event, parsed anew from its text.
    pub fn event(&self, snapshot: &Snapshot, id: u32) -> Option<Event> {
        let (chunk, i) = snapshot.locate(id)?;
        let (start, len) = Corpus::range(chunk, i)?;
        let raw = self
            .raw(chunk.source, start, len.min(MAX_SHOWN))
            .unwrap_or_else(|| {
                b"(this text can no longer be read: its source changed, or it fell out of memory)"
                    .to_vec()
            });
        self.parse(chunk, i, &raw, id)
    }

    /// Parses the raw text of event `i` of a chunk.
    pub fn parse(&self, chunk: &Chunk, i: u32, raw: &[u8], id: u32) -> Option<Event> {
        let (block, at) = chunk.locate(i)?;
        let state = self.read();
        let source = state.sources.get(chunk.source as usize)?;
        let mut parser = source.parser.clone();
        let raw = raw.strip_suffix(b"\n").unwrap_or(raw);
        let mut event = read_event(&mut parser, raw);
        let kind = state.kinds.kinds.get(block.kind(at) as usize)?;
        let header = &state.kinds.headers[kind.header as usize];
        event.id = id;
        event.source = chunk.source;
        event.line = chunk.line(i) + 1;
        event.lines = block.extra(at) + 1;
        event.time = Some(block.time(at)).filter(|t| *t != NO_TIME);
        event.timed = header.timed;
        event.inferred = !source.info.inferred.is_empty() || !header.timed;
        event.level = header.level;
        event.level_inferred = header.level_inferred;
        event.service = table::service(&state, chunk.source, block.kind(at)).to_string();
        Some(event)
    }

    /// Host in an event's header.
    pub fn host_of(&self, source: u32, raw: &[u8]) -> String {
        let parser = self
            .read()
            .sources
            .get(source as usize)
            .map(|s| s.parser.clone());
        parser
            .map(|mut p| read_event(&mut p, raw).host)
            .unwrap_or_default()
    }

    /// Lines of the source around an event.
    pub fn neighbours(&self, snapshot: &Snapshot, id: u32, around: u64) -> Vec<Neighbour> {
        let Some((chunk, i)) = snapshot.locate(id) else {
            return Vec::new();
        };
        let Some((start, len)) = Corpus::range(chunk, i) else {
            return Vec::new();
        };
        let own_first = chunk.line(i) + 1;
        let back = start.saturating_sub(32 * 1024).max(chunk.offset);
        let before = self
            .raw(chunk.source, back, (start - back) as usize)
            .unwrap_or_default();
        let end = chunk.offset + chunk.bytes;
        let take = (len as u64 + 32 * 1024)
            .min(end - start)
            .min(MAX_SHOWN as u64);
        let after = self
            .raw(chunk.source, start, take as usize)
            .unwrap_or_default();
        let lines = |text: &[u8]| -> Vec<String> {
            let text = text.strip_suffix(b"\n").unwrap_or(text);
            if text.is_empty() {
                Vec::new()
            } else {
                text.split(|b| *b == b'\n')
                    .map(|l| String::from_utf8_lossy(l).into_owned())
                    .collect()
            }
        };
        let before = lines(&before);
        let skip = before.len().saturating_sub(around as usize);
        let mut out: Vec<Neighbour> = before
            .iter()
            .enumerate()
            .skip(skip)
            .map(|(n, text)| Neighbour {
                line: own_first - (before.len() - n) as u64,
                text: text.clone(),
                own: false,
            })
            .collect();
        let own = lines(&after[..len.min(after.len())]).len() as u64;
        let following = lines(&after);
        out.extend(
            following
                .into_iter()
                .take((own + around) as usize)
                .enumerate()
                .map(|(n, text)| Neighbour {
                    line: own_first + n as u64,
                    text,
                    own: (n as u64) < own,
                }),
        );
        out
    }

    /// Value distributions of a template's variables, from events spread evenly over the corpus, and how many were looked at.
    pub fn values(&self, snapshot: &Snapshot, template: usize) -> (Vec<VariableStats>, u64) {
        let Some(t) = snapshot.templates.get(template) else {
            return (Vec::new(), 0);
        };
        let stride = (t.count / VALUE_SAMPLE as u64).max(1);
        let mut collector = crate::mine::Collector::default();
        let (mut nth, mut looked) = (0u64, 0u64);
        for chunk in snapshot.chunks.iter() {
            for block in &chunk.blocks {
                let yes: Vec<bool> = block
                    .dictionary
                    .iter()
                    .map(|k| snapshot.template_of.get(*k as usize) == Some(&(template as u32)))
                    .collect();
                if !yes.contains(&true) {
                    continue;
                }
                for i in (0..block.len()).filter(|i| yes[block.kinds.get(*i) as usize]) {
                    nth += 1;
                    if nth % stride != 0 && nth != 1 {
                        continue;
                    }
                    if let Some(event) =
                        self.event(snapshot, chunk.first_event + block.first_event + i as u32)
                    {
                        collector.add(crate::mine::variables(&t.text, &event.message));
                        looked += 1;
                    }
                }
            }
        }
        (collector.finish(), looked)
    }
}

/// Reads messages of one source.
pub struct MessageReader {
    parser: LineParser,
    line: Line,
}

impl MessageReader {
    /// The message in the first line of an event.
    pub fn message(&mut self, raw: &[u8]) -> String {
        let head = &raw[..raw.len().min(MAX_PARSE)];
        self.parser.parse(head, &mut self.line);
        self.parser.message(head, &self.line)
    }
}

impl Corpus {
    pub fn reader(&self, source: u32) -> Option<MessageReader> {
        let parser = self.read().sources.get(source as usize)?.parser.clone();
        Some(MessageReader {
            parser,
            line: Line::default(),
        })
    }
}

/// Header and message of the text of one event; numbers and places are filled in by the caller.
fn read_event(parser: &mut LineParser, raw: &[u8]) -> Event {
    let mut line = Line::default();
    let first_end = memchr::memchr(b'\n', raw).unwrap_or(raw.len());
    let object = raw[..first_end].trim_ascii() == b"{" || raw.starts_with(crate::ingest::EXPORT);
    let first = if object { raw } else { &raw[..first_end] };
    let head = &first[..first.len().min(MAX_PARSE)];
    parser.parse(head, &mut line);
    let text = parser.text(head, &line);
    let get =
        |span: crate::ingest::parsed::Span| String::from_utf8_lossy(span.of(text)).into_owned();
    let mut event = Event {
        precision: line.time.map_or(0, |t| t.precision),
        host: get(line.parsed.host),
        fields: line
            .parsed
            .other
            .iter()
            .map(|(n, s)| (n.of(text), get(*s)))
            .collect(),
        message: parser.message(head, &line),
        raw: String::from_utf8_lossy(raw).into_owned(),
        ..Event::default()
    };
    for (name, span) in [
        ("program", line.parsed.program),
        ("component", line.parsed.component),
    ] {
        if !span.is_empty() {
            event.fields.push((name.into(), get(span)));
        }
    }
    if !object && first_end < raw.len() {
        further_lines(parser, &raw[first_end + 1..], line.part, &mut event.message);
    }
    event
}

/// Adds the peeled text of an event's further lines.
fn further_lines(parser: &mut LineParser, rest: &[u8], part: bool, message: &mut String) {
    let mut line = Line::default();
    let mut part = part;
    for raw in rest.split(|b| *b == b'\n') {
        parser.parse(&raw[..raw.len().min(MAX_PARSE)], &mut line);
        if !part {
            message.push('\n');
        }
        part = line.part;
        let text = parser.text(raw, &line);
        let body = if line.join == Join::Start && parser.wrapper.is_none() {
            text
        } else {
            line.parsed.message.of(text)
        };
        message.push_str(&String::from_utf8_lossy(body));
    }
}

/// Takes an event and its template.
pub type Each<'e> = dyn FnMut(&Event, Option<&crate::model::Template>) -> Result<(), String> + 'e;

impl Corpus {
    /// Calls `each` for every event, per source in file order. Text is read a block at a time.
    pub fn for_each_event(&self, snapshot: &Snapshot, each: &mut Each<'_>) -> Result<(), String> {
        let mut chunks: Vec<&Arc<Chunk>> = snapshot.chunks.iter().collect();
        chunks.sort_by_key(|c| (c.source, c.offset));
        for chunk in chunks {
            for block in &chunk.blocks {
                let text = self
                    .raw(chunk.source, block.offset, block.bytes as usize)
                    .unwrap_or_default();
                for i in 0..block.len() {
                    let from = (block.starts.get(i) as usize).min(text.len());
                    let to = if i + 1 < block.len() {
                        block.starts.get(i + 1) as usize
                    } else {
                        text.len()
                    };
                    let in_chunk = block.first_event + i as u32;
                    let raw = text.get(from..to.min(from + MAX_SHOWN)).unwrap_or_default();
                    let Some(event) =
                        self.parse(chunk, in_chunk, raw, chunk.first_event + in_chunk)
                    else {
                        continue;
                    };
                    let template = snapshot
                        .template_of
                        .get(block.kind(i) as usize)
                        .and_then(|t| snapshot.templates.get(*t as usize));
                    each(&event, template)?;
                }
            }
        }
        Ok(())
    }
}
