//! `faultline kube`: reads live pod logs with kubectl. Opens them in the terminal UI, or prints the
//! events if stdout is not a terminal or the format is JSON.

use super::error::Error;
use super::exit_code::OK;
use super::run;
use crate::cluster;
use crate::config::args::{Global, OutputFormat};
use std::io::IsTerminal;
use std::path::PathBuf;

/// Arguments of `kube`.
pub struct KubeArgs<'a> {
    pub namespace: &'a Option<String>,
    pub selector: &'a Option<String>,
    pub context: &'a Option<String>,
    pub all_containers: bool,
    pub previous: bool,
}

pub fn run(global: &Global, args: &KubeArgs<'_>) -> Result<u8, Error> {
    let stream = global.format == OutputFormat::Json || !std::io::stdout().is_terminal();
    let request = cluster::LiveLogs {
        namespace: args.namespace.clone().unwrap_or_else(|| "default".into()),
        selector: args.selector.clone(),
        context: args.context.clone(),
        all_containers: args.all_containers,
        previous: args.previous,
        since: global.since.clone().unwrap_or_else(|| "15m".into()),
        follow: !stream,
        ..Default::default()
    };
    let folder = cluster::follow_pods(&request)?;
    if stream {
        let mut once = global.clone();
        once.no_cache = true;
        once.since = None;
        // Relative paths: the temporary directory is different in each run and must not be part of
        // the source names.
        std::env::set_current_dir(folder.path())
            .map_err(|e| format!("{}: {e}", folder.path().display()))?;
        let inputs: Vec<PathBuf> = ["events", "var"]
            .iter()
            .map(PathBuf::from)
            .filter(|p| p.exists())
            .collect();
        return super::templates::run(&once, true, &inputs).map(|_| OK);
    }
    let (mut options, settings) = run::options(global, &[folder.path().to_path_buf()])?;
    options.cache = None;
    options.context.clone_from(&request.context);
    let context = request.context.as_deref().unwrap_or("current context");
    options.called = Some((
        folder.path().to_path_buf(),
        format!("live: namespace {}, {context}", request.namespace),
    ));
    Ok(crate::tui::run(options, settings, global.theme.as_deref()).map(|()| OK)?)
}
