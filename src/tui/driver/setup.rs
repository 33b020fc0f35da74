//! Prepares the state of a session: themes, journal and settings. Reads the environment.

use super::choices::choices;
use super::error::Error;
use super::journal::{self, Journal};
use crate::chat::Server;
use crate::config::paths::Paths;
use crate::config::settings::Settings;
use crate::config::theme::{self, Theme};
use crate::corpus::Options;
use crate::tui::state::State;
use crate::tui::state::overlay::Overlay;
use std::path::PathBuf;

/// The theme with a name, and the themes that the user can switch to. Without colors if the
/// environment or the terminal asks for it.
pub fn themes(name: Option<&str>) -> Result<(Theme, Vec<Theme>), Error> {
    let folder = Paths::find().map(|p| p.config.join("themes"));
    let extra = |name: &str| {
        let file = folder.as_ref()?.join(format!("{name}.toml"));
        std::fs::read_to_string(file).ok()
    };
    let is_plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty())
        || std::env::var("TERM").is_ok_and(|t| t == "dumb" || t.ends_with("-m") || t == "vt100");
    let load = |name: &str, extra: &dyn Fn(&str) -> Option<String>| {
        let theme = theme::load(name, extra)?;
        Ok::<_, Error>(if is_plain {
            theme.without_color()
        } else {
            theme
        })
    };
    // A broken file of the user is an error only if the user chose it.
    let built_in = theme::names().into_iter().map(|name| load(name, &|_| None));
    Ok((
        load(name.unwrap_or("ansi"), &extra)?,
        built_in.collect::<Result<_, _>>()?,
    ))
}

/// The name of what is open: the paths, or the name of the live logs.
pub fn title(options: &Options) -> String {
    let paths = || {
        options
            .paths
            .iter()
            .map(|p| p.display().to_string())
            .collect::<Vec<_>>()
    };
    options
        .called
        .as_ref()
        .map_or_else(|| paths().join(" "), |called| called.1.clone())
}

/// Fills the state from the options, the settings and the journal. Returns the journal file.
pub fn fill(
    state: &mut State,
    options: &Options,
    settings: &Settings,
) -> Result<Option<PathBuf>, Error> {
    // Live logs are in a new folder each time, so their journal is found by their title.
    let called = options
        .called
        .as_ref()
        .map(|called| vec![PathBuf::from(&called.1)]);
    let paths = called.unwrap_or_else(|| options.paths.clone());
    let own = || Paths::find().map(|p| journal::file(&p.data, &paths));
    let file = settings.journal.clone().or_else(own);
    let journal = match file.as_deref() {
        Some(file) => journal::load(file)?,
        None => Journal::default(),
    };
    state.plan.proposed_context.clone_from(&options.context);
    state.read_only = options.read_only;
    state.chat.llm = settings.llm.clone();
    state.chat.is_remote = !Server::find(settings.llm.ollama.as_deref()).is_local();
    // A journal named in the settings may come from another person, whose consent does not count.
    let consent = journal.remote && settings.journal.is_none();
    state.chat.llm.allow_remote |= consent;
    journal.fill(state);
    if options.paths.is_empty() {
        state.overlays.push(Overlay::Open(choices(options)));
    }
    Ok(file)
}
