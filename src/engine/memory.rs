//! What the user taught: verdicts on templates, resolved incidents, muted findings. Kept in the data folder.

use super::corpus::{Corpus, lock};
use crate::diagnose::{Incident, Library, Verdict};
use crate::remediate::Priors;
use serde::{Deserialize, Serialize};
use std::path::Path;

const FILE: &str = "memory.json";

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    pub verdicts: Vec<Verdict>,
    /// The user's own incidents; those that come along are not in here.
    pub incidents: Library,
    /// Kinds of findings and texts of templates that are not shown.
    pub muted: Vec<String>,
    /// Windows that the user called false alarms, and right ones.
    pub false_alarms: u64,
    pub confirmed: u64,
    /// What came of actions, by fault class and verb.
    pub priors: Priors,
}

impl Memory {
    pub fn load(data: &Path) -> Result<Memory, String> {
        let file = data.join(FILE);
        match std::fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|e| format!("{}: {e}; what was learnt is not used", file.display())),
            Err(_) => Ok(Memory::default()),
        }
    }

    pub fn save(&self, data: &Path) -> Result<(), String> {
        let file = data.join(FILE);
        let new = file.with_extension("new");
        let write = || {
            std::fs::create_dir_all(data)?;
            std::fs::write(&new, serde_json::to_vec_pretty(self)?)?;
            std::fs::rename(&new, &file)
        };
        write().map_err(|e: std::io::Error| {
            format!("{}: {e}; this holds for this session alone", file.display())
        })
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

impl Corpus {
    pub fn memory(&self) -> Memory {
        lock(&self.memory).clone()
    }

    /// Changes what is remembered, and keeps it.
    pub fn remember(&self, change: impl FnOnce(&mut Memory)) -> Result<(), String> {
        let mut memory = lock(&self.memory);
        change(&mut memory);
        *lock(&self.diagnosed) = None;
        self.options
            .data
            .as_deref()
            .map_or(Ok(()), |d| memory.save(d))
    }
}
