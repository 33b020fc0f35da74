//! Reads and writes the journal: the user's bookmarks, notes, conversations and guided triage for a
//! set of logs. One JSON file per set in the data folder, or a file named by the user, which can be
//! shared with a colleague.

use crate::corpus::{data_file, whole};
use crate::text::redact::Redactor;
use crate::tui::state::State;
use crate::tui::state::chat::Turn;
use crate::tui::state::guide::{Guide, Mark, MarkKey};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The contents of a journal file.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Journal {
    /// Source name, line number and note of each bookmark.
    pub marks: Vec<(String, u64, Mark)>,
    /// Oldest first; the last one is the current conversation.
    pub conversations: Vec<Vec<Turn>>,
    /// The user allowed sending evidence from these logs to a server on another machine.
    pub remote: bool,
    pub guide: Guide,
}

impl Journal {
    /// What a state holds of the user's work.
    pub fn of(state: &State) -> Journal {
        let mark =
            |((source, line), mark): (&MarkKey, &Mark)| (source.clone(), *line, mark.clone());
        Journal {
            marks: state.marks.iter().map(mark).collect(),
            conversations: state
                .chat
                .earlier
                .iter()
                .chain([&state.chat.turns])
                .cloned()
                .collect(),
            remote: state.chat.llm.allow_remote,
            guide: state.guide.clone(),
        }
    }

    /// Puts the user's work into a state, except the consent.
    pub fn fill(mut self, state: &mut State) {
        let mark = |(source, line, mark): (String, u64, Mark)| ((source, line), mark);
        state.marks = self.marks.into_iter().map(mark).collect();
        state.chat.turns = self.conversations.pop().unwrap_or_default();
        state.chat.earlier = self.conversations;
        state.guide = self.guide;
    }
}

/// The journal file for logs that were opened with these paths.
pub fn file(data: &Path, paths: &[PathBuf]) -> PathBuf {
    let mut paths: Vec<PathBuf> = paths.iter().map(|p| whole(p)).collect();
    paths.sort();
    let hash = xxhash_rust::xxh3::xxh3_64(format!("{paths:?}").as_bytes());
    data.join("journals").join(format!("{hash:016x}.json"))
}

/// Loads a journal. A missing file is an empty journal.
pub fn load(file: &Path) -> Result<Journal, data_file::Error> {
    Ok(data_file::read(file)?.unwrap_or_default())
}

/// Saves a journal. Secrets in conversations and notes are redacted, because a journal can be shared.
/// `hide_names`: also addresses and names.
pub fn save(file: &Path, journal: &Journal, hide_names: bool) -> Result<(), data_file::Error> {
    let mut journal = journal.clone();
    let mut redactor = Redactor::new(hide_names);
    for turn in journal.conversations.iter_mut().flatten() {
        for text in [&mut turn.question, &mut turn.answer, &mut turn.thinking] {
            *text = redactor.redact(text);
        }
    }
    for (_, _, mark) in &mut journal.marks {
        mark.note = redactor.redact(&mark.note);
    }
    data_file::write(file, &journal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::state::guide::Stance;

    #[test]
    fn a_journal_is_restored_after_a_restart_and_a_broken_one_is_an_error() {
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
        save(&path, &journal, false).unwrap();
        assert_eq!(load(&path).unwrap(), journal);
        std::fs::write(&path, "{").unwrap();
        assert!(
            load(&path)
                .unwrap_err()
                .to_string()
                .contains("is not a file of faultline")
        );
    }
}
