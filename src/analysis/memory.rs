//! What the user taught: verdicts on templates, resolved incidents, muted findings. Kept in the data folder. Judges nothing.

use crate::corpus::data_file;
use crate::diagnose::{Incident, Library, Verdict};
use crate::remediate::Priors;
use serde::{Deserialize, Serialize};
use std::path::Path;

const FILE: &str = "memory.json";

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    pub verdicts: Vec<Verdict>,
    /// The user's own incidents, without the built-in ones.
    pub incidents: Library,
    /// Keys of windows, kinds of reasons and templates that are not shown.
    pub muted: Vec<String>,
    /// Numbers of windows that the user called false alarms, and real anomalies.
    pub false_alarms: u64,
    pub confirmed: u64,
    /// Outcomes of actions, by fault class and verb.
    pub priors: Priors,
}

impl Memory {
    pub fn load(data: &Path) -> Result<Memory, data_file::Error> {
        data_file::read(&data.join(FILE)).map(Option::unwrap_or_default)
    }

    pub fn save(&self, data: &Path) -> Result<(), data_file::Error> {
        data_file::write(&data.join(FILE), self)
    }

    /// Adds an incident under the next free number.
    pub fn add(&mut self, mut incident: Incident) -> String {
        let used = |n: usize| {
            self.incidents
                .incidents
                .iter()
                .any(|i| i.id == format!("INC-{n}"))
        };
        let n = (1..).find(|n| !used(*n)).unwrap_or(1);
        incident.id = format!("INC-{n}");
        let id = incident.id.clone();
        self.incidents.incidents.push(incident);
        id
    }
}
