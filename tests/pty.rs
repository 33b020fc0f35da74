//! The program in a real pseudo-terminal: opens, searches, filters, quits, and leaves the terminal as it was.

mod support;

use std::io::Write;
use support::pty::Pty;

#[test]
fn a_bundle_is_opened_searched_filtered_and_left() {
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
fn the_picker_offers_what_was_open_before() {
    let home = tempfile::tempdir().unwrap();
    let path = support::sample("services.log");
    let mut pty = Pty::start(home.path(), &[path.to_str().unwrap()]);
    pty.wait_for("read in");
    pty.keys("q");
    pty.ended();
    let mut pty = Pty::start(home.path(), &[]);
    pty.wait_for("opened before");
    pty.keys("services\r");
    pty.wait_for("from cache");
    pty.keys("q");
    assert_eq!(pty.ended(), 0);
}

#[test]
fn signals_leave_the_terminal_as_it_was() {
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
fn a_growing_file_is_followed() {
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
