//! `kube`: live pod logs by kubectl, as a corpus that grows, or as an event stream.

use super::OK;
use super::run;
use crate::config::args::{Global, OutputFormat};
use crate::engine;
use std::io::IsTerminal;
use std::path::PathBuf;

pub struct Wanted<'a> {
    pub namespace: &'a Option<String>,
    pub selector: &'a Option<String>,
    pub context: &'a Option<String>,
    pub all_containers: bool,
    pub previous: bool,
}

pub fn run(global: &Global, wanted: &Wanted<'_>) -> Result<u8, String> {
    let stream = global.format == OutputFormat::Json || !std::io::stdout().is_terminal();
    let ask = engine::LiveLogs {
        namespace: wanted.namespace.clone().unwrap_or_else(|| "default".into()),
        selector: wanted.selector.clone(),
        context: wanted.context.clone(),
        all_containers: wanted.all_containers,
        previous: wanted.previous,
        since: global.since.clone().unwrap_or_else(|| "15m".into()),
        follow: !stream,
    };
    let folder = engine::follow_pods(&ask)?;
    if stream {
        let mut once = global.clone();
        once.no_cache = true;
        once.since = None;
        // Sources are named from the folder on: where it lies is of no interest, and another place every time.
        std::env::set_current_dir(folder.path())
            .map_err(|e| format!("{}: {e}", folder.path().display()))?;
        let parts: Vec<PathBuf> = ["events", "var"]
            .iter()
            .map(PathBuf::from)
            .filter(|p| p.exists())
            .collect();
        return super::templates::run(&once, true, &parts).map(|_| OK);
    }
    let (mut options, settings) = run::options(global, &[folder.path().to_path_buf()])?;
    options.cache = None;
    options.context.clone_from(&ask.context);
    let context = ask.context.as_deref().unwrap_or("current context");
    options.called = Some((
        folder.path().to_path_buf(),
        format!("live: namespace {}, {context}", ask.namespace),
    ));
    crate::tui::run(options, settings, global.theme.as_deref()).map(|()| OK)
}
