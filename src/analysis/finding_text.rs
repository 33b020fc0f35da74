//! Describes single findings in sentences, and gives windows their titles. Does not detect
//! anomalies.

use super::reasons::number;
use super::series::Series;
use crate::corpus::Snapshot;
use crate::detect::{FeatureKind, Finding, ValueChange, What};
use crate::model::{Reason, ReasonKind, TemplateKey};
use crate::text::civil::human_duration;

/// Maximum length of a message in a title, and of a whole title, in characters.
const MAX_HEADLINE: usize = 60;
const MAX_TITLE: usize = 120;

/// Describes a finding as a reason. Does not add evidence.
pub fn describe_finding(snapshot: &Snapshot, series: &Series, f: &Finding) -> Reason {
    let source = &series.input.sources[f.source];
    let template = f.template.and_then(|t| snapshot.template(t));
    let of_template = template.map_or("", |t| t.text.as_str());
    let text = f.message.as_deref().unwrap_or(of_template);
    let span = human_duration(f.to - f.from);
    let (kind, text) = match &f.what {
        What::Incident { count, is_new } => {
            let new = if *is_new { "first seen here, " } else { "" };
            let often = match count {
                1 => "once".to_string(),
                n => format!("{n} times in {span}"),
            };
            (ReasonKind::Incident, format!("{new}{often}: {text}"))
        }
        What::Stopped {
            every,
            missed,
            is_last,
        } => {
            let every = human_duration(*every);
            let missed = match missed {
                1 => "1 is missing".to_string(),
                n => format!("{n} are missing"),
            };
            let until = if *is_last { " until the end" } else { "" };
            let text = format!("came every {every}, then {missed} in {span}{until}: {text}");
            (ReasonKind::Silence, text)
        }
        What::NotFollowed {
            next,
            times,
            followed,
            within,
        } => {
            let next = snapshot.template(*next).map_or("", |t| t.text.as_str());
            let within = human_duration(*within);
            let text = format!(
                "{times} times without the usual next step (it followed {followed} times within {within}): {text} → {next}"
            );
            (ReasonKind::Sequence, text)
        }
        What::Rate { count, expected } => {
            let expected = number(*expected);
            let text = format!("more often, {count} in {span} (expected {expected}): {text}");
            (ReasonKind::RateSpike, text)
        }
        What::NewWord {
            variable,
            count,
            known,
        } => {
            let field = series.variable_name(text, *variable);
            let text = format!(
                "{field} has this value for the first time, {count} times in {span} ({known} other values before): {text}"
            );
            (ReasonKind::ValueShift, text)
        }
        What::Traffic {
            feature,
            observed,
            expected,
        } => {
            let kind = if observed > expected {
                ReasonKind::RateSpike
            } else {
                ReasonKind::RateDrop
            };
            let ratio = observed / expected.max(0.5);
            let much = match ratio >= 1.0 {
                true => format!("{ratio:.0} times as many"),
                false => format!("only {:.0}% of the usual number", ratio * 100.0),
            };
            let of = match source.features.get(*feature).map(|f| f.kind) {
                Some(FeatureKind::Category(t, v, n) | FeatureKind::Word(t, v, n)) => {
                    let value = series.categories.get(&(f.source, t, v, n));
                    format!("lines with “{}”", value.map_or("", String::as_str))
                }
                Some(FeatureKind::Template(_)) => "of these lines".to_string(),
                _ => "lines of this service".to_string(),
            };
            let (observed, expected) = (number(*observed), number(*expected));
            let colon = if text.is_empty() { "" } else { ": " };
            let text =
                format!("{much} {of}: {observed} in {span} (expected {expected}){colon}{text}");
            (kind, text)
        }
        What::Slower {
            next,
            before,
            now,
            count,
        } => {
            let next = snapshot.template(*next).map_or("", |t| t.text.as_str());
            let (before, now) = (human_duration(*before), human_duration(*now));
            let text = format!(
                "takes {now} instead of {before} (medians), {count} times in {span}: {text} → {next}"
            );
            (ReasonKind::ValueShift, text)
        }
        What::Value {
            variable,
            change,
            before,
            now,
            count,
        } => {
            let field = series.variable_name(text, *variable);
            let (before, now) = (number(*before), number(*now));
            let how = match change {
                ValueChange::Zero => {
                    format!("is 0 {count} times in a row (median {before} before)")
                }
                ValueChange::Constant => {
                    format!("is {now} {count} times in a row, it varied before")
                }
                ValueChange::Jump => {
                    format!("changed from {before} to {now} (medians), {count} times in {span}")
                }
                ValueChange::Growth => format!("grows from {before} to {now} in {span}"),
            };
            let text = format!("{field} {how}: {text}");
            (ReasonKind::ValueShift, text)
        }
        What::NoLines { expected } => {
            let text = format!("no lines at all in {span} (expected {})", number(*expected));
            (ReasonKind::Silence, text)
        }
    };
    let text = match &f.word {
        Some(word) => format!("“{word}”: {text}"),
        None => text,
    };
    let service = match f.what {
        What::NoLines { .. } => String::new(),
        _ => source.name.clone(),
    };
    Reason {
        kind,
        service,
        template_id: template.map(|t| t.id),
        score: 1.0 - (-f.evidence.max(0.0) / 8.0).exp(),
        text,
        ..Reason::default()
    }
}

/// The most telling reasons of a window in a few words, after the service. Reasons that report
/// problems in their own words are joined; any other reason stands alone.
pub fn title(snapshot: &Snapshot, reasons: &[Reason]) -> String {
    let Some(first) = reasons.first() else {
        return String::new();
    };
    let speaks = |r: &&Reason| r.kind == ReasonKind::Incident && r.service == first.service;
    let mut parts = vec![headline(snapshot, first)];
    if speaks(&first) {
        let other = reasons.iter().skip(1).find(speaks);
        parts.extend(other.map(|r| headline(snapshot, r)));
        parts.dedup();
    }
    let text = parts.join("; ");
    let title = match first.service.as_str() {
        "" => text,
        service => format!("{service}: {text}"),
    };
    cut(&title, MAX_TITLE)
}

/// One reason in a few words.
fn headline(snapshot: &Snapshot, r: &Reason) -> String {
    let text = |id: TemplateKey| {
        let ix = snapshot.template_by_id(id)?;
        Some(snapshot.template(ix)?.text.replace("<*>", "…"))
    };
    // The message of an incident follows its numbers. See `describe_finding`.
    let message = || r.text.split_once(": ").map(|(_, m)| m.replace("<*>", "…"));
    match (r.kind, r.template_id.and_then(text)) {
        (ReasonKind::Incident, _) => cut(&message().unwrap_or_default(), MAX_HEADLINE),
        (ReasonKind::NewTemplate, Some(text)) => cut(&text, MAX_HEADLINE),
        (ReasonKind::Silence, Some(text)) => format!("no more “{}”", cut(&text, MAX_HEADLINE)),
        _ => cut(&r.text, MAX_TITLE),
    }
}

fn cut(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_string();
    }
    let mut out: String = text.chars().take(max - 1).collect();
    out.truncate(out.trim_end().len());
    out.push('…');
    out
}
