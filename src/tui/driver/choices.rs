//! The logs that can be opened without a path: first the recent ones, then the bundled samples.

use crate::corpus::{self, Options};
use crate::tui::state::overlay::{Choice, Picker};
use std::path::PathBuf;

/// The picker of logs.
pub fn choices(options: &Options) -> Picker<Vec<PathBuf>> {
    let recent = options
        .cache
        .as_deref()
        .map(corpus::recent)
        .unwrap_or_default();
    let recent = recent.into_iter().map(|paths| Choice {
        label: paths.join(" "),
        hint: "recently opened".into(),
        value: paths.into_iter().map(PathBuf::from).collect(),
    });
    let samples = samples().into_iter().map(|path| Choice {
        label: path
            .file_name()
            .map_or_else(String::new, |n| n.to_string_lossy().into_owned()),
        hint: "bundled sample".into(),
        value: vec![path],
    });
    Picker::new("Open", recent.chain(samples).collect())
}

/// The bundled samples: in this folder, or in one above the program.
fn samples() -> Vec<PathBuf> {
    let program = std::env::current_exe().ok();
    let above = program
        .iter()
        .flat_map(|p| p.ancestors())
        .map(|a| a.join("sample-logs"));
    let folder = std::iter::once(PathBuf::from("sample-logs"))
        .chain(above)
        .find(|f| f.is_dir());
    let entries = folder
        .into_iter()
        .flat_map(std::fs::read_dir)
        .flatten()
        .flatten();
    let mut samples: Vec<PathBuf> = entries.map(|e| e.path()).collect();
    samples.retain(|p| p.extension().is_none_or(|e| e != "md"));
    samples.sort();
    samples
}
