//! A line of a report pane, and what the report panes share. Plain data and pure functions.

use crate::model::{EventId, Severity};
use crate::tui::state::State;
use crate::tui::state::detail::StyledLine;

/// A line of a report.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    pub text: String,
    /// The theme role.
    pub role: &'static str,
    /// The line starts an anomaly, a cause, an action or a section: `J` and `K` stop here.
    pub is_heading: bool,
    /// The event that Enter opens.
    pub event: Option<EventId>,
    /// Index of the anomaly or action that the line belongs to.
    pub item: Option<usize>,
    /// What `x` mutes: a key of `Effect::Mute`.
    pub mute: Option<String>,
    /// A line of a drawing, instead of text. It is not wrapped or cut; it scrolls sideways.
    pub strip: StyledLine,
}

/// A line that only has a text and a role.
pub fn row(text: impl Into<String>, role: &'static str) -> Row {
    Row {
        text: text.into(),
        role,
        ..Row::default()
    }
}

/// A line that only has a text and a role, and starts a section or an item.
pub fn heading(text: impl Into<String>, role: &'static str) -> Row {
    Row {
        is_heading: true,
        ..row(text, role)
    }
}

/// The theme role and the letter of a severity. The letter is for screens without colors.
pub fn severity(s: Severity) -> (&'static str, char) {
    match s {
        Severity::Critical => ("fatal", 'C'),
        Severity::High => ("error", 'H'),
        Severity::Medium => ("warn", 'M'),
        _ => ("dim", '·'),
    }
}

/// Adds a heading after an empty line.
pub fn section(out: &mut Vec<Row>, text: &str) {
    out.extend([row("", "dim"), heading(text, "title")]);
}

/// A source name without the folders up to `/pods/`.
pub fn short(source: &str) -> &str {
    source.rsplit_once("/pods/").map_or(source, |(_, t)| t)
}

/// Shown while there are no results yet.
pub fn waiting(state: &State) -> Vec<Row> {
    let text = if state.snapshot.progress.finished {
        "Analyzing…"
    } else {
        "Still reading. The analysis starts when all logs are read."
    };
    vec![row(text, "dim")]
}
