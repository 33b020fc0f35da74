//! State of the detail pane. Plain data.

use super::pane::Scroll;
use crate::corpus::Neighbor;
use crate::model::{Event, EventId, TemplateKey, VariableStats};
use std::sync::Arc;

/// A line in pieces. Each piece is a theme role and its text.
pub type StyledLine = Vec<(&'static str, String)>;

/// One event with its surroundings.
#[derive(Clone, Debug)]
pub struct EventDetail {
    pub event: Arc<Event>,
    pub variables: Vec<String>,
    /// The message with syntax highlighting.
    pub body: Vec<StyledLine>,
    pub neighbors: Vec<Neighbor>,
}

/// Facts about a template that require reading its events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TemplateFacts {
    pub id: TemplateKey,
    pub values: Vec<VariableStats>,
    /// Number of events read.
    pub events_read: u64,
    /// Similar templates, most similar first: id and similarity (0..1).
    pub resembling: Vec<(TemplateKey, f32)>,
}

/// The detail pane.
#[derive(Clone, Debug, Default)]
pub struct Detail {
    pub scroll: Scroll,
    pub shown: Option<EventDetail>,
    /// The event whose detail was requested last.
    pub requested: Option<EventId>,
    pub facts: Option<TemplateFacts>,
}
