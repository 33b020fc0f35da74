//! State of the templates pane. Plain data.

use super::pane::Scroll;
use crate::model::TemplateIx;

/// Order of the template table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortBy {
    #[default]
    Count,
    Change,
    FirstSeen,
    Level,
}

impl SortBy {
    /// The order after this one; the last is followed by the first.
    pub fn next(self) -> SortBy {
        match self {
            SortBy::Count => SortBy::Change,
            SortBy::Change => SortBy::FirstSeen,
            SortBy::FirstSeen => SortBy::Level,
            SortBy::Level => SortBy::Count,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            SortBy::Count => "count",
            SortBy::Change => "change",
            SortBy::FirstSeen => "first seen",
            SortBy::Level => "level",
        }
    }
}

/// The template table.
#[derive(Clone, Debug, Default)]
pub struct Templates {
    pub scroll: Scroll,
    pub sort: SortBy,
    /// The templates in the order in which they are shown.
    pub rows: Vec<TemplateIx>,
    /// Text of the template to merge with the next chosen one.
    pub merging: Option<String>,
    /// New templates per minute in the last quarter of the time range.
    pub novelty: Option<f64>,
}
