//! Notations of timestamps, compiled into operators that read the fields of a date and time. Does not know which year, day or
//! zone a missing field stands for.

use super::{months, zone};
use crate::text::civil::{HOUR, MINUTE, SECOND};
use jiff::tz::TimeZone;

/// One step of a compiled timestamp style.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Lit(u8),
    /// One or more spaces.
    Blank,
    Year4,
    Year2,
    Month2,
    MonthName,
    Weekday,
    Day,
    /// One or two digits.
    Loose(Part),
    Hour,
    Minute,
    Second,
    /// Optional: `.`, `,` or `:` and digits.
    Fraction,
    /// 24 hexadecimal digits after `@`: seconds since 1970 in TAI, and nanoseconds.
    Tai64n,
    /// Optional: `Z`, `+hh:mm`, `+hhmm`, `+mmm`, a short zone name or the name of a region, with or
    /// without spaces before it.
    Zone,
    AmPm,
    Epoch(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Month,
    Day,
    Hour,
}

/// A compiled timestamp style and its unique id.
#[derive(Clone, Debug)]
pub struct Spec(pub Vec<Op>, pub usize);

/// Known styles, tried in this order: more specific styles come first.
const KNOWN: &[&str] = &[
    "%Y-%m-%dT%H:%M:%S%f%z",
    "%Y-%m-%d_%H:%M:%S%f%z",
    "%Y-%m-%d %H:%M:%S%f%z",
    "%Y-%m-%d-%H.%M.%S%f%z",
    "%Y-%m-%d - %H:%M:%S%f%z",
    "%Y-%m-%d, %H:%M:%S%f%z",
    "%b %e %H:%M:%S %Y",
    "%b %e %Y %H:%M:%S%f%z",
    "%b %e, %Y, %l:%M:%S%f %p%z",
    "%b %e, %Y %l:%M:%S%f %p%z",
    "%b %e %Y, %l:%M:%S%f %p%z",
    "%b %e, %Y %H:%M:%S%f%z",
    "%b %e %Y, %H:%M:%S%f%z",
    "%b %e %H:%M:%S%f",
    "%d/%b/%Y:%H:%M:%S%f%z",
    "%d/%b/%Y %H:%M:%S%f%z",
    "%a %b %e %H:%M:%S%f %Y",
    "%a %b %e %H:%M:%S%f UTC %Y",
    "%a %b %e %H:%M:%S%f %z %Y",
    "%a %b %e %Y %H:%M:%S%f%z",
    "%a, %e %b %Y %H:%M:%S%f%z",
    "%a %e %b %Y %H:%M:%S%f%z",
    "%a %b %e %H:%M:%S%f",
    "%e %b %Y %H:%M:%S%f%z",
    "%e %b %Y, %H:%M:%S%f%z",
    "%e-%b-%Y %H:%M:%S%f%z",
    "%e-%b-%Y %H.%M.%S%f%z",
    "%e-%b-%Y::%H:%M:%S%f",
    "%e. %b %Y %H:%M:%S%f%z",
    "%e %b %H:%M:%S%f",
    "%Y/%m/%d %H:%M:%S%f%z",
    "%Y/%m/%d-%H:%M:%S%f%z",
    "%Y/%m/%d - %H:%M:%S%f%z",
    "%Y.%m.%d %H:%M:%S%f%z",
    "%Y-%m-%d %I:%M:%S%f %p",
    "%Y-%m-%d %k:%M:%S%f%z",
    "%N/%e/%Y, %l:%M:%S%f %p",
    "%N/%e/%Y %l:%M:%S%f %p",
    "%N/%e/%Y - %k:%M:%S%f",
    "%m/%d/%Y-%H:%M:%S%f",
    "%m/%d/%Y %H:%M:%S%f%z",
    "%d/%m/%Y %H:%M:%S%f%z",
    "%d.%m.%Y %H:%M:%S%f%z",
    "%d-%m-%Y %H:%M:%S%f%z",
    "%y/%m/%d %H:%M:%S%f",
    "%m/%d/%y %H:%M:%S%f",
    "%N/%e/%y %k:%M:%S%f%z",
    "%y-%m-%d %H:%M:%S%f",
    "%Y%m%d-%l:%M:%S%f",
    "%Y%m%dT%H%M%S%z",
    "%Y%m%d %H:%M:%S%f",
    "%Y%m%d %H%M%S%f",
    "%Y%m%d:%H%M%S%f",
    "%b/%d/%Y %H:%M:%S%f",
    "%Y %b %e %H:%M:%S%f",
    "%y%m%d %H%M%S",
    "%y%m%d %k:%M:%S",
    "%m-%d %H:%M:%S%f",
    "%m/%d %H:%M:%S%f",
    "%m/%d-%H:%M:%S%f",
    "%m.%d %H:%M:%S%f",
    "%t",
    "%s",
    "%H:%M:%S%f%z",
];

const WEEKDAYS: [&[u8; 3]; 7] = [b"mon", b"tue", b"wed", b"thu", b"fri", b"sat", b"sun"];

impl Spec {
    /// Whether its timestamps have a date.
    pub fn has_date(&self) -> bool {
        self.0
            .iter()
            .any(|op| matches!(op, Op::Day | Op::Loose(Part::Day) | Op::Tai64n))
    }

    /// Compiles a style written like a `strftime` format. `None` if a conversion letter is unknown.
    pub fn compile(style: &str) -> Option<&'static Spec> {
        let mut ops = Vec::new();
        let mut chars = style.bytes();
        while let Some(c) = chars.next() {
            ops.push(match c {
                b'%' => match chars.next()? {
                    b'Y' => Op::Year4,
                    b'y' => Op::Year2,
                    b'm' => Op::Month2,
                    b'N' => Op::Loose(Part::Month),
                    b'b' => Op::MonthName,
                    b'a' => Op::Weekday,
                    b'd' => Op::Day,
                    b'e' => Op::Loose(Part::Day),
                    b'H' | b'I' => Op::Hour,
                    b'k' | b'l' => Op::Loose(Part::Hour),
                    b'M' => Op::Minute,
                    b'S' => Op::Second,
                    b'f' => Op::Fraction,
                    b'z' => Op::Zone,
                    b'p' => Op::AmPm,
                    b't' => Op::Tai64n,
                    b's' => Op::Epoch(0),
                    b'Q' => Op::Epoch(3),
                    _ => return None,
                },
                b' ' => Op::Blank,
                other => Op::Lit(other),
            });
        }
        static NEXT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        // Styles are compiled once and live until the program exits.
        Some(Box::leak(Box::new(Spec(
            ops,
            NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed),
        ))))
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Fields {
    pub year: i32,
    pub month: u32,
    pub day: u32,
    pub hour: i64,
    pub minute: i64,
    pub second: i64,
    pub nanos: i64,
    pub digits: u8,
    pub zone: Option<i64>,
    /// Zone that is given by the name of a region.
    pub region: Option<&'static TimeZone>,
    pub pm: Option<bool>,
    pub epoch: Option<i64>,
    pub has_year: bool,
}

/// The number of `min` to `max` digits at `at`, with `max` up to 19. `None` if there are fewer, or
/// if the number is too large.
fn digits(text: &[u8], at: &mut usize, min: usize, max: usize) -> Option<i64> {
    let start = *at;
    // 19 digits fit.
    let mut value = 0u64;
    while *at < text.len() && *at - start < max && text[*at].is_ascii_digit() {
        value = value * 10 + u64::from(text[*at] - b'0');
        *at += 1;
    }
    if *at - start < min {
        return None;
    }
    i64::try_from(value).ok()
}

/// An English weekday, or any word of up to four letters with an optional period: the name of a
/// weekday in another language. The fields after it are checked anyway.
fn weekday(text: &[u8], at: &mut usize) -> Option<()> {
    let head = text.get(*at..)?;
    let letters = head
        .iter()
        .take(12)
        .take_while(|b| b.is_ascii_alphabetic() || **b >= 0x80)
        .count();
    let english = WEEKDAYS
        .iter()
        .any(|n| head.get(..3).is_some_and(|h| n.eq_ignore_ascii_case(h)));
    (letters >= 2 && (english || letters <= 5)).then_some(())?;
    *at += letters + usize::from(head.get(letters) == Some(&b'.'));
    Some(())
}

/// The offset from UTC that stands at `from`, with or without spaces before it, and its end.
fn offset(text: &[u8], from: usize) -> Option<(i64, usize)> {
    let mut at = from;
    while text.get(at) == Some(&b' ') {
        at += 1;
    }
    match *text.get(at)? {
        b'Z' if !text.get(at + 1).is_some_and(u8::is_ascii_alphanumeric) => Some((0, at + 1)),
        sign @ (b'+' | b'-') => {
            let start = at + 1;
            let mut p = start;
            let hours = digits(text, &mut p, 2, 2)?;
            if text.get(p) == Some(&b':') {
                p += 1;
            }
            // DB2 writes the offset as three digits: minutes.
            if p == start + 2
                && text.get(p).is_some_and(u8::is_ascii_digit)
                && !text.get(p + 1).is_some_and(u8::is_ascii_digit)
            {
                let offset = hours * 10 + i64::from(text[p] - b'0');
                let offset = offset * MINUTE;
                return Some((if sign == b'-' { -offset } else { offset }, p + 1));
            }
            let minutes = digits(text, &mut p, 2, 2).or((p == start + 2).then_some(0))?;
            if hours > 14 || minutes > 59 || text.get(p).is_some_and(u8::is_ascii_digit) {
                return None;
            }
            let offset = hours * HOUR + minutes * MINUTE;
            Some((if sign == b'-' { -offset } else { offset }, p))
        }
        _ => {
            let rest = &text[at..];
            let offset = [
                ("UTC", 0),
                ("GMT", 0),
                ("CEST", 2),
                ("CET", 1),
                ("EST", -5),
                ("EDT", -4),
                ("PST", -8),
                ("PDT", -7),
            ]
            .into_iter()
            .find(|(n, _)| {
                rest.starts_with(n.as_bytes())
                    && !rest.get(n.len()).is_some_and(u8::is_ascii_alphanumeric)
            });
            offset.map(|(n, h)| (h * HOUR, at + n.len()))
        }
    }
}

/// The zone of the region that stands after a blank, and the end of its name.
fn region(text: &[u8], at: usize) -> Option<(&'static TimeZone, usize)> {
    let start = at + 1;
    let name = text.get(start..).filter(|_| text[at] == b' ')?;
    let n = name
        .iter()
        .take(40)
        .take_while(|b| b.is_ascii_alphabetic() || matches!(b, b'/' | b'_'))
        .count();
    let name = &name[..n];
    let is_name = name.first()?.is_ascii_uppercase() && name.contains(&b'/');
    let name = std::str::from_utf8(name).ok().filter(|_| is_name)?;
    Some((zone::region(name)?, start + n))
}

pub fn run_op(op: Op, text: &[u8], at: &mut usize, f: &mut Fields) -> Option<()> {
    match op {
        Op::Lit(b) => {
            (text.get(*at) == Some(&b)).then_some(())?;
            *at += 1;
        }
        Op::Blank => {
            (text.get(*at) == Some(&b' ')).then_some(())?;
            while text.get(*at) == Some(&b' ') {
                *at += 1;
            }
        }
        Op::Year4 => {
            f.year = digits(text, at, 4, 4).filter(|y| (1970..2200).contains(y))? as i32;
            f.has_year = true;
        }
        Op::Year2 => {
            f.year = digits(text, at, 2, 2)? as i32 + 2000;
            f.has_year = true;
        }
        Op::Month2 => f.month = digits(text, at, 2, 2).filter(|m| (1..=12).contains(m))? as u32,
        Op::Loose(Part::Month) => {
            f.month = digits(text, at, 1, 2).filter(|m| (1..=12).contains(m))? as u32
        }
        Op::MonthName => {
            let (month, n) = months::month(text.get(*at..)?)?;
            f.month = month;
            *at += n;
        }
        Op::Weekday => weekday(text, at)?,
        Op::Day => f.day = digits(text, at, 2, 2).filter(|d| (1..=31).contains(d))? as u32,
        Op::Loose(Part::Day) => {
            f.day = digits(text, at, 1, 2).filter(|d| (1..=31).contains(d))? as u32;
            // `1st`, `2nd`
            let suffix = text.get(*at..*at + 2).unwrap_or_default();
            if matches!(suffix, b"st" | b"nd" | b"rd" | b"th") {
                *at += 2;
            }
        }
        Op::Hour => f.hour = digits(text, at, 2, 2).filter(|h| *h < 24)?,
        Op::Loose(Part::Hour) => f.hour = digits(text, at, 1, 2).filter(|h| *h < 24)?,
        Op::Minute => f.minute = digits(text, at, 1, 2).filter(|m| *m < 60)?,
        Op::Second => f.second = digits(text, at, 1, 2).filter(|s| *s <= 60)?,
        Op::Fraction => fraction(text, at, f),
        Op::Zone => {
            if let Some((offset, end)) = offset(text, *at) {
                f.zone = Some(offset);
                *at = end;
            } else if let Some((zone, end)) = region(text, *at) {
                f.region = Some(zone);
                *at = end;
            }
        }
        Op::AmPm => {
            let head = text.get(*at..*at + 2)?;
            f.pm = Some(head.eq_ignore_ascii_case(b"pm"));
            (f.pm == Some(true) || head.eq_ignore_ascii_case(b"am")).then_some(())?;
            *at += 2;
        }
        Op::Tai64n => tai64n(text, at, f)?,
        Op::Epoch(_) => epoch(text, at, f)?,
    }
    Some(())
}

fn fraction(text: &[u8], at: &mut usize, f: &mut Fields) {
    let Some(b'.' | b',' | b':') = text.get(*at) else {
        return;
    };
    let mut p = *at + 1;
    let start = p;
    if let Some(value) = digits(text, &mut p, 1, 9) {
        let n = (p - start) as u32;
        // Digits beyond nanoseconds are skipped.
        while text.get(p).is_some_and(u8::is_ascii_digit) {
            p += 1;
        }
        f.nanos = value * 10i64.pow(9 - n);
        f.digits = n as u8;
        *at = p;
    }
}

/// Seconds and nanoseconds in TAI, which was 10 seconds ahead of UTC when Unix time began
/// (D. J. Bernstein, "TAI64, TAI64N, and TAI64NA"). Leap seconds are not counted, as in the tools
/// that print these times.
fn tai64n(text: &[u8], at: &mut usize, f: &mut Fields) -> Option<()> {
    const START: u64 = (1 << 62) + 10;
    let hex = text.get(*at..*at + 25).filter(|h| h[0] == b'@')?;
    let number = |range| u64::from_str_radix(std::str::from_utf8(&hex[range]).ok()?, 16).ok();
    let seconds = i64::try_from(number(1..17)?.checked_sub(START)?).ok()?;
    let nanos = i64::try_from(number(17..25)?)
        .ok()
        .filter(|n| *n < SECOND)?;
    (631_152_000..4_102_444_800)
        .contains(&seconds)
        .then_some(())?;
    (f.epoch, f.digits) = (Some(seconds * SECOND + nanos), 9);
    *at += 25;
    Some(())
}

/// Unix time in seconds, milli-, micro- or nanoseconds, depending on the number of digits.
/// Seconds may have a fraction.
fn epoch(text: &[u8], at: &mut usize, f: &mut Fields) -> Option<()> {
    let start = *at;
    let value = digits(text, at, 10, 19)?;
    let (unit, precision) = match *at - start {
        10 => (SECOND, 0),
        13 => (1_000_000, 3),
        16 => (1_000, 6),
        19 => (1, 9),
        _ => return None,
    };
    f.digits = precision;
    if unit == SECOND {
        fraction(text, at, f);
    }
    // Only 1990 to 2100: other ten-digit numbers are rarely timestamps.
    let ns = value.checked_mul(unit)?;
    (631_152_000 * SECOND..4_102_444_800 * SECOND)
        .contains(&ns)
        .then_some(())?;
    f.epoch = Some(ns + f.nanos);
    Some(())
}

pub fn at_boundary(text: &[u8], at: usize) -> bool {
    !text.get(at).is_some_and(|b| b.is_ascii_alphanumeric())
}

pub fn styles() -> &'static [&'static Spec] {
    static STYLES: std::sync::OnceLock<Vec<&'static Spec>> = std::sync::OnceLock::new();
    STYLES.get_or_init(|| KNOWN.iter().filter_map(|s| Spec::compile(s)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_known_style_compiles() {
        assert_eq!(styles().len(), KNOWN.len());
    }
}
