//! Helpers for the integration tests: running the program, test data, and the modules below.
#![allow(dead_code)]

pub mod cluster;
pub mod generate;
pub mod labelled;
pub mod ollama;
pub mod outages;
pub mod pty;
pub mod rng;
pub mod scenario;
pub mod sockshop;
pub mod world_faults;
pub mod world_words;
pub mod worlds;

use std::path::PathBuf;
use std::process::{Command, Output};

/// The program under test, with its cache, settings and data in `home`.
pub fn faultline(home: &std::path::Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_faultline"));
    for name in ["XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "HOME"] {
        command.env(name, home);
    }
    command.env_remove("NO_COLOR");
    command
}

/// Runs a command: exit status, standard output and standard error.
pub fn run(command: &mut Command) -> (i32, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    (
        status.code().unwrap_or(-1),
        String::from_utf8(stdout).unwrap(),
        String::from_utf8_lossy(&stderr).into_owned(),
    )
}

/// The folder with real logs, or `None` after a message that the test is skipped.
pub fn data() -> Option<PathBuf> {
    let found = std::env::var_os("FAULTLINE_DATA")
        .map(PathBuf::from)
        .filter(|p| p.is_dir());
    if found.is_none() {
        eprintln!("skipped: FAULTLINE_DATA names no folder with real logs");
    }
    found
}

/// Path of a bundled sample.
pub fn sample(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("sample-logs")
        .join(name)
}

/// Adds text to a file, and makes the file if it is missing.
pub fn append(file: &std::path::Path, text: &str) {
    use std::io::Write;
    std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(file)
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
}

/// Lines of an application, one second apart, with an error now and then.
pub fn log_lines(n: usize) -> String {
    let line = |i: usize| {
        let level = if i.is_multiple_of(37) {
            "ERROR"
        } else {
            "INFO"
        };
        format!(
            "2026-03-02T10:{:02}:{:02}Z {level} app: request {i} of user{} took {} ms\n",
            i / 60 % 60,
            i % 60,
            i * 7919 % 1000,
            i * 31 % 977
        )
    };
    (0..n).map(line).collect()
}

/// The text in gzip's form.
pub fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut encoder, text).unwrap();
    encoder.finish().unwrap()
}
