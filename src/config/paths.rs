//! The directories that faultline uses, by the conventions of the platform.

use std::fs::File;
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
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

/// Creates a directory that only the user can enter. An existing one is closed to others, because
/// it holds text of logs.
pub fn private_folder(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path)?;
    let permissions = std::fs::metadata(path)?.permissions();
    if permissions.mode() & 0o077 != 0 {
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o700))?;
    }
    Ok(())
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
