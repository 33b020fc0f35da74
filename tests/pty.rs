//! The program in a real pseudo-terminal: opens, searches, filters, quits, and leaves the terminal as it was.

mod support;

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

struct Pty {
    parser: Arc<Mutex<vt100::Parser>>,
    raw: Arc<Mutex<Vec<u8>>>,
    writer: Box<dyn Write + Send>,
    child: Box<dyn portable_pty::Child + Send + Sync>,
    _master: Box<dyn portable_pty::MasterPty + Send>,
}

impl Pty {
    fn start(home: &std::path::Path, args: &[&str]) -> Pty {
        let size = PtySize { rows: 40, cols: 120, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_faultline"));
        command.args(args);
        command.env("TERM", "xterm-256color");
        for name in ["XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "HOME"] {
            command.env(name, home);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let writer = pair.master.take_writer().unwrap();
        let parser = Arc::new(Mutex::new(vt100::Parser::new(40.try_into().unwrap(), 120.try_into().unwrap(), 0)));
        let raw: Arc<Mutex<Vec<u8>>> = Arc::default();
        let (seen, kept) = (parser.clone(), raw.clone());
        std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(n @ 1..) = reader.read(&mut buffer) {
                seen.lock().unwrap().process(&buffer[..n]);
                kept.lock().unwrap().extend_from_slice(&buffer[..n]);
            }
        });
        Pty { parser, raw, writer, child, _master: pair.master }
    }

    fn screen(&self) -> String {
        self.parser.lock().unwrap().screen().contents()
    }

    fn wait_for(&self, text: &str) -> String {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(30) {
            let screen = self.screen();
            if screen.contains(text) {
                return screen;
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
        panic!("'{text}' did not appear on:\n{}", self.screen());
    }

    fn keys(&mut self, keys: &str) {
        self.writer.write_all(keys.as_bytes()).unwrap();
        self.writer.flush().unwrap();
    }

    fn ended(&mut self) -> u32 {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(30) {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.exit_code();
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
        panic!("it did not end; the screen:\n{}", self.screen());
    }

    /// The alternate screen was left and the cursor shown again.
    fn restored(&self) -> bool {
        std::thread::park_timeout(Duration::from_millis(200));
        let raw = self.raw.lock().unwrap();
        let last = |needle: &[u8]| raw.windows(needle.len()).rposition(|w| w == needle);
        let (entered, left) = (last(b"\x1b[?1049h"), last(b"\x1b[?1049l"));
        left > entered && last(b"\x1b[?25h") > entered
    }
}

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
        let sent = std::process::Command::new("kill").args([format!("-{signal}"), pid.to_string()]).status();
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
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    for i in 0..500 {
        writeln!(file, "2024-03-01T10:00:01Z ERROR later number {i}").unwrap();
    }
    pty.wait_for("later number 499");
    pty.keys("q");
    assert_eq!(pty.ended(), 0);
}
