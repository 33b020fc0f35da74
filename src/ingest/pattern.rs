//! The pattern language of text formats, as in `{time} {level} [{thread}] {component}: {message}`.
//! It has literals, `{field}`, `{field:class}` and `{?optional?}`; a field ends where the next item
//! matches. Knows no particular format.

use super::error::PatternError;
use super::parsed::{Slot, slot};
use crate::text::time::style::Spec;

/// What a field can match.
#[derive(Clone, Debug)]
pub enum Class {
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
    /// One digit, the severity of syslog.
    Severity,
    /// A call site.
    Caller,
    /// Any bytes up to the bracket that closes the one before the field.
    Balanced,
    /// The rest of the line.
    Rest,
    /// A timestamp of the given style, or of any known style.
    Time(Option<&'static Spec>),
}

#[derive(Clone, Debug)]
pub enum Item {
    Literal(Vec<u8>),
    /// One or more spaces or tabs.
    Blank,
    Field(Slot, Class, Follow),
    Optional(Vec<Item>),
}

/// Bytes that can come after a field, as a bit set, and whether the line can end after it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Follow {
    heads: [u64; 4],
    pub end: bool,
}

impl Follow {
    pub fn has(&self, b: u8) -> bool {
        self.heads[usize::from(b >> 6)] >> (b & 63) & 1 == 1
    }

    fn add(&mut self, b: u8) {
        self.heads[usize::from(b >> 6)] |= 1 << (b & 63);
    }
}

/// A compiled pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    pub items: Vec<Item>,
    /// The higher the weight, the less likely is a match by chance.
    pub weight: u32,
}

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
}

fn weigh(items: &[Item]) -> u32 {
    items
        .iter()
        .map(|i| match i {
            Item::Field(Slot::Message | Slot::Skip, ..) | Item::Blank => 0,
            Item::Field(Slot::Time, ..) => 8,
            // Only known words match as a level, so a match by chance is rare.
            Item::Field(
                _,
                Class::Level | Class::Letter | Class::Priority | Class::Severity | Class::Caller,
                _,
            ) => 8,
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
        ("caller", "") => Class::Caller,
        (_, "" | "word") => Class::Word,
        (_, "any") => Class::Any,
        (_, "int") => Class::Int,
        (_, "letter") => Class::Letter,
        (_, "priority") => Class::Priority,
        (_, "severity") => Class::Severity,
        (_, "balanced") => Class::Balanced,
        (_, other) => return Err(PatternError::FieldClass(other.to_string())),
    };
    Ok(Item::Field(slot(name), class, Follow::default()))
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
    use super::super::parsed::Parsed;
    use super::*;
    use crate::text::time::clock::Clock;
    use crate::text::time::zone::Zone;

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
