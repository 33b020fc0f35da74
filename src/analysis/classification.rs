//! Classifies the incident and finds similar known incidents. The rules are in `diagnose`.

use super::analysis::Analysis;
use super::diagnosis::Suspect;
use crate::corpus::Snapshot;
use crate::diagnose::{self, Classifier, Library, Verdict};
use crate::model::{
    Category, ClassifiedBy, Diagnosis, Level, Severity, Similar, Template, TemplateIx,
};

/// Minimum confidence of a reported class.
const MIN_CONFIDENCE: f64 = 0.7;
/// Maximum number of templates to compare with known incidents.
const MAX_TEMPLATES: usize = 40;
/// Maximum number of known incidents to report.
const MAX_SIMILAR: usize = 5;

impl Analysis {
    pub fn classify_incident(
        &self,
        snapshot: &Snapshot,
        suspect: &Suspect<'_>,
        out: &mut Diagnosis,
    ) {
        let reasons = suspect.windows.iter().flat_map(|w| &w.reasons);
        let templates: Vec<&Template> = reasons
            .filter_map(|r| snapshot.template_by_id(r.template_id?))
            .map(|t: TemplateIx| &snapshot.templates[t.index()])
            .filter(|t| reports_problem(t))
            .collect();
        let classifier = self.classifier(&[]);
        let classes = templates
            .iter()
            .map(|t| classifier.classify(&t.text, t.level));
        let is_rule = |c: &diagnose::Class| c.by == ClassifiedBy::Rule;
        let worst = classes
            .filter(|c| c.confidence >= MIN_CONFIDENCE)
            .max_by(|a, b| {
                a.severity
                    .cmp(&b.severity)
                    .then(is_rule(a).cmp(&is_rule(b)))
            });
        if let Some(worst) = worst {
            // If a severe anomaly matches a known critical pattern, its severity is critical. The
            // number of events does not matter.
            let is_critical = is_rule(&worst) && worst.severity == Severity::Critical;
            if is_critical && out.severity >= Severity::High {
                out.severity = Severity::Critical;
            }
            out.category = worst.category;
        } else {
            out.category = Category::None;
        }
        let texts: Vec<&str> = templates
            .iter()
            .map(|t| t.text.as_str())
            .take(MAX_TEMPLATES)
            .collect();
        let library = self.library();
        for m in library.resembling(&texts, MAX_SIMILAR) {
            if let Some(i) = library.get(&m.id) {
                let (title, fix) = (i.title.clone(), i.fix.clone());
                out.similar.push(Similar {
                    incident: m.id,
                    title,
                    fix,
                    score: m.score,
                });
            }
        }
    }

    /// Returns a classifier that includes the user's verdicts and incidents, and further examples.
    pub fn classifier(&self, examples: &[Verdict]) -> Classifier {
        let memory = self.memory();
        let verdicts: Vec<Verdict> = memory.verdicts.iter().chain(examples).cloned().collect();
        let of_incident = |i: &diagnose::Incident| {
            let id = i.id.clone();
            let template = move |t: &String| (t.clone(), id.clone(), Severity::High);
            i.templates.iter().map(template).collect::<Vec<_>>()
        };
        let incidents: Vec<(String, String, Severity)> = memory
            .incidents
            .incidents
            .iter()
            .flat_map(of_incident)
            .collect();
        Classifier::new(&verdicts, &incidents)
    }

    /// Returns the known incidents: first the user's incidents, then the built-in ones.
    pub fn library(&self) -> Library {
        let mut library = Library::shipped();
        library
            .incidents
            .splice(0..0, self.memory().incidents.incidents);
        library
    }
}

/// Returns true if a template has warnings or worse, or contains words that indicate a failure.
fn reports_problem(t: &Template) -> bool {
    let problems: u64 = t.levels[Level::Warn.index()..].iter().sum();
    problems > 0 || diagnose::words_score(&t.text) > 0.5
}
