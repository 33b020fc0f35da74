//! Runs the program in a real pseudo-terminal of 120x40 and reads its screen. Knows nothing about
//! what the screen should contain.

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// The running program and its terminal.
pub struct Pty {
    parser: Arc<Mutex<vt100::Parser>>,
    /// All bytes that the program has written.
    pub raw: Arc<Mutex<Vec<u8>>>,
    writer: Box<dyn Write + Send>,
    pub child: Box<dyn portable_pty::Child + Send + Sync>,
    _master: Box<dyn portable_pty::MasterPty + Send>,
}

impl Pty {
    pub fn start(home: &std::path::Path, args: &[&str]) -> Pty {
        Pty::with(home, args, &[])
    }

    /// Starts the program in `home`, with additional environment variables.
    pub fn with(home: &std::path::Path, args: &[&str], variables: &[(&str, &str)]) -> Pty {
        let size = PtySize {
            rows: 40,
            cols: 120,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_faultline"));
        command.args(args);
        command.env("TERM", "xterm-256color");
        for name in ["XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "HOME"] {
            command.env(name, home);
        }
        command.cwd(home);
        for (name, value) in variables {
            command.env(name, value);
        }
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader().unwrap();
        let writer = pair.master.take_writer().unwrap();
        let parser = Arc::new(Mutex::new(vt100::Parser::new(
            40.try_into().unwrap(),
            120.try_into().unwrap(),
            0,
        )));
        let raw: Arc<Mutex<Vec<u8>>> = Arc::default();
        let (parsed, written) = (parser.clone(), raw.clone());
        std::thread::spawn(move || {
            let mut buffer = [0; 8192];
            while let Ok(n @ 1..) = reader.read(&mut buffer) {
                parsed.lock().unwrap().process(&buffer[..n]);
                written.lock().unwrap().extend_from_slice(&buffer[..n]);
            }
        });
        Pty {
            parser,
            raw,
            writer,
            child,
            _master: pair.master,
        }
    }

    pub fn screen(&self) -> String {
        self.parser.lock().unwrap().screen().contents()
    }

    /// Waits up to 30 seconds for a text and returns the screen; panics if it does not appear.
    pub fn wait_for(&self, text: &str) -> String {
        self.wait_long(text, Duration::from_secs(30))
    }

    /// Like `wait_for`, with another limit.
    pub fn wait_long(&self, text: &str, limit: Duration) -> String {
        let start = Instant::now();
        while start.elapsed() < limit {
            let screen = self.screen();
            if screen.contains(text) {
                return screen;
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
        panic!("'{text}' did not appear on:\n{}", self.screen());
    }

    /// Presses Esc and waits until the overlay with this title is closed.
    pub fn close(&mut self, title: &str) {
        self.keys("\x1b");
        let start = Instant::now();
        while self.screen().contains(title) {
            assert!(
                start.elapsed() < Duration::from_secs(30),
                "'{title}' is still on:\n{}",
                self.screen()
            );
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    pub fn keys(&mut self, keys: &str) {
        self.writer.write_all(keys.as_bytes()).unwrap();
        self.writer.flush().unwrap();
    }

    /// Waits for the program to end and returns its exit status.
    pub fn ended(&mut self) -> u32 {
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(30) {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.exit_code();
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
        panic!("the program did not end; the screen:\n{}", self.screen());
    }

    /// Whether the program left the alternate screen and showed the cursor again.
    pub fn restored(&self) -> bool {
        std::thread::park_timeout(Duration::from_millis(200));
        let raw = self.raw.lock().unwrap();
        let last = |needle: &[u8]| raw.windows(needle.len()).rposition(|w| w == needle);
        let (entered, left) = (last(b"\x1b[?1049h"), last(b"\x1b[?1049l"));
        left > entered && last(b"\x1b[?25h") > entered
    }
}
