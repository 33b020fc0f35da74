//! Finds the time of a record under an unusual key, by the form of the value. Knows only one record
//! at a time.

use super::json::{plain_end, skip_blanks, string_end};
use super::key_roles::is_time_name;
use crate::text::time::clock::{Clock, Stamp};

/// Rank of a member as the time of its record, from its value and its key: text that looks like a
/// date, or a number under a key that names a time.
pub fn time_rank(key: &[u8], value: &[u8]) -> Option<u8> {
    let digits = value
        .iter()
        .take(4)
        .take_while(|b| b.is_ascii_digit())
        .count();
    let date = digits == 4 && value.len() >= 10 && value.len() <= 40 && value[4] == b'-';
    let number = (10..=25).contains(&value.len()) && digits == 4;
    match (date, is_time_name(key)) {
        (true, true) => Some(4),
        (true, false) => Some(3),
        (false, true) if number => Some(2),
        _ => None,
    }
}

/// The timestamp that is the whole value, or an id of the Linux audit (`1700000000.123:42`).
pub fn whole_time(clock: &mut Clock, value: &[u8]) -> Option<Stamp> {
    let (stamp, n) = clock.any(value)?;
    let rest = &value[n..];
    let serial = rest.first() == Some(&b':') && rest[1..].iter().all(u8::is_ascii_digit);
    (rest.is_empty() || serial).then_some(stamp)
}

/// The best timestamp anywhere in a record, for records that have none among their members.
pub fn nested_time(text: &[u8], clock: &mut Clock) -> Option<Stamp> {
    let (mut at, mut best): (usize, Option<(u8, Stamp)>) = (0, None);
    while let Some(n) = memchr::memchr(b'"', &text[at..]) {
        let start = at + n + 1;
        let end = string_end(text, start)?;
        at = end + 1;
        let colon = skip_blanks(text, at);
        if text.get(colon) != Some(&b':') {
            continue;
        }
        let value = skip_blanks(text, colon + 1);
        let value = match text.get(value)? {
            b'"' => &text[value + 1..string_end(text, value + 1)?],
            b if b.is_ascii_digit() => &text[value..plain_end(text, value)?],
            _ => continue,
        };
        let key = &text[start..end];
        let audit = key == b"ID" && value.contains(&b'.');
        let rank = time_rank(key, value).or(audit.then_some(1));
        if let Some(rank) = rank.filter(|r| best.is_none_or(|(b, _)| *r > b))
            && let Some(stamp) = whole_time(clock, value)
        {
            best = Some((rank, stamp));
        }
    }
    best.map(|(_, stamp)| stamp)
}
