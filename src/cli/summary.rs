//! `faultline PATH`: opens the terminal UI. If stdout is not a terminal, prints the triage report
//! instead.

use super::error::Error;
use super::exit_code::OK;
use super::run;
use crate::config::args::Global;
use std::io::IsTerminal;
use std::path::PathBuf;

pub fn run(global: &Global, paths: &[PathBuf]) -> Result<u8, Error> {
    if std::io::stdout().is_terminal() {
        let (options, settings) = run::options(global, paths)?;
        return Ok(crate::tui::run(options, settings, global.theme.as_deref()).map(|()| OK)?);
    }
    if paths.is_empty() {
        return Err("no PATH given; see 'faultline --help'".into());
    }
    super::triage::run(global, paths)
}
