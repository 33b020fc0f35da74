//! Builds the template table from kinds and columns: counts, levels, services, first and last time,
//! trend. Does not read text.

use super::parallel::over_chunks;
use super::state::State;
use crate::index::Chunk;
use crate::mine::{Resolved, resolve};
use crate::model::{KindId, Level, Moment, NO_TIME, SourceId, Template, TemplateIx, TemplateKey};
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;

/// Number of bins in a template's trend.
pub const TREND: usize = 48;

/// Number of events in each bin of a trend.
type Trend = [u32; TREND];

/// Rebuilds the table. Resolves the shapes again first if there are enough new shapes, or if `last`
/// is true and something has changed.
pub fn refresh(state: &mut State, last: bool) {
    let shapes = state.kinds.shapes.len();
    // A position that was constant in earlier events can vary in later ones. Therefore the last
    // table is built from all events.
    let fresh = (shapes, state.next_event);
    if last && fresh != state.resolved_at
        || shapes > state.resolved_at.0 && shapes * 2 >= state.resolved_at.0 * 3
    {
        state.resolved = Arc::new(resolve(&state.kinds.shapes, &state.edits));
        state.resolved_at = fresh;
        state.generation += 1;
    }
    let (templates, template_of) = table(state);
    state.templates = Arc::new(templates);
    state.template_of = Arc::new(template_of);
}

/// Adds the rate of each template over the corpus's time span. Reads the columns once.
pub fn add_trends(state: &mut State, threads: usize) {
    let (min, max) = state.span();
    if min == NO_TIME {
        return;
    }
    let mut trends = vec![[0u32; TREND]; state.templates.len()];
    let width = ((max - min) / TREND as i64 + 1).max(1);
    let part = |chunk: &Chunk| trends_of(chunk, &state.template_of, min, width);
    over_chunks(
        &state.chunks,
        threads,
        &|| false,
        &part,
        |part: FxHashMap<TemplateIx, Trend>| {
            for (template, trend) in part {
                if let Some(all) = trends.get_mut(template.index()) {
                    all.iter_mut().zip(trend).for_each(|(a, b)| *a += b);
                }
            }
        },
    );
    let mut templates = (*state.templates).clone();
    for (t, trend) in templates.iter_mut().zip(trends) {
        t.change = change(&trend);
        t.trend = trend.to_vec();
    }
    state.templates = Arc::new(templates);
}

/// Number of events of one chunk by template and bin.
fn trends_of(
    chunk: &Chunk,
    template_of: &[Option<TemplateIx>],
    min: Moment,
    width: i64,
) -> FxHashMap<TemplateIx, Trend> {
    let mut trends: FxHashMap<TemplateIx, Trend> = FxHashMap::default();
    for block in chunk.blocks.iter().filter(|b| b.max_time != NO_TIME) {
        let bin = |at: Moment| (((at - min) / width) as usize).min(TREND - 1);
        let mut counts = vec![[0u32; TREND]; block.dictionary.len()];
        let first = bin(block.min_time.max(min));
        if block.min_time != NO_TIME && first == bin(block.max_time) && block.all_timed() {
            block
                .kinds
                .iter()
                .for_each(|k| counts[k as usize][first] += 1);
        } else {
            for i in (0..block.len()).filter(|i| block.time(*i) != NO_TIME) {
                counts[block.kinds.get(i) as usize][bin(block.time(i))] += 1;
            }
        }
        for (kind, counts) in block.dictionary.iter().zip(counts) {
            let Some(template) = template_of.get(*kind as usize).copied().flatten() else {
                continue;
            };
            let trend = trends.entry(template).or_insert([0; TREND]);
            trend.iter_mut().zip(counts).for_each(|(a, b)| *a += b);
        }
    }
    trends
}

/// Rate in the last quarter divided by the rate before it. One event is added to both sides, so
/// that a few events do not look like a large change.
fn change(trend: &[u32]) -> f32 {
    let cut = trend.len() * 3 / 4;
    let rate = |part: &[u32]| (part.iter().sum::<u32>() as f32 + 1.0) / part.len().max(1) as f32;
    rate(&trend[cut..]) / rate(&trend[..cut])
}

struct Row {
    template: Template,
    services: FxHashSet<String>,
    callers: FxHashSet<String>,
    first: Moment,
    last: Moment,
    /// Source name and 0-based line number of the first example.
    example: Option<(Arc<str>, u64)>,
}

impl Row {
    fn new(text: &str, id: TemplateKey, aliases: &[TemplateKey]) -> Row {
        let template = Template {
            id,
            text: text.to_string(),
            aliases: aliases.to_vec(),
            ..Template::default()
        };
        Row {
            template,
            services: FxHashSet::default(),
            callers: FxHashSet::default(),
            first: NO_TIME,
            last: NO_TIME,
            example: None,
        }
    }

    fn add(&mut self, kind: &crate::mine::Kind, level: Level, example_at: &(Arc<str>, u64)) {
        self.template.count += kind.count;
        self.template.levels[level.index()] += kind.count;
        if kind.first != NO_TIME {
            if self.first == NO_TIME || kind.first < self.first {
                (self.first, self.template.first_precision) = (kind.first, kind.precision);
            }
            if kind.last >= self.last {
                (self.last, self.template.last_precision) = (kind.last, kind.precision);
            }
        }
        if kind.count > 0 && self.example.as_ref().is_none_or(|e| example_at < e) {
            self.example = Some(example_at.clone());
        }
    }

    fn finish(self, source_of: impl Fn(&str) -> SourceId) -> Template {
        let mut t = self.template;
        t.services = self.services.into_iter().collect();
        t.services.sort();
        t.callers = self.callers.into_iter().collect();
        t.callers.sort();
        t.level = (0..Level::COUNT)
            .rev()
            .max_by_key(|i| t.levels[*i])
            .map(Level::from_index)
            .unwrap_or_default();
        t.first = (self.first != NO_TIME).then_some(self.first);
        t.last = (self.last != NO_TIME).then_some(self.last);
        if let Some((name, line)) = self.example {
            (t.example_source, t.example_line) = (source_of(&name), line + 1);
        }
        t
    }
}

fn table(state: &State) -> (Vec<Template>, Vec<Option<TemplateIx>>) {
    let resolved = &*state.resolved;
    let mut rows: Vec<Row> = (0..resolved.texts.len())
        .map(|i| Row::new(&resolved.texts[i], resolved.ids[i], &resolved.aliases[i]))
        .collect();
    let of_kind: Vec<Option<usize>> = state
        .kinds
        .kinds
        .iter()
        .map(|k| resolved.of_shape.get(k.shape as usize).map(|t| *t as usize))
        .collect();
    for (kind, row) in state.kinds.kinds.iter().zip(&of_kind) {
        if let Some(row) = row {
            let header = &state.kinds.headers[kind.header as usize];
            if !header.caller.is_empty() && !rows[*row].callers.contains(&header.caller) {
                rows[*row].callers.insert(header.caller.clone());
            }
            rows[*row].add(
                kind,
                header.level,
                &state.kinds.shapes[kind.shape as usize].example_at,
            );
        }
    }
    add_services(state, &of_kind, &mut rows);
    sort_rows(state, rows, &of_kind)
}

/// Adds the services of each template. They depend on the sources in which its kinds occur.
fn add_services(state: &State, of_kind: &[Option<usize>], rows: &mut [Row]) {
    let mut seen: FxHashSet<(u32, u32)> = FxHashSet::default();
    for chunk in &state.chunks {
        for k in chunk.blocks.iter().flat_map(|b| &b.dictionary) {
            if !seen.insert((chunk.source, *k)) {
                continue;
            }
            let service = state.service(SourceId(chunk.source), KindId(*k));
            if let Some(row) = of_kind.get(*k as usize).copied().flatten()
                && !rows[row].services.contains(service)
            {
                rows[row].services.insert(service.to_string());
            }
        }
    }
}

/// Sorts the templates, most frequent first. Leaves out templates without events, for example if
/// more specific templates now have all of them.
fn sort_rows(
    state: &State,
    rows: Vec<Row>,
    of_kind: &[Option<usize>],
) -> (Vec<Template>, Vec<Option<TemplateIx>>) {
    let mut sources: FxHashMap<&str, SourceId> = FxHashMap::default();
    state.sources.iter().enumerate().rev().for_each(|(i, s)| {
        sources.insert(&s.info.name, SourceId::at(i));
    });
    let source_of = |name: &str| sources.get(name).copied().unwrap_or_default();
    let mut order: Vec<usize> = (0..rows.len())
        .filter(|i| rows[*i].template.count > 0)
        .collect();
    order.sort_by(|a, b| {
        let (a, b) = (&rows[*a].template, &rows[*b].template);
        b.count.cmp(&a.count).then_with(|| a.text.cmp(&b.text))
    });
    let mut position: Vec<Option<TemplateIx>> = vec![None; rows.len()];
    order
        .iter()
        .enumerate()
        .for_each(|(to, from)| position[*from] = Some(TemplateIx::at(to)));
    let names = state.edits.names();
    let mut rows: Vec<Option<Row>> = rows.into_iter().map(Some).collect();
    let mut templates = Vec::with_capacity(order.len());
    for row in order.iter().filter_map(|i| rows[*i].take()) {
        let mut t = row.finish(source_of);
        t.name = names.get(t.text.as_str()).map(|n| (*n).to_string());
        t.pinned = state.edits.is_pinned(&t.text);
        templates.push(t);
    }
    (
        templates,
        of_kind.iter().map(|row| position[(*row)?]).collect(),
    )
}

/// True if `id` is the id of a shape's template, or an id that the template had before.
pub fn has_id(resolved: &Resolved, shape: u32, id: TemplateKey) -> bool {
    let Some(t) = resolved.of_shape.get(shape as usize).map(|t| *t as usize) else {
        return false;
    };
    resolved.ids[t] == id || resolved.aliases[t].binary_search(&id).is_ok()
}

/// The id of a shape's template.
pub fn template_id(resolved: &Resolved, shape: u32) -> Option<TemplateKey> {
    resolved
        .of_shape
        .get(shape as usize)
        .map(|t| resolved.ids[*t as usize])
}
