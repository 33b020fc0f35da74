//! The whole app in process, with a test backend in place of the terminal, driven by key scripts.
//! Has no cluster: effects that need one are recorded and not run.

use faultline::analysis::Analysis;
use faultline::config::{keymap::Keymap, theme};
use faultline::corpus::{self, Options, Session};
use faultline::tui::state::State;
use faultline::tui::state::msg::{Effect, Msg};
use faultline::tui::update::update;
use faultline::tui::{Effects, Inbox, channel, view};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The app's state, and the effects that its updates return.
pub struct App {
    pub state: State,
    /// Effects that the updates returned, oldest first.
    pub done: Vec<Effect>,
    effects: Effects,
    results: Inbox,
    /// Keeps the corpus open.
    _session: Session,
}

impl App {
    /// Opens a path and waits until it is read.
    pub fn open(path: &Path, size: (u16, u16)) -> App {
        // Paths are shown on the screen: they must not depend on the project's location.
        std::env::set_current_dir(env!("CARGO_MANIFEST_DIR")).unwrap();
        let mut options = Options::new(vec![path.to_path_buf()]);
        options.interactive = true;
        let mut session = corpus::open(options).unwrap();
        let snapshot = session.wait();
        let keymap = Keymap::new(&Default::default()).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let load = |name: &str| theme::load(name, &|_| None).unwrap();
        let mut state = State::new(name, keymap, load("ansi"), size);
        state.themes = theme::names().into_iter().map(load).collect();
        let (out, results) = channel();
        let analysis = Arc::new(Analysis::new(session.corpus.clone()));
        let effects = Effects::new(analysis, out);
        let mut app = App {
            state,
            effects,
            results,
            _session: session,
            done: Vec::new(),
        };
        app.send(Msg::Snapshot(snapshot));
        app.settle();
        app
    }

    /// Updates the state, then runs the effects, except those that need a cluster.
    pub fn send(&mut self, msg: Msg) {
        for effect in update(&mut self.state, msg) {
            self.done.push(effect.clone());
            // There is no cluster here: the test sends the answers itself.
            if matches!(
                effect,
                Effect::ChooseCluster(..) | Effect::Preflight(..) | Effect::Apply { .. }
            ) {
                continue;
            }
            self.effects.run(
                effect,
                self.state.snapshot.clone(),
                self.state.events.rows.clone(),
            );
        }
    }

    /// Handles results until none has arrived for 150 ms.
    pub fn settle(&mut self) {
        let mut quiet = Instant::now();
        while quiet.elapsed() < Duration::from_millis(150) {
            match self.results.try_recv() {
                Ok(msg) => {
                    self.send(msg);
                    quiet = Instant::now();
                }
                Err(_) => std::thread::park_timeout(Duration::from_millis(2)),
            }
        }
    }

    /// Presses keys separated by spaces; a word after `'` is typed letter by letter.
    pub fn keys(&mut self, script: &str) {
        for key in script.split(' ').filter(|k| !k.is_empty()) {
            match key.strip_prefix('\'') {
                Some(text) => text
                    .chars()
                    .for_each(|c| self.send(Msg::Key(c.to_string()))),
                None => self.send(Msg::Key(key.to_string())),
            }
            self.settle();
        }
    }

    /// The drawn screen, with values that differ between runs replaced by dots.
    pub fn screen(&self) -> String {
        let (w, h) = self.state.size;
        let mut terminal = Terminal::new(TestBackend::new(w, h)).unwrap();
        terminal.draw(|f| view::draw(f, &self.state)).unwrap();
        let text = terminal.backend().to_string();
        // Durations differ from run to run.
        let timing = regex::Regex::new(r"(read|from cache) in [0-9.]+ s|in \d+ ms").unwrap();
        let text = timing
            .replace_all(&text, |c: &regex::Captures<'_>| "·".repeat(c[0].len()))
            .into_owned();
        // The number of digits of a search time would move what follows it.
        let search = regex::Regex::new(r"(matches) in \d+ ms|(matches) ·+").unwrap();
        let text = text
            .lines()
            .map(|line| fixed_width(line, &search.replace(line, "matches ········")))
            .collect::<Vec<_>>()
            .join("\n");
        // The token estimate changes with every word of the evidence.
        let tokens = regex::Regex::new(r"about [\d.]+k? of").unwrap();
        tokens
            .replace_all(&text, |c: &regex::Captures<'_>| {
                format!("about {} of", "·".repeat(c[0].len() - 9))
            })
            .into_owned()
    }
}

/// The changed line with as many columns as the line had: blanks before the closing quote are added
/// or removed.
fn fixed_width(line: &str, changed: &str) -> String {
    let (width, mut text) = (line.chars().count(), changed.to_string());
    let Some(body) = text.strip_suffix('"').filter(|_| line != changed) else {
        return text;
    };
    let mut body = body.to_string();
    while body.chars().count() + 1 > width && body.ends_with(' ') {
        body.pop();
    }
    while body.chars().count() + 1 < width {
        body.push(' ');
    }
    text = body + "\"";
    text
}

/// Compares the screen with the snapshot of this name in tests/snapshots. A macro, because insta
/// looks for snapshots next to the file that calls it.
macro_rules! snapshot {
    ($name:expr, $app:expr) => {
        insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
            insta::assert_snapshot!($name, $app.screen());
        });
    };
}
