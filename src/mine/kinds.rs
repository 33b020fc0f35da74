//! Kinds: what is constant in an event, header and message apart. Words with a digit are cut out, so that millions of
//! lines have thousands of kinds, and everything costly is done once a kind. Knows no files and no clocks.

use super::wild::{self, Found, Wild};
use crate::model::{Level, Moment, NO_TIME};
use crate::text::words::{self, CUT, Cuts, constant_text};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

/// The constant part of what surrounds messages, with what follows from it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Header {
    /// Text before the message, then `CUT`, then text behind it; words with digits cut.
    pub constant: Vec<u8>,
    pub service: String,
    pub level: Level,
    pub level_inferred: bool,
    /// Events have a time of their own.
    pub timed: bool,
    /// A format was recognised.
    pub known: bool,
}

/// The constant part of messages.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Shape {
    pub constant: Vec<u8>,
    /// One message of this shape, decoded.
    pub example: String,
    /// Source name and line of the example: the smallest of all, so that order does not matter.
    pub example_at: (std::sync::Arc<str>, u64),
    /// Per cut-out word of the raw message: hash of its first value.
    pub first: Vec<u64>,
    /// Per cut-out word: another value was seen.
    pub varied: Vec<bool>,
    pub count: u64,
}

/// A header with a shape. Events store the number of their kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kind {
    pub header: u32,
    pub shape: u32,
    pub count: u64,
    pub first: Moment,
    pub last: Moment,
    /// Digits of fraction in its time stamps.
    pub precision: u8,
}

/// A kind as one worker sees it in one chunk.
#[derive(Clone, Debug)]
pub struct LocalKind {
    pub header: Header,
    pub constant: Vec<u8>,
    pub example: String,
    /// Line in the chunk of its first event.
    pub line: u64,
    pub first_values: Vec<u64>,
    pub varied: Vec<bool>,
    pub count: u64,
    pub first: Moment,
    pub last: Moment,
    pub precision: u8,
}

impl LocalKind {
    /// One more event; `values` are the hashes of its message's words with digits.
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

/// What `LocalKinds::note` needs to know of an event.
pub struct Noted<'a> {
    pub raw: &'a [u8],
    pub message: (usize, usize),
    /// End of the time in the header, at a word's end; 0 when it has none.
    pub clock_end: usize,
    pub service: &'a [u8],
    pub level: Level,
    pub timed: bool,
    pub known: bool,
    pub time: Moment,
    pub precision: u8,
    pub line: u64,
}

/// Kinds of one chunk, with the scratch that keeps the hot loop free of allocation.
#[derive(Default)]
pub struct LocalKinds {
    ids: FxHashMap<u64, u32>,
    pub kinds: Vec<LocalKind>,
    /// Words with digits of the event noted last: in the clock, the header, the message, behind it.
    cuts: Cuts,
    clock: ClockPart,
    /// So many of them stood in the line before as well.
    repeated: usize,
    values: (usize, usize),
    wild: Wild,
    /// Hash of the name in the event noted last, when its kind has one.
    name: Option<u64>,
}

/// The line's beginning up to the end of its time, and what scanning it gave.
#[derive(Default)]
struct ClockPart {
    text: Vec<u8>,
    hash: u64,
    cuts: usize,
}

impl LocalKinds {
    /// Finds or makes the kind of an event. `decode` gives the message for a new kind; `infer` its level.
    pub fn note(
        &mut self,
        e: &Noted<'_>,
        decode: impl FnOnce() -> String,
        infer: impl FnOnce(&[u8]) -> Level,
    ) -> u32 {
        let (a, b) = e.message;
        let flags = u64::from(e.timed) | u64::from(e.known) << 1 | (e.level as u64) << 2;
        // Up to the end of the time most lines repeat the line before: go on from what that gave.
        let same =
            e.clock_end <= a && e.clock_end > 0 && e.raw[..e.clock_end] == self.clock.text[..];
        let clock = if same {
            self.cuts.truncate(self.clock.cuts);
            self.clock.hash
        } else {
            self.cuts.clear();
            let end = if e.clock_end <= a { e.clock_end } else { 0 };
            self.clock.hash = words::scan(&e.raw[..end], 0, &mut self.cuts);
            self.clock.text.clear();
            self.clock.text.extend_from_slice(&e.raw[..end]);
            self.clock.cuts = self.cuts.len();
            self.clock.hash
        };
        let clock_cuts = self.clock.cuts;
        let clock_len = self.clock.text.len();
        let before = words::scan(
            &e.raw[clock_len..a],
            clock.wrapping_add(flags),
            &mut self.cuts,
        );
        let first_cut = self.cuts.len();
        let shape = words::scan(&e.raw[a..b], before.rotate_left(7), &mut self.cuts);
        let message_cuts = self.cuts.len();
        let after = words::scan(&e.raw[b..], shape.rotate_left(7), &mut self.cuts);
        let key = words::hash_bytes(words::seed(), after, e.service);
        self.repeated = if same { clock_cuts } else { 0 };
        self.values = (first_cut, message_cuts);
        self.name = None;
        if let Some(&id) = self.ids.get(&key) {
            self.kinds[id as usize].add(&self.cuts.hashes[first_cut..message_cuts], e.time);
            return id;
        }
        let id = self.kinds.len() as u32;
        let around = self.around(e, before);
        let message = &e.raw[a..b];
        let found = self
            .wild
            .find(message, &self.cuts.ranges[first_cut..message_cuts], around);
        let name = match found {
            Found::Kind(kind, name) => {
                self.name = Some(words::filter_hash(&message[name.0..name.1]));
                self.kinds[kind as usize].add(&self.cuts.hashes[first_cut..message_cuts], e.time);
                return kind;
            }
            Found::Name(signature, name) => {
                self.wild.learn(signature, id);
                self.name = Some(words::filter_hash(&message[name.0..name.1]));
                Some(name)
            }
            Found::Nothing => {
                self.ids.insert(key, id);
                None
            }
        };
        let kind = self.new_kind(e, (first_cut, message_cuts), name, decode, infer);
        self.kinds.push(kind);
        id
    }

    /// Hash of what is around the message: before it, behind it, its service.
    fn around(&mut self, e: &Noted<'_>, before: u64) -> u64 {
        let kept = self.cuts.len();
        let behind = words::scan(&e.raw[e.message.1..], before, &mut self.cuts);
        self.cuts.truncate(kept);
        words::hash_bytes(words::seed(), behind, e.service)
    }

    /// Hash for the word filter of the name in the event noted last: its kind does not tell it.
    pub fn name(&self) -> Option<u64> {
        self.name
    }

    /// Where the message's words with digits are among those behind the clock, in the event noted last.
    pub fn values(&self) -> (usize, usize) {
        let (a, b) = self.values;
        (a - self.clock.cuts, b - self.clock.cuts)
    }

    /// Hashes of the words with digits in the event noted last; those it shares with the line before are left out unless `all`.
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
        let (clock, n) = (self.clock.text.len(), self.clock.cuts);
        match name {
            Some(name) => constant = wild::constant(&e.raw[a..b], &self.cuts.ranges[m0..m1], name),
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
                level,
                level_inferred: e.level == Level::Unknown && level != Level::Unknown,
                timed: e.timed,
                known: e.known,
            },
            constant,
            example: match name {
                Some(name) => wild::example(&decode(), &e.raw[a..b], name),
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

/// All kinds of a corpus.
#[derive(Default)]
pub struct Kinds {
    pub headers: Vec<Header>,
    pub shapes: Vec<Shape>,
    pub kinds: Vec<Kind>,
    header_ids: FxHashMap<Header, u32>,
    shape_ids: FxHashMap<Vec<u8>, u32>,
    kind_ids: FxHashMap<(u32, u32), u32>,
}

impl Kinds {
    /// Takes in the kinds of a chunk; returns their numbers here. `base_line` is the chunk's first line in its source.
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
        if let Some(&id) = self.shape_ids.get(&k.constant) {
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
        self.shape_ids.insert(k.constant.clone(), id);
        self.shapes.push(Shape {
            constant: k.constant.clone(),
            example: k.example.clone(),
            example_at: at,
            first: k.first_values.clone(),
            varied: k.varied.clone(),
            count: k.count,
        });
        id
    }

    /// Takes back what a replaced chunk had added.
    pub fn forget(&mut self, counts: impl Iterator<Item = (u32, u64)>) {
        for (kind, n) in counts {
            if let Some(k) = self.kinds.get_mut(kind as usize) {
                k.count = k.count.saturating_sub(n);
                self.shapes[k.shape as usize].count =
                    self.shapes[k.shape as usize].count.saturating_sub(n);
            }
        }
    }

    /// Rebuilds the look-up tables after the rows were read from a cache.
    pub fn restore(headers: Vec<Header>, shapes: Vec<Shape>, kinds: Vec<Kind>) -> Kinds {
        let header_ids = headers
            .iter()
            .enumerate()
            .map(|(i, h)| (h.clone(), i as u32))
            .collect();
        let shape_ids = shapes
            .iter()
            .enumerate()
            .map(|(i, s)| (s.constant.clone(), i as u32))
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
