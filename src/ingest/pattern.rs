//! The pattern language of text formats, as in `{time} {level} [{thread}] {component}: {message}`.
//! It has literals, `{field}`, `{field:class}` and `{?optional?}`; a field ends where the next item
//! matches. Knows no particular format.

use super::clock::{Clock, Stamp};
use super::error::PatternError;
use super::parsed::{Parsed, Slot, Span, slot};
use super::time_style::Spec;
use crate::text::level;

/// What a field can match.
#[derive(Clone, Debug)]
enum Class {
    /// Non-blank bytes up to the next item.
    Word,
    /// Any bytes up to the next item.
    Any,
    Int,
    /// A word that names a level.
    Level,
    /// One capital letter that names a level.
    Letter,
    /// Syslog priority number.
    Priority,
    /// Any bytes up to the bracket that closes the one before the field.
    Balanced,
    /// The rest of the line.
    Rest,
    /// A timestamp of the given style, or of any known style.
    Time(Option<&'static Spec>),
}

#[derive(Clone, Debug)]
enum Item {
    Literal(Vec<u8>),
    /// One or more spaces or tabs.
    Blank,
    Field(Slot, Class, Follow),
    Optional(Vec<Item>),
}

/// Bytes that can come after a field, as a bit set, and whether the line can end after it.
#[derive(Clone, Copy, Debug, Default)]
struct Follow {
    heads: [u64; 4],
    end: bool,
}

impl Follow {
    fn has(&self, b: u8) -> bool {
        self.heads[usize::from(b >> 6)] >> (b & 63) & 1 == 1
    }

    fn add(&mut self, b: u8) {
        self.heads[usize::from(b >> 6)] |= 1 << (b & 63);
    }
}

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    items: Vec<Item>,
    /// The higher the weight, the less likely is a match by chance.
    pub weight: u32,
}

/// Limits backtracking on hostile lines.
const MAX_STEPS: u32 = 4000;
/// Maximum length in bytes of a header field.
const MAX_HEADER: usize = 2048;

impl Pattern {
    /// Compiles a pattern. The error is a message for the user.
    pub fn compile(source: &str) -> Result<Pattern, PatternError> {
        let mut rest = source;
        let mut items = compile_items(&mut rest, false)?;
        let end = Follow {
            end: true,
            ..Follow::default()
        };
        set_follow(&mut items, end);
        let weight = weigh(&items);
        Ok(Pattern { items, weight })
    }

    /// Matches a whole line. On success, its fields are stored in `out`.
    pub fn parse(&self, text: &[u8], clock: &mut Clock, out: &mut Parsed) -> bool {
        let mut run = Run {
            text,
            clock,
            bound: [None; MAX_FIELDS],
            bound_len: 0,
            stamp: None,
            steps: 0,
        };
        if !run.items(
            Frame {
                items: &self.items,
                outer: None,
            },
            0,
        ) {
            return false;
        }
        let Run {
            bound,
            bound_len,
            stamp,
            ..
        } = run;
        out.time = stamp;
        for (slot, class, span) in bound.into_iter().take(bound_len).flatten() {
            out.set(slot, span, text);
            if let Class::Priority = class {
                out.level_from_digits = true;
                let number = std::str::from_utf8(span.of(text))
                    .ok()
                    .and_then(|t| t.parse().ok());
                out.level = number.map_or(out.level, level::from_priority);
            }
        }
        true
    }
}

fn weigh(items: &[Item]) -> u32 {
    items
        .iter()
        .map(|i| match i {
            Item::Field(Slot::Message | Slot::Skip, ..) | Item::Blank => 0,
            Item::Field(Slot::Time, ..) => 8,
            // Only known words match as a level, so a match by chance is rare.
            Item::Field(_, Class::Level | Class::Letter | Class::Priority, _) => 8,
            Item::Field(..) => 3,
            Item::Literal(l) => l.len().min(6) as u32,
            Item::Optional(inner) => weigh(inner) / 3,
        })
        .sum()
}

fn compile_items(rest: &mut &str, nested: bool) -> Result<Vec<Item>, PatternError> {
    let mut items = Vec::new();
    while let Some(c) = rest.chars().next() {
        if nested && rest.starts_with("?}") {
            *rest = &rest[2..];
            return Ok(items);
        }
        if let Some(tail) = rest.strip_prefix("{?") {
            *rest = tail;
            items.push(Item::Optional(compile_items(rest, true)?));
        } else if c == '{' {
            let end = rest.find('}').ok_or(PatternError::Unclosed("{"))?;
            items.push(compile_field(&rest[1..end])?);
            *rest = &rest[end + 1..];
        } else if c == ' ' {
            items.push(Item::Blank);
            *rest = rest.trim_start_matches(' ');
        } else {
            let literal = if c == '\\' {
                rest[1..]
                    .chars()
                    .next()
                    .ok_or(PatternError::TrailingBackslash)?
            } else {
                c
            };
            *rest = &rest[if c == '\\' { 1 } else { 0 } + literal.len_utf8()..];
            let mut buffer = [0; 4];
            let bytes = literal.encode_utf8(&mut buffer).as_bytes();
            match items.last_mut() {
                Some(Item::Literal(l)) => l.extend_from_slice(bytes),
                _ => items.push(Item::Literal(bytes.to_vec())),
            }
        }
    }
    if nested {
        Err(PatternError::Unclosed("{?"))
    } else {
        Ok(items)
    }
}

fn compile_field(body: &str) -> Result<Item, PatternError> {
    let (name, class) = body.split_once(':').unwrap_or((body, ""));
    let class = match (name, class) {
        ("time", "") => Class::Time(None),
        ("time", style) => Class::Time(Some(
            Spec::compile(style).ok_or_else(|| PatternError::TimeStyle(style.to_string()))?,
        )),
        ("level", "") => Class::Level,
        ("message" | "inner", "") | (_, "rest") => Class::Rest,
        (_, "" | "word") => Class::Word,
        (_, "any") => Class::Any,
        (_, "int") => Class::Int,
        (_, "letter") => Class::Letter,
        (_, "priority") => Class::Priority,
        (_, "balanced") => Class::Balanced,
        (_, other) => return Err(PatternError::FieldClass(other.to_string())),
    };
    Ok(Item::Field(slot(name), class, Follow::default()))
}

/// The items that are left to match, then those of the enclosing patterns. Kept on the stack for
/// speed.
#[derive(Clone, Copy)]
struct Frame<'p, 'f> {
    items: &'p [Item],
    outer: Option<&'f Frame<'p, 'f>>,
}

/// Maximum number of fields in a match; no format has more.
const MAX_FIELDS: usize = 14;

/// State of one match.
struct Run<'p, 't, 'c> {
    text: &'t [u8],
    clock: &'c mut Clock,
    bound: [Option<(&'p Slot, &'p Class, Span)>; MAX_FIELDS],
    bound_len: usize,
    stamp: Option<Stamp>,
    steps: u32,
}

impl<'p> Run<'p, '_, '_> {
    /// Matches the items of the frame from `at` to the end of the line.
    fn items(&mut self, frame: Frame<'p, '_>, at: usize) -> bool {
        self.steps += 1;
        if self.steps > MAX_STEPS {
            return false;
        }
        let Some((first, tail)) = frame.items.split_first() else {
            return match frame.outer {
                Some(outer) => self.items(*outer, at),
                None => at == self.text.len(),
            };
        };
        let next = Frame {
            items: tail,
            outer: frame.outer,
        };
        match first {
            Item::Literal(l) => self.text[at..].starts_with(l) && self.items(next, at + l.len()),
            Item::Blank => {
                let n = self.text[at..]
                    .iter()
                    .take_while(|b| matches!(b, b' ' | b'\t'))
                    .count();
                n > 0 && self.items(next, at + n)
            }
            Item::Optional(inner) => {
                let (mark, stamp) = (self.bound_len, self.stamp);
                if self.items(
                    Frame {
                        items: inner,
                        outer: Some(&next),
                    },
                    at,
                ) {
                    return true;
                }
                (self.bound_len, self.stamp) = (mark, stamp);
                self.items(next, at)
            }
            Item::Field(slot, class, follow) => self.field(slot, class, *follow, next, at),
        }
    }

    /// Binds `at..end` to the field and matches the rest; unbinds it if the rest does not match.
    fn bind(
        &mut self,
        slot: &'p Slot,
        class: &'p Class,
        next: Frame<'p, '_>,
        at: usize,
        end: usize,
    ) -> bool {
        if self.bound_len == MAX_FIELDS {
            return false;
        }
        self.bound[self.bound_len] = Some((slot, class, Span::new(at, end)));
        self.bound_len += 1;
        if self.items(next, end) {
            return true;
        }
        self.bound_len -= 1;
        false
    }

    fn field(
        &mut self,
        slot: &'p Slot,
        class: &'p Class,
        follow: Follow,
        next: Frame<'p, '_>,
        at: usize,
    ) -> bool {
        let text = self.text;
        let rest = &text[at..];
        match class {
            Class::Time(spec) => {
                let found = match spec {
                    Some(spec) => self.clock.parse_as(spec, rest),
                    None => self.clock.any(rest),
                };
                let Some((stamp, n)) = found else {
                    return false;
                };
                self.stamp = Some(stamp);
                self.bind(slot, class, next, at, at + n)
            }
            Class::Rest => self.bind(slot, class, next, at, text.len()),
            Class::Int | Class::Priority => {
                let n = rest.iter().take_while(|b| b.is_ascii_digit()).count();
                n > 0 && n < 20 && self.bind(slot, class, next, at, at + n)
            }
            Class::Letter => {
                let is = rest.first().is_some_and(|b| {
                    b.is_ascii_uppercase() && level::from_name(&[*b]) != Default::default()
                });
                is && self.bind(slot, class, next, at, at + 1)
            }
            Class::Level => {
                let n = rest
                    .iter()
                    .take_while(|b| b.is_ascii_alphanumeric())
                    .count();
                let word = &rest[..n];
                // Numbers are levels only in structured logs. In text they are hours, codes or
                // counts.
                let is = n > 0
                    && word[0].is_ascii_alphabetic()
                    && level::from_name(word) != Default::default();
                is && self.bind(slot, class, next, at, at + n)
            }
            Class::Balanced => self
                .balanced(at)
                .is_some_and(|end| self.bind(slot, class, next, at, end)),
            Class::Word => {
                let limit = rest
                    .iter()
                    .take_while(|b| !matches!(b, b' ' | b'\t'))
                    .count();
                self.field_up_to(slot, class, follow, next, (at, limit))
            }
            Class::Any => self.field_up_to(slot, class, follow, next, (at, rest.len())),
        }
    }

    /// Tries every end of the field within `limit` bytes where the next item can match, nearest
    /// first.
    fn field_up_to(
        &mut self,
        slot: &'p Slot,
        class: &'p Class,
        follow: Follow,
        next: Frame<'p, '_>,
        (at, limit): (usize, usize),
    ) -> bool {
        let limit = limit.min(MAX_HEADER);
        let least = usize::from(!matches!(class, Class::Any));
        for n in least..=limit {
            let end = at + n;
            let possible = match self.text.get(end) {
                None => follow.end,
                Some(b) => follow.has(*b),
            };
            if possible && self.bind(slot, class, next, at, end) {
                return true;
            }
        }
        false
    }

    /// Position of the bracket that closes the one before `at`.
    fn balanced(&self, at: usize) -> Option<usize> {
        let (open, close) = match self.text.get(at.checked_sub(1)?)? {
            b'[' => (b'[', b']'),
            b'(' => (b'(', b')'),
            b'<' => (b'<', b'>'),
            _ => return None,
        };
        let mut depth = 0usize;
        for (i, b) in self.text[at..].iter().take(MAX_HEADER).enumerate() {
            match *b {
                b if b == open => depth += 1,
                b if b == close && depth == 0 => return Some(at + i),
                b if b == close => depth -= 1,
                _ => {}
            }
        }
        None
    }
}

/// Sets the `Follow` of every field. Returns the bytes that the items themselves can start with, if
/// `after` can come after them.
fn set_follow(items: &mut [Item], after: Follow) -> Follow {
    let mut next = after;
    for item in items.iter_mut().rev() {
        next = match item {
            Item::Literal(l) => {
                let mut own = Follow::default();
                own.add(l[0]);
                own
            }
            Item::Blank => {
                let mut own = Follow::default();
                own.add(b' ');
                own.add(b'\t');
                own
            }
            Item::Optional(inner) => {
                let own = set_follow(inner, next);
                let mut both = next;
                both.heads
                    .iter_mut()
                    .zip(own.heads)
                    .for_each(|(a, b)| *a |= b);
                both
            }
            Item::Field(_, _, follow) => {
                *follow = next;
                Follow {
                    heads: [u64::MAX; 4],
                    end: true,
                }
            }
        };
    }
    next
}

#[cfg(test)]
mod tests {
    use super::super::zone::Zone;
    use super::*;

    fn parse(pattern: &str, line: &str) -> Option<(Parsed, String)> {
        let mut out = Parsed::default();
        let mut clock = Clock::new(1_700_000_000_000_000_000, Zone::utc());
        let ok = Pattern::compile(pattern)
            .unwrap()
            .parse(line.as_bytes(), &mut clock, &mut out);
        let message = String::from_utf8_lossy(out.message.of(line.as_bytes())).into_owned();
        ok.then_some((out, message))
    }

    #[test]
    fn optional_parts_can_be_absent() {
        let p = "{time} {host} {program}{?[{pid:int}]?}: {message}";
        assert_eq!(
            parse(p, "Dec 10 06:55:46 h sshd[1]: hi there").unwrap().1,
            "hi there"
        );
        assert_eq!(
            parse(p, "Dec 10 06:55:46 h kernel: hi: x").unwrap().1,
            "hi: x"
        );
        assert!(parse(p, "Dec 10 06:55:46 h kernel hi").is_none());
    }

    #[test]
    fn a_balanced_field_contains_nested_brackets() {
        let p = "{time} - {level} [{thread:balanced}] - {message}";
        assert_eq!(
            parse(
                p,
                "2015-07-29 17:41:44,747 - INFO  [Q[myid=1]/0:1:F@774] - out"
            )
            .unwrap()
            .1,
            "out"
        );
    }

    #[test]
    fn hostile_lines_do_not_cause_endless_backtracking() {
        let line = format!("2015-07-29 17:41:44 {}", "a:[ ".repeat(20_000));
        assert!(
            parse(
                "{time} {a:any}[{b:any}]: {c:any}] {d:any}; {message}",
                &line
            )
            .is_none()
        );
    }
}
