//! An immutable view of a corpus, and where things are in it: events, times, rows, templates. Does not read text.

use super::state::Progress;
use super::timeline::Timeline;
use crate::index::{Chunk, Order};
use crate::model::{
    EventId, Failure, KindId, Moment, NO_TIME, Place, SourceId, SourceInfo, Template, TemplateIx,
    TemplateKey,
};
use crate::text::embed::{embed, nearest};
use std::sync::Arc;

/// Below this similarity (0..1), two templates do not resemble each other.
const RESEMBLES: f32 = 0.6;

/// An immutable view of the corpus, cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Number of the snapshot: grows with each one that is published.
    pub revision: u64,
    /// Changes whenever events or templates change: results worked out for one generation are not valid for another.
    pub generation: u64,
    pub(super) chunks: Arc<Vec<Arc<Chunk>>>,
    pub(super) order: Arc<Order>,
    /// Rows of the merged stream.
    pub rows: u64,
    pub events: u64,
    pub lines: u64,
    pub bytes: u64,
    pub sources: Arc<Vec<SourceInfo>>,
    pub failures: Arc<Vec<Failure>>,
    pub templates: Arc<Vec<Template>>,
    /// Per kind, its template.
    pub(super) template_of: Arc<Vec<Option<TemplateIx>>>,
    pub timeline: Arc<Timeline>,
    pub progress: Progress,
    pub notices: Arc<Vec<String>>,
}

/// Events.
impl Snapshot {
    /// The chunk that holds an event, and the event's position in it.
    pub(super) fn locate(&self, id: EventId) -> Option<(&Arc<Chunk>, u32)> {
        let at = self
            .chunks
            .partition_point(|c| c.first_event <= id.0)
            .checked_sub(1)?;
        let chunk = &self.chunks[at];
        (id.0 - chunk.first_event < chunk.events).then(|| (chunk, id.0 - chunk.first_event))
    }

    /// Time of an event, for merging and jumping.
    pub fn time(&self, id: EventId) -> Option<Moment> {
        let (chunk, i) = self.locate(id)?;
        let (block, at) = chunk.locate(i)?;
        Some(block.time(at)).filter(|t| *t != NO_TIME)
    }

    pub fn kind(&self, id: EventId) -> Option<KindId> {
        let (chunk, i) = self.locate(id)?;
        chunk.locate(i).map(|(block, at)| KindId(block.kind(at)))
    }

    /// Template of an event.
    pub fn template_of(&self, id: EventId) -> Option<TemplateIx> {
        self.template_of_kind(self.kind(id)?)
    }

    /// Template of an event, itself.
    pub fn template_of_event(&self, id: EventId) -> Option<&Template> {
        self.templates.get(self.template_of(id)?.index())
    }

    pub fn template_of_kind(&self, kind: KindId) -> Option<TemplateIx> {
        self.template_of.get(kind.index()).copied().flatten()
    }

    /// First and last moment of all events.
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

    /// Source and 1-based line of an event.
    pub fn place(&self, id: EventId) -> Option<Place> {
        let (chunk, i) = self.locate(id)?;
        let source = self.sources.get(chunk.source as usize)?.name.clone();
        Some(Place {
            source,
            line: chunk.line(i) + 1,
        })
    }

    /// The event that the line at a place belongs to.
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

    /// Whether the source has an event at or after a moment.
    pub fn has_events_since(&self, since: Moment, of: impl Fn(SourceId) -> bool) -> bool {
        let late = self
            .chunks
            .iter()
            .filter(|c| c.max_time != NO_TIME && c.max_time >= since);
        late.into_iter().any(|c| of(SourceId(c.source)))
    }
}

/// Rows of the merged stream.
impl Snapshot {
    /// Whether sources are merged by time. Before that, rows follow the order of reading.
    pub fn is_merged(&self) -> bool {
        self.order.bytes() > 0
    }

    /// Heap bytes of the merged order; it changes when the order does.
    pub fn order_bytes(&self) -> usize {
        self.order.bytes()
    }

    /// The event in a row.
    pub fn event_in_row(&self, row: usize) -> EventId {
        EventId(self.order.event(row))
    }

    /// First row at or after a moment. Rows are ordered by time except where the clock jumped.
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
        // Rows with the same time are adjacent; events out of order are somewhat behind.
        (near..rows)
            .chain((0..near).rev())
            .find(|r| self.event_in_row(*r) == id)
            .unwrap_or(0)
    }
}

/// Templates.
impl Snapshot {
    /// Position of a template by its id, or by an id that it had before.
    pub fn template_by_id(&self, id: TemplateKey) -> Option<TemplateIx> {
        let by = |is: &dyn Fn(&Template) -> bool| self.templates.iter().position(is);
        by(&|t| t.id == id)
            .or_else(|| by(&|t| t.aliases.binary_search(&id).is_ok()))
            .map(TemplateIx::at)
    }

    pub fn template(&self, at: TemplateIx) -> Option<&Template> {
        self.templates.get(at.index())
    }

    /// Templates that resemble one, nearest first, with their similarity (0..1).
    pub fn resembling(&self, template: TemplateIx, most: usize) -> Vec<(TemplateIx, f32)> {
        let Some(t) = self.template(template) else {
            return Vec::new();
        };
        let all: Vec<_> = self.templates.iter().map(|t| embed(&t.text)).collect();
        let mut near = nearest(&embed(&t.text), &all, RESEMBLES, most + 1);
        near.retain(|(i, _)| *i != template.index());
        near.truncate(most);
        near.into_iter()
            .map(|(i, similarity)| (TemplateIx::at(i), similarity))
            .collect()
    }

    /// Templates seen for the first time, per minute, over the last quarter of the corpus's time.
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
}
