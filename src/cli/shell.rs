//! `faultline completions` and `faultline man`: generated from the clap definition of the command
//! line.

use super::error::Error;
use super::exit_code::OK;
use crate::config::args::Cli;
use clap::CommandFactory;
use std::io::Write;

pub fn completions(shell: clap_complete::Shell) -> Result<u8, Error> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "faultline", &mut text);
    print(&text)
}

pub fn man() -> Result<u8, Error> {
    let mut text = Vec::new();
    clap_mangen::Man::new(Cli::command())
        .render(&mut text)
        .map_err(|e| e.to_string())?;
    print(&text)
}

fn print(text: &[u8]) -> Result<u8, Error> {
    std::io::stdout()
        .write_all(text)
        .map_err(|e| format!("cannot write to stdout: {e}"))?;
    Ok(OK)
}
