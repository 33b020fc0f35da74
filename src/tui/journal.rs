//! What the user made of a corpus: bookmarks, notes, conversations, the state of the guided triage. One file each a corpus in
//! the data folder, or one that the user named, to be handed to a colleague.

use super::state::{Guide, Mark, MarkKey, Turn};
use crate::engine::cache::whole;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Journal {
    /// Source name, line, note.
    pub marks: Vec<(String, u64, Mark)>,
    /// The one under way last.
    pub conversations: Vec<Vec<Turn>>,
    /// A server on another machine may be asked about this corpus.
    pub remote: bool,
    pub guide: Guide,
}

impl Journal {
    pub fn marks(&self) -> BTreeMap<MarkKey, Mark> {
        self.marks
            .iter()
            .map(|(source, line, mark)| ((source.clone(), *line), mark.clone()))
            .collect()
    }
}

/// The file of a corpus that was opened by these paths.
pub fn file(data: &Path, paths: &[PathBuf]) -> PathBuf {
    let mut paths: Vec<PathBuf> = paths.iter().map(|p| whole(p)).collect();
    paths.sort();
    let hash = xxhash_rust::xxh3::xxh3_64(format!("{paths:?}").as_bytes());
    data.join("journals").join(format!("{hash:016x}.json"))
}

/// A file that is not there yet is an empty journal; one that cannot be read is an error that names it.
pub fn load(file: &Path) -> Result<Journal, String> {
    match std::fs::read(file) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(Journal::default()),
        Err(e) => Err(format!("{}: {e}", file.display())),
        Ok(text) => serde_json::from_slice(&text)
            .map_err(|e| format!("{} is no journal of faultline: {e}", file.display())),
    }
}

/// Whole or not at all.
pub fn save(file: &Path, journal: &Journal) -> std::io::Result<()> {
    if let Some(folder) = file.parent().filter(|f| !f.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder)?;
    }
    let new = file.with_extension("new");
    std::fs::write(&new, serde_json::to_vec(journal)?)?;
    std::fs::rename(new, file)
}

#[cfg(test)]
mod tests {
    use super::super::state::Stance;
    use super::*;

    #[test]
    fn a_journal_survives_a_restart_and_a_broken_one_is_told_of() {
        let dir = tempfile::tempdir().unwrap();
        let path = file(dir.path(), &[PathBuf::from("a.log")]);
        assert_eq!(load(&path).unwrap(), Journal::default());
        let turn = Turn {
            question: "why?".into(),
            answer: "because [L1]".into(),
            ..Turn::default()
        };
        let mut guide = Guide::default();
        guide.stances.insert("payment".into(), Stance::Confirmed);
        let journal = Journal {
            marks: vec![(
                "a.log".into(),
                7,
                Mark {
                    note: "here".into(),
                },
            )],
            conversations: vec![vec![turn]],
            remote: true,
            guide,
        };
        save(&path, &journal).unwrap();
        assert_eq!(load(&path).unwrap(), journal);
        assert_eq!(journal.marks().len(), 1);
        std::fs::write(&path, "{").unwrap();
        assert!(load(&path).unwrap_err().contains("is no journal"));
    }
}
