//! The baseline: the events that count as normal. Plain data.

use crate::model::Moment;

/// The events that other events are compared with.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Baseline {
    /// The baseline is chosen automatically from the corpus.
    #[default]
    Automatic,
    /// The events from the first moment up to, but not including, the second moment.
    Range(Moment, Moment),
    /// The events of another bundle: all sources whose input path starts with this path.
    Input(String),
}
