//! Measures how fast a log opens and how fast a word is found in it (medians), and compares with
//! lnav and ripgrep if they are installed. `FAULTLINE_BENCH_LOG=FILE cargo bench --bench open` uses
//! your own file instead of 200 MB of generated syslog. Prints the results; asserts nothing.

#[allow(dead_code)]
#[path = "../support/rng.rs"]
mod rng;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

const RUNS: usize = 5;

fn main() {
    let folder = std::env::temp_dir().join("faultline-bench");
    std::fs::create_dir_all(&folder).expect("create the folder of the benchmark");
    let log =
        std::env::var_os("FAULTLINE_BENCH_LOG").map_or_else(|| generate(&folder), PathBuf::from);
    let size = std::fs::metadata(&log).expect("read the log").len();
    println!("{}: {:.0} MB", log.display(), size as f64 / 1e6);
    let exe = env!("CARGO_BIN_EXE_faultline");
    let cache = folder.join("cache");
    let ours = |args: &[&str]| {
        let mut command = Command::new(exe);
        command.args(args).arg(&log).env("XDG_CACHE_HOME", &cache);
        command
    };
    let open = median(|| {
        std::fs::remove_dir_all(&cache).ok();
        ours(&["templates"])
    });
    report("open, index written", open, size);
    report("open from cache", median(|| ours(&["templates"])), size);
    for word in ["Failed", "24200", "absent77"] {
        report(
            &format!("count '{word}' (with startup)"),
            median(|| ours(&["search", "--count", "--lines", word])),
            size,
        );
        if let Some(rg) = other("rg", || {
            let mut command = Command::new("rg");
            command.args(["-a", "-i", "-w", "-F", "-c", word]).arg(&log);
            command
        }) {
            report(&format!("  rg '{word}'"), rg, size);
        }
    }
    if let Some(lnav) = other("lnav", || {
        let mut command = Command::new("lnav");
        command
            .args(["-n", "-c", ";select count(*) from all_logs"])
            .arg(&log);
        command
    }) {
        report("lnav, open", lnav, size);
        println!("faultline opens {:.1} times faster than lnav", lnav / open);
    }
    let stats = ours(&["templates", "--no-cache", "--stats"])
        .stdout(Stdio::null())
        .output()
        .expect("run faultline");
    println!(
        "{}",
        String::from_utf8_lossy(&stats.stderr)
            .lines()
            .last()
            .unwrap_or_default()
    );
}

fn report(what: &str, seconds: f64, size: u64) {
    println!(
        "{what:<36} {seconds:>8.3} s  {:>8.0} MB/s",
        size as f64 / 1e6 / seconds
    );
}

/// Median time of another program, or `None` if it is not installed.
fn other(name: &str, command: impl Fn() -> Command) -> Option<f64> {
    if Command::new(name).arg("--version").output().is_err() {
        println!("{name} is not installed: skipped");
        return None;
    }
    Some(median(command))
}

/// Median time of several runs, in seconds.
fn median(command: impl Fn() -> Command) -> f64 {
    let mut times: Vec<f64> = (0..RUNS)
        .map(|_| {
            let mut command = command();
            let start = Instant::now();
            command
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .expect("run the command");
            start.elapsed().as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[RUNS / 2]
}

/// Writes a syslog of 200 MB and returns its path.
fn generate(folder: &Path) -> PathBuf {
    let path = folder.join("syslog.log");
    let mut rng = rng::Rng(1);
    let mut out = std::io::BufWriter::new(
        std::fs::File::create(&path).expect("create the log of the benchmark"),
    );
    let mut written = 0;
    let mut second = 0u64;
    while written < 200_000_000 {
        second += rng.below(2);
        let head = format!(
            "Mar {:>2} {:02}:{:02}:{:02} web-7 sshd[{}]: ",
            1 + second / 86_400 % 28,
            second / 3600 % 24,
            second / 60 % 60,
            second % 60,
            rng.below(30_000)
        );
        let line = match rng.below(4) {
            0 => {
                format!(
                    "{head}Failed password for root from 10.{}.{}.9 port {} ssh2\n",
                    rng.below(256),
                    rng.below(256),
                    rng.below(65_536)
                )
            }
            1 => format!(
                "{head}Connection closed by 10.{}.{}.9 [preauth]\n",
                rng.below(256),
                rng.below(256)
            ),
            2 => format!(
                "{head}Accepted publickey for deploy from 10.0.0.{} port {} ssh2\n",
                rng.below(256),
                rng.below(65_536)
            ),
            _ => {
                format!("{head}pam_unix(sshd:session): session opened for user deploy by (uid=0)\n")
            }
        };
        written += line.len();
        out.write_all(line.as_bytes())
            .expect("write the log of the benchmark");
    }
    path
}
