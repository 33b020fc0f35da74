//! The files of the private copies of kubeconfigs. They hold keys, so they are in a folder of the
//! user's own and are removed when faultline ends. Knows nothing about their content.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Start of the name of the folder; the id of the process follows.
const PREFIX: &str = "faultline-kube-";

/// The folder of this process, once there is one.
static FOLDER: Mutex<Option<PathBuf>> = Mutex::new(None);

/// Writes a new file.
pub fn create(text: &[u8]) -> io::Result<tempfile::TempPath> {
    let mut file = tempfile::Builder::new()
        .prefix("config-")
        .tempfile_in(folder()?)?;
    file.write_all(text)?;
    Ok(file.into_temp_path())
}

/// Replaces the content of a file, completely or not at all.
pub fn replace(file: &Path, text: &[u8]) -> io::Result<()> {
    let mut new = tempfile::NamedTempFile::new_in(folder()?)?;
    new.write_all(text)?;
    new.persist(file).map(|_| ()).map_err(|e| e.error)
}

/// Removes all files of this process. Called when the program ends, because threads that still run
/// can hold a copy.
pub fn remove_all() {
    let folder = FOLDER.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(folder) = folder {
        std::fs::remove_dir_all(folder).ok();
    }
}

/// The folder of this process. The runtime folder of the user is in memory and is emptied at logout,
/// even if faultline is killed.
fn folder() -> io::Result<PathBuf> {
    let mut known = FOLDER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(folder) = &*known {
        return Ok(folder.clone());
    }
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let parent = runtime
        .filter(|f| f.is_dir())
        .unwrap_or_else(std::env::temp_dir);
    remove_abandoned(&parent);
    let unique = tempfile::Builder::new()
        .prefix(&format!("{PREFIX}{}-", std::process::id()))
        .tempdir_in(&parent)?;
    let folder = unique.keep();
    *known = Some(folder.clone());
    Ok(folder)
}

/// Removes the folders of processes that were killed.
fn remove_abandoned(parent: &Path) {
    for entry in std::fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split('-').next()?.parse().ok());
        let pid = pid.and_then(rustix::process::Pid::from_raw);
        if pid
            .is_some_and(|p| rustix::process::test_kill_process(p) == Err(rustix::io::Errno::SRCH))
        {
            // The folder of another user cannot be removed.
            std::fs::remove_dir_all(entry.path()).ok();
        }
    }
}
