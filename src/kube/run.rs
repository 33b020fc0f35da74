//! Checks a kubectl command against the grammar and runs it without a shell, in its own process
//! group, with a timeout and an output limit. Both also hold for programs that kubectl starts. Makes
//! no decisions.

use super::access::Access;
use super::gate::{self, Refused};
use crate::model::Command;
use rustix::process::{Pid, Signal, kill_process_group};
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Maximum number of bytes to read from stdout and from stderr. The rest is dropped.
const MAX_OUTPUT: usize = 4 << 20;
/// How often to check whether a running command has ended.
const POLL: Duration = Duration::from_millis(10);
/// How long to wait for the rest of the output after a command has ended. A program that it started
/// can hold the pipe open for ever.
const REST: Duration = Duration::from_secs(1);

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("refused: {0}")]
    Refused(#[from] Refused),
    #[error("cannot run kubectl ({0}); is it installed?")]
    Start(io::Error),
    #[error("kubectl: {0}")]
    Wait(io::Error),
    #[error("cannot write a private copy of the kubeconfig: {0}")]
    Config(io::Error),
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
pub fn json(
    access: &Access,
    command: &Command,
    timeout: Duration,
) -> Result<serde_json::Value, Error> {
    let output = run(access, command, timeout)?.succeeded()?;
    Ok(serde_json::from_str(&output)?)
}

/// Checks and starts a command. The caller reads its output as a stream and must end the process.
pub fn start(access: &Access, command: &Command) -> Result<Child, Error> {
    let argv = command.argv();
    gate::check(&argv)?;
    tracing::debug!(%command, "run kubectl");
    let mut process = std::process::Command::new(&argv[0]);
    process
        .args(&argv[1..])
        .stdin(match command.operation.input() {
            Some(text) => Stdio::from(input_file(&text).map_err(Error::Start)?),
            None => Stdio::null(),
        })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    access.apply(&mut process);
    process.spawn().map_err(Error::Start)
}

/// A file without a name that holds the standard input of a command.
fn input_file(text: &str) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    file.write_all(text.as_bytes())?;
    file.rewind()?;
    Ok(file)
}

/// Checks a command, runs it and waits for its end. After `timeout`, the whole process group is
/// killed, and output that is still missing is abandoned.
pub fn run(access: &Access, command: &Command, timeout: Duration) -> Result<Finished, Error> {
    let mut child = start(access, command)?;
    let (out, err) = (
        Pipe::read(child.stdout.take()),
        Pipe::read(child.stderr.take()),
    );
    let started = Instant::now();
    let status = wait(&mut child, timeout)?;
    let rest = REST.min(timeout.saturating_sub(started.elapsed()));
    let until = Instant::now() + rest;
    let (stdout, stderr) = (out.text(until), err.text(until));
    // What kubectl started must not outlive it.
    kill_group(&child);
    let timed_out = status.is_none();
    tracing::debug!(?status, timed_out, elapsed = ?started.elapsed(), "kubectl ended");
    Ok(Finished {
        status: status.and_then(|s| s.code()).unwrap_or(-1),
        stdout,
        stderr,
        timed_out,
    })
}

/// Waits until a process ends. After `timeout`, kills its group and returns `None`.
fn wait(child: &mut Child, timeout: Duration) -> Result<Option<ExitStatus>, Error> {
    let started = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(Some(status)),
            Ok(None) if started.elapsed() > timeout => {
                kill_group(child);
                child.wait().ok();
                return Ok(None);
            }
            Ok(None) => std::thread::sleep(POLL),
            Err(e) => return Err(Error::Wait(e)),
        }
    }
}

/// Kills a process with everything that it started.
pub fn kill_group(child: &Child) {
    if let Some(group) = Pid::from_raw(child.id() as i32) {
        kill_process_group(group, Signal::KILL).ok();
    }
}

/// The output of a process, read on a thread of its own.
pub struct Pipe(Arc<(Mutex<Output>, Condvar)>);

/// What was read so far.
#[derive(Default)]
struct Output {
    bytes: Vec<u8>,
    has_ended: bool,
}

impl Pipe {
    /// Starts to read. The thread ends with the pipe; nobody waits for it.
    pub fn read(pipe: Option<impl Read + Send + 'static>) -> Pipe {
        let shared = Arc::new((Mutex::new(Output::default()), Condvar::new()));
        let of_thread = shared.clone();
        std::thread::spawn(move || {
            let mut buffer = vec![0; 64 * 1024];
            let mut pipe = pipe;
            while let Some(Ok(n @ 1..)) = pipe.as_mut().map(|p| p.read(&mut buffer)) {
                let bytes = &mut lock(&of_thread.0).bytes;
                // The rest is read and dropped, so that the process is not blocked.
                let room = MAX_OUTPUT.saturating_sub(bytes.len());
                bytes.extend_from_slice(&buffer[..n.min(room)]);
            }
            lock(&of_thread.0).has_ended = true;
            of_thread.1.notify_all();
        });
        Pipe(shared)
    }

    /// The text that has come until the pipe ends or this time.
    pub fn text(&self, until: Instant) -> String {
        let mut output = lock(&self.0.0);
        while !output.has_ended {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.0.1.wait_timeout(output, left);
            output = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        String::from_utf8_lossy(&output.bytes).into_owned()
    }
}

fn lock(output: &Mutex<Output>) -> MutexGuard<'_, Output> {
    output.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Child {
        let mut process = std::process::Command::new("sh");
        process
            .args(["-c", script])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .process_group(0);
        process.spawn().unwrap()
    }

    #[test]
    fn a_helper_that_holds_the_pipe_does_not_block() {
        let started = Instant::now();
        let mut child = shell("setsid sleep 30 & echo done");
        let out = Pipe::read(child.stdout.take());
        assert!(wait(&mut child, Duration::from_secs(5)).unwrap().is_some());
        assert_eq!(out.text(Instant::now() + REST), "done\n");
        assert!(started.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn a_process_that_does_not_end_is_killed_with_its_children() {
        let mut child = shell("sleep 30 & sleep 30");
        let out = Pipe::read(child.stdout.take());
        assert!(
            wait(&mut child, Duration::from_millis(50))
                .unwrap()
                .is_none()
        );
        assert_eq!(out.text(Instant::now() + Duration::from_secs(5)), "");
        assert!(
            lock(&out.0.0).has_ended,
            "the children hold the pipe no longer"
        );
    }

    #[test]
    fn endless_output_is_cut() {
        let mut child = shell("yes");
        let out = Pipe::read(child.stdout.take());
        wait(&mut child, Duration::from_millis(300)).unwrap();
        assert_eq!(out.text(Instant::now() + REST).len(), MAX_OUTPUT);
    }
}
