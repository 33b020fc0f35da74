//! The directories that faultline uses, by the conventions of the platform.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Directories of the current user. They may not exist yet.
#[derive(Clone, Debug)]
pub struct Paths {
    pub config: PathBuf,
    pub cache: PathBuf,
    pub data: PathBuf,
}

impl Paths {
    /// Returns `None` if the user has no home directory.
    pub fn find() -> Option<Paths> {
        let dirs = directories::ProjectDirs::from("", "", "faultline")?;
        Some(Paths {
            config: dirs.config_dir().into(),
            cache: dirs.cache_dir().into(),
            data: dirs.data_dir().into(),
        })
    }
}

/// Creates a directory, and those above it that are missing, so that only the user can enter them.
/// An existing directory keeps its permissions.
pub fn private_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

impl Paths {
    /// Closes the directories of faultline to others: earlier versions did not. Directories that
    /// do not exist yet are made private when they are created.
    pub fn close_to_others(&self) {
        for path in [&self.cache, &self.data] {
            let mode = std::fs::metadata(path).map(|m| m.permissions().mode());
            if mode.is_ok_and(|m| m & 0o077 != 0) {
                std::fs::set_permissions(path, PermissionsExt::from_mode(0o700)).ok();
            }
        }
    }
}

/// Opens a regular file for reading. A FIFO, a socket or a device is refused without waiting for it.
pub fn open_file(path: &Path) -> io::Result<File> {
    let file = File::options()
        .read(true)
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32)
        .open(path)?;
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::other(
        "not a regular file (FIFO, socket or device); pipe it to '-' (standard input)",
    ))
}
