//! Template edits by the user. They are applied at once and saved for later corpora. Does not
//! decide what to edit.

use super::assembler;
use super::corpus::{Corpus, lock};
use super::data_file;
use super::error::Error;
use super::template_table;
use crate::mine::{Edit, Edits};
use std::path::Path;
use std::sync::Arc;

/// File name in the data folder. Edits identify templates by their text, so they apply wherever the
/// same text occurs.
const FILE: &str = "template-edits.json";

pub fn load(data: &Path) -> Result<Edits, data_file::Error> {
    data_file::read(&data.join(FILE)).map(Option::unwrap_or_default)
}

impl Corpus {
    /// Applies one more edit to all counts, and saves it for later corpora.
    pub fn edit(&self, edit: Edit) -> Result<(), Error> {
        self.change_edits(|e| e.list.push(edit))
    }

    /// Undoes the last edit. Returns false if there is none.
    pub fn undo_edit(&self) -> Result<bool, Error> {
        let any = !self.read().edits.list.is_empty();
        if any {
            self.change_edits(|e| {
                e.list.pop();
            })?;
        }
        Ok(any)
    }

    /// Changes the list of edits. The change applies to this session even if it cannot be saved.
    fn change_edits(&self, change: impl FnOnce(&mut Edits)) -> Result<(), Error> {
        let progress = self.snapshot().progress.clone();
        let mut state = self.write();
        change(&mut state.edits);
        state.resolved_at = (0, 0);
        template_table::refresh(&mut state, true);
        template_table::add_trends(&mut state, self.options.threads);
        let edits = state.edits.clone();
        *lock(&self.latest) = Arc::new(assembler::snapshot(&mut state, progress));
        drop(state);
        if let Some(data) = &self.options.data {
            data_file::write(&data.join(FILE), &edits)?;
        }
        Ok(())
    }
}
