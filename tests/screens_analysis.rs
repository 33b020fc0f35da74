//! Screens that need the analysis: chat, guide, service map, plan and actions. Key scripts drive
//! the app in process, and the screens are compared with snapshots. What a cluster would answer
//! comes from the test.

#[macro_use]
#[path = "support/app.rs"]
mod app;

use app::App;
use faultline::analysis::Outcome;
use faultline::cluster::{Check, Connection, Preflight, WatchState};
use faultline::model::{Action, Command, Context, ObjectKind, ObjectName, Operation};
use faultline::tui::panes;
use faultline::tui::state::chat::Turn;
use faultline::tui::state::msg::{Effect, Msg};
use faultline::tui::state::pane::Pane;
use std::path::Path;
use std::time::{Duration, Instant};

/// Opens a path and waits for the diagnosis.
fn analyzed(path: &str, size: (u16, u16)) -> App {
    let mut app = App::open(Path::new(path), size);
    let started = Instant::now();
    while app.state.analysis.diagnosis.is_none() && started.elapsed() < Duration::from_secs(60) {
        app.settle();
    }
    app
}

#[test]
fn a_question_shows_its_mentions_and_the_size_of_its_evidence() {
    let mut app = analyzed("sample-logs/checkout-outage.tar.gz", (120, 40));
    app.keys("8 enter 'about space @ 'payment-db");
    snapshot!("mention_120x40", app);
    app.keys("enter");
    let screen = app.screen();
    assert!(screen.contains("about [S:payment-db]"), "{screen}");
    assert!(screen.contains("of 16k tokens"), "{screen}");
    assert!(
        app.state.chat.tokens.is_some_and(|(n, _)| n > 500),
        "{:?}",
        app.state.chat.tokens
    );
}

#[test]
fn the_guide_leads_to_a_report_with_the_hypotheses() {
    let mut app = analyzed("sample-logs/checkout-outage.tar.gz", (120, 40));
    app.keys("9");
    snapshot!("guide_120x40", app);
    app.keys("enter");
    assert_eq!(app.state.pane, Pane::Sources);
    // The first hypothesis is below the heading of step 5.
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

/// The plan of the checkout sample, after a cluster was chosen.
fn plan_for_a_cluster(size: (u16, u16)) -> App {
    let mut app = analyzed("sample-logs/checkout-outage.tar.gz", size);
    app.keys("7");
    app.send(Msg::ClusterChosen(Connection {
        context: "test".into(),
        namespace: "shop".into(),
        ..Connection::default()
    }));
    app.settle();
    app.keys("esc");
    app
}

fn check(passed: bool, text: &str) -> Check {
    Check {
        passed,
        text: text.into(),
    }
}

/// Number of actions applied.
fn applied(app: &App) -> usize {
    app.done
        .iter()
        .filter(|e| matches!(e, Effect::Apply { .. }))
        .count()
}

#[test]
fn an_action_is_applied_by_one_key_only_after_all_checks_pass() {
    let mut app = analyzed("sample-logs/checkout-outage.tar.gz", (120, 40));
    app.keys("7 A 'test enter");
    assert!(
        matches!(app.done.last(), Some(Effect::ChooseCluster(context, _)) if context == "test")
    );
    let cluster = Connection {
        context: "test".into(),
        user: "me".into(),
        server: "https://a:6443".into(),
        namespace: "shop".into(),
        ..Connection::default()
    };
    app.send(Msg::ClusterChosen(cluster));
    app.settle();
    assert!(app.screen().contains("https://a:6443"), "{}", app.screen());
    app.keys("esc");
    let action = app.state.plan.actions[0].clone();
    let command = action.command.clone().unwrap();
    assert_eq!(
        (action.verb.as_str(), &command.context),
        ("restart", &Context::Named("test".into()))
    );
    assert!(
        matches!(app.done.last(), Some(Effect::Preflight(a, _)) if a.command == action.command),
        "the action under the cursor is checked automatically"
    );
    app.keys("A");
    assert_eq!(
        applied(&app),
        0,
        "nothing is applied before the checks are done"
    );
    let undo = Operation::RolloutUndo {
        object: ObjectName::new(ObjectKind::Deployment, "payment"),
        to_revision: Some(4),
        dry_run: false,
    };
    let checked = |ok| Preflight {
        checks: vec![
            check(true, "deployment payment exists"),
            check(ok, "the server accepts it (dry run)"),
        ],
        command: action.command.clone(),
        rollback: Some(Command::new(&command.context, "shop", undo.clone())),
        diff: vec![".spec.replicas: 1 -> 2".into()],
        ..Preflight::default()
    };
    app.send(Msg::PreflightDone(
        command.clone(),
        Box::new(Ok(checked(false))),
    ));
    app.keys("A");
    assert_eq!(
        applied(&app),
        0,
        "a failed check prevents it: {}",
        app.screen()
    );
    app.state.plan.checking.clone_from(&action.command);
    app.send(Msg::PreflightDone(
        command.clone(),
        Box::new(Ok(checked(true))),
    ));
    app.settle();
    let at = regex::Regex::new(r"restartedAt\S+").unwrap();
    insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
        insta::assert_snapshot!("checked_120x40", at.replace_all(&app.screen(), |c: &regex::Captures<'_>| "·".repeat(c[0].chars().count())));
    });
    app.keys("A");
    assert_eq!(applied(&app), 1);
    app.keys("A");
    assert_eq!(applied(&app), 1, "only one action runs at a time");
    let rollback = Action {
        title: "undo".into(),
        ..action.clone()
    };
    app.send(Msg::Applied(
        vec!["rolled out".into()],
        Some(Box::new(rollback)),
    ));
    app.keys("esc");
    let message =
        "errors of payment: 10 a minute before, 80 in the 20 s since: it got worse".to_string();
    app.send(Msg::WatchUpdated(WatchState {
        outcome: Some(Outcome::Worse),
        is_over: true,
        message,
    }));
    app.settle();
    assert!(
        app.screen().contains("it got worse; V undoes it"),
        "{}",
        app.screen()
    );
    app.keys("V");
    assert!(
        matches!(app.done.last(), Some(Effect::Apply { checked: None, .. })),
        "the rollback is checked again"
    );
}

#[test]
fn the_cursor_stays_on_its_action_when_rows_are_added_or_removed() {
    let mut app = plan_for_a_cluster((80, 24));
    let checks = vec![check(true, "it exists"); 12];
    for _ in 0..6 {
        app.keys("J");
        let rows = panes::rows(&app.state, app.state.pane);
        let under =
            |app: &App| panes::rows(&app.state, app.state.pane)[app.state.report.cursor].item;
        let Some(item) = rows[app.state.report.cursor].item else {
            continue;
        };
        if let Some(command) = app.state.plan.actions[item].command.clone() {
            assert_eq!(app.state.plan.checking.as_ref(), Some(&command));
            let checked = Preflight {
                checks: checks.clone(),
                command: Some(command.clone()),
                ..Preflight::default()
            };
            app.send(Msg::PreflightDone(command, Box::new(Ok(checked))));
        }
        assert_eq!(under(&app), Some(item), "{}", app.screen());
        let row = panes::rows(&app.state, app.state.pane)[app.state.report.cursor]
            .text
            .clone();
        assert!(
            row.starts_with(char::is_numeric),
            "not on the first row of the action: {row}"
        );
        app.keys("J K");
        assert_eq!(
            under(&app),
            Some(item),
            "the cursor moved to another action: {}",
            app.screen()
        );
    }
}

#[test]
fn an_action_of_medium_risk_asks_for_a_value_and_a_confirmation() {
    let mut app = plan_for_a_cluster((120, 40));
    let scale = |app: &App| {
        app.state
            .plan
            .actions
            .iter()
            .find(|a| a.verb == "scale")
            .unwrap()
            .clone()
    };
    let to_scale = |app: &mut App| {
        let rows = panes::rows(&app.state, app.state.pane);
        let n = app
            .state
            .plan
            .actions
            .iter()
            .position(|a| a.verb == "scale");
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
            .contains("'many' is not valid for: number of pods"),
        "{}",
        app.screen()
    );
    to_scale(&mut app);
    app.keys("A ctrl-u '5 enter");
    let action = scale(&app);
    let command = action.command.clone().unwrap();
    assert!(command.to_string().contains("\"replicas\":5"), "{command}");
    to_scale(&mut app);
    let checked = Preflight {
        checks: vec![check(true, "it exists")],
        command: action.command.clone(),
        ..Preflight::default()
    };
    app.send(Msg::PreflightDone(command, Box::new(Ok(checked))));
    app.keys("A enter");
    assert_eq!(applied(&app), 0, "the default answer is no");
    app.keys("A 'yes enter");
    assert_eq!(applied(&app), 1);
}

#[test]
fn nothing_is_sent_to_another_machine_without_consent() {
    let mut app = analyzed("sample-logs/checkout-outage.tar.gz", (120, 40));
    app.state.chat.is_remote = true;
    app.keys("8 enter '/cause enter");
    assert!(
        app.screen().contains("the server is on another machine"),
        "{}",
        app.screen()
    );
    app.keys("'no enter");
    assert!(app.screen().contains("nothing was sent"));
    assert!(!app.done.iter().any(|e| matches!(e, Effect::Ask(_))));
}

#[test]
fn the_service_map_is_drawn_as_a_graph_and_scrolls() {
    for size in [(80, 24), (120, 40), (200, 60)] {
        let mut app = analyzed("sample-logs/sock-shop.tar.gz", size);
        app.keys("6 G");
        snapshot!(format!("map_{}x{}", size.0, size.1), app);
        if size.0 == 80 {
            app.keys("l");
            snapshot!("map_scrolled_80x24", app);
        }
    }
}

#[test]
fn heading_keys_stop_at_questions_and_anomalies_and_not_at_other_lines() {
    let mut app = analyzed("sample-logs/checkout-outage.tar.gz", (120, 40));
    let under = |app: &App| {
        panes::rows(&app.state, app.state.pane)[app.state.report.cursor]
            .text
            .clone()
    };
    let turn = |question: &str| Turn {
        question: question.into(),
        answer: "a line that starts at the margin\nanother one".into(),
        by: "the analyst".into(),
        ..Turn::default()
    };
    app.state.chat.turns = vec![turn("first?"), turn("second?")];
    app.keys("8 G K");
    assert_eq!(under(&app), "▸ second?");
    app.keys("K");
    assert_eq!(under(&app), "▸ first?");
    app.keys("J");
    assert_eq!(under(&app), "▸ second?");
    app.keys("5 G K");
    assert!(under(&app).starts_with("C critical"), "{}", under(&app));
    app.keys("K");
    assert!(
        under(&app).starts_with("C critical"),
        "the line of the baseline is not a heading"
    );
}
