//! What the tests find: deviations of series, and the windows that they form. Plain data.

use super::series::Input;
use crate::model::Severity;

/// A deviation of one series within a window, in the bins `from..to`.
#[derive(Clone, Debug)]
pub struct Deviation {
    pub source: usize,
    /// Index into the source's features. Higher indexes continue into its values.
    pub series: usize,
    pub from: u32,
    pub to: u32,
    /// Above the baseline, not below it.
    pub up: bool,
    /// In nats above the Bonferroni threshold.
    pub evidence: f64,
    /// For counts: number of events. For values: median in the window and median in the baseline.
    pub observed: f64,
    pub expected: f64,
    /// The deviation is harmful: more errors, higher values, or fewer normal events.
    pub is_harmful: bool,
}

/// An anomalous window in the bins `from..to`.
#[derive(Clone, Debug)]
pub struct RawWindow {
    pub from: usize,
    pub to: usize,
    pub severity: Severity,
    /// Sum of the evidence of all series, in nats.
    pub strength: f64,
    /// Median ratio of observed to expected counts over the frequent templates. `None` with fewer
    /// than three such templates.
    pub load: Option<f64>,
    pub found: Vec<Deviation>,
}

/// True if the deviation is in a series of values, not of counts.
pub fn is_value(input: &Input, f: &Deviation) -> bool {
    f.series >= input.sources[f.source].features.len()
}
