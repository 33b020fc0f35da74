//! Where faultline keeps things, by the conventions of the platform. Makes no folder by itself.

use std::path::PathBuf;

#[derive(Clone, Debug)]
pub struct Paths {
    pub config: PathBuf,
    pub cache: PathBuf,
    pub data: PathBuf,
}

impl Paths {
    /// `None` where there is no home to keep anything in.
    pub fn find() -> Option<Paths> {
        let dirs = directories::ProjectDirs::from("", "", "faultline")?;
        Some(Paths {
            config: dirs.config_dir().into(),
            cache: dirs.cache_dir().into(),
            data: dirs.data_dir().into(),
        })
    }
}
