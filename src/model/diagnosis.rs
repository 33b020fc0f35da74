//! What failed first and how it spread: ranked causes, chain, services with their health, edges. Plain data.

use super::{Moment, Place, Severity, TemplateKey};
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evidence {
    pub place: Place,
    pub text: String,
    pub event: u32,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct RootCause {
    pub service: String,
    /// 0..1.
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
    pub first: Moment,
    /// Why it follows the link before.
    pub why: String,
    pub event: Option<u32>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct ServiceHealth {
    pub name: String,
    /// Chance that it is at fault by itself.
    pub p_down: f64,
    /// 1 is healthy.
    pub health: f64,
    pub penalties: BTreeMap<String, f64>,
}

impl ServiceHealth {
    /// 0-15% green, 16-45% yellow, 46% and up red.
    pub fn band(&self) -> &'static str {
        match (self.p_down * 100.0).round() as u32 {
            0..16 => "green",
            16..46 => "yellow",
            _ => "red",
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Edge {
    pub from: String,
    pub to: String,
    pub calls: u64,
    /// `traces`, `access-log` or `mention`.
    pub source: &'static str,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Similar {
    pub incident: String,
    pub title: String,
    pub fix: String,
    pub score: f64,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Diagnosis {
    pub start: Moment,
    pub end: Moment,
    pub severity: Severity,
    pub category: String,
    /// One sentence.
    pub verdict: String,
    pub causes: Vec<RootCause>,
    pub chain: Vec<Link>,
    pub services: Vec<ServiceHealth>,
    pub edges: Vec<Edge>,
    pub similar: Vec<Similar>,
    /// What was assumed, left out, approximated.
    pub notes: Vec<String>,
    pub elapsed_ms: u64,
    /// From the start of the open to the end of the diagnosis.
    pub since_open_ms: u64,
}

impl Diagnosis {
    /// Something failed, as far as can be told.
    pub fn is_found(&self) -> bool {
        self.severity >= Severity::Medium || self.causes.first().is_some_and(|c| c.score >= 0.3)
    }
}
