//! Collects the time series of a corpus: first the counts, then the sampled values. Detects
//! nothing.

use super::axis::Axis;
use super::counts;
use super::families;
use super::series::{MIN_BINS, Series};
use super::values;
use crate::analysis::analysis::Analysis;
use crate::analysis::baseline::Baseline;
use crate::corpus::Snapshot;
use crate::detect::Input;

pub fn collect(analysis: &Analysis, snapshot: &Snapshot, baseline: &Baseline) -> Series {
    let axis = Axis::of(snapshot, baseline);
    let (sources, roles) = counts::count(analysis, snapshot, &axis);
    let input = Input {
        width: axis.width,
        start: axis.start,
        bins: axis.bins,
        sources,
        baseline: axis.given,
        by_order: axis.by_order,
    };
    let mut series = Series {
        input,
        by_order: axis.by_order,
        sampled: 1.0,
        ..Series::default()
    };
    if series.input.bins >= MIN_BINS / 2 {
        values::add(analysis, snapshot, &roles, &axis, &mut series);
        families::add(snapshot, &mut series);
    }
    series
}
