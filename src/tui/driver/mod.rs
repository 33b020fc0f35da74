//! The event loop: turns terminal events, snapshots and results into messages, updates the state,
//! starts effects and draws at most 30 frames per second. Does not decide how the state changes.

mod applying;
mod choices;
mod effects;
mod error;
mod journal;
mod keys;
mod outbox;
mod setup;
mod talking;
mod terminal;

use crate::config::keymap::Keymap;
use crate::config::settings::Settings;
use crate::config::theme::Theme;
use crate::corpus::{self, Options, Session};
use crate::tui::state::State;
use crate::tui::state::msg::{Effect, Msg};
use crate::tui::update::update;
use crate::tui::view;
pub use effects::Effects;
pub use error::Error;
use futures::StreamExt;
use journal::Journal;
pub use outbox::{Inbox, channel};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use terminal::Screen;
use tokio::signal::unix::{SignalKind, signal};

/// Time between two frames.
const FRAME: Duration = Duration::from_millis(33);

/// Why a session ended.
enum End {
    Quit,
    /// The user chose other logs in the picker.
    Open(Vec<PathBuf>),
}

/// Runs the UI until the user quits.
pub fn run(mut options: Options, settings: Settings, theme: Option<&str>) -> Result<(), Error> {
    let keymap = Keymap::new(&settings.keys)?;
    let (theme, themes) = setup::themes(theme.or(settings.theme.as_deref()))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    options.interactive = true;
    loop {
        let session = session(
            options.clone(),
            &settings,
            keymap.clone(),
            (&theme, &themes),
        );
        match runtime.block_on(session)? {
            End::Quit => return Ok(()),
            End::Open(paths) => options.paths = paths,
        }
    }
}

/// Opens the inputs and runs the UI on them.
async fn session(
    mut options: Options,
    settings: &Settings,
    keymap: Keymap,
    (theme, themes): (&Theme, &[Theme]),
) -> Result<End, Error> {
    options.follow = !options.reads_stdin() && !options.paths.is_empty();
    let size = crossterm::terminal::size().map_err(Error::Terminal)?;
    let mut state = State::new(setup::title(&options), keymap, theme.clone(), size);
    state.themes = themes.to_vec();
    let journal_file = setup::fill(&mut state, &options, settings)?;
    let session = corpus::open(options)?;
    if let Some(data) = session.corpus.options.data.as_deref() {
        state.notice = crate::cluster::unfinished(data).pop();
    }
    let mut screen = Screen::enter(settings.mouse.unwrap_or(true)).map_err(Error::Terminal)?;
    let (out, inbox) = channel();
    let analysis = Arc::new(crate::analysis::Analysis::new(session.corpus.clone()));
    let effects = Effects::new(analysis, out);
    let event_loop = Loop {
        screen: &mut screen,
        state: &mut state,
        session: &session,
        effects,
        journal_file,
    };
    let end = event_loop.run(inbox).await;
    drop(screen);
    // Running jobs stop on their own, so that the user does not wait for the shell.
    session.corpus.cancel();
    end.map_err(Error::Terminal)
}

struct Loop<'s> {
    screen: &'s mut Screen,
    state: &'s mut State,
    session: &'s Session,
    effects: Effects,
    /// Where the journal is saved, if anywhere.
    journal_file: Option<PathBuf>,
}

impl Loop<'_> {
    async fn run(mut self, mut results: Inbox) -> io::Result<End> {
        let mut events = crossterm::event::EventStream::new();
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let mut frames = tokio::time::interval(FRAME);
        frames.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let (mut dirty, mut seen_revision) = (true, 0);
        loop {
            let msg = tokio::select! {
                _ = terminate.recv() => return Ok(End::Quit),
                _ = hangup.recv() => return Ok(End::Quit),
                event = events.next() => match event {
                    Some(Ok(event)) => keys::message(&event),
                    Some(Err(e)) => return Err(e),
                    None => return Ok(End::Quit),
                },
                Some(msg) = results.recv() => Some(msg),
                _ = frames.tick() => {
                    if let Some(end) = self.frame(&mut dirty, &mut seen_revision)? {
                        return Ok(end);
                    }
                    None
                }
            };
            if let Some(msg) = msg {
                dirty = true;
                let effects = update(self.state, msg);
                if let Some(end) = self.perform(effects)? {
                    return Ok(end);
                }
            }
        }
    }

    /// Takes a new snapshot, and draws if something changed.
    fn frame(&mut self, dirty: &mut bool, seen_revision: &mut u64) -> io::Result<Option<End>> {
        let snapshot = self.session.corpus.snapshot();
        let changed = snapshot.revision != *seen_revision;
        *seen_revision = snapshot.revision;
        if !std::mem::take(dirty) && !changed {
            return Ok(None);
        }
        if changed {
            let effects = update(self.state, Msg::Snapshot(snapshot));
            if let Some(end) = self.perform(effects)? {
                return Ok(Some(end));
            }
        }
        self.screen.terminal.draw(|f| view::draw(f, self.state))?;
        Ok(None)
    }

    /// Runs effects. Those that need the screen or a file run here, the others in `Effects`.
    fn perform(&mut self, effects: Vec<Effect>) -> io::Result<Option<End>> {
        for effect in effects {
            match effect {
                Effect::Quit => return Ok(Some(End::Quit)),
                Effect::Open(paths) => return Ok(Some(End::Open(paths))),
                Effect::Suspend => self.screen.suspend()?,
                Effect::Redraw => self.screen.repaint()?,
                Effect::Copy(text) => self.screen.copy(&text)?,
                Effect::Save => self.save(),
                Effect::Write(lines) => self.write(&lines),
                effect => {
                    let (snapshot, rows) =
                        (self.state.snapshot.clone(), self.state.events.rows.clone());
                    self.effects.run(effect, snapshot, rows);
                }
            }
        }
        Ok(None)
    }

    /// Saves the journal.
    fn save(&mut self) {
        let hide_names = self.state.chat.llm.hide_names;
        let saved = match &self.journal_file {
            Some(file) => journal::save(file, &Journal::of(self.state), hide_names),
            None => Ok(()),
        };
        if let Err(e) = saved {
            self.state.notice = Some(format!("cannot save the journal: {e}"));
        }
    }

    /// Writes the report to the current folder, with secrets redacted.
    fn write(&mut self, lines: &[String]) {
        let at = crate::text::civil::rfc3339(corpus::now(), 0).replace(':', "");
        let file = format!("faultline-report-{at}.md");
        let hide_names = self.state.chat.llm.hide_names;
        let mut redactor = self
            .effects
            .redactor(&self.state.snapshot)
            .with_names(hide_names);
        let text: String = lines.iter().map(|l| redactor.redact(l) + "\n").collect();
        match std::fs::write(&file, text) {
            Ok(()) => {
                self.state.notice = Some(format!("report written to {file}"));
                self.state.guide.written = Some(file);
                self.save();
            }
            Err(e) => self.state.notice = Some(format!("cannot write {file}: {e}")),
        }
    }
}
