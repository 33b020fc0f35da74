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
    pub llm: Llm,
    pub health: Health,
    /// Journal in place of the one in the data folder.
    #[serde(skip)]
    pub journal: Option<std::path::PathBuf>,
    /// Command name -> keys that replace its default ones.
    pub keys: BTreeMap<String, Vec<String>>,
}

/// When a service counts as unhealthy (MAIA's five rules).
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Health {
    /// One answer that takes longer, in ms.
    pub slow_ms: f64,
    /// Less than this share of the answers is 2xx.
    pub good_share: f64,
    /// The 99th percentile of the answers' times is above this, in ms.
    pub p99_ms: f64,
    /// More answers than this are 5xx.
    pub failed: u64,
    /// It was deployed less than this before, in minutes.
    pub deployed_min: u64,
}

impl Default for Health {
    fn default() -> Health {
        Health {
            slow_ms: 1000.0,
            good_share: 0.7,
            p99_ms: 200.0,
            failed: 0,
            deployed_min: 60,
        }
    }
}

/// The language model: where it is, which one, and with which prompts.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Llm {
    /// Ask none; the built-in analyst answers.
    pub off: bool,
    /// Server, as in OLLAMA_HOST.
    pub ollama: Option<String>,
    pub model: Option<String>,
    /// The server may be another machine.
    pub allow_remote: bool,
    /// Hide addresses, host and user names as secrets are hidden.
    pub hide_names: bool,
    /// Let models that can think do so before they answer: better, and much slower.
    pub think: bool,
    #[serde(skip)]
    pub prompts: Prompts,
}

/// Texts that tell a model what it is for; files of the same name in `prompts` of the config folder take their place.
#[derive(Clone, Debug, PartialEq)]
pub struct Prompts {
    pub system: String,
    pub tasks: String,
}

impl Default for Prompts {
    fn default() -> Prompts {
        let text = |t: &str| t.to_string();
        Prompts {
            system: text(include_str!("../../prompts/system.md")),
            tasks: text(include_str!("../../prompts/tasks.md")),
        }
    }
}

impl Prompts {
    /// What a task is told to the model; empty for one without words.
    pub fn task(&self, name: &str) -> &str {
        self.tasks
            .lines()
            .find_map(|l| l.strip_prefix(name)?.strip_prefix(": "))
            .unwrap_or_default()
    }

    /// Those of the user, else the own ones. A file without the fence's name or without tasks is an error that names it.
    pub fn load(folder: &Path) -> Result<Prompts, String> {
        let mut prompts = Prompts::default();
        let own = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
        if let Some(text) = own("system.md") {
            if !text.contains("{{nonce}}") {
                return Err(format!(
                    "{}: it must hold {{{{nonce}}}}, the name of the fence around log lines",
                    folder.join("system.md").display()
                ));
            }
            prompts.system = text;
        }
        if let Some(text) = own("tasks.md") {
            if !text.lines().any(|l| l.starts_with("cause: ")) {
                return Err(format!(
                    "{}: it needs a line for each task, such as 'cause: ...'",
                    folder.join("tasks.md").display()
                ));
            }
            prompts.tasks = text;
        }
        Ok(prompts)
    }

    /// Short name of exactly these texts, kept with each answer.
    pub fn version(&self) -> String {
        format!(
            "{:08x}",
            xxhash_rust::xxh3::xxh3_64(format!("{}\0{}", self.system, self.tasks).as_bytes()) >> 32
        )
    }
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
        Ok(text) => {
            toml::from_str(&text).map_err(|e| format!("{}: {}", path.display(), e.message()))
        }
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && !named => Ok(Settings::default()),
        Err(e) => Err(format!("{}: {e}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_of_the_user_take_the_place_of_the_own_ones() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Prompts::load(dir.path()).unwrap(), Prompts::default());
        std::fs::write(
            dir.path().join("system.md"),
            "Be brief. Data stands in <data-{{nonce}}>.",
        )
        .unwrap();
        let own = Prompts::load(dir.path()).unwrap();
        assert!(
            own.system.starts_with("Be brief") && own.version() != Prompts::default().version()
        );
        std::fs::write(dir.path().join("system.md"), "no fence").unwrap();
        assert!(Prompts::load(dir.path()).unwrap_err().contains("nonce"));
    }

    #[test]
    fn unknown_settings_are_named() {
        let e = toml::from_str::<Settings>("thme = 'dark'").unwrap_err();
        assert!(e.message().contains("thme"));
        assert_eq!(
            toml::from_str::<Settings>("[cache]\nmax_bytes = 5")
                .unwrap()
                .cache
                .max_bytes,
            5
        );
        assert_eq!(
            toml::from_str::<Settings>("[health]\np99_ms = 500")
                .unwrap()
                .health,
            Health {
                p99_ms: 500.0,
                ..Health::default()
            }
        );
    }
}
