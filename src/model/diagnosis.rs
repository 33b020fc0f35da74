//! The diagnosis: ranked root causes, the fault chain, service health and the service map. Plain
//! data: computes nothing.

use super::{Category, EventId, Moment, Place, Severity, TemplateKey};

/// A log line that supports a root cause.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    pub place: Place,
    pub text: String,
    /// Id of the event in the corpus.
    pub event: EventId,
}

/// A service that may be the root cause.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RootCause {
    pub service: String,
    /// Confidence, 0..1.
    pub score: f64,
    pub summary: String,
    pub evidence: Vec<Evidence>,
}

/// A link of the fault chain.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Link {
    pub service: String,
    pub template_id: TemplateKey,
    pub template: String,
    /// Time of the first event.
    pub first: Moment,
    /// Why this link follows the previous one.
    pub why: String,
    /// Id of the first event in the corpus.
    pub event: Option<EventId>,
}

/// Health of one service.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServiceHealth {
    pub name: String,
    /// Probability, 0..1, that the service itself is at fault and is not only affected by another
    /// one.
    pub p_down: f64,
    /// 0..1, where 1 is healthy.
    pub health: f64,
    /// The violated health rules.
    pub penalties: Vec<Penalty>,
}

/// A rule for the health of a service. The rules come from MAIA's health score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthRule {
    SlowRequest,
    FewSuccesses,
    SlowTail,
    ServerErrors,
    RecentDeployment,
}

/// A violated health rule.
#[derive(Clone, Debug, PartialEq)]
pub struct Penalty {
    pub rule: HealthRule,
    /// The rule with its numbers, as text for the user.
    pub text: String,
    /// How much the rule subtracts from the health, 0..1.
    pub points: f64,
}

/// Color of a fault probability.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Band {
    /// 0-15%.
    Green,
    /// 16-45%.
    Yellow,
    /// 46% and up.
    Red,
}

impl Band {
    pub fn of(probability: f64) -> Band {
        match (probability * 100.0).round() as u32 {
            0..16 => Band::Green,
            16..46 => Band::Yellow,
            _ => Band::Red,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Band::Green => "green",
            Band::Yellow => "yellow",
            Band::Red => "red",
        }
    }
}

impl ServiceHealth {
    pub fn band(&self) -> Band {
        Band::of(self.p_down)
    }
}

/// Where an edge of the service map was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EdgeSource {
    Traces,
    AccessLog,
    #[default]
    Mention,
}

impl EdgeSource {
    pub fn name(self) -> &'static str {
        match self {
            EdgeSource::Traces => "traces",
            EdgeSource::AccessLog => "access-log",
            EdgeSource::Mention => "mention",
        }
    }
}

/// A call relation in the service map: `from` calls `to`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Edge {
    pub from: String,
    pub to: String,
    pub calls: u64,
    pub source: EdgeSource,
}

/// A known incident that resembles this one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Similar {
    pub incident: String,
    pub title: String,
    pub fix: String,
    pub score: f64,
}

/// What failed first and how the fault spread.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diagnosis {
    pub start: Moment,
    pub end: Moment,
    pub severity: Severity,
    pub category: Category,
    /// Summary in one sentence.
    pub verdict: String,
    /// Most likely first.
    pub causes: Vec<RootCause>,
    pub chain: Vec<Link>,
    pub services: Vec<ServiceHealth>,
    pub edges: Vec<Edge>,
    pub similar: Vec<Similar>,
    /// Assumptions, omissions and approximations.
    pub notes: Vec<String>,
    pub elapsed_ms: u64,
    /// Time from the start of opening the corpus to the end of the diagnosis.
    pub since_open_ms: u64,
}

impl Diagnosis {
    /// True if a failure was found.
    pub fn is_found(&self) -> bool {
        self.severity >= Severity::Medium || self.causes.first().is_some_and(|c| c.score >= 0.3)
    }
}
