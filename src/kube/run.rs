//! Checks a kubectl command against the grammar and runs it without a shell, in its own process
//! group, with a timeout and an output limit. Makes no decisions.

use super::gate::{self, Refused};
use crate::model::Command;
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// Maximum number of bytes to read from stdout and from stderr. The rest is dropped.
const MAX_OUTPUT: u64 = 4 << 20;
/// How often to check whether a running command has ended.
const POLL: Duration = Duration::from_millis(10);

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("refused: {0}")]
    Refused(#[from] Refused),
    #[error("cannot run kubectl ({0}); is it installed?")]
    Start(io::Error),
    #[error("kubectl: {0}")]
    Wait(io::Error),
    /// The error message of kubectl.
    #[error("{0}")]
    Failed(String),
    #[error("cannot parse the output of kubectl: {0}")]
    Json(#[from] serde_json::Error),
}

/// The result of a command.
#[derive(Clone, Debug, Default)]
pub struct Finished {
    /// Exit code. -1 if a signal or the timeout ended the process.
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
    pub timed_out: bool,
}

impl Finished {
    /// A one-line message: the first line of stderr, or of stdout if stderr is empty.
    pub fn message(&self) -> String {
        if self.timed_out {
            return "kubectl did not finish in time; the API server may be slow or unreachable"
                .into();
        }
        let first = self.stderr.lines().chain(self.stdout.lines()).next();
        first.unwrap_or("failed without output").to_string()
    }

    /// The output of the command, or an error if the command failed.
    pub fn succeeded(self) -> Result<String, Error> {
        if self.status == 0 {
            Ok(self.stdout)
        } else {
            Err(Error::Failed(self.message()))
        }
    }
}

/// Runs a command and parses its output as JSON.
pub fn json(command: &Command, timeout: Duration) -> Result<serde_json::Value, Error> {
    Ok(serde_json::from_str(&run(command, timeout)?.succeeded()?)?)
}

/// Checks and starts a command. The caller reads its output as a stream and must end the process.
pub fn start(command: &Command) -> Result<Child, Error> {
    let argv = command.argv();
    gate::check(&argv)?;
    tracing::debug!(%command, "run kubectl");
    let mut process = std::process::Command::new(&argv[0]);
    process
        .args(&argv[1..])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    process.spawn().map_err(Error::Start)
}

/// Checks a command, runs it and waits for its end. After `timeout`, the whole process group is
/// killed.
pub fn run(command: &Command, timeout: Duration) -> Result<Finished, Error> {
    let mut child = start(command)?;
    let (out, err) = (read(child.stdout.take()), read(child.stderr.take()));
    let started = Instant::now();
    let mut timed_out = false;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status.code().unwrap_or(-1),
            Ok(None) if started.elapsed() > timeout => {
                timed_out = true;
                if let Some(group) = Pid::from_raw(child.id() as i32) {
                    kill_process_group(group, Signal::KILL).ok();
                }
                child.wait().ok();
                break -1;
            }
            Ok(None) => std::thread::sleep(POLL),
            Err(e) => return Err(Error::Wait(e)),
        }
    };
    tracing::debug!(status, timed_out, elapsed = ?started.elapsed(), "kubectl ended");
    Ok(Finished {
        status,
        stdout: out.join().unwrap_or_default(),
        stderr: err.join().unwrap_or_default(),
        timed_out,
    })
}

fn read(pipe: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = Vec::new();
        if let Some(pipe) = pipe {
            pipe.take(MAX_OUTPUT).read_to_end(&mut text).ok();
        }
        String::from_utf8_lossy(&text).into_owned()
    })
}
