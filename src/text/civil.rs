//! Calendar arithmetic and RFC 3339 on nanosecond time stamps. Knows nothing of log formats.

use crate::model::Moment;

pub const SECOND: i64 = 1_000_000_000;
pub const MINUTE: i64 = 60 * SECOND;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;

/// Days since 1970-01-01 of a proleptic Gregorian date (H. Hinnant, "chrono-compatible low-level date algorithms").
pub fn days_from_civil(year: i32, month: u32, day: u32) -> i64 {
    let y = i64::from(year) - i64::from(month <= 2);
    let era = y.div_euclid(400);
    let year_of_era = y - era * 400;
    let month_index = (i64::from(month) + 9) % 12;
    let day_of_year = (153 * month_index + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// Year, month, day of a count of days since 1970-01-01; the inverse of `days_from_civil`.
pub fn civil_from_days(days: i64) -> (i32, u32, u32) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z - era * 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 {
        month_index + 3
    } else {
        month_index - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year as i32, month as u32, day as u32)
}

pub fn year_of(at: Moment) -> i32 {
    civil_from_days(at.div_euclid(DAY)).0
}

/// RFC 3339 in UTC with `precision` digits of fraction (0 to 9).
pub fn rfc3339(at: Moment, precision: u8) -> String {
    let (year, month, day) = civil_from_days(at.div_euclid(DAY));
    let in_day = at.rem_euclid(DAY);
    let (h, m, s) = (
        in_day / HOUR,
        in_day % HOUR / MINUTE,
        in_day % MINUTE / SECOND,
    );
    let mut out = format!("{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}");
    if precision > 0 {
        let digits = usize::from(precision.min(9));
        let fraction = format!("{:09}", in_day % SECOND);
        out.push('.');
        out.push_str(&fraction[..digits]);
    }
    out.push('Z');
    out
}

/// `MM-DD hh:mm:ss.mmm` for screens; the year is shown elsewhere.
pub fn short(at: Moment) -> String {
    let full = rfc3339(at, 3);
    full[5..full.len() - 1].replace('T', " ")
}

/// A duration in the unit that reads best ("850 ms", "4.2 s", "3 h 05 min").
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

/// Parses `15m`, `2h`, `30s`, `1d`, `500ms`.
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
        fn days_survive_the_round_trip(days in -1_000_000i64..1_000_000) {
            let (y, m, d) = civil_from_days(days);
            prop_assert_eq!(days_from_civil(y, m, d), days);
        }
    }

    #[test]
    fn rfc3339_keeps_the_precision_of_the_source() {
        assert_eq!(rfc3339(0, 0), "1970-01-01T00:00:00Z");
        assert_eq!(
            rfc3339(1_234_567_890_123_456_789, 6),
            "2009-02-13T23:31:30.123456Z"
        );
        assert_eq!(rfc3339(-1, 3), "1969-12-31T23:59:59.999Z");
    }

    #[test]
    fn durations_read_and_parse() {
        assert_eq!(parse_duration("15m"), Some(15 * MINUTE));
        assert_eq!(parse_duration("x"), None);
        assert_eq!(human_duration(3 * HOUR + 5 * MINUTE), "3 h 05 min");
    }
}
