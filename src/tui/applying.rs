//! What an action does to a cluster, on threads of its own: look, apply, watch. Sends messages; decides nothing.

use super::msg::Msg;
use crate::engine::{self, Armed, Corpus, PATIENCE, Preflight, Watch};
use crate::model::Action;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;

/// The cursor may rest so shortly on an action without the cluster being asked.
const REST: Duration = Duration::from_millis(150);
/// Between two looks at the logs after an action.
const EVERY: Duration = Duration::from_secs(2);

/// Looks at what an action would do, unless a later look is wanted by then.
pub fn look(latest: &Arc<AtomicU64>, out: UnboundedSender<Msg>, action: Box<Action>, armed: Armed) {
    let mine = latest.fetch_add(1, Ordering::Relaxed) + 1;
    let latest = latest.clone();
    std::thread::spawn(move || {
        std::thread::sleep(REST);
        if latest.load(Ordering::Relaxed) == mine {
            let card = engine::preflight(&action, &armed);
            out.send(Msg::Looked(action.argv, card.map(Box::new))).ok();
        }
    });
}

/// Runs an action behind its checks; without a card from before it looks now and goes on only when all is green. Then it
/// watches the followed logs until they tell what came of it.
pub fn apply(
    corpus: Arc<Corpus>,
    out: UnboundedSender<Msg>,
    action: Box<Action>,
    armed: Armed,
    card: Option<Box<Preflight>>,
) {
    std::thread::spawn(move || {
        let snapshot = corpus.snapshot();
        let (findings, diagnosis) = (
            corpus.findings_of(&snapshot),
            corpus.diagnosis_of(&snapshot),
        );
        let watch = Watch::new(&snapshot, &findings, &diagnosis, &action, engine::now());
        let looked = card.map_or_else(|| engine::preflight(&action, &armed), |card| Ok(*card));
        let done = looked.and_then(|card| {
            engine::apply(&corpus, &action, &armed, &card).map(|applied| (applied, card))
        });
        let (applied, card) = match done {
            Ok(done) => done,
            Err(e) => {
                out.send(Msg::Applied(vec![format!("not done: {e}")], None))
                    .ok();
                return;
            }
        };
        let changes = !action.changes.is_empty();
        let mut lines: Vec<String> = applied.told.lines().map(String::from).collect();
        if changes {
            lines.push(format!("expected: {}", watch.prediction()));
        }
        if changes && watch.live {
            lines.push(format!(
                "the logs are watched for up to {} s; the plan shows how it stands",
                PATIENCE / 1_000_000_000
            ));
        }
        out.send(Msg::Applied(
            lines,
            engine::back(&action, &card).map(Box::new),
        ))
        .ok();
        if !changes {
            if let Err(e) = engine::remember(
                &corpus,
                &action,
                &armed,
                &applied.run,
                None,
                "a look: nothing was changed",
            ) {
                out.send(Msg::Notice(e)).ok();
            }
            return;
        }
        let since = engine::now();
        loop {
            let stands = watch.look(&corpus, &applied, since, engine::now());
            if stands.over {
                let kept = engine::remember(
                    &corpus,
                    &action,
                    &armed,
                    &applied.run,
                    stands.outcome,
                    &stands.told,
                );
                out.send(Msg::Watched(stands)).ok();
                if let Err(e) = kept {
                    out.send(Msg::Notice(e)).ok();
                }
                return;
            }
            if out.send(Msg::Watched(stands)).is_err() {
                return;
            }
            std::thread::sleep(EVERY);
        }
    });
}
