//! Anomalies: time windows with unusual events and their reasons, and scored sessions.
//! Plain data: computes nothing.

use super::{EventId, Moment, TemplateKey};
use serde::{Deserialize, Serialize};

/// Severity of an anomaly or of a diagnosis, lowest first.
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
    /// Lowercase name, as serde writes it.
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

/// What makes a window anomalous.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum ReasonKind {
    #[default]
    RateSpike,
    RateDrop,
    NewTemplate,
    /// A message that reports a problem by its words or its level.
    Incident,
    Silence,
    LevelShift,
    ValueShift,
    Sequence,
    CrossService,
    Flapping,
    Recovered,
}

impl ReasonKind {
    /// Kebab-case name, as serde writes it.
    pub fn name(self) -> &'static str {
        match self {
            ReasonKind::RateSpike => "rate-spike",
            ReasonKind::RateDrop => "rate-drop",
            ReasonKind::NewTemplate => "new-template",
            ReasonKind::Incident => "incident",
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

/// A source and a 1-based line number in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Place {
    pub source: String,
    pub line: u64,
}

/// One reason why a window is anomalous.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    pub kind: ReasonKind,
    pub service: String,
    pub template_id: Option<TemplateKey>,
    /// Strength of the reason, 0..1.
    pub score: f64,
    /// One sentence that gives the numbers.
    pub text: String,
    /// Lines of evidence.
    pub lines: Vec<Place>,
    /// Ids of the events at these lines.
    #[serde(skip)]
    pub events: Vec<EventId>,
    /// Time of the first event in the evidence.
    #[serde(skip)]
    pub since: Moment,
}

/// An anomaly: a time range with the reasons why it is unusual.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Window {
    /// Hash of the start and the services. The same anomaly has the same id in every run.
    pub id: u64,
    /// The most telling reasons in a few words, after the service.
    pub title: String,
    pub start: Moment,
    pub end: Moment,
    /// Strength of the anomaly, 0..1.
    pub score: f64,
    pub severity: Severity,
    pub tags: Vec<String>,
    pub services: Vec<String>,
    /// Strongest first.
    pub reasons: Vec<Reason>,
}

/// The anomalies of a corpus, and what they were computed from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Findings {
    /// Number of events inspected.
    pub events: u64,
    /// Time range that counts as normal.
    pub baseline: Option<(Moment, Moment)>,
    /// Ordered by severity and score, worst first.
    pub windows: Vec<Window>,
    /// Sentences about the analysis: bin width, sampling, what could not be analyzed.
    pub notes: Vec<String>,
    pub elapsed_ms: u64,
}

/// Whether a session is anomalous. A session is a group of lines that share an identifier, or a
/// fixed number of consecutive lines.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SessionVerdict {
    pub id: String,
    /// Anomaly score, 0..1.
    pub score: f64,
    pub anomalous: bool,
    pub reasons: Vec<String>,
}
