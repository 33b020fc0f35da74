//! The user's feedback: verdicts on templates, resolved incidents and muted findings. It is stored
//! in the data folder. Draws no conclusions.

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
    /// Incidents that the user added. The built-in incidents are not included.
    pub incidents: Library,
    /// Muted items: keys of windows, kinds of reasons, and templates.
    pub muted: Vec<String>,
    /// Number of windows that the user marked as false alarms, and as real anomalies.
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

    /// Adds an incident with the next free number. Returns its id.
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
