//! The command line: one file a command, and what they share. Prints engine results; analyses nothing.

mod anomalies;
mod ask;
mod classify;
mod compare;
mod diagnose;
mod incidents;
mod kube;
mod plan;
mod run;
mod search;
mod shell;
mod summary;
mod templates;
mod triage;

use crate::config::args::{Cli, Command};
use clap::Parser;
use std::process::ExitCode;

/// Status: done.
pub const OK: u8 = 0;
/// Status: no match.
pub const NOTHING: u8 = 1;
/// Status: done, and something is wrong.
pub const FOUND: u8 = 1;
/// Status: could not do it.
pub const FAILED: u8 = 2;

pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match &cli.command {
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
        Some(Command::Classify { paths }) => classify::run(&cli.global, paths),
        Some(Command::Plan { paths }) => plan::plan(&cli.global, paths),
        Some(Command::Apply {
            action,
            paths,
            context,
            set,
            yes,
        }) => plan::apply(
            &cli.global,
            &plan::Wanted {
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
            &kube::Wanted {
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
    };
    match result {
        Ok(status) => ExitCode::from(status),
        Err(e) => {
            eprintln!("faultline: {e}");
            ExitCode::from(FAILED)
        }
    }
}
