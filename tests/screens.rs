//! Screens for reading logs: panes, search, filters, bookmarks, palette and themes. Key scripts
//! drive the app in process, and the screens are compared with snapshots at three sizes.

#[macro_use]
#[path = "support/app.rs"]
mod app;

use app::App;
use faultline::config::theme;
use faultline::tui::state::msg::{Effect, Msg};
use std::path::Path;

fn sample() -> std::path::PathBuf {
    Path::new("sample-logs/checkout-outage.tar.gz").into()
}

#[test]
fn every_pane_is_drawn_at_three_sizes() {
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
fn tiny_terminals_are_drawn_without_a_panic() {
    let mut app = App::open(&sample(), (40, 12));
    snapshot!("stream_40x12", app);
    for size in [(1, 1), (5, 3), (20, 5), (300, 2), (2, 100)] {
        app.send(Msg::Resize(size.0, size.1));
        app.screen();
    }
}

#[test]
fn search_finds_while_typing_and_esc_returns_to_the_start() {
    let mut app = App::open(&sample(), (120, 40));
    app.keys("/ 'exhausted");
    let found = app.state.events.found.clone().unwrap();
    assert!(found.matches > 100 && found.finished);
    let at = app.state.selected_event().unwrap().clone();
    assert!(at.message.contains("exhausted"), "{}", at.message);
    app.keys("enter n");
    assert_ne!(app.state.selected_event().unwrap().id, at.id);
    snapshot!("search_120x40", app);
    app.keys("N");
    assert_eq!(app.state.selected_event().unwrap().id, at.id);
    app.keys("esc g / 'exhausted esc");
    assert_eq!(app.state.events.scroll.cursor, 0);
    assert!(app.state.events.found.is_none());
}

#[test]
fn a_conversation_can_be_previewed_retried_and_restarted() {
    let mut app = App::open(&sample(), (120, 40));
    app.state.chat.llm.off = true;
    app.keys("8 enter '/preview enter");
    assert!(
        app.screen().contains("Request preview") && app.screen().contains("tokens"),
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
fn filters_show_hide_and_clear_events() {
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
fn time_jumps_bookmarks_and_notes_select_their_event() {
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
    assert_eq!(app.state.events.scroll.cursor, app.state.shown() - 1);
    app.keys("y");
    assert!(matches!(app.done.last(), Some(Effect::Copy(text)) if !text.is_empty()));
}

#[test]
fn templates_can_be_searched_opened_and_sorted() {
    let mut app = App::open(&sample(), (120, 40));
    app.keys("2 / 'exausted enter");
    let t = app.state.selected_template().unwrap();
    assert!(
        app.state.snapshot.templates[t.index()]
            .text
            .contains("exhausted"),
        "{}",
        app.state.snapshot.templates[t.index()].text
    );
    app.keys("enter");
    snapshot!("template_values_120x40", app);
    app.keys("enter");
    assert_eq!(
        app.state.shown() as u64,
        app.state.snapshot.templates[t.index()].count
    );
    for _ in 0..4 {
        app.keys("2 o");
        assert_eq!(
            app.state.templates.rows.len(),
            app.state.snapshot.templates.len()
        );
    }
}

#[test]
fn the_zoomed_time_line_contains_the_cursor() {
    let mut app = App::open(&sample(), (120, 40));
    app.keys("t '09:10 enter z");
    let (start, end) = app.state.timeline.range.unwrap();
    let at = app
        .state
        .snapshot
        .time(app.state.selected().unwrap())
        .unwrap();
    assert!(start <= at && at <= end && app.state.timeline.zoomed.is_some());
    snapshot!("zoom_120x40", app);
    app.keys("Z Z Z");
    assert!(app.state.timeline.range.is_none());
}

#[test]
fn the_palette_runs_a_command_and_an_unknown_key_is_reported() {
    let mut app = App::open(&sample(), (80, 24));
    app.keys(": 'quit");
    snapshot!("palette_80x24", app);
    app.keys("enter");
    assert_eq!(app.done.last(), Some(&Effect::Quit));
    app.keys("f9");
    assert!(app.state.notice.as_ref().unwrap().contains("no command"));
}

#[test]
fn the_text_is_the_same_in_every_theme_and_without_color() {
    let mut app = App::open(&sample(), (80, 24));
    let plain = app.screen();
    for _ in theme::names() {
        app.keys("T");
        app.state.notice = None;
        app.state.first_run = true;
        assert_eq!(app.screen(), plain);
    }
    app.state.theme = app.state.theme.clone().without_color();
    assert_eq!(app.screen(), plain);
}

#[test]
fn escape_sequences_in_logs_never_reach_the_terminal() {
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
fn an_empty_corpus_explains_why_nothing_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("empty.log");
    std::fs::write(&path, "").unwrap();
    assert!(
        App::open(&path, (80, 24))
            .screen()
            .contains("nothing to show")
    );
    let app = App::open(Path::new("/no/such/file.log"), (80, 24));
    assert!(app.screen().contains("Press 4 to see why"));
}
