//! Describes single findings in sentences, and gives windows their titles. Does not detect
//! anomalies.

use super::collect::Series;
use super::reasons::number;
use crate::corpus::Snapshot;
use crate::detect::{FeatureKind, Finding, ValueChange, What};
use crate::model::{Reason, ReasonKind, TemplateIx, TemplateKey};
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
    let next = |t: TemplateIx| snapshot.template(t).map_or("", |t| t.text.as_str());
    let span = human_duration(f.to - f.from);
    let (kind, how) = match &f.what {
        What::Incident { .. } | What::Rate { .. } | What::Stopped { .. } => of_times(f, &span),
        What::NotFollowed {
            next: t,
            times,
            followed,
            within,
        } => {
            let (within, next) = (human_duration(*within), next(*t));
            let how = format!(
                "{times} times without the usual next step “{next}” (it followed {followed} times within {within})"
            );
            (ReasonKind::Sequence, how)
        }
        What::Slower {
            next: t,
            before,
            now,
            count,
        } => {
            let (before, now) = (human_duration(*before), human_duration(*now));
            let how = format!(
                "takes {now} until “{}” instead of {before} (medians), {count} times in {span}",
                next(*t)
            );
            (ReasonKind::ValueShift, how)
        }
        What::Traffic {
            feature,
            observed,
            expected,
        } => of_traffic(series, f, *feature, (*observed, *expected), &span),
        What::NewWord {
            variable,
            count,
            known,
        } => {
            let name = series.variable_name(text, *variable);
            let how = format!(
                "{name} has this value for the first time, {count} times in {span} ({known} other values before)"
            );
            (ReasonKind::ValueShift, how)
        }
        What::Value { variable, .. } => {
            let name = series.variable_name(text, *variable);
            (
                ReasonKind::ValueShift,
                format!("{name} {}", of_value(&f.what, &span)),
            )
        }
        What::NoLines { expected } => {
            let how = format!("no lines at all in {span} (expected {})", number(*expected));
            (ReasonKind::Silence, how)
        }
    };
    let mut sentence = match &f.word {
        Some(word) => format!("“{word}”: {how}"),
        None => how,
    };
    if !text.is_empty() {
        sentence = format!("{sentence}: {text}");
    }
    let service = match f.what {
        What::NoLines { .. } => String::new(),
        _ => source.name.clone(),
    };
    Reason {
        kind,
        service,
        template_id: template.map(|t| t.id),
        score: 1.0 - (-f.evidence.max(0.0) / 8.0).exp(),
        text: sentence,
        ..Reason::default()
    }
}

/// Says how often a message came, or that it stopped.
fn of_times(f: &Finding, span: &str) -> (ReasonKind, String) {
    match &f.what {
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
            let how = format!("came every {every}, then {missed} in {span}{until}");
            (ReasonKind::Silence, how)
        }
        What::Rate { count, expected } => {
            let expected = number(*expected);
            let how = format!("more often, {count} in {span} (expected {expected})");
            (ReasonKind::RateSpike, how)
        }
        What::Incident { count, is_new } => {
            let new = if *is_new { "first seen here, " } else { "" };
            let often = match count {
                1 => "once".to_string(),
                n => format!("{n} times in {span}"),
            };
            (ReasonKind::Incident, format!("{new}{often}"))
        }
        _ => (ReasonKind::default(), String::new()),
    }
}

/// Says how the traffic changed, and of what.
fn of_traffic(
    series: &Series,
    f: &Finding,
    feature: usize,
    (observed, expected): (f64, f64),
    span: &str,
) -> (ReasonKind, String) {
    let kind = match observed > expected {
        true => ReasonKind::RateSpike,
        false => ReasonKind::RateDrop,
    };
    let ratio = observed / expected.max(0.5);
    let much = match ratio {
        r if r >= 1.0 => format!("{r:.0} times the usual number of"),
        _ if observed < 0.5 => "none of".to_string(),
        r => format!("only {:.0}% of the usual number of", r * 100.0),
    };
    let features = &series.input.sources[f.source].features;
    let of = match features.get(feature).map(|f| f.kind) {
        Some(FeatureKind::Category(t, v, n) | FeatureKind::Word(t, v, n)) => {
            let value = series.categories.get(&(f.source, t, v, n));
            format!("lines with “{}”", value.map_or("", String::as_str))
        }
        Some(FeatureKind::Template(_)) => "these lines".to_string(),
        _ => "the lines of this service".to_string(),
    };
    let (observed, expected) = (number(observed), number(expected));
    (
        kind,
        format!("{much} {of}: {observed} in {span} (expected {expected})"),
    )
}

/// Says how the values of a variable changed.
fn of_value(what: &What, span: &str) -> String {
    let What::Value {
        change,
        before,
        now,
        count,
        ..
    } = what
    else {
        return String::new();
    };
    let (before, now) = (number(*before), number(*now));
    match change {
        ValueChange::Zero => format!("is 0 {count} times in a row (median {before} before)"),
        ValueChange::Constant => format!("is {now} {count} times in a row, it varied before"),
        ValueChange::Jump => {
            format!("changed from {before} to {now} (medians), {count} times in {span}")
        }
        ValueChange::Growth => format!("grows from {before} to {now} in {span}"),
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
