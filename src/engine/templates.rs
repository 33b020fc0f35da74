//! Templates in the user's hand: edits that apply at once and are remembered, and which templates resemble one. Knows
//! the state, not the screens.

use super::corpus::{Corpus, Snapshot, lock};
use super::{stitch, table};
use crate::mine::{Edit, Edits};
use crate::text::embed::{embed, nearest};
use std::path::Path;
use std::sync::Arc;

/// File of the edits in the data folder. They name templates by their text, so they hold wherever it occurs again.
const FILE: &str = "template-edits.json";
/// Less alike is not worth a mention.
const RESEMBLES: f32 = 0.6;

pub fn load(data: &Path) -> Result<Edits, String> {
    let file = data.join(FILE);
    match std::fs::read(&file) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map_err(|e| format!("{}: {e}; template edits are not applied", file.display())),
        Err(_) => Ok(Edits::default()),
    }
}

impl Corpus {
    /// Applies one more edit to all counts and keeps it for the next corpus.
    pub fn edit(&self, edit: Edit) -> Result<(), String> {
        self.change_edits(|e| e.list.push(edit))
    }

    /// Takes back the last edit; false when there is none.
    pub fn undo_edit(&self) -> Result<bool, String> {
        let any = !self.read().edits.list.is_empty();
        if any {
            self.change_edits(|e| {
                e.list.pop();
            })?;
        }
        Ok(any)
    }

    fn change_edits(&self, change: impl FnOnce(&mut Edits)) -> Result<(), String> {
        let progress = self.snapshot().progress.clone();
        let mut state = self.write();
        change(&mut state.edits);
        state.resolved_at = (0, 0);
        table::refresh(&mut state, true);
        table::add_trends(&mut state, self.options.threads);
        let edits = state.edits.clone();
        *lock(&self.latest) = Arc::new(stitch::snapshot(&mut state, progress));
        drop(state);
        self.options
            .data
            .as_deref()
            .map_or(Ok(()), |data| save(data, &edits))
    }
}

fn save(data: &Path, edits: &Edits) -> Result<(), String> {
    let file = data.join(FILE);
    let new = file.with_extension("new");
    let write = || {
        std::fs::create_dir_all(data)?;
        std::fs::write(&new, serde_json::to_vec(edits)?)?;
        std::fs::rename(&new, &file)
    };
    write().map_err(|e: std::io::Error| {
        format!(
            "{}: {e}; the edit holds for this session alone",
            file.display()
        )
    })
}

impl Snapshot {
    /// Templates that resemble one, nearest first, with how near (0..1).
    pub fn resembling(&self, template: usize, most: usize) -> Vec<(usize, f32)> {
        let Some(t) = self.templates.get(template) else {
            return Vec::new();
        };
        let all: Vec<_> = self.templates.iter().map(|t| embed(&t.text)).collect();
        let mut near = nearest(&embed(&t.text), &all, RESEMBLES, most + 1);
        near.retain(|(i, _)| *i != template);
        near.truncate(most);
        near
    }

    /// Templates seen for the first time, per minute, over the last quarter of the corpus' time.
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

    /// First and last moment of all events.
    pub fn span(&self) -> Option<(crate::model::Moment, crate::model::Moment)> {
        let min = self
            .chunks
            .iter()
            .map(|c| c.min_time)
            .filter(|t| *t != crate::model::NO_TIME)
            .min()?;
        let max = self.chunks.iter().map(|c| c.max_time).max()?;
        Some((min, max))
    }

    /// Index of a template by its id, or by one that it had before.
    pub fn template_by_id(&self, id: u64) -> Option<usize> {
        let by = |is: &dyn Fn(&crate::model::Template) -> bool| self.templates.iter().position(is);
        by(&|t| t.id == id).or_else(|| by(&|t| t.aliases.binary_search(&id).is_ok()))
    }
}
