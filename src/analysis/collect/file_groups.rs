//! Groups the events of a template by the file that they are in: one file for each worker, pod or
//! host of a service. Reads no text and detects nothing.

use super::series::MIN_NUMBERS;
use super::values::Sample;
use super::word_series::WordSample;
use crate::corpus::Snapshot;
use crate::model::{EventId, Moment, SourceId, TemplateIx};
use std::collections::BTreeMap;

/// Most files that are told apart.
const MAX_FILES: usize = 20;
/// Each file covers at least this share of the time of all: the parts of a rotated log do not.
const MIN_COVERED: f64 = 0.6;

/// The events of a template in one file.
type Events = BTreeMap<EventId, (Moment, Option<u32>)>;

/// The events of each service and template by file, as words: the names of the files.
pub struct FileGroups {
    of: BTreeMap<(usize, TemplateIx), BTreeMap<SourceId, Events>>,
}

impl FileGroups {
    pub fn of(snapshot: &Snapshot, samples: &[Sample]) -> FileGroups {
        let mut of: BTreeMap<(usize, TemplateIx), BTreeMap<SourceId, Events>> = BTreeMap::new();
        if snapshot.sources.len() > 1 {
            for s in samples {
                let files = of.entry((s.service, s.template)).or_default();
                let events = files.entry(s.file).or_default();
                events.insert(s.event, (s.at, s.bin));
            }
        }
        of.retain(|_, files| are_parallel(files));
        FileGroups { of }
    }

    /// For each service and template: the name of its file for each event.
    pub fn words(&self, snapshot: &Snapshot) -> Vec<((usize, TemplateIx), Vec<WordSample>)> {
        let name = |file: &SourceId| -> Box<str> {
            let name = snapshot
                .sources
                .get(file.index())
                .map_or("", |s| s.name.as_str());
            name.rsplit('/').next().unwrap_or(name).into()
        };
        let words = |files: &BTreeMap<SourceId, Events>| {
            let of_file = |(file, events): (&SourceId, &Events)| {
                let name = name(file);
                let word = move |(id, (at, bin)): (&EventId, &(Moment, Option<u32>))| {
                    (*at, *bin, *id, name.clone())
                };
                events.iter().map(word).collect::<Vec<_>>()
            };
            let mut all: Vec<WordSample> = files.iter().flat_map(of_file).collect();
            all.sort_by_key(|s| (s.0, s.2));
            all
        };
        self.of
            .iter()
            .map(|(key, files)| (*key, words(files)))
            .collect()
    }
}

/// True if several files have enough events, all in about the same time.
fn are_parallel(files: &BTreeMap<SourceId, Events>) -> bool {
    let span = |events: &Events| {
        let times = || events.values().map(|e| e.0);
        Some((times().min()?, times().max()?))
    };
    let spans: Vec<(Moment, Moment)> = files.values().filter_map(span).collect();
    let start = spans.iter().map(|s| s.0).min().unwrap_or(0);
    let end = spans.iter().map(|s| s.1).max().unwrap_or(0);
    (2..=MAX_FILES).contains(&files.len())
        && files.values().all(|e| e.len() >= MIN_NUMBERS)
        && spans
            .iter()
            .all(|(a, z)| (z - a) as f64 >= MIN_COVERED * (end - start) as f64)
}
