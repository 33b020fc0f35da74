//! Groups events into kinds by the constant text of their header and message. Words with a digit
//! are cut out, so millions of lines have only thousands of kinds, and expensive work runs once per
//! kind. Does not access files or read the clock.

use super::high_cardinality::{self, Detection, HighCardinalityWords};
use crate::model::{Level, Moment, NO_TIME};
use crate::text::words::{self, CUT, Cuts, constant_text};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;

/// The constant text around a message, and the properties derived from it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Header {
    /// Text before the message, then `CUT`, then text after it. Words with digits are cut out.
    pub constant: Vec<u8>,
    pub service: String,
    /// Call site of the log statement, such as `main.go:12`. Empty if the log does not tell it.
    pub caller: String,
    pub level: Level,
    /// The level was inferred from the constant text of the message.
    pub level_inferred: bool,
    /// Its events have their own time stamp.
    pub timed: bool,
    /// The log format was recognized.
    pub known: bool,
}

/// The constant text of a message, shared by all messages that differ only in the words that were
/// cut out.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Shape {
    pub constant: Vec<u8>,
    /// Call site of the log statement. Messages of different call sites have different shapes.
    pub caller: String,
    /// One message of this shape, decoded.
    pub example: String,
    /// Source name and line of the example. The event with the smallest pair is used, so the order
    /// in which chunks are added does not matter.
    pub example_at: (std::sync::Arc<str>, u64),
    /// For each word that was cut out of the message: hash of its first value.
    pub first: Vec<u64>,
    /// For each word that was cut out of the message: whether it has had another value.
    pub varied: Vec<bool>,
    pub count: u64,
}

/// A pair of header and shape. Each event stores the index of its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kind {
    pub header: u32,
    pub shape: u32,
    pub count: u64,
    pub first: Moment,
    pub last: Moment,
    /// Number of fractional-second digits in its time stamps.
    pub precision: u8,
}

/// A kind as counted by one worker in one chunk.
#[derive(Clone, Debug)]
pub struct LocalKind {
    pub header: Header,
    pub constant: Vec<u8>,
    pub example: String,
    /// Line number of its first event, relative to the chunk.
    pub line: u64,
    pub first_values: Vec<u64>,
    pub varied: Vec<bool>,
    pub count: u64,
    pub first: Moment,
    pub last: Moment,
    pub precision: u8,
}

impl LocalKind {
    /// Adds one event. `values` are the hashes of the words with digits in its message.
    #[inline]
    pub fn add(&mut self, values: &[u64], time: Moment) {
        self.count += 1;
        for ((v, first), varied) in values.iter().zip(&self.first_values).zip(&mut self.varied) {
            *varied |= v != first;
        }
        if time != NO_TIME {
            self.first = if self.first == NO_TIME {
                time
            } else {
                self.first.min(time)
            };
            self.last = self.last.max(time);
        }
    }
}

/// The parts of an event that `LocalKinds::note` needs.
pub struct Noted<'a> {
    pub raw: &'a [u8],
    /// Byte range of the message in `raw`.
    pub message: (usize, usize),
    /// End of the time stamp in `raw`, at the end of a word; 0 if the header has no time stamp.
    pub clock_end: usize,
    pub service: &'a [u8],
    pub caller: &'a [u8],
    pub level: Level,
    pub timed: bool,
    pub known: bool,
    pub time: Moment,
    pub precision: u8,
    pub line: u64,
}

/// The kinds of one chunk. Reuses its buffers, so the hot loop does not allocate.
#[derive(Default)]
pub struct LocalKinds {
    ids: FxHashMap<u64, u32>,
    pub kinds: Vec<LocalKind>,
    /// Words with digits in the last event, in this order: in the time prefix, in the rest of the
    /// header, in the message, after the message.
    cuts: Cuts,
    time_prefix: TimePrefix,
    /// Number of words at the start of `cuts` that the previous line has as well.
    repeated: usize,
    values: (usize, usize),
    high_cardinality: HighCardinalityWords,
    /// Hash of the high-cardinality word in the last event, if it has one.
    name: Option<u64>,
}

/// The start of a line up to the end of its time stamp, and the result of scanning it.
#[derive(Default)]
struct TimePrefix {
    text: Vec<u8>,
    hash: u64,
    cuts: usize,
}

impl LocalKinds {
    /// Finds or creates the kind of an event and returns its index in `kinds`. For a new kind,
    /// `decode` returns the message and `infer` returns the level.
    pub fn note(
        &mut self,
        e: &Noted<'_>,
        decode: impl FnOnce() -> String,
        infer: impl FnOnce(&[u8]) -> Level,
    ) -> u32 {
        let (a, b) = e.message;
        let flags = u64::from(e.timed) | u64::from(e.known) << 1 | (e.level as u64) << 2;
        // Most lines start with the same time as the previous line. Reuse its scan result.
        let same = e.clock_end <= a
            && e.clock_end > 0
            && e.raw[..e.clock_end] == self.time_prefix.text[..];
        let clock = if same {
            self.cuts.truncate(self.time_prefix.cuts);
            self.time_prefix.hash
        } else {
            self.cuts.clear();
            let end = if e.clock_end <= a { e.clock_end } else { 0 };
            self.time_prefix.hash = words::scan(&e.raw[..end], 0, &mut self.cuts);
            self.time_prefix.text.clear();
            self.time_prefix.text.extend_from_slice(&e.raw[..end]);
            self.time_prefix.cuts = self.cuts.len();
            self.time_prefix.hash
        };
        let clock_cuts = self.time_prefix.cuts;
        let clock_len = self.time_prefix.text.len();
        let before = words::scan(
            &e.raw[clock_len..a],
            clock.wrapping_add(flags),
            &mut self.cuts,
        );
        let first_cut = self.cuts.len();
        let shape = words::scan(&e.raw[a..b], before.rotate_left(7), &mut self.cuts);
        let message_cuts = self.cuts.len();
        let after = words::scan(&e.raw[b..], shape.rotate_left(7), &mut self.cuts);
        let key = origin_hash(after, e);
        self.repeated = if same { clock_cuts } else { 0 };
        self.values = (first_cut, message_cuts);
        self.name = None;
        if let Some(&id) = self.ids.get(&key) {
            self.kinds[id as usize].add(&self.cuts.hashes[first_cut..message_cuts], e.time);
            return id;
        }
        let id = self.kinds.len() as u32;
        let around = self.context_hash(e, before);
        let message = &e.raw[a..b];
        let detection =
            self.high_cardinality
                .find(message, &self.cuts.ranges[first_cut..message_cuts], around);
        let name = match detection {
            Detection::KnownKind(kind, name) => {
                self.name = Some(words::filter_hash(&message[name.0..name.1]));
                self.kinds[kind as usize].add(&self.cuts.hashes[first_cut..message_cuts], e.time);
                return kind;
            }
            Detection::NewVariable(signature, name) => {
                self.high_cardinality.learn(signature, id);
                self.name = Some(words::filter_hash(&message[name.0..name.1]));
                Some(name)
            }
            Detection::Ordinary => {
                self.ids.insert(key, id);
                None
            }
        };
        let kind = self.new_kind(e, (first_cut, message_cuts), name, decode, infer);
        self.kinds.push(kind);
        id
    }

    /// Hash of everything around the message: the text before and after it, the service and the call
    /// site.
    fn context_hash(&mut self, e: &Noted<'_>, before: u64) -> u64 {
        let cut_count = self.cuts.len();
        let after = words::scan(&e.raw[e.message.1..], before, &mut self.cuts);
        self.cuts.truncate(cut_count);
        origin_hash(after, e)
    }

    /// Word-filter hash of the high-cardinality word in the last event. The word filter needs it
    /// because the text of the kind does not contain this word.
    pub fn name(&self) -> Option<u64> {
        self.name
    }

    /// Index range of the message's words with digits in the last event. Index 0 is the first word
    /// with a digit after the time prefix.
    pub fn values(&self) -> (usize, usize) {
        let (a, b) = self.values;
        (a - self.time_prefix.cuts, b - self.time_prefix.cuts)
    }

    /// Hashes of the words with digits in the last event. Unless `all` is true, words in a time
    /// prefix that is the same as in the previous line are left out.
    pub fn word_hashes(&self, all: bool) -> &[u64] {
        &self.cuts.hashes[if all { 0 } else { self.repeated }..]
    }

    fn new_kind(
        &self,
        e: &Noted<'_>,
        (m0, m1): (usize, usize),
        name: Option<(usize, usize)>,
        decode: impl FnOnce() -> String,
        infer: impl FnOnce(&[u8]) -> Level,
    ) -> LocalKind {
        let (a, b) = e.message;
        let (mut constant, mut around) = (Vec::new(), Vec::new());
        let (clock, n) = (self.time_prefix.text.len(), self.time_prefix.cuts);
        match name {
            Some(name) => {
                constant = high_cardinality::constant(&e.raw[a..b], &self.cuts.ranges[m0..m1], name)
            }
            None => constant_text(&e.raw[a..b], &self.cuts.ranges[m0..m1], &mut constant),
        }
        constant_text(&e.raw[..clock], &self.cuts.ranges[..n], &mut around);
        constant_text(&e.raw[clock..a], &self.cuts.ranges[n..m0], &mut around);
        around.push(CUT);
        constant_text(&e.raw[b..], &self.cuts.ranges[m1..], &mut around);
        let level = if e.level == Level::Unknown {
            infer(&constant)
        } else {
            e.level
        };
        LocalKind {
            header: Header {
                constant: around,
                service: String::from_utf8_lossy(e.service).into_owned(),
                caller: String::from_utf8_lossy(e.caller).into_owned(),
                level,
                level_inferred: e.level == Level::Unknown && level != Level::Unknown,
                timed: e.timed,
                known: e.known,
            },
            constant,
            example: match name {
                Some(name) => high_cardinality::example(&decode(), &e.raw[a..b], name),
                None => decode(),
            },
            line: e.line,
            first_values: self.cuts.hashes[m0..m1].to_vec(),
            varied: vec![false; m1 - m0],
            count: 1,
            first: e.time,
            last: e.time,
            precision: e.precision,
        }
    }
}

/// Identifies a shape: its constant text and its call site.
fn shape_key<'a>(constant: &'a [u8], caller: &str) -> Cow<'a, [u8]> {
    if caller.is_empty() {
        return Cow::Borrowed(constant);
    }
    Cow::Owned([constant, &[CUT, CUT], caller.as_bytes()].concat())
}

/// Adds the service and the call site of an event to a hash.
fn origin_hash(hash: u64, e: &Noted<'_>) -> u64 {
    let hash = words::hash_bytes(words::seed(), hash, e.service);
    match e.caller {
        [] => hash,
        caller => words::hash_bytes(words::seed(), hash, caller),
    }
}

/// The kinds of the whole corpus.
#[derive(Default)]
pub struct Kinds {
    pub headers: Vec<Header>,
    pub shapes: Vec<Shape>,
    pub kinds: Vec<Kind>,
    header_ids: FxHashMap<Header, u32>,
    /// By `shape_key`.
    shape_ids: FxHashMap<Vec<u8>, u32>,
    kind_ids: FxHashMap<(u32, u32), u32>,
}

impl Kinds {
    /// Merges the kinds of a chunk and returns their indexes in `self.kinds`. `base_line` is the
    /// line number of the chunk's start in its source.
    pub fn absorb(
        &mut self,
        local: &[LocalKind],
        source: &std::sync::Arc<str>,
        base_line: u64,
    ) -> Vec<u32> {
        local
            .iter()
            .map(|k| self.absorb_one(k, source, base_line))
            .collect()
    }

    fn absorb_one(&mut self, k: &LocalKind, source: &std::sync::Arc<str>, base_line: u64) -> u32 {
        let header = self.header_id(&k.header);
        let at = (source.clone(), base_line + k.line);
        let shape = self.shape_id(k, at);
        let next = self.kinds.len() as u32;
        let id = *self.kind_ids.entry((header, shape)).or_insert(next);
        if id == next {
            let (first, last) = (k.first, k.last);
            self.kinds.push(Kind {
                header,
                shape,
                count: k.count,
                first,
                last,
                precision: k.precision,
            });
        } else {
            let kind = &mut self.kinds[id as usize];
            kind.count += k.count;
            if k.first != NO_TIME {
                kind.first = if kind.first == NO_TIME {
                    k.first
                } else {
                    kind.first.min(k.first)
                };
                kind.last = kind.last.max(k.last);
            }
        }
        id
    }

    /// Returns the index of a header in `headers`. Adds the header if it is new.
    pub fn header_id(&mut self, header: &Header) -> u32 {
        if let Some(id) = self.header_ids.get(header) {
            return *id;
        }
        let id = self.headers.len() as u32;
        self.headers.push(header.clone());
        self.header_ids.insert(header.clone(), id);
        id
    }

    fn shape_id(&mut self, k: &LocalKind, at: (std::sync::Arc<str>, u64)) -> u32 {
        let key = shape_key(&k.constant, &k.header.caller);
        if let Some(&id) = self.shape_ids.get(key.as_ref()) {
            let shape = &mut self.shapes[id as usize];
            shape.count += k.count;
            for (i, varied) in shape.varied.iter_mut().enumerate() {
                *varied |=
                    k.varied.get(i) != Some(&false) || k.first_values.get(i) != shape.first.get(i);
            }
            if at < shape.example_at {
                shape.example_at = at;
                shape.example = k.example.clone();
            }
            return id;
        }
        let id = self.shapes.len() as u32;
        self.shape_ids.insert(key.into_owned(), id);
        self.shapes.push(Shape {
            constant: k.constant.clone(),
            caller: k.header.caller.clone(),
            example: k.example.clone(),
            example_at: at,
            first: k.first_values.clone(),
            varied: k.varied.clone(),
            count: k.count,
        });
        id
    }

    /// Subtracts the event counts of a replaced chunk, given as pairs of kind index and count.
    pub fn forget(&mut self, counts: impl Iterator<Item = (u32, u64)>) {
        for (kind, n) in counts {
            if let Some(k) = self.kinds.get_mut(kind as usize) {
                k.count = k.count.saturating_sub(n);
                self.shapes[k.shape as usize].count =
                    self.shapes[k.shape as usize].count.saturating_sub(n);
            }
        }
    }

    /// Rebuilds the lookup tables after the rows were read from a cache.
    pub fn restore(headers: Vec<Header>, shapes: Vec<Shape>, kinds: Vec<Kind>) -> Kinds {
        let header_ids = headers
            .iter()
            .enumerate()
            .map(|(i, h)| (h.clone(), i as u32))
            .collect();
        let shape_ids = shapes
            .iter()
            .enumerate()
            .map(|(i, s)| (shape_key(&s.constant, &s.caller).into_owned(), i as u32))
            .collect();
        let kind_ids = kinds
            .iter()
            .enumerate()
            .map(|(i, k)| ((k.header, k.shape), i as u32))
            .collect();
        Kinds {
            headers,
            shapes,
            kinds,
            header_ids,
            shape_ids,
            kind_ids,
        }
    }
}
