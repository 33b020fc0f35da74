//! The only door to kubectl: argv from typed values, checked against an allow-list of verbs and flags, run without a shell in a
//! process group of its own, with a time-out and a cap on what is read. Decides nothing.

mod gate;
mod patch;

pub use gate::{Refused, check, is_name};

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Stands in an argv for the context that an offline plan must not know.
pub const CONTEXT: &str = "<CONTEXT>";

/// Output beyond this is cut.
const MOST_OUTPUT: u64 = 4 << 20;

/// What a command gave.
#[derive(Clone, Debug, Default)]
pub struct Ran {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
    pub timed_out: bool,
}

impl Ran {
    /// What went wrong, in kubectl's own words.
    pub fn said(&self) -> String {
        if self.timed_out {
            return "no answer in time".into();
        }
        self.stderr
            .lines()
            .chain(self.stdout.lines())
            .next()
            .unwrap_or("it failed without a word")
            .to_string()
    }
}

/// What kubectl says of objects, as JSON; or why not, in words.
pub fn json(argv: &[String], timeout: Duration) -> Result<serde_json::Value, String> {
    let ran = run(argv, timeout)?;
    if ran.status != 0 {
        return Err(ran.said());
    }
    serde_json::from_str(&ran.stdout).map_err(|e| format!("kubectl's answer cannot be read: {e}"))
}

/// Starts a checked argv whose output is read as it comes; the caller ends it.
pub fn start(argv: &[String]) -> Result<Child, String> {
    check(argv).map_err(|r| format!("refused: {r}"))?;
    let mut command = Command::new(&argv[0]);
    command
        .args(&argv[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    command
        .spawn()
        .map_err(|e| format!("kubectl cannot be run ({e}); is it installed?"))
}

/// Runs a checked argv; the whole process group is killed when time is out.
pub fn run(argv: &[String], timeout: Duration) -> Result<Ran, String> {
    let mut child = start(argv)?;
    let group = child.id();
    let read = |pipe: Option<Box<dyn Read + Send>>| {
        std::thread::spawn(move || {
            let mut text = Vec::new();
            if let Some(pipe) = pipe {
                pipe.take(MOST_OUTPUT).read_to_end(&mut text).ok();
            }
            String::from_utf8_lossy(&text).into_owned()
        })
    };
    let out = read(
        child
            .stdout
            .take()
            .map(|p| Box::new(p) as Box<dyn Read + Send>),
    );
    let err = read(
        child
            .stderr
            .take()
            .map(|p| Box::new(p) as Box<dyn Read + Send>),
    );
    let started = Instant::now();
    let mut timed_out = false;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status.code().unwrap_or(-1),
            Ok(None) if started.elapsed() > timeout => {
                timed_out = true;
                Command::new("kill")
                    .args(["-KILL", "--", &format!("-{group}")])
                    .status()
                    .ok();
                child.wait().ok();
                break -1;
            }
            Ok(None) => std::thread::sleep(Duration::from_millis(10)),
            Err(e) => return Err(format!("kubectl: {e}")),
        }
    };
    Ok(Ran {
        status,
        stdout: out.join().unwrap_or_default(),
        stderr: err.join().unwrap_or_default(),
        timed_out,
    })
}
