//! Matches compiled patterns with lines. Backtracks within limits. Knows no particular format.

use super::brackets;
use super::call_site;
use super::parsed::{Parsed, Slot, Span};
use super::pattern::{Class, Follow, Item, Pattern};
use crate::text::level;
use crate::text::time::clock::{Clock, Stamp};

/// Limits backtracking on hostile lines.
const MAX_STEPS: u32 = 4000;
/// Maximum length in bytes of a header field.
const MAX_HEADER: usize = 2048;

impl Pattern {
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
            if let Class::Priority | Class::Severity = class {
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
            Class::Severity => {
                let is = matches!(rest, [b'0'..=b'7', b, ..] if !b.is_ascii_digit());
                is && self.bind(slot, class, next, at, at + 1)
            }
            Class::Caller => {
                let n = rest
                    .iter()
                    .take_while(|b| !matches!(b, b' ' | b'\t' | b']' | b')' | b'}' | b','))
                    .count();
                let n = n - usize::from(rest[..n].ends_with(b":"));
                call_site::is_numbered(&rest[..n]) && self.bind(slot, class, next, at, at + n)
            }
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
            // `[INFO]` is no name of a host.
            Class::Word
                if *slot == Slot::Host && matches!(rest, [b'[' | b'(' | b'<' | b'{', ..]) =>
            {
                false
            }
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
        let opens = matches!(self.text.get(at), Some(b'(' | b'['));
        let is_word = opens && matches!(class, Class::Word);
        for n in least..=limit {
            let end = at + n;
            let possible = match self.text.get(end) {
                None => follow.end,
                Some(b) => follow.has(*b),
            };
            // A word that opens a bracket also closes it.
            let whole = !is_word || !opens_bracket(&self.text[at..end]);
            if possible && whole && self.bind(slot, class, next, at, end) {
                return true;
            }
        }
        false
    }

    /// Position of the bracket that closes the one before `at`. Braces belong to the language of
    /// patterns.
    fn balanced(&self, at: usize) -> Option<usize> {
        let group = self.text.get(at.checked_sub(1)?..)?;
        let n = brackets::group_len(group, MAX_HEADER + 1)?;
        (group[0] != b'{').then_some(at + n - 2)
    }
}

/// Whether the text starts with a bracket that it does not close.
fn opens_bracket(text: &[u8]) -> bool {
    match text.first() {
        Some(b'(') => !text.contains(&b')'),
        Some(b'[') => !text.contains(&b']'),
        _ => false,
    }
}
