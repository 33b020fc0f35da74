//! The lines of one container, none lost and none twice: across broken streams by their time stamps, across restarts by the
//! logs of the instance before.

use super::{Container, Shared, restarts};
use crate::engine::moment;
use crate::kube;
use crate::model::Moment;
use crate::text::civil::rfc3339;
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Between two tries to go on.
const SOON: Duration = Duration::from_secs(1);
const LATER: Duration = Duration::from_secs(10);
/// A line longer than this is cut into parts, as kubelet does.
const LONGEST: u64 = 1 << 20;

/// What was taken already. A stream that goes on repeats its last second.
#[derive(Default)]
struct Taken {
    last: Option<Moment>,
    /// Lines that were taken of the last moment, and how many of them came again on this stream.
    of_last: usize,
    again: usize,
}

impl Taken {
    /// A stream begins anew.
    fn reopened(&mut self) {
        self.again = 0;
    }

    /// Whether the line of this moment is a new one.
    fn is_new(&mut self, at: Moment) -> bool {
        match self.last {
            Some(last) if at < last => false,
            Some(last) if at == last => {
                self.again += 1;
                let new = self.again > self.of_last;
                self.of_last = self.of_last.max(self.again);
                new
            }
            _ => {
                (self.last, self.of_last, self.again) = (Some(at), 1, 1);
                true
            }
        }
    }
}

/// Follows one container to the end of its pod.
pub fn stream(shared: &Shared, c: &Container) {
    let file = shared.place(&c.pod, &c.uid, &c.name);
    let (mut taken, mut seen, mut pause) = (Taken::default(), c.restarts, SOON);
    loop {
        let mode = match (shared.ask.previous, shared.ask.follow) {
            (true, _) => Some("--previous"),
            (false, true) => Some("-f"),
            (false, false) => None,
        };
        let any = read(shared, c, &file, &mut taken, mode);
        if shared.stopped() || shared.ask.previous || !shared.ask.follow {
            return;
        }
        pause = if any { SOON } else { (pause * 2).min(LATER) };
        shared.rest(pause);
        let pod = match shared
            .ask
            .ask(&["get", "pods", &c.pod, "--ignore-not-found", "-o", "json"])
        {
            Ok(pod) if pod["metadata"]["uid"] == c.uid.as_str() => pod,
            // The pod is gone, or another has its name.
            Ok(_) => return,
            Err(_) => continue,
        };
        let now = restarts(&pod, &c.name);
        if now > seen {
            // What the instance before said last, when the stream was not there to hear it.
            read(shared, c, &file, &mut taken, Some("--previous"));
            tell(
                shared,
                c,
                &format!(
                    "WARN container {} restarted, {now} times by now{}",
                    c.name,
                    lost(now - seen)
                ),
            );
            seen = now;
        }
        if ended(&pod, &c.name) {
            return;
        }
    }
}

fn lost(restarts: u64) -> String {
    if restarts < 2 {
        String::new()
    } else {
        format!("; the logs of {} instances between are gone", restarts - 1)
    }
}

/// Nothing more will come of it.
fn ended(pod: &Value, container: &str) -> bool {
    let all = pod["status"]["containerStatuses"]
        .as_array()
        .into_iter()
        .flatten();
    let over = matches!(
        pod["status"]["phase"].as_str(),
        Some("Succeeded" | "Failed")
    );
    over && all
        .filter(|s| s["name"] == container)
        .all(|s| s["state"]["terminated"].is_object())
}

fn tell(shared: &Shared, c: &Container, text: &str) {
    let file = shared.place(&c.pod, &c.uid, super::STATES);
    shared
        .write(&file, &[(crate::engine::now(), text.to_string())])
        .ok();
}

/// Reads one stream to its end; true when there was anything new.
fn read(
    shared: &Shared,
    c: &Container,
    file: &std::path::Path,
    taken: &mut Taken,
    mode: Option<&str>,
) -> bool {
    taken.reopened();
    let since = taken.last.map_or_else(
        || format!("--since={}", shared.ask.since),
        |at| format!("--since-time={}", rfc3339(at, 9)),
    );
    let mut rest = vec!["logs", &c.pod, "-c", &c.name, "--timestamps", &since];
    rest.extend(mode);
    let Ok(mut child) = kube::start(&shared.ask.argv(&rest)) else {
        return false;
    };
    let (Some(out), Some(err)) = (child.stdout.take(), child.stderr.take()) else {
        return false;
    };
    let child = Arc::new(Mutex::new(child));
    let all = || {
        shared
            .children
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    };
    all().push(child.clone());
    let complaint = std::thread::spawn(move || {
        let mut text = Vec::new();
        err.take(4096).read_to_end(&mut text).ok();
        String::from_utf8_lossy(&text)
            .lines()
            .next()
            .unwrap_or_default()
            .to_string()
    });
    let any = copy(
        shared,
        file,
        taken,
        &mut BufReader::with_capacity(1 << 18, out),
    );
    let mut held = child.lock().unwrap_or_else(PoisonError::into_inner);
    held.kill().ok();
    held.wait().ok();
    all().retain(|other| !Arc::ptr_eq(other, &child));
    let complaint = complaint.join().unwrap_or_default();
    // That there is no instance before is no news.
    if !complaint.is_empty() && !shared.stopped() && mode != Some("--previous") {
        tell(
            shared,
            c,
            &format!(
                "WARN the logs of container {} broke off: {complaint}",
                c.name
            ),
        );
    }
    any
}

/// Takes over what is new. A last line without its end comes again, whole, when the stream goes on.
fn copy(
    shared: &Shared,
    file: &std::path::Path,
    taken: &mut Taken,
    from: &mut BufReader<impl Read>,
) -> bool {
    let (mut any, mut line, mut new) = (false, Vec::new(), Vec::new());
    loop {
        line.clear();
        let n = from
            .by_ref()
            .take(LONGEST)
            .read_until(b'\n', &mut line)
            .unwrap_or(0);
        let whole = line.last() == Some(&b'\n') || n as u64 == LONGEST;
        if !whole || shared.stopped() {
            return any;
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches(['\n', '\r']);
        let (stamp, message) = text.split_once(' ').unwrap_or((text, ""));
        // What carries no stamp is part of the line before it.
        let (at, message) = moment(stamp).map_or(
            (taken.last.unwrap_or_else(crate::engine::now), text),
            |at| (at, message),
        );
        if taken.is_new(at) {
            new.push((at, message.to_string()));
        }
        // Lines that have come together are written together.
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
        let mut taken = Taken::default();
        let mut out = Vec::new();
        for stream in streams {
            taken.reopened();
            out.extend(stream.iter().filter(|at| taken.is_new(**at)));
        }
        out
    }

    #[test]
    fn lines_of_one_moment_are_all_taken_once() {
        assert_eq!(taken_of(&[&[1, 2, 2], &[2, 2, 2, 3]]), [1, 2, 2, 2, 3]);
        assert_eq!(taken_of(&[&[5], &[4, 5, 5], &[5, 5, 6]]), [5, 5, 6]);
    }

    proptest! {
        /// Wherever streams break, and however far back the next one begins.
        #[test]
        fn broken_streams_lose_nothing_and_repeat_nothing(steps in prop::collection::vec(0i64..3, 1..60),
                                                          cuts in prop::collection::vec((0usize..60, 0i64..4), 0..6)) {
            let all: Vec<Moment> = steps.iter().scan(0, |at, step| { *at += step; Some(*at) }).collect();
            let (mut taken, mut out, mut last) = (Taken::default(), Vec::new(), None::<Moment>);
            for (cut, back) in cuts.into_iter().chain([(all.len(), 0)]) {
                taken.reopened();
                let from = last.map_or(0, |l| all.partition_point(|at| *at < l - back));
                for at in &all[from..cut.clamp(from, all.len())] {
                    if taken.is_new(*at) {
                        out.push(*at);
                    }
                    last = last.max(Some(*at));
                }
            }
            prop_assert_eq!(out, all);
        }
    }
}
