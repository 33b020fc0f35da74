//! `incidents`: the library of known incidents.

use super::OK;
use super::run::{self, Out};
use crate::config::args::{Global, IncidentCommand, OutputFormat};
use crate::config::paths::Paths;
use crate::engine::{Incident, Library, Memory};
use crate::model::Level;
use crate::text::escape::for_terminal;
use std::path::PathBuf;

/// Templates kept of an incident.
const MOST_TEMPLATES: usize = 12;

pub fn run(global: &Global, what: &IncidentCommand) -> Result<u8, String> {
    let data = Paths::find()
        .map(|p| p.data)
        .ok_or("there is no home folder to keep incidents in")?;
    let mut memory = Memory::load(&data)?;
    let mut out = Out::new();
    match what {
        IncidentCommand::List => {
            let all = memory
                .incidents
                .incidents
                .iter()
                .chain(&Library::shipped().incidents)
                .cloned()
                .collect::<Vec<_>>();
            if global.format == OutputFormat::Json {
                out.json(&all)?;
            } else {
                all.iter().try_for_each(|i| {
                    out.line(&for_terminal(&format!(
                        "{:<10} {:<20} {}",
                        i.id, i.category, i.title
                    )))
                })?;
            }
        }
        IncidentCommand::Show { id } => {
            let shipped = Library::shipped();
            let found = memory
                .incidents
                .get(id)
                .or(shipped.get(id))
                .ok_or_else(|| {
                    format!("there is no incident '{id}'; `incidents list` tells which")
                })?;
            if global.format == OutputFormat::Json {
                out.json(found)?;
            } else {
                out.line(&for_terminal(&format!(
                    "{}: {}\ncategory: {}\ncause: {}\nfixed by: {}",
                    found.id, found.title, found.category, found.cause, found.fix
                )))?;
                found
                    .templates
                    .iter()
                    .try_for_each(|t| out.line(&for_terminal(&format!("  {t}"))))?;
            }
        }
        IncidentCommand::Save {
            title,
            cause,
            fix,
            paths,
        } => {
            let id = memory.add(observed(global, paths, title, cause, fix)?);
            memory.save(&data)?;
            out.line(&format!("kept as {id}"))?;
        }
        IncidentCommand::Remove { id } => {
            let before = memory.incidents.incidents.len();
            memory.incidents.incidents.retain(|i| i.id != *id);
            if memory.incidents.incidents.len() == before {
                return Err(format!("'{id}' is none of your own incidents"));
            }
            memory.save(&data)?;
        }
        IncidentCommand::Export { file } => {
            let text = toml::to_string_pretty(&memory.incidents).map_err(|e| e.to_string())?;
            std::fs::write(file, text).map_err(|e| format!("{}: {e}", file.display()))?;
            out.line(&format!(
                "{} incidents written",
                memory.incidents.incidents.len()
            ))?;
        }
        IncidentCommand::Import { file } => {
            let text =
                std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
            let library: Library = toml::from_str(&text)
                .map_err(|e| format!("{}: {}", file.display(), e.message()))?;
            let mut n = 0;
            for incident in library.incidents {
                let known = memory
                    .incidents
                    .incidents
                    .iter()
                    .any(|i| i.title == incident.title && i.templates == incident.templates);
                if !known {
                    memory.add(incident);
                    n += 1;
                }
            }
            memory.save(&data)?;
            out.line(&format!("{n} incidents taken in"))?;
        }
    }
    out.flush()?;
    Ok(OK)
}

/// What a corpus shows, as an incident.
fn observed(
    global: &Global,
    paths: &[PathBuf],
    title: &str,
    cause: &str,
    fix: &str,
) -> Result<Incident, String> {
    let (session, snapshot) = run::open(global, paths)?;
    let findings = session.corpus.findings_of(&snapshot);
    let diagnosis = session.corpus.diagnosis_of(&snapshot);
    let mut templates: Vec<String> = Vec::new();
    for reason in findings.windows.iter().flat_map(|w| &w.reasons) {
        let Some(t) = reason
            .template_id
            .and_then(|id| snapshot.template_by_id(id))
            .map(|i| &snapshot.templates[i])
        else {
            continue;
        };
        if t.level >= Level::Warn
            && !templates.contains(&t.text)
            && templates.len() < MOST_TEMPLATES
        {
            templates.push(t.text.clone());
        }
    }
    if templates.is_empty() {
        return Err(
            "nothing in this corpus is out of the ordinary: there is no incident to keep".into(),
        );
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
        category: diagnosis.category.clone(),
        ..Incident::default()
    })
}
