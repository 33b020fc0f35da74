//! `faultline incidents`: lists, shows, saves, removes, exports and imports known incidents.

use super::error::Error;
use super::exit_code::OK;
use super::run::{self, Out};
use crate::analysis::{Incident, Library, Memory};
use crate::config::args::{Global, IncidentCommand, OutputFormat};
use crate::config::paths::Paths;
use crate::model::Level;
use crate::text::escape::for_terminal;
use crate::text::redact::Redactor;
use std::path::{Path, PathBuf};

/// Maximum number of templates in a saved incident.
const MAX_TEMPLATES: usize = 12;

pub fn run(global: &Global, command: &IncidentCommand) -> Result<u8, Error> {
    let data = Paths::find()
        .map(|p| p.data)
        .ok_or("no home directory found: cannot store incidents")?;
    let mut memory = Memory::load(&data)?;
    let mut out = Out::new();
    match command {
        IncidentCommand::List => list(global, &memory, &mut out)?,
        IncidentCommand::Show { id } => show(global, &memory, id, &mut out)?,
        IncidentCommand::Save {
            title,
            cause,
            fix,
            paths,
        } => {
            let id = memory.add(from_corpus(global, paths, title, cause, fix)?);
            memory.save(&data)?;
            out.line(&format!("incident saved as {id}"))?;
        }
        IncidentCommand::Remove { id } => {
            let before = memory.incidents.incidents.len();
            memory.incidents.incidents.retain(|i| i.id != *id);
            if memory.incidents.incidents.len() == before {
                return Err(format!("'{id}' is not one of your own incidents").into());
            }
            memory.save(&data)?;
        }
        IncidentCommand::Export { file } => {
            // The file is made to be passed on.
            memory.incidents.incidents.iter_mut().for_each(redact);
            let text = toml::to_string_pretty(&memory.incidents).map_err(|e| e.to_string())?;
            std::fs::write(file, text).map_err(|e| format!("{}: {e}", file.display()))?;
            let number = memory.incidents.incidents.len();
            out.line(&format!("incidents exported: {number}"))?;
        }
        IncidentCommand::Import { file } => {
            let imported = import(&mut memory, file)?;
            memory.save(&data)?;
            out.line(&format!("incidents imported: {imported}"))?;
        }
    }
    out.flush()?;
    Ok(OK)
}

fn list(global: &Global, memory: &Memory, out: &mut Out) -> Result<(), Error> {
    let shipped = Library::shipped();
    let all: Vec<&Incident> = memory
        .incidents
        .incidents
        .iter()
        .chain(&shipped.incidents)
        .collect();
    if global.format == OutputFormat::Json {
        return out.json(&all);
    }
    all.iter().try_for_each(|i| {
        let line = format!("{:<10} {:<20} {}", i.id, i.category, i.title);
        out.line(&for_terminal(&line))
    })
}

fn show(global: &Global, memory: &Memory, id: &str, out: &mut Out) -> Result<(), Error> {
    let shipped = Library::shipped();
    let found = memory
        .incidents
        .get(id)
        .or(shipped.get(id))
        .ok_or_else(|| format!("incident '{id}' not found; see 'faultline incidents list'"))?;
    if global.format == OutputFormat::Json {
        return out.json(found);
    }
    out.line(&for_terminal(&format!("{}: {}", found.id, found.title)))?;
    for (name, value) in [
        ("category", &found.category),
        ("cause", &found.cause),
        ("fixed by", &found.fix),
    ] {
        out.line(&for_terminal(&format!("{name}: {value}")))?;
    }
    let mut templates = found.templates.iter();
    templates.try_for_each(|t| out.line(&for_terminal(&format!("  {t}"))))
}

/// Adds the incidents of a file that are not known yet. Returns their number.
fn import(memory: &mut Memory, file: &Path) -> Result<usize, Error> {
    let text = std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
    let library: Library =
        toml::from_str(&text).map_err(|e| format!("{}: {}", file.display(), e.message()))?;
    let mut imported = 0;
    for incident in library.incidents {
        let is_same = |i: &Incident| i.title == incident.title && i.templates == incident.templates;
        if !memory.incidents.incidents.iter().any(is_same) {
            memory.add(incident);
            imported += 1;
        }
    }
    Ok(imported)
}

/// Replaces secrets in the texts of an incident.
fn redact(incident: &mut Incident) {
    let mut redactor = Redactor::default();
    let texts = [&mut incident.title, &mut incident.cause, &mut incident.fix];
    for text in texts.into_iter().chain(&mut incident.templates) {
        *text = redactor.redact(text);
    }
}

/// Makes an incident from the anomalies and the diagnosis of a corpus.
fn from_corpus(
    global: &Global,
    paths: &[PathBuf],
    title: &str,
    cause: &str,
    fix: &str,
) -> Result<Incident, Error> {
    let opened = run::open(global, paths)?;
    let (analysis, snapshot) = (&opened.analysis, &opened.snapshot);
    let findings = analysis.findings(snapshot);
    let diagnosis = analysis.diagnosis(snapshot);
    let mut redactor = analysis.redactor(snapshot, false);
    let mut templates: Vec<String> = Vec::new();
    for reason in findings.windows.iter().flat_map(|w| &w.reasons) {
        let Some(t) = reason
            .template_id
            .and_then(|id| snapshot.template_by_id(id))
            .and_then(|ix| snapshot.template(ix))
        else {
            continue;
        };
        let text = redactor.redact(&t.text);
        if t.level >= Level::Warn && !templates.contains(&text) && templates.len() < MAX_TEMPLATES {
            templates.push(text);
        }
    }
    if templates.is_empty() {
        return Err("no anomalies found in the input: there is no incident to save".into());
    }
    Ok(Incident {
        title: title.into(),
        templates,
        services: diagnosis
            .causes
            .iter()
            .take(3)
            .map(|c| c.service.clone())
            .collect(),
        cause: cause.into(),
        fix: fix.into(),
        verified: true,
        category: diagnosis.category.to_string(),
        ..Incident::default()
    })
}
