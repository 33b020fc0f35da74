//! The settings file (TOML) and the prompt files in the config directory. Every key is optional; an
//! unknown key is an error that names it. Does not apply the settings.

use super::error::Error;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;

/// The contents of the settings file.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    pub theme: Option<String>,
    /// Time zone of timestamps that have none.
    pub tz: Option<String>,
    pub mouse: Option<bool>,
    pub cache: Cache,
    pub llm: Llm,
    pub health: Health,
    pub apply: Apply,
    /// Journal file to use instead of the one in the data directory. Set by `--journal`.
    #[serde(skip)]
    pub journal: Option<std::path::PathBuf>,
    /// Command name -> keys that replace its default keys.
    pub keys: BTreeMap<String, Vec<String>>,
}

/// Thresholds of the five rules for an unhealthy service (from MAIA).
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Health {
    /// Violated if one response takes longer than this, in ms.
    pub slow_ms: f64,
    /// Violated if the share of 2xx responses is below this, 0..1.
    pub good_share: f64,
    /// Violated if the 99th percentile of the response times is above this, in ms.
    pub p99_ms: f64,
    /// Violated if more responses than this are 5xx.
    pub failed: u64,
    /// Violated if the service was deployed less than this before the failure, in minutes.
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

/// Settings of actions on a cluster.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Apply {
    /// Namespaces in which every change is of high risk; `*` matches any text.
    pub protected_namespaces: Vec<String>,
}

impl Default for Apply {
    fn default() -> Apply {
        let patterns = ["kube-system", "kube-public", "*prod*", "*system*"];
        Apply {
            protected_namespaces: patterns.map(String::from).to_vec(),
        }
    }
}

impl Apply {
    /// Whether a namespace is protected.
    pub fn protects(&self, namespace: &str) -> bool {
        let matches = |pattern: &String| {
            globset::Glob::new(pattern).map_or(pattern == namespace, |glob| {
                glob.compile_matcher().is_match(namespace)
            })
        };
        self.protected_namespaces.iter().any(matches)
    }
}

/// Settings of the language model.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Llm {
    /// Use no model; the built-in analyst answers.
    pub off: bool,
    /// Address of the Ollama server, in the format of OLLAMA_HOST.
    pub ollama: Option<String>,
    pub model: Option<String>,
    /// Allow a server on another machine.
    pub allow_remote: bool,
    /// Redact addresses, host names and user names, in addition to secrets.
    pub hide_names: bool,
    /// Enable thinking in models that support it: better answers, but much slower.
    pub think: bool,
    #[serde(skip)]
    pub prompts: Prompts,
}

/// Prompts for the model. The files `system.md` and `tasks.md` in the directory `prompts` of the
/// config directory replace them.
#[derive(Clone, Debug, PartialEq)]
pub struct Prompts {
    pub system: String,
    /// One line per task: `name: prompt`.
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
    /// Prompt of a task. Empty if the task has none.
    pub fn task(&self, name: &str) -> &str {
        self.tasks
            .lines()
            .find_map(|l| l.strip_prefix(name)?.strip_prefix(": "))
            .unwrap_or_default()
    }

    /// Loads the user's prompts, with the built-in ones as default. Returns an error that names the
    /// file if it lacks the `{{nonce}}` placeholder or the tasks.
    pub fn load(folder: &Path) -> Result<Prompts, Error> {
        let mut prompts = Prompts::default();
        let user_file = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
        if let Some(text) = user_file("system.md") {
            if !text.contains("{{nonce}}") {
                return Err(Error::PromptWithoutNonce(folder.join("system.md")));
            }
            prompts.system = text;
        }
        if let Some(text) = user_file("tasks.md") {
            if !text.lines().any(|l| l.starts_with("cause: ")) {
                return Err(Error::PromptsWithoutTasks(folder.join("tasks.md")));
            }
            prompts.tasks = text;
        }
        Ok(prompts)
    }

    /// Hash of the prompts (8 hexadecimal digits), stored with each answer.
    pub fn version(&self) -> String {
        format!(
            "{:08x}",
            xxhash_rust::xxh3::xxh3_64(format!("{}\0{}", self.system, self.tasks).as_bytes()) >> 32
        )
    }
}

/// Settings of the cache.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cache {
    /// Maximum size of all cached corpora together. The least recently used are removed first.
    pub max_bytes: u64,
}

impl Default for Cache {
    fn default() -> Cache {
        Cache { max_bytes: 8 << 30 }
    }
}

/// Reads the settings file. A missing file means the default settings, or an error if `required` is
/// true because the user named the file.
pub fn load(path: &Path, required: bool) -> Result<Settings, Error> {
    match std::fs::read_to_string(path) {
        Ok(text) => toml::from_str(&text).map_err(|e| Error::Settings {
            file: path.into(),
            source: Box::new(e),
        }),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && !required => Ok(Settings::default()),
        Err(source) => Err(Error::Io {
            file: path.into(),
            source,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_prompts_replace_the_built_in_ones() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Prompts::load(dir.path()).unwrap(), Prompts::default());
        std::fs::write(
            dir.path().join("system.md"),
            "Be brief. Data is in <data-{{nonce}}>.",
        )
        .unwrap();
        let prompts = Prompts::load(dir.path()).unwrap();
        assert!(
            prompts.system.starts_with("Be brief")
                && prompts.version() != Prompts::default().version()
        );
        std::fs::write(dir.path().join("system.md"), "no fence").unwrap();
        assert!(
            Prompts::load(dir.path())
                .unwrap_err()
                .to_string()
                .contains("nonce")
        );
    }

    #[test]
    fn unknown_settings_are_errors_and_missing_ones_have_defaults() {
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
