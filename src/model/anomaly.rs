//! Anomalies: windows that are not normal with their reasons, and sessions. Plain data; knows no arithmetic.

use super::{Moment, TemplateKey};
use serde::{Deserialize, Serialize};

#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    None,
    #[default]
    Low,
    Medium,
    High,
    Critical,
}

impl Severity {
    pub fn name(self) -> &'static str {
        match self {
            Severity::None => "none",
            Severity::Low => "low",
            Severity::Medium => "medium",
            Severity::High => "high",
            Severity::Critical => "critical",
        }
    }
}

#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum ReasonKind {
    #[default]
    RateSpike,
    RateDrop,
    NewTemplate,
    Silence,
    LevelShift,
    ValueShift,
    Sequence,
    CrossService,
    Flapping,
    Recovered,
}

impl ReasonKind {
    pub fn name(self) -> &'static str {
        match self {
            ReasonKind::RateSpike => "rate-spike",
            ReasonKind::RateDrop => "rate-drop",
            ReasonKind::NewTemplate => "new-template",
            ReasonKind::Silence => "silence",
            ReasonKind::LevelShift => "level-shift",
            ReasonKind::ValueShift => "value-shift",
            ReasonKind::Sequence => "sequence",
            ReasonKind::CrossService => "cross-service",
            ReasonKind::Flapping => "flapping",
            ReasonKind::Recovered => "recovered",
        }
    }
}

/// A line in its source: 1-based.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    pub source: String,
    pub line: u64,
}

/// Why a window is not normal.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    pub kind: ReasonKind,
    pub service: String,
    pub template_id: Option<TemplateKey>,
    /// 0..1.
    pub score: f64,
    /// One sentence with the numbers.
    pub text: String,
    pub lines: Vec<Place>,
    /// Ordinals of the events at those lines.
    #[serde(skip)]
    pub events: Vec<u32>,
    /// When it began.
    #[serde(skip)]
    pub since: Moment,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Window {
    /// The same for the same start and services.
    pub id: u64,
    pub start: Moment,
    pub end: Moment,
    /// 0..1.
    pub score: f64,
    pub severity: Severity,
    pub tags: Vec<String>,
    pub services: Vec<String>,
    /// The strongest first.
    pub reasons: Vec<Reason>,
}

/// What was found in a corpus, and what was looked at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Findings {
    pub events: u64,
    pub baseline: Option<(Moment, Moment)>,
    /// By severity and score, the worst first.
    pub windows: Vec<Window>,
    /// Sentences on what was done: bins, sampling, what could not be judged.
    pub notes: Vec<String>,
    pub elapsed_ms: u64,
}

/// Lines that share an identifier, or a fixed run of lines, judged as one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SessionVerdict {
    pub id: String,
    /// 0..1.
    pub score: f64,
    pub anomalous: bool,
    pub reasons: Vec<String>,
}
