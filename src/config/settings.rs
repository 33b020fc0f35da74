//! The settings file (TOML) in the config folder. Every key is optional; an unknown one is an error that names it.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub theme: Option<String>,
    pub tz: Option<String>,
    pub mouse: Option<bool>,
    pub cache: Cache,
    /// Command name -> keys that replace its default ones.
    pub keys: BTreeMap<String, Vec<String>>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cache {
    /// All corpora together; the longest unused go first.
    pub max_bytes: u64,
}

impl Default for Cache {
    fn default() -> Cache {
        Cache { max_bytes: 8 << 30 }
    }
}

/// Reads the settings; a missing file is the default unless the user named it.
pub fn load(path: &Path, named: bool) -> Result<Settings, String> {
    match std::fs::read_to_string(path) {
        Ok(text) => toml::from_str(&text).map_err(|e| format!("{}: {}", path.display(), e.message())),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && !named => Ok(Settings::default()),
        Err(e) => Err(format!("{}: {e}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_settings_are_named() {
        let e = toml::from_str::<Settings>("thme = 'dark'").unwrap_err();
        assert!(e.message().contains("thme"));
        assert_eq!(toml::from_str::<Settings>("[cache]\nmax_bytes = 5").unwrap().cache.max_bytes, 5);
    }
}
