//! The grammar of allowed kubectl commands: verbs, subcommands, positional arguments, and flags
//! with the format of their values. Everything else is refused. Runs nothing.

use super::patch;
use crate::model::{CONTEXT_PLACEHOLDER, ObjectKind};

/// The format of a flag's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// The flag has no value.
    None,
    Number,
    Duration,
    Name,
    Selector,
    Moment,
    Output,
    /// Only `server`.
    DryRun,
    PatchType,
    /// A JSON object that contains only fields that may be changed.
    Patch,
    /// `true` or `false`.
    Bool,
}

use Form::{Bool, Duration, Moment, Name, Number, Output, Patch, PatchType, Selector};

/// The format of a positional argument after the verb.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Kind,
    /// A name, or `kind/name`.
    Object,
    /// `pod` or `pod/name`: only pods may be deleted.
    Pod,
    /// One of these subcommands.
    Sub(&'static [&'static str]),
    /// An API verb, for `auth can-i`.
    ApiVerb,
}

struct Verb {
    name: &'static str,
    flags: &'static [(&'static str, Form)],
    /// Positional arguments: the required ones, followed by the optional ones.
    required: &'static [Word],
    optional: &'static [Word],
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
        required: &[Word::Kind],
        optional: &[Word::Object],
    },
    Verb {
        name: "describe",
        flags: &[("-l", Selector)],
        required: &[Word::Kind],
        optional: &[Word::Object],
    },
    Verb {
        name: "logs",
        flags: LOGS,
        required: &[Word::Object],
        optional: &[],
    },
    Verb {
        name: "top",
        flags: &[],
        required: &[Word::Sub(&["pod", "pods", "node", "nodes"])],
        optional: &[Word::Object],
    },
    Verb {
        name: "config",
        flags: &[("--minify", Form::None), OUT],
        required: &[Word::Sub(&["view"])],
        optional: &[],
    },
    Verb {
        name: "auth",
        flags: &[("--subresource", Name)],
        required: &[Word::Sub(&["can-i"]), Word::ApiVerb, Word::Kind],
        optional: &[],
    },
    Verb {
        name: "patch",
        flags: &[("--type", PatchType), ("-p", Patch), DRY, OUT],
        required: &[Word::Kind, Word::Object],
        optional: &[],
    },
    Verb {
        name: "rollout",
        flags: &[
            ("--to-revision", Number),
            ("--timeout", Duration),
            ("--watch", Bool),
            DRY,
        ],
        required: &[Word::Sub(&["status", "history", "undo"]), Word::Object],
        optional: &[],
    },
    Verb {
        name: "delete",
        flags: &[DRY, OUT, ("--wait", Bool)],
        required: &[Word::Pod],
        optional: &[Word::Object],
    },
];

/// The one command that reads keys: it makes the private copy of a context.
const COPY_CONTEXT: [&str; 7] = [
    "config",
    "view",
    "--minify",
    "--flatten",
    "--raw",
    "-o",
    "json",
];
/// Number of words of `COPY_CONTEXT` that are checked like those of any command.
const VIEW: usize = 3;

/// The reason why a command is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the command is empty")]
    Empty,
    #[error("'{0}' is not kubectl")]
    NotKubectl(String),
    #[error("'{0}' contains control characters")]
    ControlCharacter(String),
    #[error("the command has no verb")]
    NoVerb,
    #[error("verb '{0}' is not allowed")]
    Verb(String),
    #[error("'{verb}' cannot have {count} arguments")]
    Count { verb: &'static str, count: usize },
    #[error("'{word}' is not allowed after {verb}")]
    Word { verb: &'static str, word: String },
    #[error("flag {0} is not allowed")]
    Flag(String),
    #[error("flag {0} is repeated")]
    Repeated(String),
    #[error("'{value}' is not a valid value for {flag}")]
    Value { flag: String, value: String },
}

/// True if a text is a Kubernetes name: lowercase ASCII letters, digits, `-` and `.`. Flags, paths
/// and the name `all` are not names.
pub fn is_name(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
    let edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let ends = edge(text.as_bytes().first()) && edge(text.as_bytes().last());
    text.len() <= 253 && text.bytes().all(inner) && ends && !text.contains("..") && text != "all"
}

/// True if a text is the name of a kubectl context, or the placeholder for it.
fn is_context(text: &str) -> bool {
    text == CONTEXT_PLACEHOLDER
        || !text.is_empty()
            && !text.starts_with('-')
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_.:@/".contains(&b))
}

/// True if a text consists of ASCII letters, digits and the bytes in `also`, and is not a flag.
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
            Form::Bool => matches!(v, "true" | "false"),
        }
    }
}

impl Word {
    fn fits(self, w: &str) -> bool {
        match self {
            Word::Kind => ObjectKind::parse(w).is_some(),
            Word::Object => w.split_once('/').map_or_else(
                || is_name(w),
                |(kind, name)| ObjectKind::parse(kind).is_some() && is_name(name),
            ),
            Word::Pod => w == "pod" || w.strip_prefix("pod/").is_some_and(is_name),
            Word::Sub(known) => known.contains(&w),
            Word::ApiVerb => ["get", "list", "patch", "update", "delete", "create"].contains(&w),
        }
    }
}

/// Checks that the arguments are `kubectl`, followed by arguments that the grammar allows.
pub fn check(argv: &[String]) -> Result<(), Refused> {
    let (program, rest) = argv.split_first().ok_or(Refused::Empty)?;
    if program != "kubectl" {
        return Err(Refused::NotKubectl(escaped(program)));
    }
    if let Some(bad) = rest.iter().find(|a| a.chars().any(char::is_control)) {
        return Err(Refused::ControlCharacter(escaped(bad)));
    }
    if is_delete_by_uid(rest) {
        return Ok(());
    }
    // `--raw` and `--flatten` are allowed in this one form only.
    let copies = rest.ends_with(&COPY_CONTEXT.map(String::from));
    let left_out = if copies { COPY_CONTEXT.len() - VIEW } else { 0 };
    let mut args = rest[..rest.len() - left_out].iter();
    let (mut verb, mut words): (Option<&Verb>, Vec<&str>) = (None, Vec::new());
    let mut seen: Vec<&str> = Vec::new();
    while let Some(arg) = args.next() {
        if arg.starts_with('-') {
            let (flag, inline) = match arg.split_once('=') {
                Some((flag, value)) => (flag, Some(value)),
                None => (arg.as_str(), None),
            };
            // The last one of repeated flags would win.
            if seen.contains(&flag) {
                return Err(Refused::Repeated(escaped(flag)));
            }
            seen.push(flag);
            // The cluster and the namespace are named once, before the verb.
            if is_global(flag) && (verb.is_some() || inline.is_some()) {
                return Err(Refused::Flag(escaped(arg)));
            }
            check_flag(flag, inline, verb, &mut args)?;
        } else if verb.is_none() {
            let known = VERBS.iter().find(|v| v.name == arg);
            verb = Some(known.ok_or_else(|| Refused::Verb(escaped(arg)))?);
        } else {
            words.push(arg);
        }
    }
    let Verb {
        name: verb,
        required,
        optional,
        ..
    } = verb.ok_or(Refused::NoVerb)?;
    let forms: Vec<Word> = required.iter().chain(*optional).copied().collect();
    if words.len() < required.len() || words.len() > forms.len() {
        return Err(Refused::Count {
            verb,
            count: words.len(),
        });
    }
    match words.iter().zip(&forms).find(|(w, f)| !f.fits(w)) {
        Some((word, _)) => Err(Refused::Word {
            verb,
            word: escaped(word),
        }),
        None => Ok(()),
    }
}

/// True for the flags that name the cluster and the namespace.
fn is_global(flag: &str) -> bool {
    matches!(flag, "--context" | "-n")
}

/// True for the deletion of one pod through the API, with a precondition on its standard input:
/// `--context C -n NS delete --raw /api/v1/namespaces/NS/pods/NAME -f -`, exactly.
fn is_delete_by_uid(words: &[String]) -> bool {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let [
        "--context",
        context,
        "-n",
        namespace,
        "delete",
        "--raw",
        path,
        "-f",
        "-",
    ] = words[..]
    else {
        return false;
    };
    let folder = format!("/api/v1/namespaces/{namespace}/pods/");
    let is_pod = path.strip_prefix(&folder).is_some_and(is_name);
    is_context(context) && is_name(namespace) && is_pod
}

fn escaped(text: &str) -> String {
    text.escape_debug().to_string()
}

/// Checks one flag. Takes its value from `rest` if the value is not inline (`--flag=value`).
fn check_flag<'a>(
    flag: &str,
    inline: Option<&'a str>,
    verb: Option<&Verb>,
    rest: &mut impl Iterator<Item = &'a String>,
) -> Result<(), Refused> {
    let form = match flag {
        _ if is_global(flag) => None,
        _ => {
            let known = verb.and_then(|v| v.flags.iter().find(|f| f.0 == flag));
            Some(known.ok_or_else(|| Refused::Flag(escaped(flag)))?.1)
        }
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
        Err(Refused::Value {
            flag: escaped(flag),
            value: escaped(value),
        })
    }
}

#[cfg(test)]
#[path = "hostile.rs"]
mod hostile;
