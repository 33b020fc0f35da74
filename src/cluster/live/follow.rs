//! Starts live logs and adds the logs of new pods. The `stream` module handles broken streams and
//! restarted containers.

use super::shared::{Container, LiveLogs, Shared};
use super::states::States;
use super::stream;
use crate::cluster::error::Error;
use crate::corpus::now;
use crate::kube;
use crate::model::Moment;
use crate::text::civil::parse_duration;
use serde_json::Value;
use std::collections::BTreeSet;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

/// Pause between two queries of pods and events.
const INTERVAL: Duration = Duration::from_secs(3);

/// A folder that live logs are written to. When this value is dropped, the live logs end and the
/// folder is deleted.
pub struct Live(Arc<Shared>);

impl Live {
    pub fn path(&self) -> &Path {
        &self.0.folder
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Follows the logs of pods, or reads them once. Writes the current pod states and events before it
/// returns.
pub fn follow_pods(logs: &LiveLogs) -> Result<Live, Error> {
    let logs = &LiveLogs {
        access: kube::freeze(logs.context.as_deref())?,
        ..logs.clone()
    };
    let pods = logs.pods()?;
    if pods.is_empty() {
        return Err(Error::NoPods(logs.namespace.clone()));
    }
    let name = format!("faultline-live-{}-{}", std::process::id(), now());
    let folder = std::env::temp_dir().join(name);
    // Only the user can read the logs. `create` fails if the folder exists, so another user cannot
    // create it in advance.
    let created = std::fs::DirBuilder::new().mode(0o700).create(&folder);
    created.map_err(|source| Error::LiveFolder {
        folder: folder.clone(),
        source,
    })?;
    let shared = Arc::new(Shared {
        logs: logs.clone(),
        folder: folder.clone(),
        stop: AtomicBool::new(false),
        children: Mutex::default(),
    });
    let live = Live(shared.clone());
    let from = parse_duration(&logs.since).map_or(Moment::MIN, |since| now() - since);
    let (mut states, mut known) = (States::new(from), BTreeSet::new());
    let written = states.write_new(&shared, &pods);
    written.map_err(|source| Error::LiveFolder { folder, source })?;
    let streams = start_new(&shared, &pods, &mut known);
    if !logs.follow {
        streams.into_iter().for_each(|s| drop(s.join()));
        return Ok(live);
    }
    std::thread::spawn(move || {
        while !shared.stopped() {
            shared.pause(INTERVAL);
            // If the cluster does not answer, the next round asks again. No events are lost,
            // because the cluster stores them for some time.
            if let Ok(pods) = shared.logs.pods() {
                states.write_new(&shared, &pods).ok();
                start_new(&shared, &pods, &mut known);
            }
        }
    });
    Ok(live)
}

fn start_new(
    shared: &Arc<Shared>,
    pods: &[Value],
    known: &mut BTreeSet<(String, String)>,
) -> Vec<JoinHandle<()>> {
    let containers = pods.iter().flat_map(|p| shared.logs.containers(p));
    let new: Vec<Container> = containers
        .filter(|c| known.insert((c.uid.clone(), c.name.clone())))
        .collect();
    let start = |container: Container| {
        let shared = shared.clone();
        std::thread::spawn(move || stream::stream(&shared, &container))
    };
    new.into_iter().map(start).collect()
}
