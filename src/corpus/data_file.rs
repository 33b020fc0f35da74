//! Reads and writes small JSON files for user data. A file is replaced completely or not at all.
//! Does not know what the files contain.

use crate::config::paths::private_folder;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{file}: {source}", file = file.display())]
    Io { file: PathBuf, source: io::Error },
    #[error("{file} is not a file of faultline: {source}", file = file.display())]
    Json {
        file: PathBuf,
        source: serde_json::Error,
    },
}

/// Reads a file. `None` if the file does not exist.
pub fn read<T: DeserializeOwned>(file: &Path) -> Result<Option<T>, Error> {
    match std::fs::read(file) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(Error::Io {
            file: file.into(),
            source,
        }),
        Ok(bytes) => match serde_json::from_slice(&bytes) {
            Ok(value) => Ok(Some(value)),
            Err(source) => Err(Error::Json {
                file: file.into(),
                source,
            }),
        },
    }
}

/// Writes a file. Creates its folder if it is missing.
pub fn write(file: &Path, value: &impl Serialize) -> Result<(), Error> {
    let json = serde_json::to_vec_pretty(value).map_err(|source| Error::Json {
        file: file.into(),
        source,
    })?;
    let replace = || {
        if let Some(folder) = file.parent().filter(|f| !f.as_os_str().is_empty()) {
            private_folder(folder)?;
        }
        let new = file.with_extension("new");
        std::fs::write(&new, json)?;
        std::fs::rename(&new, file)
    };
    replace().map_err(|source| Error::Io {
        file: file.into(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_it_was_written_and_a_broken_one_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("deep/a.json");
        assert!(read::<Vec<u32>>(&file).unwrap().is_none());
        write(&file, &[1, 2]).unwrap();
        assert_eq!(read::<Vec<u32>>(&file).unwrap(), Some(vec![1, 2]));
        std::fs::write(&file, "{").unwrap();
        let error = read::<Vec<u32>>(&file).unwrap_err().to_string();
        assert!(
            error.contains("a.json is not a file of faultline"),
            "{error}"
        );
    }
}
