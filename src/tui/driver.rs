//! The loop: terminal events, snapshots and results in; state changed; effects started; at most 30 frames a second drawn.

use super::effects::Effects;
use super::journal::{self, Journal};
use super::keys;
use super::msg::{Effect, Msg};
use super::overlay::{Choice, Overlay, Picker};
use super::state::State;
use super::terminal::Screen;
use super::update::update;
use super::view;
use crate::config::keymap::Keymap;
use crate::config::paths::Paths;
use crate::config::settings::Settings;
use crate::config::theme;
use crate::engine::{self, Options, Session};
use futures::StreamExt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

const FRAME: Duration = Duration::from_millis(33);

/// Why the loop ended.
enum End {
    Quit,
    Open(Vec<PathBuf>),
}

pub fn run(options: Options, settings: Settings, theme: Option<&str>) -> Result<(), String> {
    let keymap = Keymap::new(&settings.keys)?;
    let name = theme.or(settings.theme.as_deref()).unwrap_or("ansi");
    let folder = Paths::find().map(|p| p.config.join("themes"));
    let extra = |name: &str| {
        folder
            .as_ref()
            .and_then(|f| std::fs::read_to_string(f.join(format!("{name}.toml"))).ok())
    };
    let mut theme = theme::load(name, &extra)?;
    let colourless = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty())
        || std::env::var("TERM").is_ok_and(|t| t == "dumb" || t.ends_with("-m") || t == "vt100");
    if colourless {
        theme = theme.without_colour();
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|e| format!("cannot start: {e}"))?;
    let mut options = options;
    loop {
        let end = runtime
            .block_on(session(
                options.clone(),
                &settings,
                keymap.clone(),
                theme.clone(),
            ))
            .map_err(|e| format!("the terminal failed: {e}"))?;
        match end {
            Ok(End::Quit) => return Ok(()),
            Ok(End::Open(paths)) => options.paths = paths,
            Err(e) => return Err(e),
        }
    }
}

async fn session(
    mut options: Options,
    settings: &Settings,
    keymap: Keymap,
    theme: theme::Theme,
) -> io::Result<Result<End, String>> {
    options.interactive = true;
    let piped = options.paths.iter().any(|p| p.as_os_str() == "-");
    options.follow = !piped && !options.paths.is_empty();
    let picking = options.paths.is_empty();
    let size = crossterm::terminal::size()?;
    let paths = || {
        options
            .paths
            .iter()
            .map(|p| p.display().to_string())
            .collect::<Vec<_>>()
            .join(" ")
    };
    let title = options.called.as_ref().map_or_else(paths, |c| c.1.clone());
    let mut state = State::new(title, keymap, theme, size);
    // Live logs lie elsewhere every time; what is kept with them goes by what they are called.
    let named = options
        .called
        .as_ref()
        .map_or_else(|| options.paths.clone(), |c| vec![PathBuf::from(&c.1)]);
    let kept = settings
        .journal
        .clone()
        .or_else(|| Paths::find().map(|p| journal::file(&p.data, &named)));
    state.recovery.proposed.clone_from(&options.context);
    state.read_only = options.read_only;
    state.chat.llm = settings.llm.clone();
    match kept
        .as_deref()
        .map_or_else(|| Ok(Journal::default()), journal::load)
    {
        Ok(kept) => {
            state.marks = kept.marks();
            state.chat.earlier = kept.conversations;
            state.chat.turns = state.chat.earlier.pop().unwrap_or_default();
            // A journal that came from someone else consents to nothing.
            state.chat.llm.allow_remote |= kept.remote && settings.journal.is_none();
            state.guide = kept.guide;
        }
        Err(e) => return Ok(Err(e)),
    }
    if picking {
        state.overlays.push(Overlay::Open(choices(&options)));
    }
    let session = match engine::open(options) {
        Ok(session) => session,
        Err(e) => return Ok(Err(e)),
    };
    let mut screen = Screen::enter(settings.mouse.unwrap_or(true))?;
    let (send, receive) = unbounded_channel();
    let effects = Effects::new(session.corpus.clone(), send);
    let end = Loop {
        screen: &mut screen,
        state: &mut state,
        session: &session,
        effects,
        kept,
    }
    .run(receive)
    .await;
    drop(screen);
    // What still reads or writes ends by itself: the user has the shell back at once.
    session.corpus.cancel();
    end.map(Ok)
}

/// Corpora opened before, then the samples that lie near.
fn choices(options: &Options) -> Picker<Vec<PathBuf>> {
    let recent = options
        .cache
        .as_deref()
        .map(engine::cache::recent)
        .unwrap_or_default();
    let mut choices: Vec<Choice<Vec<PathBuf>>> = recent
        .into_iter()
        .map(|paths| Choice {
            label: paths.join(" "),
            hint: "opened before".into(),
            value: paths.into_iter().map(PathBuf::from).collect(),
        })
        .collect();
    let near = std::env::current_exe().ok().into_iter().flat_map(|e| {
        e.ancestors()
            .map(|a| a.join("sample-logs"))
            .collect::<Vec<_>>()
    });
    let folder = std::iter::once(PathBuf::from("sample-logs"))
        .chain(near)
        .find(|f| f.is_dir());
    let mut samples: Vec<PathBuf> = folder
        .into_iter()
        .flat_map(std::fs::read_dir)
        .flatten()
        .flatten()
        .map(|e| e.path())
        .collect();
    samples.retain(|p| p.extension().is_none_or(|e| e != "md"));
    samples.sort();
    for path in samples {
        let name = path
            .file_name()
            .map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        choices.push(Choice {
            label: name,
            hint: "bundled sample".into(),
            value: vec![path],
        });
    }
    Picker::new("Open", choices)
}

struct Loop<'s> {
    screen: &'s mut Screen,
    state: &'s mut State,
    session: &'s Session,
    effects: Effects,
    /// File of the journal.
    kept: Option<PathBuf>,
}

impl Loop<'_> {
    async fn run(mut self, mut results: UnboundedReceiver<Msg>) -> io::Result<End> {
        let mut events = crossterm::event::EventStream::new();
        let (mut terminate, mut hangup) = (
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        );
        let mut frames = tokio::time::interval(FRAME);
        frames.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let (mut dirty, mut seen) = (true, 0);
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
                    let snapshot = self.session.corpus.snapshot();
                    let fresh = snapshot.revision != seen;
                    seen = snapshot.revision;
                    if std::mem::take(&mut dirty) || fresh {
                        if fresh {
                            let effects = update(self.state, Msg::Snapshot(snapshot));
                            if let Some(end) = self.perform(effects)? {
                                return Ok(end);
                            }
                        }
                        self.screen.terminal.draw(|f| view::draw(f, self.state))?;
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
                    self.effects
                        .run(effect, self.state.snapshot.clone(), self.state.rows.clone())
                }
            }
        }
        Ok(None)
    }

    fn save(&mut self) {
        let s = &*self.state;
        let journal = Journal {
            marks: s
                .marks
                .iter()
                .map(|((source, line), mark)| (source.clone(), *line, mark.clone()))
                .collect(),
            conversations: s
                .chat
                .earlier
                .iter()
                .chain([&s.chat.turns])
                .cloned()
                .collect(),
            remote: s.chat.llm.allow_remote,
            guide: s.guide.clone(),
        };
        if let Some(file) = &self.kept
            && let Err(e) = journal::save(file, &journal)
        {
            self.state.notice = Some(format!(
                "the journal could not be kept in {}: {e}",
                file.display()
            ));
        }
    }

    /// Writes the report into the current folder, without secrets.
    fn write(&mut self, lines: &[String]) {
        let at = crate::text::civil::rfc3339(crate::engine::now(), 0).replace(':', "");
        let file = format!("faultline-report-{at}.md");
        let mut redactor = crate::text::redact::Redactor::default();
        let text: String = lines.iter().map(|l| redactor.redact(l) + "\n").collect();
        match std::fs::write(&file, text) {
            Ok(()) => {
                self.state.notice = Some(format!("the report is in {file}"));
                self.state.guide.written = Some(file);
                self.save();
            }
            Err(e) => self.state.notice = Some(format!("{file} could not be written: {e}")),
        }
    }
}
