//! Runs the checks of an action, the action itself and the watch after it, on separate threads.
//! Sends the results as messages. Does not decide whether an action may run.

use super::outbox::Outbox;
use crate::analysis::Analysis;
use crate::cluster::{self, Applied, Connection, PATIENCE, Preflight, Watch, WatchState};
use crate::corpus::now;
use crate::model::Action;
use crate::tui::state::msg::Msg;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The cursor must stay on an action for this long before the cluster is queried.
const DEBOUNCE: Duration = Duration::from_millis(150);
/// Time between two checks of the logs after an action.
const WATCH_INTERVAL: Duration = Duration::from_secs(2);

/// Checks an action against the live cluster without changing it. Skipped if a newer check is
/// requested within `DEBOUNCE`.
pub fn preflight(latest: &Arc<AtomicU64>, out: Outbox, action: Box<Action>, cluster: Connection) {
    let request = latest.fetch_add(1, Ordering::Relaxed) + 1;
    let latest = latest.clone();
    std::thread::spawn(move || {
        std::thread::sleep(DEBOUNCE);
        if latest.load(Ordering::Relaxed) != request {
            return;
        }
        let checked = cluster::preflight(&action, &cluster).map_err(|e| e.to_string());
        if let Some(command) = action.command {
            out.send(Msg::PreflightDone(command, Box::new(checked)));
        }
    });
}

/// Applies an action if all its checks passed. Without earlier checks, it runs them first. Then it
/// watches the followed logs until they show the outcome.
pub fn apply(
    analysis: Arc<Analysis>,
    out: Outbox,
    action: Box<Action>,
    cluster: Connection,
    checked: Option<Box<Preflight>>,
) {
    std::thread::spawn(move || {
        let run = Run {
            analysis,
            out,
            action,
            cluster,
        };
        let watch = run.watch();
        match run.apply(checked) {
            Ok((applied, checked)) => run.applied(&watch, &applied, &checked),
            Err(e) => {
                run.out
                    .send(Msg::Applied(vec![format!("not applied: {e}")], None));
            }
        }
    });
}

/// An action that is being applied.
struct Run {
    analysis: Arc<Analysis>,
    out: Outbox,
    action: Box<Action>,
    cluster: Connection,
}

impl Run {
    /// What is expected of the action. Worked out before it runs.
    fn watch(&self) -> Watch {
        let snapshot = self.analysis.snapshot();
        let findings = self.analysis.findings(&snapshot);
        let diagnosis = self.analysis.diagnosis(&snapshot);
        Watch::new(
            &self.analysis,
            &snapshot,
            (&findings, &diagnosis),
            &self.action,
            now(),
        )
    }

    fn apply(
        &self,
        checked: Option<Box<Preflight>>,
    ) -> Result<(Applied, Preflight), cluster::Error> {
        let checked = match checked {
            Some(checked) => *checked,
            None => cluster::preflight(&self.action, &self.cluster)?,
        };
        let applied = cluster::apply(&self.analysis, &self.action, &self.cluster, &checked)?;
        Ok((applied, checked))
    }

    /// Shows the output, and watches the logs if the action changed something.
    fn applied(&self, watch: &Watch, applied: &Applied, checked: &Preflight) {
        let changes = !self.action.changes.is_empty();
        let mut lines: Vec<String> = applied.output.lines().map(String::from).collect();
        if changes {
            lines.push(format!("expected: {}", watch.prediction()));
        }
        if changes && watch.live {
            let seconds = PATIENCE / 1_000_000_000;
            lines.push(format!(
                "watching the logs for up to {seconds} s; the plan shows the result"
            ));
        }
        let rollback = cluster::rollback_action(&self.action, checked).map(Box::new);
        self.out.send(Msg::Applied(lines, rollback));
        if changes {
            self.watch_logs(watch, applied);
        } else {
            let message = "read-only action: nothing was changed".into();
            self.record(
                applied,
                &WatchState {
                    outcome: None,
                    is_over: true,
                    message,
                },
            );
        }
    }

    /// Reports the effect on the logs until the outcome is known.
    fn watch_logs(&self, watch: &Watch, applied: &Applied) {
        let since = now();
        loop {
            let state = watch.check(&self.analysis, applied, since, now());
            let is_over = state.is_over;
            if is_over {
                self.record(applied, &state);
            }
            if !self.out.send(Msg::WatchUpdated(state)) || is_over {
                return;
            }
            std::thread::sleep(WATCH_INTERVAL);
        }
    }

    fn record(&self, applied: &Applied, state: &WatchState) {
        let (run, outcome) = (&applied.run, (state.outcome, state.message.as_str()));
        let recorded =
            cluster::record_outcome(&self.analysis, &self.action, &self.cluster, run, outcome);
        if let Err(e) = recorded {
            self.out.send(Msg::Notice(e.to_string()));
        }
    }
}
