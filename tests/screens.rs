//! Screens driven by key scripts: the whole app in process but for the terminal, drawn at three sizes and compared with snapshots.

mod support;

use faultline::config::{keymap::Keymap, theme};
use faultline::engine::{self, Armed, Options, Outcome, Preflight, Session, Watched};
use faultline::model::Action;
use faultline::tui::Effects;
use faultline::tui::msg::{Effect, Msg};
use faultline::tui::state::State;
use faultline::tui::{update::update, view};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

struct App {
    state: State,
    effects: Effects,
    results: UnboundedReceiver<Msg>,
    session: Session,
    done: Vec<Effect>,
}

impl App {
    fn open(path: &Path, size: (u16, u16)) -> App {
        // Paths are shown: they must not depend on where the project lies.
        std::env::set_current_dir(env!("CARGO_MANIFEST_DIR")).unwrap();
        let mut options = Options::new(vec![path.to_path_buf()]);
        options.interactive = true;
        let mut session = engine::open(options).unwrap();
        let snapshot = session.wait();
        let keymap = Keymap::new(&Default::default()).unwrap();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let state = State::new(name, keymap, theme::load("ansi", &|_| None).unwrap(), size);
        let (send, results) = unbounded_channel();
        let effects = Effects::new(session.corpus.clone(), send);
        let mut app = App {
            state,
            effects,
            results,
            session,
            done: Vec::new(),
        };
        app.send(Msg::Snapshot(snapshot));
        app.settle();
        app
    }

    fn send(&mut self, msg: Msg) {
        for effect in update(&mut self.state, msg) {
            self.done.push(effect.clone());
            // There is no cluster here: what it would say comes from the test.
            if matches!(
                effect,
                Effect::Arm(..) | Effect::Preflight(..) | Effect::Apply { .. }
            ) {
                continue;
            }
            self.effects
                .run(effect, self.state.snapshot.clone(), self.state.rows.clone());
        }
    }

    /// Takes results until none came for a while.
    fn settle(&mut self) {
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

    /// Keys separated by blanks; `"text"` is typed letter by letter.
    fn keys(&mut self, script: &str) {
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

    fn screen(&self) -> String {
        let (w, h) = self.state.size;
        let mut terminal = Terminal::new(TestBackend::new(w, h)).unwrap();
        terminal.draw(|f| view::draw(f, &self.state)).unwrap();
        let text = terminal.backend().to_string();
        // Times that a run takes differ from run to run.
        let timing = regex::Regex::new(r"(read|from cache) in [0-9.]+ s|in \d+ ms").unwrap();
        let text = timing
            .replace_all(&text, |c: &regex::Captures<'_>| "·".repeat(c[0].len()))
            .into_owned();
        // An estimate of tokens moves with every word of the evidence.
        let tokens = regex::Regex::new(r"~\d+ of").unwrap();
        tokens
            .replace_all(&text, |c: &regex::Captures<'_>| {
                format!("~{} of", "·".repeat(c[0].len() - 4))
            })
            .into_owned()
    }
}

fn sample() -> std::path::PathBuf {
    Path::new("sample-logs/checkout-outage.tar.gz").into()
}

macro_rules! snapshot {
    ($name:expr, $app:expr) => {
        insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
            insta::assert_snapshot!($name, $app.screen());
        });
    };
}

fn analysed(path: &str, size: (u16, u16)) -> App {
    let mut app = App::open(Path::new(path), size);
    let started = Instant::now();
    while app.state.diagnosis.is_none() && started.elapsed() < Duration::from_secs(60) {
        app.settle();
    }
    app
}

#[test]
fn a_question_names_things_and_tells_how_much_goes_with_it() {
    let mut app = analysed("sample-logs/checkout-outage.tar.gz", (120, 40));
    app.keys("8 enter 'about space @ 'payment-db");
    snapshot!("mention_120x40", app);
    app.keys("enter");
    let screen = app.screen();
    assert!(screen.contains("about [S:payment-db]"), "{screen}");
    assert!(screen.contains("of 16384 tokens go with it"), "{screen}");
    assert!(
        app.state.chat.meter.is_some_and(|(n, _)| n > 500),
        "{:?}",
        app.state.chat.meter
    );
}

#[test]
fn the_guide_leads_from_the_corpus_to_the_report() {
    let mut app = analysed("sample-logs/checkout-outage.tar.gz", (120, 40));
    app.keys("9");
    snapshot!("guide_120x40", app);
    app.keys("enter");
    assert_eq!(app.state.pane, faultline::tui::state::Pane::Sources);
    // The first hypothesis stands below the heading of step 5.
    app.keys("9 g j j j j j j j j j j j j j + a 'pool space 'of space '20 enter");
    let screen = app.screen();
    assert!(
        screen.contains("[confirmed] payment failed first") && screen.contains("✎ pool of 20"),
        "{screen}"
    );
    app.keys("j D");
    assert!(
        app.screen().contains("[rejected] payment-db"),
        "{}",
        app.screen()
    );
    app.keys("G enter");
    let report = app
        .done
        .iter()
        .find_map(|e| {
            if let Effect::Write(lines) = e {
                Some(lines.join("\n"))
            } else {
                None
            }
        })
        .unwrap();
    for part in [
        "# Incident report",
        "## Hypotheses",
        "- payment failed first: confirmed: pool of 20",
        "## Actions",
    ] {
        assert!(report.contains(part), "{part}: {report}");
    }
}

fn applied(app: &App) -> usize {
    app.done
        .iter()
        .filter(|e| matches!(e, Effect::Apply { .. }))
        .count()
}

#[test]
fn an_action_is_applied_by_one_key_once_everything_is_green() {
    let mut app = analysed("sample-logs/checkout-outage.tar.gz", (120, 40));
    app.keys("7 A 'test enter");
    assert!(matches!(app.done.last(), Some(Effect::Arm(context, _)) if context == "test"));
    let armed = Armed {
        context: "test".into(),
        user: "me".into(),
        server: "https://a:6443".into(),
        namespace: "shop".into(),
        ..Armed::default()
    };
    app.send(Msg::Armed(armed));
    app.settle();
    assert!(app.screen().contains("https://a:6443"), "{}", app.screen());
    app.keys("esc");
    let action = app.state.actions[0].clone();
    assert_eq!(
        (action.verb.as_str(), action.argv[2].as_str()),
        ("restart", "test")
    );
    assert!(
        matches!(app.done.last(), Some(Effect::Preflight(a, _)) if a.argv == action.argv),
        "what is under the cursor is looked at by itself"
    );
    app.keys("A");
    assert_eq!(
        applied(&app),
        0,
        "nothing is applied before the look is done"
    );
    let card = |ok| Preflight {
        checks: vec![
            (true, "deployment payment exists".into()),
            (ok, "the server accepts it (dry run)".into()),
        ],
        argv: action.argv.clone(),
        rollback: Some(
            ["kubectl", "rollout", "undo", "--to-revision=4"]
                .map(String::from)
                .to_vec(),
        ),
        diff: vec![".spec.replicas: 1 -> 2".into()],
        ..Preflight::default()
    };
    app.send(Msg::Looked(action.argv.clone(), Ok(Box::new(card(false)))));
    app.keys("A");
    assert_eq!(
        applied(&app),
        0,
        "a red check stands before it: {}",
        app.screen()
    );
    app.state.recovery.looking = Some(action.argv.clone());
    app.send(Msg::Looked(action.argv.clone(), Ok(Box::new(card(true)))));
    app.settle();
    let at = regex::Regex::new(r"restartedAt\S+").unwrap();
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!("armed_120x40", at.replace_all(&app.screen(), |c: &regex::Captures<'_>| "·".repeat(c[0].chars().count())));
    });
    app.keys("A");
    assert_eq!(applied(&app), 1);
    app.keys("A");
    assert_eq!(applied(&app), 1, "one at a time");
    let back = Action {
        title: "take back".into(),
        argv: action.argv.clone(),
        ..action.clone()
    };
    app.send(Msg::Applied(
        vec!["rolled out".into()],
        Some(Box::new(back)),
    ));
    app.keys("esc");
    let told =
        "errors of payment: 10 a minute before, 80 in the 20 s since: it got worse".to_string();
    app.send(Msg::Watched(Watched {
        outcome: Some(Outcome::Worse),
        over: true,
        told,
    }));
    app.settle();
    assert!(
        app.screen().contains("it got worse; V takes it back"),
        "{}",
        app.screen()
    );
    app.keys("V");
    assert!(
        matches!(app.done.last(), Some(Effect::Apply { card: None, .. })),
        "the way back is looked at anew"
    );
}

#[test]
fn the_cursor_stays_on_its_action_while_lines_come_and_go() {
    let mut app = analysed("sample-logs/checkout-outage.tar.gz", (80, 24));
    app.keys("7");
    app.send(Msg::Armed(Armed {
        context: "test".into(),
        namespace: "shop".into(),
        ..Armed::default()
    }));
    app.settle();
    app.keys("esc");
    let checks = vec![(true, "so it is".to_string()); 12];
    for _ in 0..6 {
        app.keys("J");
        let rows = view::report::rows(&app.state, app.state.pane);
        let under = |app: &App| {
            view::report::rows(&app.state, app.state.pane)[app.state.report.cursor].item
        };
        let Some(item) = rows[app.state.report.cursor].item else {
            continue;
        };
        let argv = app.state.actions[item].argv.clone();
        if !argv.is_empty() {
            assert_eq!(app.state.recovery.looking.as_ref(), Some(&argv));
            let card = Preflight {
                checks: checks.clone(),
                argv: argv.clone(),
                ..Preflight::default()
            };
            app.send(Msg::Looked(argv, Ok(Box::new(card))));
        }
        assert_eq!(under(&app), Some(item), "{}", app.screen());
        let row = view::report::rows(&app.state, app.state.pane)[app.state.report.cursor]
            .text
            .clone();
        assert!(
            row.starts_with(char::is_numeric),
            "on its first line: {row}"
        );
        app.keys("J K");
        assert_eq!(under(&app), Some(item), "there and back: {}", app.screen());
    }
}

#[test]
fn an_action_of_medium_risk_asks_for_its_value_and_for_a_yes() {
    let mut app = analysed("sample-logs/checkout-outage.tar.gz", (120, 40));
    app.keys("7");
    app.send(Msg::Armed(Armed {
        context: "test".into(),
        namespace: "shop".into(),
        ..Armed::default()
    }));
    app.settle();
    app.keys("esc");
    let scale = |app: &App| {
        app.state
            .actions
            .iter()
            .find(|a| a.verb == "scale")
            .unwrap()
            .clone()
    };
    let to_scale = |app: &mut App| {
        let rows = view::report::rows(&app.state, app.state.pane);
        let n = app.state.actions.iter().position(|a| a.verb == "scale");
        app.state.report.cursor = rows
            .iter()
            .position(|r| r.item == n && r.item.is_some())
            .unwrap();
        app.keys("j");
    };
    to_scale(&mut app);
    app.keys("A ctrl-u 'many enter");
    assert!(
        app.screen()
            .contains("'many' is no value for: how many pods"),
        "{}",
        app.screen()
    );
    to_scale(&mut app);
    app.keys("A ctrl-u '5 enter");
    let action = scale(&app);
    assert!(
        action.argv.last().unwrap().contains("\"replicas\":5"),
        "{:?}",
        action.argv
    );
    to_scale(&mut app);
    let card = Preflight {
        checks: vec![(true, "it is there".into())],
        argv: action.argv.clone(),
        ..Preflight::default()
    };
    app.send(Msg::Looked(action.argv.clone(), Ok(Box::new(card))));
    app.keys("A enter");
    assert_eq!(applied(&app), 0, "the default is no");
    app.keys("A 'yes enter");
    assert_eq!(applied(&app), 1);
}

#[test]
fn nothing_goes_to_another_machine_before_the_user_said_yes() {
    let mut app = analysed("sample-logs/checkout-outage.tar.gz", (120, 40));
    app.state.chat.llm.ollama = Some("gpu.example:11434".into());
    app.keys("8 enter '/cause enter");
    assert!(
        app.screen().contains("the server is another machine"),
        "{}",
        app.screen()
    );
    app.keys("'no enter");
    assert!(app.screen().contains("nothing was sent"));
    assert!(!app.done.iter().any(|e| matches!(e, Effect::Ask(_))));
}

#[test]
fn the_service_map_is_a_graph_that_scrolls() {
    for size in [(80, 24), (120, 40), (200, 60)] {
        let mut app = analysed("sample-logs/sock-shop.tar.gz", size);
        app.keys("6 G");
        snapshot!(format!("map_{}x{}", size.0, size.1), app);
        if size.0 == 80 {
            app.keys("l");
            snapshot!("map_scrolled_80x24", app);
        }
    }
}

#[test]
fn every_pane_reads_well_at_three_sizes() {
    for size in [(80, 24), (120, 40), (200, 60)] {
        let mut app = App::open(&sample(), size);
        for (key, name) in [
            ("1", "stream"),
            ("2", "templates"),
            ("3", "detail"),
            ("4", "sources"),
            ("?", "help"),
        ] {
            app.keys(key);
            snapshot!(format!("{name}_{}x{}", size.0, size.1), app);
        }
    }
}

#[test]
fn a_small_terminal_still_works() {
    let mut app = App::open(&sample(), (40, 12));
    snapshot!("stream_40x12", app);
    for size in [(1, 1), (5, 3), (20, 5), (300, 2), (2, 100)] {
        app.send(Msg::Resize(size.0, size.1));
        app.screen();
    }
}

#[test]
fn searching_as_one_types_finds_and_esc_goes_back() {
    let mut app = App::open(&sample(), (120, 40));
    app.keys("/ 'exhausted");
    let found = app.state.found.clone().unwrap();
    assert!(found.matches > 100 && found.finished);
    let at = app.state.selected_event().unwrap().clone();
    assert!(at.message.contains("exhausted"), "{}", at.message);
    app.keys("enter n");
    assert_ne!(app.state.selected_event().unwrap().id, at.id);
    snapshot!("search_120x40", app);
    app.keys("N");
    assert_eq!(app.state.selected_event().unwrap().id, at.id);
    app.keys("esc g / 'exhausted esc");
    assert_eq!(app.state.stream.cursor, 0);
    assert!(app.state.found.is_none());
}

#[test]
fn the_conversation_is_previewed_retried_and_begun_anew() {
    let mut app = App::open(&sample(), (120, 40));
    app.state.chat.llm.off = true;
    app.keys("8 enter '/preview enter");
    assert!(
        app.screen().contains("What would be sent") && app.screen().contains("tokens"),
        "{}",
        app.screen()
    );
    app.keys("esc enter '/timeline enter");
    assert_eq!(app.state.chat.turns.len(), 1);
    let first = app.state.chat.turns[0].clone();
    assert!(!first.answer.is_empty() && first.by == "analyst");
    app.keys("enter '/retry enter");
    assert_eq!(app.state.chat.turns, std::slice::from_ref(&first));
    app.keys("enter '/new enter");
    assert!(app.state.chat.turns.is_empty());
    app.keys("enter '/back enter");
    assert_eq!(app.state.chat.turns, [first]);
}

#[test]
fn filters_show_and_hide_and_clear() {
    let mut app = App::open(&sample(), (120, 40));
    let all = app.state.shown();
    app.keys("e");
    assert_eq!(app.state.selected_event().unwrap().level.name(), "error");
    app.keys("=");
    let only = app.state.shown();
    assert!(only > 1 && only < all);
    app.keys("0 -");
    assert_eq!(app.state.shown(), all - only);
    app.keys("0 L L L");
    let errors = app.state.shown();
    app.keys("c");
    assert!(app.state.shown() > errors);
    app.keys("0 s");
    assert!(app.state.shown() < all);
    snapshot!("filter_120x40", app);
    app.keys("0");
    assert_eq!(app.state.shown(), all);
    app.keys("& 'level:>=warn");
    app.keys("space '-checkout enter");
    assert!(app.state.shown() < all && app.state.shown() > 0);
}

#[test]
fn jumps_marks_and_notes_lead_where_they_say() {
    let mut app = App::open(&sample(), (120, 40));
    app.keys("t '09:10 enter");
    let at = app
        .state
        .snapshot
        .time(app.state.selected().unwrap())
        .unwrap();
    assert_eq!(&faultline::text::civil::rfc3339(at, 0)[11..16], "09:10");
    let id = app.state.selected();
    app.keys("m G a 'odd enter u");
    assert_eq!(app.done.iter().filter(|e| **e == Effect::Save).count(), 2);
    app.keys("g u");
    assert_eq!(app.state.selected(), id);
    app.keys("u");
    assert_eq!(app.state.stream.cursor, app.state.shown() - 1);
    app.keys("y");
    assert!(matches!(app.done.last(), Some(Effect::Copy(text)) if !text.is_empty()));
}

#[test]
fn templates_sort_open_and_are_found_by_their_words() {
    let mut app = App::open(&sample(), (120, 40));
    app.keys("2 / 'exausted enter");
    let t = app.state.selected_template().unwrap();
    assert!(
        app.state.snapshot.templates[t].text.contains("exhausted"),
        "{}",
        app.state.snapshot.templates[t].text
    );
    app.keys("enter");
    assert_eq!(
        app.state.shown() as u64,
        app.state.snapshot.templates[t].count
    );
    for _ in 0..4 {
        app.keys("2 o");
        assert_eq!(
            app.state.template_rows.len(),
            app.state.snapshot.templates.len()
        );
    }
}

#[test]
fn zooming_the_time_line_stays_around_the_cursor() {
    let mut app = App::open(&sample(), (120, 40));
    app.keys("t '09:10 enter z");
    let (start, end) = app.state.zoom.unwrap();
    let at = app
        .state
        .snapshot
        .time(app.state.selected().unwrap())
        .unwrap();
    assert!(start <= at && at <= end && app.state.zoomed.is_some());
    snapshot!("zoom_120x40", app);
    app.keys("Z Z Z");
    assert!(app.state.zoom.is_none());
}

#[test]
fn the_palette_runs_any_command_and_unknown_keys_say_so() {
    let mut app = App::open(&sample(), (80, 24));
    app.keys(": 'quit");
    snapshot!("palette_80x24", app);
    app.keys("enter");
    assert_eq!(app.done.last(), Some(&Effect::Quit));
    app.keys("f9");
    assert!(app.state.notice.as_ref().unwrap().contains("no command"));
}

#[test]
fn every_theme_draws_and_no_colour_reads_as_well() {
    let mut app = App::open(&sample(), (80, 24));
    let plain = app.screen();
    for _ in theme::names() {
        app.keys("T");
        app.state.notice = None;
        app.state.first_run = true;
        assert_eq!(app.screen(), plain);
    }
    app.state.theme = app.state.theme.clone().without_colour();
    assert_eq!(app.screen(), plain);
}

#[test]
fn hostile_text_never_reaches_the_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("evil.log");
    std::fs::write(
        &path,
        "2024-03-01T10:00:00Z ERROR \x1b]0;owned\x07 \u{202e}txt\u{200b} \x1b[2J\n",
    )
    .unwrap();
    let mut app = App::open(&path, (120, 40));
    app.keys("3");
    let screen = app.screen();
    assert!(
        !screen
            .chars()
            .any(|c| c != '\n' && faultline::text::escape::is_unsafe(c)),
        "{screen}"
    );
    assert!(screen.contains("\\e]0;owned"));
}

#[test]
fn an_empty_corpus_says_why_nothing_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("empty.log");
    std::fs::write(&path, "").unwrap();
    assert!(
        App::open(&path, (80, 24))
            .screen()
            .contains("nothing to show")
    );
    let app = App::open(Path::new("/no/such/file.log"), (80, 24));
    assert!(app.screen().contains("4 shows why"));
    drop(app.session);
}
