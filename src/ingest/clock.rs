//! Time stamps of every style -> nanoseconds. Knows no log format; what is missing (year, date, zone) is inferred and said.

use crate::model::Moment;
use crate::text::civil::{DAY, HOUR, MINUTE, SECOND, days_from_civil};

pub const NO_YEAR: u8 = 1;
pub const NO_DATE: u8 = 2;
pub const NO_ZONE: u8 = 4;

/// One time stamp as read; `ns` already has the clock's year, date and zone filled in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    pub ns: Moment,
    pub precision: u8,
    /// Which parts were missing and inferred.
    pub missing: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Lit(u8),
    /// One or more blanks.
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
    /// `.`, `,` or `:` and 1 to 9 digits; may be absent.
    Fraction,
    /// `Z`, `+hh:mm`, `+hhmm`, `UTC`, `GMT` or a short zone name, after blanks or not; may be absent.
    Zone,
    AmPm,
    Epoch(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Month,
    Day,
    Hour,
}

/// A compiled time style, with a number of its own.
#[derive(Clone, Debug)]
pub struct Spec(Vec<Op>, usize);

/// Known styles, tried in this order; the more telling first.
const KNOWN: &[&str] = &[
    "%Y-%m-%dT%H:%M:%S%f%z",
    "%Y-%m-%d_%H:%M:%S%f%z",
    "%Y-%m-%d %H:%M:%S%f%z",
    "%Y-%m-%d-%H.%M.%S%f",
    "%b %e %H:%M:%S %Y",
    "%b %e %Y %H:%M:%S%f%z",
    "%b %e, %Y %l:%M:%S%f %p",
    "%b %e, %Y %H:%M:%S%f",
    "%b %e %H:%M:%S%f",
    "%d/%b/%Y:%H:%M:%S%f%z",
    "%d/%b/%Y %H:%M:%S%f%z",
    "%a %b %e %H:%M:%S%f %Y",
    "%a %b %e %H:%M:%S%f UTC %Y",
    "%a, %d %b %Y %H:%M:%S%f%z",
    "%a %b %e %H:%M:%S%f",
    "%d %b %Y %H:%M:%S%f%z",
    "%d-%b-%Y %H:%M:%S%f%z",
    "%d %b %H:%M:%S%f",
    "%Y/%m/%d %H:%M:%S%f%z",
    "%Y/%m/%d-%H:%M:%S%f%z",
    "%Y.%m.%d %H:%M:%S%f%z",
    "%Y-%m-%d %I:%M:%S%f %p",
    "%N/%e/%Y %l:%M:%S%f %p",
    "%m/%d/%Y-%H:%M:%S%f",
    "%m/%d/%Y %H:%M:%S%f%z",
    "%d/%m/%Y %H:%M:%S%f%z",
    "%d.%m.%Y %H:%M:%S%f%z",
    "%d-%m-%Y %H:%M:%S%f%z",
    "%y/%m/%d %H:%M:%S%f",
    "%m/%d/%y %H:%M:%S%f",
    "%y-%m-%d %H:%M:%S%f",
    "%Y%m%d-%l:%M:%S%f",
    "%Y%m%dT%H%M%S%z",
    "%Y%m%d %H:%M:%S%f",
    "%y%m%d %H%M%S",
    "%y%m%d %k:%M:%S",
    "%m-%d %H:%M:%S%f",
    "%m/%d %H:%M:%S%f",
    "%m.%d %H:%M:%S%f",
    "%s",
    "%H:%M:%S%f%z",
];

const MONTHS: [&[u8; 3]; 12] = [
    b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec",
];
const WEEKDAYS: [&[u8; 3]; 7] = [b"mon", b"tue", b"wed", b"thu", b"fri", b"sat", b"sun"];

impl Spec {
    /// Compiles a strftime-like style; `None` for an unknown letter.
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
                    b's' => Op::Epoch(0),
                    b'Q' => Op::Epoch(3),
                    _ => return None,
                },
                b' ' => Op::Blank,
                other => Op::Lit(other),
            });
        }
        static NEXT: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        // Styles are compiled once in the life of the program.
        Some(Box::leak(Box::new(Spec(
            ops,
            NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed),
        ))))
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Fields {
    year: i32,
    month: u32,
    day: u32,
    hour: i64,
    minute: i64,
    second: i64,
    nanos: i64,
    digits: u8,
    zone: Option<i64>,
    pm: Option<bool>,
    epoch: Option<i64>,
    has: u8,
}

fn digits(text: &[u8], at: &mut usize, min: usize, max: usize) -> Option<i64> {
    let start = *at;
    let mut value = 0i64;
    while *at < text.len() && *at - start < max && text[*at].is_ascii_digit() {
        value = value * 10 + i64::from(text[*at] - b'0');
        *at += 1;
    }
    (*at - start >= min).then_some(value)
}

fn name(text: &[u8], at: &mut usize, names: &[&[u8; 3]]) -> Option<u32> {
    let head = text.get(*at..*at + 3)?;
    let i = names.iter().position(|n| n.eq_ignore_ascii_case(head))?;
    *at += 3;
    Some(i as u32 + 1)
}

fn zone(text: &[u8], from: usize) -> Option<(i64, usize)> {
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

fn run_op(op: Op, text: &[u8], at: &mut usize, f: &mut Fields) -> Option<()> {
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
            f.has |= NO_YEAR;
        }
        Op::Year2 => {
            f.year = digits(text, at, 2, 2)? as i32 + 2000;
            f.has |= NO_YEAR;
        }
        Op::Month2 => f.month = digits(text, at, 2, 2).filter(|m| (1..=12).contains(m))? as u32,
        Op::Loose(Part::Month) => {
            f.month = digits(text, at, 1, 2).filter(|m| (1..=12).contains(m))? as u32
        }
        Op::MonthName => f.month = name(text, at, &MONTHS)?,
        Op::Weekday => {
            name(text, at, &WEEKDAYS)?;
        }
        Op::Day => f.day = digits(text, at, 2, 2).filter(|d| (1..=31).contains(d))? as u32,
        Op::Loose(Part::Day) => {
            f.day = digits(text, at, 1, 2).filter(|d| (1..=31).contains(d))? as u32
        }
        Op::Hour => f.hour = digits(text, at, 2, 2).filter(|h| *h < 24)?,
        Op::Loose(Part::Hour) => f.hour = digits(text, at, 1, 2).filter(|h| *h < 24)?,
        Op::Minute => f.minute = digits(text, at, 1, 2).filter(|m| *m < 60)?,
        Op::Second => f.second = digits(text, at, 1, 2).filter(|s| *s <= 60)?,
        Op::Fraction => fraction(text, at, f),
        Op::Zone => {
            if let Some((offset, end)) = zone(text, *at) {
                f.zone = Some(offset);
                *at = end;
            }
        }
        Op::AmPm => {
            let head = text.get(*at..*at + 2)?;
            f.pm = Some(head.eq_ignore_ascii_case(b"pm"));
            (f.pm == Some(true) || head.eq_ignore_ascii_case(b"am")).then_some(())?;
            *at += 2;
        }
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
        // More digits than nanoseconds have are read over.
        while text.get(p).is_some_and(u8::is_ascii_digit) {
            p += 1;
        }
        f.nanos = value * 10i64.pow(9 - n);
        f.digits = n as u8;
        *at = p;
    }
}

/// Seconds, milli-, micro- or nanoseconds by the number of digits; a fraction may follow seconds.
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
    // 1990 to 2100: other ten-digit numbers are no time.
    let ns = value.checked_mul(unit)?;
    (631_152_000 * SECOND..4_102_444_800 * SECOND)
        .contains(&ns)
        .then_some(())?;
    f.epoch = Some(ns + f.nanos);
    Some(())
}

/// Turns time text into moments for one source; remembers style, year and day.
#[derive(Clone, Debug)]
pub struct Clock {
    /// Offset of stamps without a zone, in ns.
    pub offset: i64,
    /// Year for stamps that have none.
    pub year: i32,
    /// Day (since 1970) for stamps without a date.
    pub day: i64,
    last_month: u32,
    last_in_day: i64,
    style: usize,
    /// Style of the stamp read last, and its length.
    pub last: Option<(&'static Spec, usize)>,
    head: [u8; 24],
    head_len: usize,
    head_ops: usize,
    head_fields: Fields,
    head_style: usize,
}

impl Clock {
    /// `reference` is the newest moment that the source can hold (its mtime, or now).
    pub fn new(reference: Moment, offset: i64) -> Clock {
        Clock {
            offset,
            year: crate::text::civil::year_of(reference),
            day: reference.div_euclid(DAY),
            last_month: 0,
            last_in_day: 0,
            style: 0,
            last: None,
            head: [0; 24],
            head_len: 0,
            head_ops: 0,
            head_fields: Fields::default(),
            head_style: usize::MAX,
        }
    }

    /// Time at the start of `text` in any known style, with the bytes that it took.
    pub fn any(&mut self, text: &[u8]) -> Option<(Stamp, usize)> {
        let styles = styles();
        let (first, second) = (*text.first()?, text.get(1).copied()?);
        if !(first.is_ascii_digit() || second.is_ascii_lowercase() || second.is_ascii_uppercase()) {
            return None;
        }
        if let Some(found) = self.exactly(styles[self.style], text) {
            return Some(found);
        }
        for (i, style) in styles.iter().enumerate() {
            if i != self.style
                && let Some(found) = self.exactly(style, text)
            {
                self.style = i;
                return Some(found);
            }
        }
        None
    }

    /// Time at the start of `text` in the style `spec`.
    pub fn exactly(&mut self, spec: &'static Spec, text: &[u8]) -> Option<(Stamp, usize)> {
        let (mut at, mut from, mut fields) = (0, 0, Fields::default());
        // Up to the seconds most lines repeat the line before: start from what that gave.
        if self.head_style == spec.1
            && text.get(..self.head_len) == Some(&self.head[..self.head_len])
        {
            (at, from, fields) = (self.head_len, self.head_ops, self.head_fields);
        }
        let mut seconds = None;
        for (n, op) in spec.0.iter().enumerate().skip(from) {
            if *op == Op::Second && at <= self.head.len() && from == 0 {
                seconds = Some((at, n, fields));
            }
            run_op(*op, text, &mut at, &mut fields)?;
        }
        if let Some((len, ops, fields)) = seconds {
            self.head[..len].copy_from_slice(&text[..len]);
            (
                self.head_len,
                self.head_ops,
                self.head_fields,
                self.head_style,
            ) = (len, ops, fields, spec.1);
        }
        if !at_boundary(text, at) {
            return None;
        }
        self.last = Some((spec, at));
        Some((self.resolve(fields), at))
    }

    fn resolve(&mut self, mut f: Fields) -> Stamp {
        if let Some(ns) = f.epoch {
            return Stamp {
                ns,
                precision: f.digits,
                missing: 0,
            };
        }
        if let Some(pm) = f.pm {
            f.hour = f.hour % 12 + if pm { 12 } else { 0 };
        }
        let in_day = f.hour * HOUR + f.minute * MINUTE + f.second * SECOND + f.nanos;
        let mut missing = if f.zone.is_none() { NO_ZONE } else { 0 };
        let day = if f.month == 0 {
            missing |= NO_DATE;
            self.roll_day(in_day);
            self.day
        } else {
            if f.has & NO_YEAR == 0 {
                missing |= NO_YEAR;
                self.roll_year(f.month);
                f.year = self.year;
            }
            days_from_civil(f.year, f.month, f.day)
        };
        let ns = day * DAY + in_day - f.zone.unwrap_or(self.offset);
        Stamp {
            ns,
            precision: f.digits,
            missing,
        }
    }

    fn roll_year(&mut self, month: u32) {
        if self.last_month >= 11 && month <= 2 {
            self.year += 1;
        } else if self.last_month != 0 && self.last_month <= 2 && month >= 11 {
            self.year -= 1;
        }
        self.last_month = month;
    }

    fn roll_day(&mut self, in_day: i64) {
        if in_day + 12 * HOUR < self.last_in_day {
            self.day += 1;
        } else if in_day > self.last_in_day + 18 * HOUR && self.last_in_day > 0 {
            self.day -= 1;
        }
        self.last_in_day = in_day;
    }
}

fn at_boundary(text: &[u8], at: usize) -> bool {
    !text.get(at).is_some_and(|b| b.is_ascii_alphanumeric())
}

fn styles() -> &'static [&'static Spec] {
    static STYLES: std::sync::OnceLock<Vec<&'static Spec>> = std::sync::OnceLock::new();
    STYLES.get_or_init(|| KNOWN.iter().filter_map(|s| Spec::compile(s)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::civil::rfc3339;

    fn read(text: &str) -> Option<(String, usize, u8)> {
        let mut clock = Clock::new(1_700_000_000 * SECOND, 0);
        clock
            .any(text.as_bytes())
            .map(|(s, n)| (rfc3339(s.ns, s.precision), n, s.missing))
    }

    #[test]
    fn every_style_is_compiled() {
        assert_eq!(styles().len(), KNOWN.len());
    }

    #[test]
    fn styles_are_read() {
        for (text, want) in [
            (
                "2023-01-29T08:50:08.983695389Z x",
                "2023-01-29T08:50:08.983695389Z",
            ),
            ("2023-01-29T10:50:08+02:00", "2023-01-29T08:50:08Z"),
            (
                "2005-06-03-15.42.50.675872 R",
                "2005-06-03T15:42:50.675872Z",
            ),
            ("Dec 10 06:55:46 host", "2023-12-10T06:55:46Z"),
            ("Sun Dec 04 04:47:44 2005] x", "2005-12-04T04:47:44Z"),
            ("081109 203615 148", "2008-11-09T20:36:15Z"),
            ("17/06/09 20:10:40 INFO", "2017-06-09T20:10:40Z"),
            ("03-17 16:13:38.811  1702", "2023-03-17T16:13:38.811Z"),
            ("10.30 16:49:06] chrome", "2023-10-30T16:49:06Z"),
            ("12/Mar/2024:01:02:03 +0100] \"GET", "2024-03-12T00:02:03Z"),
            ("1117838570 2005", "2005-06-03T22:42:50Z"),
            ("1700000000123 x", "2023-11-14T22:13:20.123Z"),
            ("20171223-22:15:29:606|Step", "2017-12-23T22:15:29.606Z"),
            ("2015-07-29 17:41:44,747 - INFO", "2015-07-29T17:41:44.747Z"),
        ] {
            assert_eq!(read(text).map(|r| r.0).as_deref(), Some(want), "{text}");
        }
        assert_eq!(read("hello 12:00"), None);
        assert_eq!(read("12345678901"), None);
    }

    #[test]
    fn a_year_rolls_over_at_new_year() {
        let mut clock = Clock::new(1_700_000_000 * SECOND, 0);
        let december = clock.any(b"Dec 31 23:59:59 a").unwrap().0;
        let january = clock.any(b"Jan  1 00:00:01 a").unwrap().0;
        assert_eq!(january.ns - december.ns, 2 * SECOND);
        assert_eq!(january.missing & NO_YEAR, NO_YEAR);
    }
}
