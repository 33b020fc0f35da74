//! The time axis of a detection. Maps times to bins, or the order of events if they have no times.
//! Counts nothing.

use crate::analysis::baseline::Baseline;
use crate::corpus::Snapshot;
use crate::detect::bin_width;
use crate::model::{Moment, NO_TIME, SourceId, SourceInfo};

/// Assumed time between two events in nanoseconds, if events have no times.
const STEP: i64 = 1_000_000_000;
/// Maximum number of bins of an axis.
const MAX_BINS: i64 = 4000;

/// A time axis that is divided into bins of equal width.
pub struct Axis {
    pub start: i64,
    pub width: i64,
    pub bins: u32,
    /// True if the order of events is used instead of their times.
    pub by_order: bool,
    /// Nanoseconds to add to the times of each source.
    shifted: Vec<i64>,
    /// The baseline that the user chose, in bins. `None` if the baseline is automatic.
    pub given: Option<(u32, u32)>,
}

impl Axis {
    pub fn of(snapshot: &Snapshot, baseline: &Baseline) -> Axis {
        let timed: u64 = snapshot.sources.iter().map(|s| s.timed).sum();
        let by_order = timed * 2 < snapshot.events || snapshot.span().is_none();
        let apart = |s: &SourceInfo| matches!(baseline, Baseline::Input(path) if std::path::Path::new(&s.input).starts_with(path));
        let span = |own: bool| {
            let of = || {
                snapshot
                    .sources
                    .iter()
                    .filter(|s| apart(s) != own && s.timed > 0)
            };
            Some((of().map(|s| s.first).min()?, of().map(|s| s.last).max()?))
        };
        let (start, end) = if by_order {
            (0, snapshot.events as i64 * STEP)
        } else {
            span(true).or(snapshot.span()).unwrap_or((0, 0))
        };
        // If the baseline is another bundle, its times are shifted. It then ends directly before
        // the tested bundle.
        let reference = span(false).filter(|_| !by_order);
        let length = reference.map_or(0, |(a, z)| z - a);
        let width = bin_width(end - start + length, snapshot.events);
        let before = (length / width + i64::from(length > 0)) * width;
        let moved = reference.map_or(0, |(a, _)| start - before - a);
        let shifted = snapshot
            .sources
            .iter()
            .map(|s| if apart(s) { moved } else { 0 })
            .collect();
        let start = start.div_euclid(width) * width - before;
        // The last bin is usually incomplete, so it is excluded.
        let bins = ((end - start) / width).clamp(1, MAX_BINS) as u32;
        let given = match baseline {
            Baseline::Automatic => None,
            Baseline::Input(_) => (before > 0).then_some((0, (before / width) as u32)),
            Baseline::Range(a, z) => {
                let bin = |t: &Moment| ((t - start) / width).clamp(0, i64::from(bins)) as u32;
                Some((bin(a), bin(z)))
            }
        };
        Axis {
            start,
            width,
            bins,
            by_order,
            shifted,
            given,
        }
    }

    /// Returns the time of an event on this axis, or `None` if it has none. `ordinal` is the
    /// position of the event in the order of events.
    pub fn moment(&self, source: SourceId, at: Moment, ordinal: u64) -> Option<Moment> {
        let shift = self.shifted.get(source.index()).copied().unwrap_or(0);
        match (self.by_order, at) {
            (true, _) => Some(ordinal as i64 * STEP),
            (_, NO_TIME) => None,
            (_, at) => Some(at + shift),
        }
    }

    /// Returns the bin of a time on this axis, or `None` if the time is outside the axis.
    pub fn bin_at(&self, at: Moment) -> Option<u32> {
        let bin = (at - self.start).div_euclid(self.width);
        (0..i64::from(self.bins))
            .contains(&bin)
            .then_some(bin as u32)
    }

    /// Returns the bin of an event. See `moment` and `bin_at`.
    pub fn bin(&self, source: SourceId, at: Moment, ordinal: u64) -> Option<u32> {
        self.bin_at(self.moment(source, at, ordinal)?)
    }
}
