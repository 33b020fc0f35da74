//! `faultline PATH`: the terminal UI, or off a terminal the `triage` text.

use super::OK;
use super::run;
use crate::config::args::Global;
use std::io::IsTerminal;
use std::path::PathBuf;

pub fn run(global: &Global, paths: &[PathBuf]) -> Result<u8, String> {
    if std::io::stdout().is_terminal() {
        let (options, settings) = run::options(global, paths)?;
        return crate::tui::run(options, settings, global.theme.as_deref()).map(|()| OK);
    }
    if paths.is_empty() {
        return Err("no PATH given; `faultline --help` tells more".into());
    }
    super::triage::run(global, paths)
}
