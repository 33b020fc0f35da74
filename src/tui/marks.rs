//! Bookmarks, notes and conversations on disk, one file each a corpus, in the data folder.

use super::state::{Mark, MarkKey, Turn};
use crate::engine::cache::whole;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Files of the marks and of the conversations of a corpus that was opened by these paths.
pub fn files(data: &Path, paths: &[PathBuf]) -> (PathBuf, PathBuf) {
    let mut paths: Vec<PathBuf> = paths.iter().map(|p| whole(p)).collect();
    paths.sort();
    let hash = xxhash_rust::xxh3::xxh3_64(format!("{paths:?}").as_bytes());
    let name = format!("{hash:016x}.json");
    (data.join("marks").join(&name), data.join("chats").join(&name))
}

pub fn load(file: &Path) -> BTreeMap<MarkKey, Mark> {
    let text = std::fs::read(file).unwrap_or_default();
    let rows: Vec<(String, u64, Mark)> = serde_json::from_slice(&text).unwrap_or_default();
    rows.into_iter().map(|(source, line, mark)| ((source, line), mark)).collect()
}

pub fn save(file: &Path, marks: &BTreeMap<MarkKey, Mark>) -> std::io::Result<()> {
    let rows: Vec<(&String, &u64, &Mark)> = marks.iter().map(|((s, l), m)| (s, l, m)).collect();
    write(file, &serde_json::to_vec(&rows)?)
}

/// What is kept of the conversations about a corpus.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Chats {
    /// The one under way last.
    pub conversations: Vec<Vec<Turn>>,
    /// A server on another machine may be asked about it.
    pub remote: bool,
}

pub fn load_chats(file: &Path) -> Chats {
    serde_json::from_slice(&std::fs::read(file).unwrap_or_default()).unwrap_or_default()
}

pub fn save_chats(file: &Path, chats: &Chats) -> std::io::Result<()> {
    write(file, &serde_json::to_vec(chats)?)
}

/// Whole or not at all.
fn write(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let new = file.with_extension("new");
    std::fs::write(&new, bytes)?;
    std::fs::rename(new, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_survive_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let (file, chats) = files(dir.path(), &[PathBuf::from("a.log")]);
        let turn = Turn { question: "why?".into(), answer: "because [L1]".into(), ..Turn::default() };
        let kept = Chats { conversations: vec![vec![turn.clone()], vec![turn]], remote: true };
        save_chats(&chats, &kept).unwrap();
        assert_eq!(load_chats(&chats), kept);
        let marks = BTreeMap::from([(("a.log".to_string(), 7), Mark { note: "here".into() })]);
        save(&file, &marks).unwrap();
        assert_eq!(load(&file), marks);
    }
}
