//! Reads single events from a corpus: the parsed event with a given id, the lines around it, and
//! the values of its variables. Does not change the corpus.

use super::corpus::Corpus;
use super::snapshot::Snapshot;
use crate::index::Chunk;
use crate::ingest::frame::MAX_PARSE;
use crate::ingest::line::{Join, Line, LineParser};
use crate::mine::{Word, explain};
use crate::model::{
    Event, EventId, KindId, NO_TIME, SourceId, Template, TemplateIx, TemplateKey, VariableStats,
};

/// Maximum length of an event's text that is read, in bytes.
const MAX_SHOWN: usize = 256 * 1024;
/// Approximate number of events from which the values of a template's variables are taken. They are
/// spread evenly.
const VALUE_SAMPLE: usize = 2_000;

/// A line near an event in its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbor {
    /// 1-based line number.
    pub line: u64,
    pub text: String,
    /// True if the line is part of the event.
    pub own: bool,
}

impl Corpus {
    /// Byte offset and length of an event in its source.
    fn range(chunk: &Chunk, i: u32) -> Option<(u64, usize)> {
        let start = chunk.start(i)?;
        let end = if i + 1 < chunk.events {
            chunk.start(i + 1)?
        } else {
            chunk.offset + chunk.bytes
        };
        Some((start, (end - start) as usize))
    }

    /// Reads the text of an event and parses it again.
    pub fn event(&self, snapshot: &Snapshot, id: EventId) -> Option<Event> {
        let (chunk, i) = snapshot.locate(id)?;
        let (start, len) = Corpus::range(chunk, i)?;
        let raw = self
            .raw(SourceId(chunk.source), start, len.min(MAX_SHOWN))
            .unwrap_or_else(|| {
                b"(this text can no longer be read: its source changed, or it fell out of memory)"
                    .to_vec()
            });
        self.parse(chunk, i, &raw, id)
    }

    /// The whole text of an event, however long it is.
    pub(super) fn whole_text(&self, snapshot: &Snapshot, id: EventId) -> Option<Vec<u8>> {
        let (chunk, i) = snapshot.locate(id)?;
        let (start, len) = Corpus::range(chunk, i)?;
        self.raw(SourceId(chunk.source), start, len)
    }

    /// Parses the raw text of event `i` of a chunk.
    pub fn parse(&self, chunk: &Chunk, i: u32, raw: &[u8], id: EventId) -> Option<Event> {
        let (block, at) = chunk.locate(i)?;
        let state = self.read();
        let source = state.sources.get(chunk.source as usize)?;
        let mut parser = source.parser.clone();
        let raw = raw.strip_suffix(b"\n").unwrap_or(raw);
        let mut event = read_event(&mut parser, raw);
        let kind = state.kinds.kinds.get(block.kind(at) as usize)?;
        let header = &state.kinds.headers[kind.header as usize];
        event.id = id;
        event.source = SourceId(chunk.source);
        event.line = chunk.line(i) + 1;
        event.lines = block.extra(at) + 1;
        event.time = Some(block.time(at)).filter(|t| *t != NO_TIME);
        event.timed = header.timed;
        event.inferred = source.info.inferred.any() || !header.timed;
        event.level = header.level;
        event.level_inferred = header.level_inferred;
        event.service = state
            .service(event.source, KindId(block.kind(at)))
            .to_string();
        Some(event)
    }

    /// Host in the header of an event.
    pub fn host_of(&self, source: SourceId, raw: &[u8]) -> String {
        let parser = self
            .read()
            .sources
            .get(source.index())
            .map(|s| s.parser.clone());
        parser
            .map(|mut p| read_event(&mut p, raw).host)
            .unwrap_or_default()
    }

    /// Lines of an event, and up to `around` lines of its source before and after it.
    pub fn neighbors(&self, snapshot: &Snapshot, id: EventId, around: u64) -> Vec<Neighbor> {
        let Some((chunk, i)) = snapshot.locate(id) else {
            return Vec::new();
        };
        let Some((start, len)) = Corpus::range(chunk, i) else {
            return Vec::new();
        };
        let own_first = chunk.line(i) + 1;
        let back = start.saturating_sub(32 * 1024).max(chunk.offset);
        let before = self
            .raw(SourceId(chunk.source), back, (start - back) as usize)
            .unwrap_or_default();
        let end = chunk.offset + chunk.bytes;
        let take = (len as u64 + 32 * 1024)
            .min(end - start)
            .min(MAX_SHOWN as u64);
        let after = self
            .raw(SourceId(chunk.source), start, take as usize)
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
        let mut out: Vec<Neighbor> = before
            .iter()
            .enumerate()
            .skip(skip)
            .map(|(n, text)| Neighbor {
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
                .map(|(n, text)| Neighbor {
                    line: own_first + n as u64,
                    text,
                    own: (n as u64) < own,
                }),
        );
        out
    }

    /// Why each word of a template is a variable or a constant.
    pub fn explain(&self, template: TemplateKey) -> Option<Vec<Word>> {
        let state = self.read();
        explain(&state.kinds.shapes, &state.resolved, template)
    }

    /// Value distributions of a template's variables, and the number of events that were inspected.
    /// The events are spread evenly over the corpus.
    pub fn values(&self, snapshot: &Snapshot, template: TemplateIx) -> (Vec<VariableStats>, u64) {
        let Some(t) = snapshot.template(template) else {
            return (Vec::new(), 0);
        };
        let stride = (t.count / VALUE_SAMPLE as u64).max(1);
        let mut collector = crate::mine::Collector::default();
        let (mut nth, mut inspected) = (0u64, 0u64);
        for events in snapshot.blocks(self) {
            let wanted: Vec<bool> = events.templates().map(|t| t == Some(template)).collect();
            if !wanted.contains(&true) {
                continue;
            }
            for e in events.iter().filter(|e| wanted[e.slot()]) {
                nth += 1;
                if nth % stride != 0 && nth != 1 {
                    continue;
                }
                if let Some(event) = self.event(snapshot, e.id()) {
                    collector.add(crate::mine::variables(&t.text, &event.message));
                    inspected += 1;
                }
            }
        }
        (collector.finish(), inspected)
    }
}

/// Extracts the messages from events of one source.
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

    /// The message of an event with all its lines.
    pub fn whole_message(&mut self, raw: &[u8]) -> String {
        read_event(&mut self.parser, raw).message
    }

    /// Names and values of the other fields of the event whose message was read last. `raw` is its
    /// first line.
    pub fn fields(&self, raw: &[u8]) -> Vec<(String, String)> {
        let head = &raw[..raw.len().min(MAX_PARSE)];
        let text = self.parser.text(head, &self.line);
        let of = |s: crate::ingest::parsed::Span| String::from_utf8_lossy(s.of(text)).into_owned();
        let other = self.line.parsed.other.iter();
        other.map(|(name, s)| (name.of(text), of(*s))).collect()
    }
}

impl Corpus {
    pub fn reader(&self, source: SourceId) -> Option<MessageReader> {
        let parser = self.read().sources.get(source.index())?.parser.clone();
        Some(MessageReader {
            parser,
            line: Line::default(),
        })
    }
}

/// Parses the header and message in the text of one event. The caller sets the event's numbers and
/// its place.
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
        ("caller", line.parsed.caller),
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

/// Appends the further lines of an event to `message`, without their wrappers.
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

/// Callback that receives an event and its template.
type EachEvent<'e, E> = dyn FnMut(&Event, Option<&Template>) -> Result<(), E> + 'e;

impl Corpus {
    /// Calls `each` for every event and its template, source by source and in file order. Stops if
    /// `each` fails. Text is read one block at a time.
    pub fn for_each_event<E>(
        &self,
        snapshot: &Snapshot,
        each: &mut EachEvent<'_, E>,
    ) -> Result<(), E> {
        let mut parts: Vec<_> = snapshot.parts().collect();
        parts.sort_by_key(|p| (p.source(), p.bytes().0));
        for events in parts.into_iter().flat_map(|p| p.blocks(self)) {
            for e in events.iter() {
                let text = e.text();
                let raw = &text[..text.len().min(MAX_SHOWN)];
                let Some((chunk, i)) = snapshot.locate(e.id()) else {
                    continue;
                };
                let Some(event) = self.parse(chunk, i, raw, e.id()) else {
                    continue;
                };
                each(&event, e.template().and_then(|t| snapshot.template(t)))?;
            }
        }
        Ok(())
    }
}
