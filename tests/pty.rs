//! The program in a real pseudo-terminal: it opens, searches, filters, follows, quits, and restores
//! the terminal.

mod support;

use std::io::Write;
use support::pty::Pty;

#[test]
fn a_bundle_can_be_opened_searched_filtered_and_closed() {
    let home = tempfile::tempdir().unwrap();
    let path = support::sample("checkout-outage.tar.gz");
    let mut pty = Pty::start(home.path(), &[path.to_str().unwrap()]);
    pty.wait_for("read in");
    pty.keys("/exhausted");
    pty.wait_for("matches");
    pty.keys("\r");
    pty.wait_for("connection pool exhausted");
    pty.keys("=");
    pty.wait_for("filter: only");
    pty.keys("0?");
    pty.wait_for("any other key closes");
    pty.keys("qq");
    assert_eq!(pty.ended(), 0);
    assert!(pty.restored());
}

#[test]
fn the_picker_offers_logs_that_were_opened_before() {
    let home = tempfile::tempdir().unwrap();
    let path = support::sample("services.log");
    let mut pty = Pty::start(home.path(), &[path.to_str().unwrap()]);
    pty.wait_for("read in");
    pty.keys("q");
    pty.ended();
    let mut pty = Pty::start(home.path(), &[]);
    pty.wait_for("recently opened");
    pty.keys("services\r");
    pty.wait_for("from cache");
    pty.keys("q");
    assert_eq!(pty.ended(), 0);
}

#[test]
fn the_terminal_is_restored_after_a_signal() {
    for signal in ["TERM", "HUP"] {
        let home = tempfile::tempdir().unwrap();
        let path = support::sample("services.log");
        let mut pty = Pty::start(home.path(), &[path.to_str().unwrap()]);
        pty.wait_for("read in");
        let pid = pty.child.process_id().unwrap();
        let sent = std::process::Command::new("kill")
            .args([format!("-{signal}"), pid.to_string()])
            .status();
        assert!(sent.unwrap().success());
        pty.ended();
        assert!(pty.restored(), "{signal}");
    }
}

#[test]
fn new_lines_of_a_followed_file_are_shown() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("grow.log");
    std::fs::write(&path, "2024-03-01T10:00:00Z INFO first\n").unwrap();
    let mut pty = Pty::start(home.path(), &[path.to_str().unwrap()]);
    pty.wait_for("read in");
    pty.keys("F");
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(&path)
        .unwrap();
    for i in 0..500 {
        writeln!(file, "2024-03-01T10:00:01Z ERROR later number {i}").unwrap();
    }
    pty.wait_for("later number 499");
    pty.keys("q");
    assert_eq!(pty.ended(), 0);
}
