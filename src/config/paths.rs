//! The directories that faultline uses, by the conventions of the platform. Creates no directory.

use std::path::PathBuf;

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
