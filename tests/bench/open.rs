//! How fast a corpus opens, and how fast a word is found in it: medians, and the ratio to lnav and ripgrep where they are installed.
//! `FAULTLINE_BENCH_LOG=FILE cargo bench` measures on a file of yours; else on 200 MB of a generated syslog. Prints; asserts nothing.

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
    std::fs::create_dir_all(&folder).expect("a folder for the bench");
    let log =
        std::env::var_os("FAULTLINE_BENCH_LOG").map_or_else(|| generate(&folder), PathBuf::from);
    let size = std::fs::metadata(&log).expect("the log").len();
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
            &format!("count '{word}' (with start-up)"),
            median(|| ours(&["search", "--count", "--lines", word])),
            size,
        );
        if let Some(rg) = peer("rg", || {
            let mut command = Command::new("rg");
            command.args(["-a", "-i", "-w", "-F", "-c", word]).arg(&log);
            command
        }) {
            report(&format!("  rg '{word}'"), rg, size);
        }
    }
    if let Some(lnav) = peer("lnav", || {
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
        .expect("faultline runs");
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

fn peer(name: &str, command: impl Fn() -> Command) -> Option<f64> {
    if Command::new(name).arg("--version").output().is_err() {
        println!("{name} is not installed: left out");
        return None;
    }
    Some(median(command))
}

fn median(command: impl Fn() -> Command) -> f64 {
    let mut times: Vec<f64> = (0..RUNS)
        .map(|_| {
            let mut command = command();
            let start = Instant::now();
            command
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status()
                .expect("it runs");
            start.elapsed().as_secs_f64()
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[RUNS / 2]
}

fn generate(folder: &Path) -> PathBuf {
    let path = folder.join("syslog.log");
    let mut rng = rng::Rng(1);
    let mut out =
        std::io::BufWriter::new(std::fs::File::create(&path).expect("a file for the bench"));
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
        out.write_all(line.as_bytes()).expect("room for the bench");
    }
    path
}
