//! Measures the speed of mining (messages -> kinds -> templates) on one core, and compares it with
//! drain3 if that Python module is installed. `FAULTLINE_BENCH_LOG=FILE cargo bench --bench mine`
//! uses your own file. Prints the results; does not check them.

#[allow(dead_code)]
#[path = "../support/rng.rs"]
mod rng;

use faultline::mine::{Edits, Kinds, LocalKinds, Noted, resolve};
use faultline::model::{Level, NO_TIME};
use std::process::Command;
use std::time::Instant;

/// Bytes in a chunk, as in the program.
const CHUNK: usize = 4 << 20;
/// Lines given to drain3, which is slower.
const PEER_LINES: usize = 100_000;

fn main() {
    let text = match std::env::var_os("FAULTLINE_BENCH_LOG") {
        Some(file) => std::fs::read(file).expect("read the log"),
        None => generate(),
    };
    let lines = text.iter().filter(|b| **b == b'\n').count();
    let mut times: Vec<f64> = (0..5).map(|_| mine_once(&text)).collect();
    times.sort_by(f64::total_cmp);
    let rate = lines as f64 / times[2];
    println!("faultline mines {rate:.0} lines/s on one core ({lines} lines)");
    match drain3(&text) {
        Some(drain3_rate) => println!(
            "drain3 mines {drain3_rate:.0} lines/s: faultline is {:.0} times faster",
            rate / drain3_rate
        ),
        None => println!("drain3 is not installed: no comparison (pip install drain3)"),
    }
}

/// Seconds for mining the text once.
fn mine_once(text: &[u8]) -> f64 {
    let start = Instant::now();
    let mut all = Kinds::default();
    let source: std::sync::Arc<str> = "bench".into();
    let mut at = 0;
    while at < text.len() {
        let end = text[..text.len().min(at + CHUNK)]
            .iter()
            .rposition(|b| *b == b'\n')
            .map_or(text.len(), |n| n + 1)
            .max(at + 1);
        let mut local = LocalKinds::default();
        for (n, raw) in text[at..end]
            .split(|b| *b == b'\n')
            .enumerate()
            .filter(|(_, l)| !l.is_empty())
        {
            let noted = Noted {
                raw,
                message: (0, raw.len()),
                clock_end: 0,
                service: b"",
                caller: b"",
                level: Level::Info,
                timed: false,
                known: true,
                time: NO_TIME,
                precision: 0,
                line: n as u64,
            };
            local.note(
                &noted,
                || String::from_utf8_lossy(raw).into_owned(),
                |_| Level::Info,
            );
        }
        all.absorb(&local.kinds, &source, at as u64);
        at = end;
    }
    let resolved = resolve(&all.shapes, &Edits::default());
    let seconds = start.elapsed().as_secs_f64();
    assert!(!resolved.texts.is_empty());
    seconds
}

/// Lines per second of drain3, or `None` if it is not installed.
fn drain3(text: &[u8]) -> Option<f64> {
    let sample: Vec<u8> = text
        .split_inclusive(|b| *b == b'\n')
        .take(PEER_LINES)
        .flatten()
        .copied()
        .collect();
    let file = std::env::temp_dir().join("faultline-bench-peer.log");
    std::fs::write(&file, sample).ok()?;
    let program = "import sys,time,logging\nfrom drain3 import TemplateMiner\nlogging.disable(50)\nm=TemplateMiner()\n\
                   ls=open(sys.argv[1],errors='replace').read().splitlines()\nt=time.time()\n\
                   [m.add_log_message(l) for l in ls]\nprint(len(ls)/(time.time()-t))";
    let out = Command::new("python3")
        .args(["-c", program])
        .arg(&file)
        .output()
        .ok()?;
    String::from_utf8_lossy(&out.stdout).trim().parse().ok()
}

/// A million lines of a few templates.
fn generate() -> Vec<u8> {
    let mut rng = rng::Rng(7);
    let mut out = Vec::new();
    for _ in 0..1_000_000 {
        let line = match rng.below(4) {
            0 => format!(
                "Accepted password for user{} from 10.0.{}.{} port {} ssh2\n",
                rng.below(50),
                rng.below(255),
                rng.below(255),
                rng.below(60000)
            ),
            1 => format!(
                "Received block blk_{} of size {} from /10.251.{}.1\n",
                rng.below(1 << 40),
                rng.below(1 << 26),
                rng.below(255)
            ),
            2 => format!(
                "GET /api/v1/items/{} 200 took {} ms\n",
                rng.below(9000),
                rng.below(800)
            ),
            _ => "instruction cache parity error corrected\n".to_string(),
        };
        out.extend_from_slice(line.as_bytes());
    }
    out
}
