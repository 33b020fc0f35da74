//! Computes a histogram for a part of a corpus, with finer bins than the stored histogram. Does not
//! read text.

use super::corpus::Corpus;
use super::snapshot::Snapshot;
use super::timeline::Timeline;
use crate::model::{Level, Moment, NO_TIME};

impl Corpus {
    /// Number of events between two moments, by time bin and level, in at most `most` bins.
    pub fn histogram(
        &self,
        snapshot: &Snapshot,
        (start, end): (Moment, Moment),
        most: usize,
    ) -> Timeline {
        let mut timeline = Timeline::over(start, end, most);
        let overlaps = |(a, z): (Moment, Moment)| z >= start && a <= end;
        for part in snapshot.parts().filter(|p| overlaps(p.times())) {
            for events in part.blocks(self).filter(|e| overlaps(e.times())) {
                let levels: Vec<Level> = {
                    let state = self.read();
                    events.kinds().map(|k| state.level(k)).collect()
                };
                for e in events.iter() {
                    let at = e.time();
                    if at != NO_TIME && (start..=end).contains(&at) {
                        timeline.add(at, levels[e.slot()]);
                    }
                }
            }
        }
        timeline
    }
}
