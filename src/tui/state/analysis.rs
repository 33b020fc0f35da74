//! Results of the analysis, and the user's feedback on them. Plain data.

use crate::model::{Diagnosis, Findings, Moment, TemplateKey};
use std::sync::Arc;

/// The user's feedback on anomalies.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Feedback {
    /// Keys of muted anomalies, reason kinds and templates.
    pub muted: Vec<String>,
    /// Number of anomalies marked as correct alarms.
    pub confirmed: u64,
    /// Number of anomalies marked as false alarms.
    pub false_alarms: u64,
}

/// The results that the anomalies pane, the diagnosis pane and the guide show.
#[derive(Clone, Debug, Default)]
pub struct AnalysisResults {
    pub findings: Option<Arc<Findings>>,
    pub diagnosis: Option<Arc<Diagnosis>>,
    pub is_running: bool,
    /// Number of events when the last analysis started.
    pub events: u64,
    /// Templates that are reasons of an anomaly: id, start and end of the anomaly.
    pub anomalous_templates: Vec<(TemplateKey, Moment, Moment)>,
    pub feedback: Feedback,
}
