//! Labelled logs: which lines belong to one statement. Reads the systems of Loghub with their
//! labels, and logs whose lines tell the call site, which is cut out before the program reads them.

use faultline::corpus::{self, Options};
use faultline::mine::{Edits, Kinds, LocalKinds, Noted, Thresholds, resolve_with};
use faultline::model::{EventId, Level, NO_TIME};
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read;
use std::path::Path;

/// One log: its messages, and for each line the statement that printed it.
pub struct Unit {
    /// Line number and call site of each event, and its message.
    events: Vec<(u64, String, String)>,
    /// For each line, its statement; `None` if it is not scored.
    pub truth: Vec<Option<String>>,
    /// For each line, the corrected template of the label; empty if there are no labels.
    pub templates: Vec<String>,
}

/// Counts of one or more units.
#[derive(Clone, Copy, Debug, Default)]
pub struct Score {
    lines: f64,
    right_lines: f64,
    statements: f64,
    groups: f64,
    right: f64,
    /// Lines with the template of the label.
    right_texts: f64,
}

impl Score {
    /// Share of the lines whose group is exactly their statement.
    pub fn ga(self) -> f64 {
        self.right_lines / self.lines.max(1.0)
    }

    /// F1 of the exactly grouped statements.
    pub fn fga(self) -> f64 {
        let (p, r) = (
            self.right / self.groups.max(1.0),
            self.right / self.statements.max(1.0),
        );
        2.0 * p * r / (p + r).max(1e-9)
    }

    /// Share of the lines whose template equals the label's.
    pub fn pa(self) -> f64 {
        self.right_texts / self.lines.max(1.0)
    }

    pub fn add(&mut self, other: Score) {
        self.lines += other.lines;
        self.right_lines += other.right_lines;
        self.statements += other.statements;
        self.groups += other.groups;
        self.right += other.right;
        self.right_texts += other.right_texts;
    }
}

impl Unit {
    /// Reads the text as the program does.
    fn new(text: &str, truth: Vec<Option<String>>, templates: Vec<String>) -> Unit {
        let name = format!("faultline-labelled-{}-{}", std::process::id(), text.len());
        let file = std::env::temp_dir().join(name).with_extension("log");
        std::fs::write(&file, text).unwrap();
        let mut session = corpus::open(Options::new(vec![file.clone()])).unwrap();
        let snapshot = session.wait();
        let caller = |fields: &[(String, String)]| {
            let found = fields.iter().find(|(name, _)| name == "caller");
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let events = (0..snapshot.events)
            .filter_map(|n| session.corpus.event(&snapshot, EventId(n as u32)))
            .map(|e| (e.line, caller(&e.fields), e.message))
            .collect();
        let _ = std::fs::remove_file(file);
        Unit {
            events,
            truth,
            templates,
        }
    }

    /// Mines the messages and compares the groups with the truth.
    pub fn score(&self, thresholds: &Thresholds) -> Score {
        let (mut all, mut local) = (Kinds::default(), LocalKinds::default());
        let mut kinds = Vec::with_capacity(self.events.len());
        for (n, (_, caller, message)) in self.events.iter().enumerate() {
            let noted = Noted {
                raw: message.as_bytes(),
                message: (0, message.len()),
                clock_end: 0,
                service: b"",
                caller: caller.as_bytes(),
                level: Level::Info,
                timed: false,
                known: true,
                time: NO_TIME,
                precision: 0,
                line: n as u64,
            };
            kinds.push(local.note(&noted, || message.clone(), |_| Level::Info));
        }
        let ids = all.absorb(&local.kinds, &"unit".into(), 0);
        let resolved = resolve_with(&all.shapes, &Edits::default(), thresholds);
        let template = |n: usize| {
            let kind = all.kinds[ids[kinds[n] as usize] as usize];
            resolved.of_shape[kind.shape as usize]
        };
        let mut event = None;
        let mut next = 0;
        let mut of_line: Vec<(usize, Option<u32>)> = Vec::new();
        for line in 0..self.truth.len() {
            while self
                .events
                .get(next)
                .is_some_and(|e| e.0 == line as u64 + 1)
            {
                event = Some(template(next));
                next += 1;
            }
            if self.truth[line].is_some() {
                of_line.push((line, event));
            }
        }
        self.compare(&of_line, &resolved.texts)
    }

    fn compare(&self, of_line: &[(usize, Option<u32>)], texts: &[String]) -> Score {
        let mut truths: HashMap<&str, f64> = HashMap::new();
        let mut groups: HashMap<Option<u32>, f64> = HashMap::new();
        let mut pairs: HashMap<(&str, Option<u32>), f64> = HashMap::new();
        let mut right_texts = 0.0;
        for (line, group) in of_line {
            let truth = self.truth[*line].as_deref().unwrap_or_default();
            *truths.entry(truth).or_default() += 1.0;
            *groups.entry(*group).or_default() += 1.0;
            *pairs.entry((truth, *group)).or_default() += 1.0;
            let text = group.map(|g| texts[g as usize].as_str());
            right_texts += f64::from(text == self.templates.get(*line).map(String::as_str));
        }
        let exact: Vec<f64> = pairs
            .iter()
            .filter(|((t, g), n)| truths[t] == **n && groups[g] == **n)
            .map(|(_, n)| *n)
            .collect();
        Score {
            lines: of_line.len() as f64,
            right_lines: exact.iter().sum(),
            statements: truths.len() as f64,
            groups: groups.len() as f64,
            right: exact.len() as f64,
            right_texts,
        }
    }
}

/// One system of Loghub: the raw file, the labels, and their corrected templates.
pub fn loghub(folder: &Path) -> Option<Unit> {
    let name = folder.file_name()?.to_str()?;
    let log = folder.join(format!("{name}_2k.log"));
    let text = String::from_utf8_lossy(&std::fs::read(&log).ok()?).into_owned();
    let column = |suffix: &str, column: &str| -> Option<Vec<String>> {
        let file = folder.join(format!("{name}_2k.log_structured{suffix}.csv"));
        let rows = csv(&String::from_utf8_lossy(&std::fs::read(file).ok()?));
        let at = rows.first()?.iter().position(|c| c == column)?;
        Some(rows[1..].iter().map(|r| r[at].clone()).collect())
    };
    let truth = column("", "EventId")?;
    let templates = column("_corrected", "EventTemplate")?;
    Some(Unit::new(
        &text,
        truth.into_iter().map(Some).collect(),
        templates,
    ))
}

/// Rows of comma-separated values with quoted cells (RFC 4180).
fn csv(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut cell) = (Vec::new(), Vec::new(), String::new());
    let mut quoted = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                cell.push('"');
                chars.next();
            }
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut cell)),
            '\r' if !quoted => {}
            '\n' if !quoted => {
                row.push(std::mem::take(&mut cell));
                rows.push(std::mem::take(&mut row));
            }
            c => cell.push(c),
        }
    }
    if !row.is_empty() {
        row.push(cell);
        rows.push(row);
    }
    rows
}

/// The logs of one system whose lines tell their call site.
pub fn with_call_sites(folder: &Path) -> Vec<Unit> {
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .map(|entries| entries.flatten().map(|e| e.path()).collect())
        .unwrap_or_default();
    files.sort();
    let forms = Forms::new();
    files
        .iter()
        .filter(|f| f.to_string_lossy().ends_with(".log.xz"))
        .filter_map(|f| {
            let mut text = Vec::new();
            liblzma::read::XzDecoder::new(std::fs::File::open(f).ok()?)
                .read_to_end(&mut text)
                .ok()?;
            let text = String::from_utf8_lossy(&text).replace('\r', "");
            unit_with_call_sites(&text, &forms)
        })
        .collect()
}

/// Lines that are read of one log.
const MAX_LINES: usize = 20_000;

/// A line without its call site.
struct Cut {
    site: String,
    line: String,
    message: String,
}

/// The forms in which lines tell their call site: before it, the call site, after it.
struct Forms {
    klog: Regex,
    others: Vec<(Regex, bool)>,
    /// Functions that print what others said.
    passes_on: Regex,
}

impl Forms {
    fn new() -> Forms {
        let regex = |text: &str| Regex::new(text).unwrap();
        Forms {
            klog: regex(
                r"(?s)^(.{0,90}?)\b([IWEF])(\d\d)(\d\d) (\d\d:\d\d:\d\d\.\d{6}) +(\d+) ([\w.\-/]+\.(?:go|cc|cpp|h|c|py):\d+)\] ?(.*)$",
            ),
            others: vec![
                (
                    regex(r"(?s)^(.*?)\bcaller=(\S+\.(?:go|rs|py):\d+) ?(.*)$"),
                    false,
                ),
                (
                    regex(r#"(?s)^(.{0,60}?\{.*?)"caller": ?"([^"]+\.go:\d+)",? ?(.*)$"#),
                    false,
                ),
                (
                    regex(
                        r"(?s)^((?:- )?(?:TRACE|DEBUG|INFO|WARN|ERROR|FATAL) .{0,200}?)\b(\w+\.java:\d+) - (.*)$",
                    ),
                    false,
                ),
                (
                    regex(
                        r"(?s)^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+ +\d+ DEBUG .*?) (\S+ /usr/lib/python\S+\.py:\d+)()$",
                    ),
                    true,
                ),
            ],
            passes_on: regex(
                r"^(?:\S*/)?(?:event\.go|status_controller\.go|generic_logger\.go|AbstractInternalLogger):\d+$|AbstractInternalLogger:\d+$",
            ),
        }
    }

    fn cut(&self, line: &str) -> Option<Cut> {
        if let Some(c) = self.klog.captures(line) {
            return Some(Cut {
                site: c[7].to_string(),
                line: format!(
                    "{}{}{}{} {} {:>7} x.go:1] {}",
                    &c[1], &c[2], &c[3], &c[4], &c[5], &c[6], &c[8]
                ),
                message: c[8].to_string(),
            });
        }
        self.others.iter().find_map(|(regex, at_end)| {
            let c = regex.captures(line)?;
            let message = if *at_end {
                c[1].chars().skip(60).collect()
            } else {
                c[3].to_string()
            };
            Some(Cut {
                site: c[2].to_string(),
                line: format!("{}{}", &c[1], &c[3]),
                message,
            })
        })
    }
}

fn words(message: &str) -> Vec<&str> {
    message
        .split(|c: char| !(c.is_ascii_alphabetic() || c == '_'))
        .filter(|w| w.len() > 1)
        .collect()
}

fn unit_with_call_sites(text: &str, forms: &Forms) -> Option<Unit> {
    let lines: Vec<&str> = text.split('\n').take(MAX_LINES).collect();
    let cuts: Vec<Option<Cut>> = lines.iter().map(|l| forms.cut(l)).collect();
    let mut by_site: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for cut in cuts.iter().flatten() {
        by_site.entry(&cut.site).or_default().push(&cut.message);
    }
    let names = same_statements(&by_site);
    let kept: BTreeSet<&str> = by_site
        .iter()
        .filter(|(site, messages)| {
            let first = &messages[..messages.len().min(500)];
            messages.len() >= 3 && !forms.passes_on.is_match(site) && !is_dynamic(first)
        })
        .map(|(site, _)| *site)
        .collect();
    if kept.is_empty() {
        return None;
    }
    let truth = cuts
        .iter()
        .map(|c| {
            let cut = c.as_ref().filter(|c| kept.contains(c.site.as_str()))?;
            Some(names[cut.site.as_str()].to_string())
        })
        .collect();
    let text: Vec<&str> = lines
        .iter()
        .zip(&cuts)
        .map(|(line, cut)| cut.as_ref().map_or(*line, |c| &c.line))
        .collect();
    Some(Unit::new(&(text.join("\n") + "\n"), truth, Vec::new()))
}

/// Statements whose constant words are equal, or at least three and the start of another's, cannot
/// be told apart by their text: they get one name.
fn same_statements<'a>(by_site: &BTreeMap<&'a str, Vec<&str>>) -> HashMap<&'a str, &'a str> {
    let mut constants: Vec<(Vec<&str>, &str)> = by_site
        .iter()
        .map(|(site, messages)| {
            let sets: Vec<BTreeSet<&str>> = messages[1..messages.len().min(500)]
                .iter()
                .map(|m| words(m).into_iter().collect())
                .collect();
            let mut first = words(messages[0]);
            first.retain(|w| sets.iter().all(|s| s.contains(w)));
            (first, *site)
        })
        .collect();
    constants.sort();
    let mut names: HashMap<&str, &str> = HashMap::new();
    for (k, (own, site)) in constants.iter().enumerate() {
        let same = constants[..k].iter().find(|(other, _)| {
            own == other && !own.is_empty() || other.len() >= 3 && own.starts_with(other)
        });
        let name = same.map_or(*site, |(_, other)| names[other]);
        names.insert(site, name);
    }
    names
}

/// Whether a statement prints arbitrary text.
fn is_dynamic(messages: &[&str]) -> bool {
    let sets: Vec<BTreeSet<&str>> = messages
        .iter()
        .map(|m| words(m).into_iter().collect())
        .collect();
    let half = messages.len() as f64 / 2.0;
    let mut lines_of: HashMap<&str, f64> = HashMap::new();
    for set in &sets {
        set.iter()
            .for_each(|w| *lines_of.entry(w).or_default() += 1.0);
    }
    let usual = |set: &BTreeSet<&str>| set.iter().filter(|w| lines_of[**w] >= half).count();
    let sharing = sets
        .iter()
        .filter(|s| usual(s) >= 2 || !s.is_empty() && usual(s) == s.len())
        .count();
    let mut shares: Vec<f64> = sets
        .iter()
        .filter(|s| !s.is_empty())
        .map(|s| usual(s) as f64 / s.len() as f64)
        .collect();
    shares.sort_by(f64::total_cmp);
    sharing as f64 <= half || shares.get(shares.len() / 2).is_some_and(|s| *s < 0.4)
}
