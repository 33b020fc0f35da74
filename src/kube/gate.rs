//! What may be asked of kubectl, as a grammar: verbs, sub-commands, flags with the form of their values, and what else may stand
//! behind a verb. What the grammar does not have is refused. Runs nothing.

use super::patch;

/// Form of a flag's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// The flag stands alone.
    None,
    Number,
    Duration,
    Name,
    Selector,
    Moment,
    Output,
    /// `server` alone.
    DryRun,
    PatchType,
    /// A JSON object of fields that may be changed.
    Patch,
    /// `true` or `false`.
    Truth,
}

use Form::{Duration, Moment, Name, Number, Output, Patch, PatchType, Selector, Truth};

/// Form of one word behind the verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Kind,
    /// A name, or `kind/name`.
    Object,
    /// `pod` or `pod/name`: all that may be deleted.
    Pod,
    Sub(&'static [&'static str]),
    /// Any verb of the API, as `auth can-i` asks for.
    ApiVerb,
}

struct Verb {
    name: &'static str,
    flags: &'static [(&'static str, Form)],
    /// Words that must stand there, then those that may.
    needs: &'static [Word],
    may: &'static [Word],
}

const DRY: (&str, Form) = ("--dry-run", Form::DryRun);
const OUT: (&str, Form) = ("-o", Output);
const LOGS: &[(&str, Form)] = &[
    ("--previous", Form::None),
    ("--since", Duration),
    ("--since-time", Moment),
    ("--tail", Number),
    ("-c", Name),
    ("--all-containers", Form::None),
    ("--timestamps", Form::None),
    ("-f", Form::None),
];

const VERBS: &[Verb] = &[
    Verb {
        name: "get",
        flags: &[OUT, ("-l", Selector), ("--ignore-not-found", Form::None)],
        needs: &[Word::Kind],
        may: &[Word::Object],
    },
    Verb {
        name: "describe",
        flags: &[("-l", Selector)],
        needs: &[Word::Kind],
        may: &[Word::Object],
    },
    Verb {
        name: "logs",
        flags: LOGS,
        needs: &[Word::Object],
        may: &[],
    },
    Verb {
        name: "top",
        flags: &[],
        needs: &[Word::Sub(&["pod", "pods", "node", "nodes"])],
        may: &[Word::Object],
    },
    Verb {
        name: "config",
        flags: &[("--minify", Form::None), OUT],
        needs: &[Word::Sub(&["view"])],
        may: &[],
    },
    Verb {
        name: "auth",
        flags: &[("--subresource", Name)],
        needs: &[Word::Sub(&["can-i"]), Word::ApiVerb, Word::Kind],
        may: &[],
    },
    Verb {
        name: "patch",
        flags: &[("--type", PatchType), ("-p", Patch), DRY, OUT],
        needs: &[Word::Kind, Word::Object],
        may: &[],
    },
    Verb {
        name: "rollout",
        flags: &[
            ("--to-revision", Number),
            ("--timeout", Duration),
            ("--watch", Truth),
            DRY,
        ],
        needs: &[Word::Sub(&["status", "history", "undo"]), Word::Object],
        may: &[],
    },
    Verb {
        name: "delete",
        flags: &[DRY, OUT, ("--wait", Truth)],
        needs: &[Word::Pod],
        may: &[Word::Object],
    },
];

/// Kinds of objects that may be looked at or changed. Secrets and roles are none of them.
const KINDS: &[&str] = &[
    "pod",
    "pods",
    "deployment",
    "deployments",
    "statefulset",
    "statefulsets",
    "daemonset",
    "daemonsets",
    "replicaset",
    "replicasets",
    "service",
    "services",
    "endpoints",
    "node",
    "nodes",
    "event",
    "events",
    "hpa",
    "hpas",
    "pdb",
    "pdbs",
    "ingress",
    "pvc",
    "job",
    "jobs",
    "cronjob",
    "cronjobs",
    "namespace",
];

/// Why an argv is not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(pub String);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A name of Kubernetes: lower-case letters, digits, `-`, `.`; no flag, no path, no confusable letter.
pub fn is_name(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
    let edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let ends = edge(text.as_bytes().first()) && edge(text.as_bytes().last());
    text.len() <= 253 && text.bytes().all(inner) && ends && !text.contains("..") && text != "all"
}

fn is_context(text: &str) -> bool {
    text == super::CONTEXT
        || !text.is_empty()
            && !text.starts_with('-')
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.:@/".contains(&b))
}

fn made_of(text: &str, also: &[u8]) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || also.contains(&b))
}

impl Form {
    fn fits(self, v: &str) -> bool {
        let number =
            |t: &str| !t.is_empty() && t.len() <= 9 && t.bytes().all(|b| b.is_ascii_digit());
        match self {
            Form::None => false,
            Form::Number => number(v),
            Form::Duration => v.strip_suffix(['s', 'm', 'h']).is_some_and(number),
            Form::Name => is_name(v),
            Form::Selector => made_of(v, b"-_./=,!"),
            Form::Moment => made_of(v, b"-:.+"),
            Form::Output => matches!(v, "json" | "yaml" | "wide" | "name"),
            Form::DryRun => v == "server",
            Form::PatchType => matches!(v, "merge" | "strategic"),
            Form::Patch => patch::check(v).is_ok(),
            Form::Truth => matches!(v, "true" | "false"),
        }
    }
}

impl Word {
    fn fits(self, w: &str) -> bool {
        match self {
            Word::Kind => KINDS.contains(&w),
            Word::Object => w.split_once('/').map_or_else(
                || is_name(w),
                |(kind, name)| KINDS.contains(&kind) && is_name(name),
            ),
            Word::Pod => w == "pod" || w.strip_prefix("pod/").is_some_and(is_name),
            Word::Sub(known) => known.contains(&w),
            Word::ApiVerb => ["get", "list", "patch", "update", "delete", "create"].contains(&w),
        }
    }
}

/// Checks an argv: `kubectl`, then arguments, every one of them known to the grammar.
pub fn check(argv: &[String]) -> Result<(), Refused> {
    let refuse = |why: String| Err(Refused(why));
    let Some((program, rest)) = argv.split_first() else {
        return refuse("nothing to run".into());
    };
    if program != "kubectl" {
        return refuse(format!("'{program}' is not kubectl"));
    }
    if let Some(odd) = rest.iter().find(|a| a.chars().any(char::is_control)) {
        return refuse(format!("'{}' holds control characters", odd.escape_debug()));
    }
    let mut args = rest.iter();
    let (mut verb, mut words): (Option<&Verb>, Vec<&str>) = (None, Vec::new());
    while let Some(arg) = args.next() {
        if arg.starts_with('-') {
            let (flag, inline) = arg
                .split_once('=')
                .map_or((arg.as_str(), None), |(f, v)| (f, Some(v)));
            self::flag(flag, inline, verb, &mut args)?;
        } else if verb.is_none() {
            verb = VERBS.iter().find(|v| v.name == arg);
            if verb.is_none() {
                return refuse(format!("verb '{arg}' is not allowed"));
            }
        } else {
            words.push(arg);
        }
    }
    let Some(verb) = verb else {
        return refuse("no verb".into());
    };
    let forms: Vec<Word> = verb.needs.iter().chain(verb.may).copied().collect();
    if words.len() < verb.needs.len() || words.len() > forms.len() {
        return refuse(format!(
            "'{}' does not take {} words",
            verb.name,
            words.len()
        ));
    }
    match words.iter().zip(&forms).find(|(w, f)| !f.fits(w)) {
        Some((word, _)) => refuse(format!(
            "'{}' cannot stand behind {}",
            word.escape_debug(),
            verb.name
        )),
        None => Ok(()),
    }
}

fn flag<'a>(
    flag: &str,
    inline: Option<&'a str>,
    verb: Option<&Verb>,
    rest: &mut impl Iterator<Item = &'a String>,
) -> Result<(), Refused> {
    let form = match flag {
        "--context" | "-n" | "--namespace" => None,
        _ => match verb.and_then(|v| v.flags.iter().find(|f| f.0 == flag)) {
            Some((_, form)) => Some(*form),
            None => {
                return Err(Refused(format!(
                    "flag {flag} is not allowed{}",
                    verb.map_or(String::new(), |v| format!(" with {}", v.name))
                )));
            }
        },
    };
    if form == Some(Form::None) && inline.is_none() {
        return Ok(());
    }
    let value = inline
        .or_else(|| rest.next().map(String::as_str))
        .unwrap_or_default();
    let fits = match form {
        Some(form) => form.fits(value),
        None if flag == "--context" => is_context(value),
        None => is_name(value),
    };
    if fits {
        Ok(())
    } else {
        Err(Refused(format!(
            "'{}' is no value for {flag}",
            value.escape_debug()
        )))
    }
}

#[cfg(test)]
#[path = "hostile.rs"]
mod hostile;
