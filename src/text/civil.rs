//! Calendar arithmetic, RFC 3339 and durations, on nanosecond timestamps. Knows nothing about log
//! formats.

use crate::model::Moment;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;
use jiff::{Span, Timestamp};

/// Nanoseconds in a second.
pub const SECOND: i64 = 1_000_000_000;
/// Nanoseconds in a minute.
pub const MINUTE: i64 = 60 * SECOND;
/// Nanoseconds in an hour.
pub const HOUR: i64 = 60 * MINUTE;
/// Nanoseconds in a day of 24 hours.
pub const DAY: i64 = 24 * HOUR;

/// Days since 1970-01-01 of a date, or `None` where the calendar has no such date.
pub fn days_of_date(year: i32, month: u32, day: u32) -> Option<i64> {
    let date = Date::new(
        year.try_into().ok()?,
        month.try_into().ok()?,
        day.try_into().ok()?,
    );
    let midnight = Offset::UTC
        .to_timestamp(date.ok()?.to_datetime(Time::midnight()))
        .ok()?;
    Some(midnight.as_second().div_euclid(DAY / SECOND))
}

/// Date and time in UTC. Times beyond the calendar's end (the years -9999 and 9999) stop there.
fn in_utc(at: Moment) -> DateTime {
    let (seconds, nanos) = (at.div_euclid(SECOND), at.rem_euclid(SECOND) as i32);
    Offset::UTC.to_datetime(Timestamp::new(seconds, nanos).unwrap_or(Timestamp::MIN))
}

/// Year of a time, in UTC.
pub fn year_of(at: Moment) -> i32 {
    i32::from(in_utc(at).year())
}

/// The same date and time of day in another year; February 29 becomes February 28 where there is none.
pub fn add_years(at: Moment, years: i32) -> Moment {
    let moved = in_utc(at).checked_add(Span::new().years(years)).ok();
    moved.and_then(moment_of).unwrap_or(at)
}

/// Years to add to `from` to come nearest to `to`.
pub fn years_between(from: Moment, to: Moment) -> i32 {
    /// Mean length of a Gregorian year.
    const YEAR: f64 = 365.2425 * DAY as f64;
    ((to as f64 - from as f64) / YEAR).round() as i32
}

fn moment_of(utc: DateTime) -> Option<Moment> {
    Moment::try_from(Offset::UTC.to_timestamp(utc).ok()?.as_nanosecond()).ok()
}

/// RFC 3339 in UTC with `precision` digits of the fractional second (0 to 9).
pub fn rfc3339(at: Moment, precision: u8) -> String {
    let utc = in_utc(at);
    let mut out = format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
        utc.year(),
        utc.month(),
        utc.day(),
        utc.hour(),
        utc.minute(),
        utc.second()
    );
    if precision > 0 {
        let digits = usize::from(precision.min(9));
        let fraction = format!("{:09}", at.rem_euclid(SECOND));
        out.push('.');
        out.push_str(&fraction[..digits]);
    }
    out.push('Z');
    out
}

/// `MM-DD hh:mm:ss.mmm`, for screens that show the year elsewhere.
pub fn short(at: Moment) -> String {
    let full = rfc3339(at, 3);
    full[5..full.len() - 1].replace('T', " ")
}

/// Formats nanoseconds in the most readable unit ("850 ms", "4.2 s", "3 h 05 min"). Negative values
/// count as 0.
pub fn human_duration(ns: i64) -> String {
    let ns = ns.max(0);
    match ns {
        n if n < SECOND => format!("{} ms", n / 1_000_000),
        n if n < MINUTE => format!("{:.1} s", n as f64 / SECOND as f64),
        n if n < HOUR => format!("{} min {:02} s", n / MINUTE, n % MINUTE / SECOND),
        n if n < DAY => format!("{} h {:02} min", n / HOUR, n % HOUR / MINUTE),
        n => format!("{} d {} h", n / DAY, n % DAY / HOUR),
    }
}

/// Parses a duration such as `15m`, `2h`, `30s`, `1d` or `500ms` into nanoseconds.
pub fn parse_duration(text: &str) -> Option<i64> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let amount: f64 = text[..split].parse().ok()?;
    let unit = match &text[split..] {
        "ms" => 1_000_000,
        "s" | "sec" => SECOND,
        "m" | "min" => MINUTE,
        "h" => HOUR,
        "d" => DAY,
        _ => return None,
    };
    Some((amount * unit as f64) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_date_survives_the_round_trip(days in -700_000i64..2_000_000) {
            let utc = in_utc_days(days);
            let date = (i32::from(utc.year()), utc.month() as u32, utc.day() as u32);
            prop_assert_eq!(days_of_date(date.0, date.1, date.2), Some(days));
        }

        #[test]
        fn adding_the_years_between_two_times_brings_them_within_half_a_year(
            from in 0i64..50_000, years in 0i32..20, off in -170i64..170,
        ) {
            let to = add_years(from * DAY, years) + off * DAY;
            prop_assert_eq!(years_between(from * DAY, to), years);
        }
    }

    fn in_utc_days(days: i64) -> DateTime {
        let at = Timestamp::new(days * (DAY / SECOND), 0).unwrap();
        Offset::UTC.to_datetime(at)
    }

    #[test]
    fn a_leap_day_moves_to_the_last_day_of_february() {
        let leap = days_of_date(2024, 2, 29).unwrap() * DAY;
        assert_eq!(rfc3339(add_years(leap, 1), 0), "2025-02-28T00:00:00Z");
        assert_eq!(days_of_date(2025, 2, 29), None);
    }

    #[test]
    fn rfc3339_prints_the_requested_precision() {
        assert_eq!(rfc3339(0, 0), "1970-01-01T00:00:00Z");
        assert_eq!(
            rfc3339(1_234_567_890_123_456_789, 6),
            "2009-02-13T23:31:30.123456Z"
        );
        assert_eq!(rfc3339(-1, 3), "1969-12-31T23:59:59.999Z");
    }

    #[test]
    fn durations_are_parsed_and_formatted() {
        assert_eq!(parse_duration("15m"), Some(15 * MINUTE));
        assert_eq!(parse_duration("x"), None);
        assert_eq!(human_duration(3 * HOUR + 5 * MINUTE), "3 h 05 min");
    }
}
