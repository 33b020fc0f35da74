//! Kinds and columns -> the template table: counts, levels, services, first and last seen, trend.

use super::corpus::State;
use super::over::over_chunks;
use crate::index::Chunk;
use crate::mine::{Resolved, resolve};
use crate::model::{Level, Moment, NO_TIME, Template};
use rustc_hash::{FxHashMap, FxHashSet};
use std::sync::Arc;

/// Bins of a template's trend.
pub const TREND: usize = 48;

/// Resolves the shapes again when enough new ones came, and rebuilds the table.
pub fn refresh(state: &mut State, last: bool) {
    let shapes = state.kinds.shapes.len();
    // A shape known before may vary by now, so the last table is made of all that came.
    let fresh = (shapes, state.next_event);
    if last && fresh != state.resolved_at
        || shapes > state.resolved_at.0 && shapes * 2 >= state.resolved_at.0 * 3
    {
        state.resolved = Arc::new(resolve(&state.kinds.shapes, &state.edits));
        state.resolved_at = fresh;
    }
    let (templates, template_of) = table(state);
    state.templates = Arc::new(templates);
    state.template_of = Arc::new(template_of);
}

/// Adds how each template's rate went over the corpus. One pass over the columns.
pub fn add_trends(state: &mut State, threads: usize) {
    let (min, max) = span(state);
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
        |part: FxHashMap<u32, [u32; TREND]>| {
            for (template, trend) in part {
                if let Some(all) = trends.get_mut(template as usize) {
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

/// Events of one chunk by template and bin.
fn trends_of(
    chunk: &Chunk,
    template_of: &[u32],
    min: Moment,
    width: i64,
) -> FxHashMap<u32, [u32; TREND]> {
    let mut trends: FxHashMap<u32, [u32; TREND]> = FxHashMap::default();
    for block in chunk.blocks.iter().filter(|b| b.max_time != NO_TIME) {
        let bin = |at: Moment| (((at - min) / width) as usize).min(TREND - 1);
        let mut counts = vec![[0u32; TREND]; block.dictionary.len()];
        if block.min_time != NO_TIME
            && bin(block.min_time) == bin(block.max_time)
            && block.all_timed()
        {
            block
                .kinds
                .iter()
                .for_each(|k| counts[k as usize][bin(block.min_time)] += 1);
        } else {
            for i in (0..block.len()).filter(|i| block.time(*i) != NO_TIME) {
                counts[block.kinds.get(i) as usize][bin(block.time(i))] += 1;
            }
        }
        for (kind, counts) in block.dictionary.iter().zip(counts) {
            let template = template_of.get(*kind as usize).copied().unwrap_or(u32::MAX);
            trends
                .entry(template)
                .or_insert([0; TREND])
                .iter_mut()
                .zip(counts)
                .for_each(|(a, b)| *a += b);
        }
    }
    trends
}

/// Rate in the last quarter against the rest; one event is added to both, so that few events make no drama.
fn change(trend: &[u32]) -> f32 {
    let cut = trend.len() * 3 / 4;
    let rate = |part: &[u32]| (part.iter().sum::<u32>() as f32 + 1.0) / part.len().max(1) as f32;
    rate(&trend[cut..]) * cut as f32
        / trend.len() as f32
        / (rate(&trend[..cut]) * cut as f32 / trend.len() as f32)
}

pub fn span(state: &State) -> (Moment, Moment) {
    state.chunks.iter().fold((NO_TIME, NO_TIME), |e, c| {
        crate::index::widen(e, c.min_time, c.max_time)
    })
}

struct Row {
    template: Template,
    services: FxHashSet<String>,
    first: Moment,
    last: Moment,
    example: Option<(Arc<str>, u64)>,
}

fn table(state: &State) -> (Vec<Template>, Vec<u32>) {
    let resolved = &*state.resolved;
    let mut rows: Vec<Row> = resolved
        .texts
        .iter()
        .zip(&resolved.ids)
        .map(|(text, id)| new_row(text, *id))
        .collect();
    for (row, aliases) in rows.iter_mut().zip(&resolved.aliases) {
        row.template.aliases.clone_from(aliases);
    }
    let mut of_kind = Vec::with_capacity(state.kinds.kinds.len());
    for kind in &state.kinds.kinds {
        let Some(&t) = resolved.of_shape.get(kind.shape as usize) else {
            of_kind.push(u32::MAX);
            continue;
        };
        of_kind.push(t);
        let row = &mut rows[t as usize];
        let header = &state.kinds.headers[kind.header as usize];
        row.template.count += kind.count;
        row.template.levels[header.level.index()] += kind.count;
        if kind.first != NO_TIME {
            if row.first == NO_TIME || kind.first < row.first {
                (row.first, row.template.first_precision) = (kind.first, kind.precision);
            }
            if kind.last >= row.last {
                (row.last, row.template.last_precision) = (kind.last, kind.precision);
            }
        }
        let at = &state.kinds.shapes[kind.shape as usize].example_at;
        if kind.count > 0 && row.example.as_ref().is_none_or(|e| at < e) {
            row.example = Some(at.clone());
        }
    }
    add_services(state, &of_kind, &mut rows);
    sort_rows(state, rows, of_kind)
}

fn new_row(text: &str, id: u64) -> Row {
    let template = Template {
        id,
        text: text.to_string(),
        ..Template::default()
    };
    Row {
        template,
        services: FxHashSet::default(),
        first: NO_TIME,
        last: NO_TIME,
        example: None,
    }
}

/// The services of a template follow from the sources that its kinds occur in.
fn add_services(state: &State, of_kind: &[u32], rows: &mut [Row]) {
    let mut seen: FxHashSet<(u32, u32)> = FxHashSet::default();
    for chunk in &state.chunks {
        for k in chunk.blocks.iter().flat_map(|b| &b.dictionary) {
            if !seen.insert((chunk.source, *k)) {
                continue;
            }
            let service = service(state, chunk.source, *k);
            if let Some(row) = of_kind
                .get(*k as usize)
                .and_then(|t| rows.get_mut(*t as usize))
                && !row.services.contains(service)
            {
                row.services.insert(service.to_string());
            }
        }
    }
}

/// Service of the events of a kind in a source.
pub fn service(state: &State, source: u32, kind: u32) -> &str {
    let source = &state.sources[source as usize];
    if let Some(fixed) = &source.fixed_service {
        return fixed;
    }
    let named = state.kinds.kinds.get(kind as usize).map_or("", |k| {
        state.kinds.headers[k.header as usize].service.as_str()
    });
    if named.is_empty() {
        &source.info.service
    } else {
        named
    }
}

/// Most frequent first; templates that lost all their events to a refinement go.
fn sort_rows(state: &State, rows: Vec<Row>, of_kind: Vec<u32>) -> (Vec<Template>, Vec<u32>) {
    let mut places: FxHashMap<&str, u32> = FxHashMap::default();
    state.sources.iter().enumerate().rev().for_each(|(i, s)| {
        places.insert(&s.info.name, i as u32);
    });
    let source_of = |name: &str| places.get(name).copied().unwrap_or(0);
    let mut order: Vec<u32> = (0..rows.len() as u32)
        .filter(|i| rows[*i as usize].template.count > 0)
        .collect();
    order.sort_by(|a, b| {
        let (a, b) = (&rows[*a as usize].template, &rows[*b as usize].template);
        b.count.cmp(&a.count).then_with(|| a.text.cmp(&b.text))
    });
    let mut place = vec![u32::MAX; rows.len()];
    order
        .iter()
        .enumerate()
        .for_each(|(to, from)| place[*from as usize] = to as u32);
    let mut rows: Vec<Option<Row>> = rows.into_iter().map(Some).collect();
    let templates = order
        .iter()
        .filter_map(|i| rows[*i as usize].take())
        .map(|row| {
            let mut t = row.template;
            t.services = row.services.into_iter().collect();
            t.services.sort();
            t.level = (0..Level::COUNT)
                .rev()
                .max_by_key(|i| t.levels[*i])
                .map(Level::from_index)
                .unwrap_or_default();
            t.first = (row.first != NO_TIME).then_some(row.first);
            t.last = (row.last != NO_TIME).then_some(row.last);
            if let Some((name, line)) = row.example {
                (t.example_source, t.example_line) = (source_of(&name), line + 1);
            }
            t
        });
    let names = state.edits.names();
    let templates: Vec<Template> = templates
        .map(|mut t| {
            t.name = names.get(t.text.as_str()).map(|n| (*n).to_string());
            t.pinned = state.edits.is_pinned(&t.text);
            t
        })
        .collect();
    let of_kind = of_kind
        .into_iter()
        .map(|t| place.get(t as usize).copied().unwrap_or(u32::MAX))
        .collect();
    (templates, of_kind)
}

/// Is this the id of the template of a shape, or one that it had before?
pub fn has_id(resolved: &Resolved, shape: u32, id: u64) -> bool {
    let Some(t) = resolved.of_shape.get(shape as usize).map(|t| *t as usize) else {
        return false;
    };
    resolved.ids[t] == id || resolved.aliases[t].binary_search(&id).is_ok()
}

/// The id of the template of a shape.
pub fn template_id(resolved: &Resolved, shape: u32) -> Option<u64> {
    resolved
        .of_shape
        .get(shape as usize)
        .map(|t| resolved.ids[*t as usize])
}
