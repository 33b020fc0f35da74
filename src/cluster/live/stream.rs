//! Copies the lines of one container, without loss or repetition. After a broken stream, time
//! stamps show which lines are new. After a restart, the last lines come from the log of the
//! previous instance.

use super::shared::{Container, Shared, restarts};
use crate::corpus::{lock, moment, now};
use crate::kube;
use crate::model::{LogMode, LogStart, Moment, POD_STATES};
use crate::text::civil::rfc3339;
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Shortest and longest pause between two attempts.
const MIN_PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(10);
/// Maximum length of a line in bytes. A longer line is split, as in kubelet.
const MAX_LINE: u64 = 1 << 20;
/// Maximum number of characters of an error message.
const MAX_ERROR: usize = 4096;
/// How long to wait for the error message of a stream that has ended.
const REST: Duration = Duration::from_secs(1);
/// Size of the read buffer.
const BUFFER: usize = 1 << 18;

/// How far the lines were copied. A reopened stream sends its last lines again, and these must not
/// be copied twice.
#[derive(Default)]
struct Position {
    last: Option<Moment>,
    /// Number of copied lines with the time `last`.
    at_last: usize,
    /// Number of lines with the time `last` that the current stream has sent.
    repeated: usize,
}

impl Position {
    /// Call this when a new stream starts.
    fn reopened(&mut self) {
        self.repeated = 0;
    }

    /// Counts a line with this time. Returns true if the line is new.
    fn is_new(&mut self, at: Moment) -> bool {
        match self.last {
            Some(last) if at < last => false,
            Some(last) if at == last => {
                self.repeated += 1;
                let new = self.repeated > self.at_last;
                self.at_last = self.at_last.max(self.repeated);
                new
            }
            _ => {
                (self.last, self.at_last, self.repeated) = (Some(at), 1, 1);
                true
            }
        }
    }
}

/// Copies the log of one container. In `Follow` mode, it runs until the pod has ended.
pub fn stream(shared: &Shared, c: &Container) {
    let file = shared.file(&c.pod, &c.uid, &c.name);
    let (mut position, mut known_restarts, mut pause) =
        (Position::default(), c.restarts, MIN_PAUSE);
    let mode = match (shared.logs.previous, shared.logs.follow) {
        (true, _) => LogMode::Previous,
        (false, true) => LogMode::Follow,
        (false, false) => LogMode::Once,
    };
    loop {
        let any = read(shared, c, &file, &mut position, mode);
        if shared.stopped() || mode != LogMode::Follow {
            return;
        }
        pause = if any {
            MIN_PAUSE
        } else {
            (pause * 2).min(MAX_PAUSE)
        };
        shared.pause(pause);
        let pod = match shared.logs.pod(&c.pod) {
            Ok(pod) if pod["metadata"]["uid"] == c.uid.as_str() => pod,
            // The pod is gone, or another pod has the same name now.
            Ok(_) => return,
            Err(_) => {
                // The copy of the context may hold a token that has expired.
                kube::moved(&shared.logs.access).ok();
                continue;
            }
        };
        let restarts = restarts(&pod, &c.name);
        if restarts > known_restarts {
            // Read the last lines of the previous instance, written after the stream broke.
            read(shared, c, &file, &mut position, LogMode::Previous);
            report_restart(shared, c, restarts, restarts - known_restarts);
            known_restarts = restarts;
        }
        if has_ended(&pod, &c.name) {
            return;
        }
    }
}

fn report_restart(shared: &Shared, c: &Container, total: u64, new: u64) {
    let lost = match new {
        0 | 1 => String::new(),
        n => format!("; the logs of {} earlier instances are lost", n - 1),
    };
    report(
        shared,
        c,
        format!(
            "container {} restarted ({total} restarts in total){lost}",
            c.name
        ),
    );
}

/// True if the container will write no more lines.
fn has_ended(pod: &Value, container: &str) -> bool {
    let all = pod["status"]["containerStatuses"]
        .as_array()
        .into_iter()
        .flatten();
    let is_over = matches!(
        pod["status"]["phase"].as_str(),
        Some("Succeeded" | "Failed")
    );
    is_over
        && all
            .filter(|s| s["name"] == container)
            .all(|s| s["state"]["terminated"].is_object())
}

/// Writes a warning to the file with the pod's states.
fn report(shared: &Shared, c: &Container, text: String) {
    let file = shared.file(&c.pod, &c.uid, POD_STATES);
    shared.write(&file, &[(now(), format!("WARN {text}"))]).ok();
}

/// Reads one stream to its end. Returns true if there were new lines.
fn read(
    shared: &Shared,
    c: &Container,
    file: &Path,
    position: &mut Position,
    mode: LogMode,
) -> bool {
    position.reopened();
    let start = match position.last {
        Some(at) => LogStart::At(rfc3339(at, 9)),
        None => LogStart::Ago(shared.logs.since.clone()),
    };
    let Ok(mut child) = shared.logs.start(c, mode, start) else {
        return false;
    };
    let (Some(out), Some(err)) = (child.stdout.take(), child.stderr.take()) else {
        return false;
    };
    let child = Arc::new(Mutex::new(child));
    lock(&shared.children).push(child.clone());
    let error = kube::Pipe::read(Some(err));
    let any = copy(
        shared,
        file,
        position,
        &mut BufReader::with_capacity(BUFFER, out),
    );
    // First out of the list: `Shared::end` locks the list and then each process.
    lock(&shared.children).retain(|other| !Arc::ptr_eq(other, &child));
    {
        let mut process = lock(&child);
        kube::kill_group(&process);
        process.wait().ok();
    }
    let error = error.text(Instant::now() + REST);
    let error: String = error
        .lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(MAX_ERROR)
        .collect();
    // In `Previous` mode, an error is not reported: many containers have no previous instance.
    if !error.is_empty() && !shared.stopped() && mode != LogMode::Previous {
        report(
            shared,
            c,
            format!("the log stream of container {} ended: {error}", c.name),
        );
    }
    any
}

/// Copies the new lines. Returns true if there were any. An incomplete last line is not copied,
/// because the next stream sends it again.
fn copy(
    shared: &Shared,
    file: &std::path::Path,
    position: &mut Position,
    from: &mut BufReader<impl Read>,
) -> bool {
    let (mut any, mut line, mut new) = (false, Vec::new(), Vec::new());
    loop {
        line.clear();
        let n = from
            .by_ref()
            .take(MAX_LINE)
            .read_until(b'\n', &mut line)
            .unwrap_or(0);
        let whole = line.last() == Some(&b'\n') || n as u64 == MAX_LINE;
        if !whole || shared.stopped() {
            return any;
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches(['\n', '\r']);
        let (stamp, message) = text.split_once(' ').unwrap_or((text, ""));
        // A line without a time stamp gets the time of the line before it.
        let (at, message) = moment(stamp).map_or((position.last.unwrap_or_else(now), text), |at| {
            (at, message)
        });
        if position.is_new(at) {
            new.push((at, message.to_string()));
        }
        // Lines that arrive together are written with one call.
        if !from.buffer().contains(&b'\n') && !new.is_empty() {
            any = true;
            if shared.write(file, &new).is_err() {
                return any;
            }
            new.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn taken_of(streams: &[&[Moment]]) -> Vec<Moment> {
        let mut position = Position::default();
        let mut out = Vec::new();
        for stream in streams {
            position.reopened();
            out.extend(stream.iter().filter(|at| position.is_new(**at)));
        }
        out
    }

    #[test]
    fn lines_with_the_same_time_are_taken_once() {
        assert_eq!(taken_of(&[&[1, 2, 2], &[2, 2, 2, 3]]), [1, 2, 2, 2, 3]);
        assert_eq!(taken_of(&[&[5], &[4, 5, 5], &[5, 5, 6]]), [5, 5, 6]);
    }

    proptest! {
        /// A stream can break anywhere, and the next stream can start at any earlier time.
        #[test]
        fn broken_streams_lose_and_repeat_no_line(steps in prop::collection::vec(0i64..3, 1..60),
                                                          cuts in prop::collection::vec((0usize..60, 0i64..4), 0..6)) {
            let all: Vec<Moment> = steps.iter().scan(0, |at, step| { *at += step; Some(*at) }).collect();
            let (mut position, mut out, mut last) = (Position::default(), Vec::new(), None::<Moment>);
            for (cut, back) in cuts.into_iter().chain([(all.len(), 0)]) {
                position.reopened();
                let from = last.map_or(0, |l| all.partition_point(|at| *at < l - back));
                for at in &all[from..cut.clamp(from, all.len())] {
                    if position.is_new(*at) {
                        out.push(*at);
                    }
                    last = last.max(Some(*at));
                }
            }
            prop_assert_eq!(out, all);
        }
    }
}
