//! Bookmarks and notes on disk, one file a corpus, in the data folder.

use super::state::{Mark, MarkKey};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// File of the marks of a corpus that was opened by these paths.
pub fn file(data: &Path, paths: &[PathBuf]) -> PathBuf {
    let mut paths: Vec<PathBuf> = paths.iter().map(|p| std::path::absolute(p).unwrap_or_else(|_| p.clone())).collect();
    paths.sort();
    let hash = xxhash_rust::xxh3::xxh3_64(format!("{paths:?}").as_bytes());
    data.join("marks").join(format!("{hash:016x}.json"))
}

pub fn load(file: &Path) -> BTreeMap<MarkKey, Mark> {
    let text = std::fs::read(file).unwrap_or_default();
    let rows: Vec<(String, u64, Mark)> = serde_json::from_slice(&text).unwrap_or_default();
    rows.into_iter().map(|(source, line, mark)| ((source, line), mark)).collect()
}

pub fn save(file: &Path, marks: &BTreeMap<MarkKey, Mark>) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let rows: Vec<(&String, &u64, &Mark)> = marks.iter().map(|((s, l), m)| (s, l, m)).collect();
    let new = file.with_extension("new");
    std::fs::write(&new, serde_json::to_vec(&rows)?)?;
    std::fs::rename(new, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_survive_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let file = file(dir.path(), &[PathBuf::from("a.log")]);
        let marks = BTreeMap::from([(("a.log".to_string(), 7), Mark { note: "here".into() })]);
        save(&file, &marks).unwrap();
        assert_eq!(load(&file), marks);
    }
}
