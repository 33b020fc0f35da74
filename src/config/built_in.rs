//! Data files that are compiled into the program. Knows nothing about what they mean.

use serde::de::DeserializeOwned;

/// Parses a TOML file that is compiled in.
///
/// # Panics
/// If the text does not parse. Each caller has a test that parses its file, so this does not happen in a build that passed
/// its tests; an empty table in place of the data would be worse.
pub fn toml<T: DeserializeOwned>(name: &str, text: &str) -> T {
    ::toml::from_str(text)
        .unwrap_or_else(|e| panic!("{name}, which is compiled in, is invalid: {e}"))
}
