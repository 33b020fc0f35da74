//! The command line: one file per command, and shared code. Prints the results of the analysis.
//! Analyzes nothing itself.

mod anomalies;
mod ask;
mod classify;
mod compare;
mod diagnose;
mod error;
mod exit_code;
mod incidents;
mod kube;
mod logging;
mod plan;
mod run;
mod search;
mod shell;
mod summary;
mod templates;
mod triage;

use crate::config::args::{Cli, Command};
use crate::config::paths::Paths;
use clap::Parser;
use error::Error;
use exit_code::FAILED;
use std::process::ExitCode;

/// Parses the arguments, runs the command, and prints its error to stderr.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    // The cache, the journals and the reports hold text of logs: only the user can read them.
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    if let Some(paths) = Paths::find() {
        paths.close_to_others();
    }
    let result = logging::start(cli.global.log.as_deref()).and_then(|()| execute(&cli));
    // Threads that still run may hold a copy of a kubeconfig.
    crate::cluster::remove_copies();
    match result {
        Ok(status) => ExitCode::from(status),
        Err(e) => {
            eprintln!("faultline: {e}");
            ExitCode::from(FAILED)
        }
    }
}

fn execute(cli: &Cli) -> Result<u8, Error> {
    match &cli.command {
        Some(Command::Templates { lines, paths }) => templates::run(&cli.global, *lines, paths),
        Some(Command::Search {
            count,
            lines,
            query,
            paths,
        }) => search::run(&cli.global, query, paths, *count, *lines),
        Some(Command::Anomalies {
            by,
            baseline,
            paths,
        }) => anomalies::run(&cli.global, by.as_deref(), baseline.as_deref(), paths),
        Some(Command::Compare { inside, what }) => compare::run(&cli.global, inside, what),
        Some(Command::Diagnose { baseline, paths }) => {
            diagnose::run(&cli.global, baseline.as_deref(), paths)
        }
        Some(Command::Classify { paths, learn }) => {
            classify::run(&cli.global, paths, learn.as_deref())
        }
        Some(Command::Plan { paths }) => plan::plan(&cli.global, paths),
        Some(Command::Apply {
            action,
            paths,
            context,
            set,
            yes,
        }) => plan::apply(
            &cli.global,
            &plan::ApplyArgs {
                id: action,
                context: context.as_deref(),
                yes: *yes,
                set,
            },
            paths,
        ),
        Some(Command::Triage { paths }) => triage::run(&cli.global, paths),
        Some(Command::Incidents { what }) => incidents::run(&cli.global, what),
        Some(Command::Ask { task, words }) => ask::run(&cli.global, *task, words),
        Some(Command::Kube {
            namespace,
            selector,
            context,
            all_containers,
            previous,
        }) => kube::run(
            &cli.global,
            &kube::KubeArgs {
                namespace,
                selector,
                context,
                all_containers: *all_containers,
                previous: *previous,
            },
        ),
        Some(Command::Completions { shell }) => shell::completions(*shell),
        Some(Command::Man) => shell::man(),
        None => summary::run(&cli.global, &cli.paths),
    }
}
