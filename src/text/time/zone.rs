//! The time zone of timestamps that have none: the offset from UTC that holds at each local time. Knows nothing of notations.

use crate::model::Moment;
use crate::text::civil::SECOND;
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// A time zone that remembers the offset of the local times around the last one, because consecutive lines nearly always
/// share it.
#[derive(Clone, Debug)]
pub struct Zone {
    zone: TimeZone,
    /// Local times in ns, half-open, between two changes of the offset, and the offset in ns.
    known: (i64, i64, i64),
}

/// The zone of a region such as `Europe/Berlin`. Only names of the zone database are kept.
pub fn region(name: &str) -> Option<&'static TimeZone> {
    static KNOWN: Mutex<BTreeMap<String, &'static TimeZone>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(zone) = known.get(name) {
        return Some(zone);
    }
    let zone: &'static TimeZone = Box::leak(Box::new(TimeZone::get(name).ok()?));
    known.insert(name.to_string(), zone);
    Some(zone)
}

impl Zone {
    pub fn new(zone: TimeZone) -> Zone {
        Zone {
            zone,
            known: (0, 0, 0),
        }
    }

    pub fn utc() -> Zone {
        Zone::new(TimeZone::UTC)
    }

    /// The moment at which a clock in this zone shows `local` ns since 1970. A time that the zone skips or repeats is
    /// read as the "compatible" rule of RFC 5545 says: skipped times with the offset before the gap, repeated ones as the
    /// first.
    pub fn moment(&mut self, local: i64) -> Moment {
        if !(self.known.0..self.known.1).contains(&local) {
            self.known = self.around(local);
        }
        local - self.known.2
    }

    /// The offset at a local time, and the local times around it that share it for certain.
    fn around(&self, local: i64) -> (i64, i64, i64) {
        let (seconds, nanos) = (local.div_euclid(SECOND), local.rem_euclid(SECOND) as i32);
        let civil = Timestamp::new(seconds, nanos).map(|t| Offset::UTC.to_datetime(t));
        let at = civil.and_then(|c| self.zone.to_ambiguous_timestamp(c).compatible());
        let Ok(at) = at else {
            return (local, local + 1, 0);
        };
        let ns = |o: Offset| i64::from(o.seconds()) * SECOND;
        // What counts is the offset that the local time was read with; inside a gap that is the offset before it.
        let offset = local - i64::try_from(at.as_nanosecond()).unwrap_or(local);
        let edge = |t: Timestamp, other: i64, later: bool| {
            let at = i64::try_from(t.as_nanosecond()).unwrap_or(0);
            at + if later {
                offset.min(other)
            } else {
                offset.max(other)
            }
        };
        let before = self.zone.preceding(at).next();
        let since = before.as_ref().map_or(i64::MIN, |t| {
            let other = self
                .zone
                .preceding(t.timestamp())
                .next()
                .map_or(offset, |p| ns(p.offset()));
            edge(t.timestamp(), other, false)
        });
        let after = self.zone.following(at).next();
        let until = after.map_or(i64::MAX, |t| edge(t.timestamp(), ns(t.offset()), true));
        if (since..until).contains(&local) {
            (since, until, offset)
        } else {
            (local, local + 1, offset)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::civil::{HOUR, MINUTE, days_of_date, rfc3339};
    use proptest::prelude::*;

    fn local(date: (i32, u32, u32), hour: i64, minute: i64) -> i64 {
        days_of_date(date.0, date.1, date.2).unwrap() * 24 * HOUR + hour * HOUR + minute * MINUTE
    }

    #[test]
    fn both_sides_of_a_change_to_summer_time_get_their_own_offset() {
        let mut berlin = Zone::new(TimeZone::get("Europe/Berlin").unwrap());
        let mut utc = |l| rfc3339(berlin.moment(l), 0);
        assert_eq!(utc(local((2026, 3, 29), 1, 59)), "2026-03-29T00:59:00Z");
        assert_eq!(utc(local((2026, 3, 29), 3, 0)), "2026-03-29T01:00:00Z");
        assert_eq!(utc(local((2026, 10, 25), 1, 59)), "2026-10-24T23:59:00Z");
        assert_eq!(utc(local((2026, 10, 25), 3, 0)), "2026-10-25T02:00:00Z");
        assert_eq!(utc(local((2026, 1, 2), 12, 0)), "2026-01-02T11:00:00Z");
    }

    proptest! {
        #[test]
        fn remembering_an_offset_changes_no_answer(
            minutes in proptest::collection::vec(0i64..80 * 365 * 24 * 60, 1..40),
            zone in prop::sample::select(vec!["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]),
        ) {
            let zone = TimeZone::get(zone).unwrap();
            let mut warm = Zone::new(zone.clone());
            for m in minutes {
                let cold = Zone::new(zone.clone()).moment(m * MINUTE);
                prop_assert_eq!(warm.moment(m * MINUTE), cold);
            }
        }
    }
}
