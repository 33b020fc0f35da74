//! An immutable view of a corpus. Finds events, times, rows and templates in it. Does not read
//! text.

use super::state::Progress;
use super::timeline::Timeline;
use crate::index::{Chunk, Order};
use crate::model::{
    EventId, Failure, KindId, Moment, NO_TIME, Place, SourceId, SourceInfo, Template, TemplateIx,
    TemplateKey,
};
use crate::text::embed::{embed, nearest};
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;

/// A service that appears in this time after the start of the corpus was there before, in
/// nanoseconds.
const STARTED: i64 = 60_000_000_000;
/// A new service is being learned for this long.
const LEARNING: i64 = 600_000_000_000;
/// Minimum similarity (0 to 1) of two templates that resemble each other.
const MIN_SIMILARITY: f32 = 0.6;

/// An immutable view of the corpus. It is cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Number of the snapshot. It increases with each published snapshot.
    pub revision: u64,
    /// Changes whenever events or templates change. Results computed for one generation are not
    /// valid for another.
    pub generation: u64,
    pub(super) chunks: Arc<Vec<Arc<Chunk>>>,
    pub(super) order: Arc<Order>,
    /// Number of rows in the merged stream.
    pub rows: u64,
    pub events: u64,
    pub lines: u64,
    pub bytes: u64,
    pub sources: Arc<Vec<SourceInfo>>,
    pub failures: Arc<Vec<Failure>>,
    pub templates: Arc<Vec<Template>>,
    /// The template of each kind.
    pub(super) template_of: Arc<Vec<Option<TemplateIx>>>,
    pub timeline: Arc<Timeline>,
    pub progress: Progress,
    pub notices: Arc<Vec<String>>,
}

/// Methods for events.
impl Snapshot {
    /// The chunk that contains an event, and the event's index in the chunk.
    pub(super) fn locate(&self, id: EventId) -> Option<(&Arc<Chunk>, u32)> {
        let at = self
            .chunks
            .partition_point(|c| c.first_event <= id.0)
            .checked_sub(1)?;
        let chunk = &self.chunks[at];
        (id.0 - chunk.first_event < chunk.events).then(|| (chunk, id.0 - chunk.first_event))
    }

    /// Time of an event. `None` if the event has no time.
    pub fn time(&self, id: EventId) -> Option<Moment> {
        let (chunk, i) = self.locate(id)?;
        let (block, at) = chunk.locate(i)?;
        Some(block.time(at)).filter(|t| *t != NO_TIME)
    }

    pub fn kind(&self, id: EventId) -> Option<KindId> {
        let (chunk, i) = self.locate(id)?;
        chunk.locate(i).map(|(block, at)| KindId(block.kind(at)))
    }

    /// Index of the template of an event.
    pub fn template_of(&self, id: EventId) -> Option<TemplateIx> {
        self.template_of_kind(self.kind(id)?)
    }

    /// The template of an event.
    pub fn template_of_event(&self, id: EventId) -> Option<&Template> {
        self.templates.get(self.template_of(id)?.index())
    }

    pub fn template_of_kind(&self, kind: KindId) -> Option<TemplateIx> {
        self.template_of.get(kind.index()).copied().flatten()
    }

    /// Earliest and latest time of all events.
    pub fn span(&self) -> Option<(Moment, Moment)> {
        let min = self
            .chunks
            .iter()
            .map(|c| c.min_time)
            .filter(|t| *t != NO_TIME)
            .min()?;
        let max = self.chunks.iter().map(|c| c.max_time).max()?;
        Some((min, max))
    }

    /// The first event of a source.
    pub fn first_event_of(&self, source: SourceId) -> Option<EventId> {
        let chunk = self.chunks.iter().find(|c| c.source == source.0)?;
        Some(EventId(chunk.first_event))
    }

    /// Source name and 1-based line number of an event.
    pub fn place(&self, id: EventId) -> Option<Place> {
        let (chunk, i) = self.locate(id)?;
        let source = self.sources.get(chunk.source as usize)?.name.clone();
        Some(Place {
            source,
            line: chunk.line(i) + 1,
        })
    }

    /// The event that contains the line at a place.
    pub fn event_at_place(&self, place: &Place) -> Option<EventId> {
        let source = self.sources.iter().position(|s| s.name == place.source)? as u32;
        let line = place.line.checked_sub(1)?;
        let holds = |c: &&Arc<Chunk>| {
            c.source == source && (c.first_line..c.first_line + c.lines.max(1)).contains(&line)
        };
        let chunk = self.chunks.iter().find(holds)?;
        let (mut a, mut b) = (0, chunk.events);
        while a < b {
            let mid = (a + b) / 2;
            if chunk.line(mid) <= line {
                a = mid + 1
            } else {
                b = mid
            }
        }
        a.checked_sub(1).map(|i| EventId(chunk.first_event + i))
    }

    /// True if a source selected by `of` has an event at or after `since`.
    pub fn has_events_since(&self, since: Moment, of: impl Fn(SourceId) -> bool) -> bool {
        let late = self
            .chunks
            .iter()
            .filter(|c| c.max_time != NO_TIME && c.max_time >= since);
        late.into_iter().any(|c| of(SourceId(c.source)))
    }
}

/// Methods for rows of the merged stream.
impl Snapshot {
    /// True if sources are merged by time. Before that, rows are in the order of reading.
    pub fn is_merged(&self) -> bool {
        self.order.bytes() > 0
    }

    /// Heap size of the merged order, in bytes. It changes when the order changes.
    pub fn order_bytes(&self) -> usize {
        self.order.bytes()
    }

    /// The event in a row.
    pub fn event_in_row(&self, row: usize) -> EventId {
        EventId(self.order.event(row))
    }

    /// First row at or after a moment, or the last row if there is none. Rows are sorted by time,
    /// except where the clock jumped.
    pub fn row_at(&self, at: Moment) -> usize {
        let (mut a, mut b) = (0usize, self.rows as usize);
        while a < b {
            let mid = (a + b) / 2;
            match self.time(self.event_in_row(mid)) {
                Some(t) if t >= at => b = mid,
                _ => a = mid + 1,
            }
        }
        a.min((self.rows as usize).saturating_sub(1))
    }

    /// Row of an event in the merged stream.
    pub fn row_of(&self, id: EventId) -> usize {
        if !self.is_merged() {
            return id.index();
        }
        let near = self.time(id).map_or(0, |t| self.row_at(t));
        let rows = self.rows as usize;
        // Rows with the same time are adjacent. Events that are out of order are usually a little
        // later.
        (near..rows)
            .chain((0..near).rev())
            .find(|r| self.event_in_row(*r) == id)
            .unwrap_or(0)
    }
}

/// Methods for templates.
impl Snapshot {
    /// Index of the template with an id. The id can also be one that the template had before.
    pub fn template_by_id(&self, id: TemplateKey) -> Option<TemplateIx> {
        let by = |is: &dyn Fn(&Template) -> bool| self.templates.iter().position(is);
        by(&|t| t.id == id)
            .or_else(|| by(&|t| t.aliases.binary_search(&id).is_ok()))
            .map(TemplateIx::at)
    }

    pub fn template(&self, at: TemplateIx) -> Option<&Template> {
        self.templates.get(at.index())
    }

    /// Templates that resemble a template, most similar first, with their similarity (0 to 1).
    pub fn resembling(&self, template: TemplateIx, most: usize) -> Vec<(TemplateIx, f32)> {
        let Some(t) = self.template(template) else {
            return Vec::new();
        };
        let all: Vec<_> = self.templates.iter().map(|t| embed(&t.text)).collect();
        let mut near = nearest(&embed(&t.text), &all, MIN_SIMILARITY, most + 1);
        near.retain(|(i, _)| *i != template.index());
        near.truncate(most);
        near.into_iter()
            .map(|(i, similarity)| (TemplateIx::at(i), similarity))
            .collect()
    }

    /// Number of new templates per minute in the last quarter of the corpus's time span.
    pub fn novelty(&self) -> Option<f64> {
        let (min, max) = self.span()?;
        let from = max - (max - min) / 4;
        let minutes = (max - from) as f64 / 60e9;
        let new = self
            .templates
            .iter()
            .filter(|t| t.first.is_some_and(|f| f >= from))
            .count();
        (minutes > 0.0).then(|| new as f64 / minutes)
    }

    /// Services that appeared in a followed corpus a short time ago: what is usual for them is
    /// still being learned. Empty if the corpus is not followed.
    pub fn services_being_learned(&self) -> FxHashSet<&str> {
        let Some((start, end)) = self.span().filter(|_| self.progress.followed) else {
            return FxHashSet::default();
        };
        // A template of several services does not tell when each of them appeared.
        let own = self.templates.iter().filter(|t| t.services.len() == 1);
        let of_templates = own.filter_map(|t| Some((t.services[0].as_str(), t.first?)));
        let timed = self.sources.iter().filter(|s| s.timed > 0);
        let of_sources = timed.map(|s| (s.service.as_str(), s.first));
        let mut first: FxHashMap<&str, Moment> = FxHashMap::default();
        for (service, at) in of_templates.chain(of_sources) {
            first
                .entry(service)
                .and_modify(|f| *f = at.min(*f))
                .or_insert(at);
        }
        let is_new = |at: &Moment| *at > start + STARTED && end - at < LEARNING;
        first
            .into_iter()
            .filter(|(_, at)| is_new(at))
            .map(|(s, _)| s)
            .collect()
    }
}
