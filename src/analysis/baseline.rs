//! What counts as normal. Plain data.

use crate::model::Moment;

/// The events that others are compared with.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Baseline {
    /// Chosen from the corpus itself.
    #[default]
    Automatic,
    /// The events from the first moment up to, but not including, the second.
    Range(Moment, Moment),
    /// The events of all sources whose input has this path as its beginning: another bundle.
    Input(String),
}
