//! State of the guided triage, and the bookmarks. Plain data; saved in the journal.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A bookmark with its note (empty: none). Stored by source and line, so that it survives a rebuilt
/// index.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    pub note: String,
}

/// Source name and line number of a bookmarked event.
pub type MarkKey = (String, u64);

/// The user's judgment of a hypothesis.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stance {
    #[default]
    Open,
    Confirmed,
    Rejected,
}

impl Stance {
    pub fn name(self) -> &'static str {
        match self {
            Stance::Open => "open",
            Stance::Confirmed => "confirmed",
            Stance::Rejected => "rejected",
        }
    }
}

/// State of the guided triage, saved in the journal.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Guide {
    /// The last cursor line.
    pub cursor: usize,
    /// Judgments of hypotheses, by service.
    pub stances: BTreeMap<String, Stance>,
    /// Notes on hypotheses, by service.
    pub notes: BTreeMap<String, String>,
    /// Applied actions and their outcomes, oldest first.
    pub applied: Vec<String>,
    /// Path of the last report written.
    pub written: Option<String>,
}
