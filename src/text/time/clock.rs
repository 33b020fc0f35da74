//! Parses timestamps of all known styles into nanoseconds since 1970-01-01 UTC.
//! A missing year, date or time zone is inferred, and the result lists the inferred parts.
//! Knows nothing about log formats.

use super::months;
use super::style::{Fields, Op, Spec, at_boundary, run_op, styles};
use super::zone::Zone;
use crate::model::Moment;
use crate::text::civil::{DAY, HOUR, MINUTE, SECOND, days_of_date};

/// Flag in `Stamp::missing`: the year was inferred.
pub const NO_YEAR: u8 = 1;
/// Flag in `Stamp::missing`: the whole date was inferred.
pub const NO_DATE: u8 = 2;
/// Flag in `Stamp::missing`: the time zone was inferred.
pub const NO_ZONE: u8 = 4;

/// One parsed timestamp.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Nanoseconds since 1970-01-01 UTC. Inferred parts are already filled in.
    pub ns: Moment,
    /// Number of fractional digits of the seconds, 0 to 9.
    pub precision: u8,
    /// Inferred parts: a bit set of `NO_YEAR`, `NO_DATE` and `NO_ZONE`.
    pub missing: u8,
}

/// Parses the timestamps of one source. Remembers the style, year and day of the previous one.
#[derive(Clone, Debug)]
pub struct Clock {
    /// Zone of timestamps without one.
    zone: Zone,
    /// Year of timestamps without a year.
    pub year: i32,
    /// Day of timestamps without a date, counted from 1970-01-01.
    pub day: i64,
    /// The last date and its days since 1970: consecutive lines share it.
    date: (i32, u32, u32, i64),
    last_month: u32,
    last_in_day: i64,
    style: usize,
    /// Style of the timestamp parsed last, and its length in bytes.
    pub last: Option<(&'static Spec, usize)>,
    /// Cache: the text before the seconds of an earlier timestamp, and the parser's state after it.
    head: [u8; 24],
    head_len: usize,
    head_ops: usize,
    head_fields: Fields,
    head_style: usize,
}

/// The current time.
pub fn now() -> Moment {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |d| Moment::try_from(d.as_nanos()).unwrap_or(Moment::MAX))
}

/// Parses a time in any known style, with UTC as the default zone. `None` if the text is anything else.
pub fn moment(text: &str) -> Option<Moment> {
    let (stamp, used) = Clock::new(0, Zone::utc()).any(text.as_bytes())?;
    (used == text.len()).then_some(stamp.ns)
}

impl Clock {
    /// `reference` is the latest moment that the source can contain: its mtime or the current time.
    pub fn new(reference: Moment, zone: Zone) -> Clock {
        Clock {
            zone,
            date: (0, 0, 0, 0),
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

    /// Parses a timestamp of any known style at the start of `text`. Returns it and its length in
    /// bytes.
    pub fn any(&mut self, text: &[u8]) -> Option<(Stamp, usize)> {
        let styles = styles();
        let first = *text.first()?;
        // Most texts are no timestamps: they are refused before all styles are tried.
        let possible = first == b'@' || first.is_ascii_digit() || starts_with_name(text);
        if !possible {
            return None;
        }
        if let Some(found) = self.parse_as(styles[self.style], text) {
            return Some(found);
        }
        for (i, style) in styles.iter().enumerate() {
            if i != self.style
                && let Some(found) = self.parse_as(style, text)
            {
                self.style = i;
                return Some(found);
            }
        }
        None
    }

    /// Parses a timestamp of the style `spec` at the start of `text`. Returns it and its length in
    /// bytes.
    pub fn parse_as(&mut self, spec: &'static Spec, text: &[u8]) -> Option<(Stamp, usize)> {
        let (mut at, mut from, mut fields) = (0, 0, Fields::default());
        // Most lines repeat the previous timestamp up to the seconds: continue from its state.
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
        let has_zone = f.zone.is_some() || f.region.is_some();
        let mut missing = if has_zone { 0 } else { NO_ZONE };
        let day = if f.month == 0 {
            missing |= NO_DATE;
            self.roll_day(in_day);
            self.day
        } else {
            if !f.has_year {
                missing |= NO_YEAR;
                self.roll_year(f.month);
                f.year = self.year;
            }
            self.days(f.year, f.month, f.day)
        };
        let local = day * DAY + in_day;
        let ns = match (f.zone, f.region) {
            (Some(offset), _) => local - offset,
            (None, Some(region)) => Zone::new(region.clone()).moment(local),
            (None, None) => self.zone.moment(local),
        };
        Stamp {
            ns,
            precision: f.digits,
            missing,
        }
    }

    /// The year is inferred: from November or December to January or February it goes up by one,
    /// and back down for the opposite step.
    /// Days since 1970 of a date. A day that the month does not have counts on into the next month.
    fn days(&mut self, year: i32, month: u32, day: u32) -> i64 {
        if (year, month, day) != (self.date.0, self.date.1, self.date.2) {
            let first = days_of_date(year, month, 1).unwrap_or(0);
            self.date = (year, month, day, first + i64::from(day) - 1);
        }
        self.date.3
    }

    fn roll_year(&mut self, month: u32) {
        if self.last_month >= 11 && month <= 2 {
            self.year += 1;
        } else if self.last_month != 0 && self.last_month <= 2 && month >= 11 {
            self.year -= 1;
        }
        self.last_month = month;
    }

    /// The day is inferred: more than 12 hours earlier than the last line is the next day; more
    /// than 18 hours later is the previous day.
    fn roll_day(&mut self, in_day: i64) {
        if in_day + 12 * HOUR < self.last_in_day {
            self.day += 1;
        } else if in_day > self.last_in_day + 18 * HOUR && self.last_in_day > 0 {
            self.day -= 1;
        }
        self.last_in_day = in_day;
    }
}

/// Whether the text can start with the name of a month or a weekday: a short word, then a digit or
/// another short word.
fn starts_with_name(text: &[u8]) -> bool {
    let head = &text[..text.len().min(24)];
    let letters = head
        .iter()
        .take_while(|b| b.is_ascii_alphabetic() || **b >= 0x80)
        .count();
    (2..=20).contains(&letters)
        && head.iter().any(u8::is_ascii_digit)
        && (letters <= 9 || months::month(text).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::civil::rfc3339;

    fn read(text: &str) -> Option<(String, usize, u8)> {
        let mut clock = Clock::new(1_700_000_000 * SECOND, Zone::utc());
        clock
            .any(text.as_bytes())
            .map(|(s, n)| (rfc3339(s.ns, s.precision), n, s.missing))
    }

    #[test]
    fn timestamps_of_many_styles_are_parsed() {
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
            (
                "14-Jul-2024 10:33:12 Europe/Berlin] x",
                "2024-07-14T08:33:12Z",
            ),
            ("Mar 1st 2024, 11:56:09 pm - x", "2024-03-01T23:56:09Z"),
            ("05-Mär-2024 09:11:17.187 x", "2024-03-05T09:11:17.187Z"),
            (
                "2024-11-20-08.31.01.092759+060 x",
                "2024-11-20T07:31:01.092759Z",
            ),
            (
                "@4000000065e1a5ea1dcd6500 x",
                "2024-03-01T09:54:40.500000000Z",
            ),
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
    fn the_inferred_year_advances_at_new_year() {
        let mut clock = Clock::new(1_700_000_000 * SECOND, Zone::utc());
        let december = clock.any(b"Dec 31 23:59:59 a").unwrap().0;
        let january = clock.any(b"Jan  1 00:00:01 a").unwrap().0;
        assert_eq!(january.ns - december.ns, 2 * SECOND);
        assert_eq!(january.missing & NO_YEAR, NO_YEAR);
    }
}
