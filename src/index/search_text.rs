//! Prepares a query for the current state of a corpus: compiles regular expressions, hashes words
//! and looks up kinds. Does not read log text.

use super::query::{Field, Query, QueryError};
use crate::model::{Level, TimeRange};
use crate::text::words::{filter_hash, for_each_word};
use regex::bytes::{Regex, RegexBuilder};

/// Information about the corpus that `prepare` needs.
pub trait Lookup {
    /// Number of kinds.
    fn kinds(&self) -> usize;
    /// True if the constant text (header and message) of a kind matches.
    fn constant_matches(&self, kind: usize, regex: &Regex) -> bool;
    fn level(&self, kind: usize) -> Level;
    /// The service named in the kind's own text, in lower case. Empty if there is none.
    fn named_service(&self, kind: usize) -> String;
    /// The call site of the kind's log statement. Empty if the log does not tell it.
    fn caller(&self, kind: usize) -> String;
    fn template_has_id(&self, kind: usize, id: u64) -> bool;
    fn sources(&self) -> usize;
    fn source_name(&self, source: usize) -> String;
    /// The fixed service of a source, which overrides the events' text, and the default service of
    /// events whose text names none. Both in lower case.
    fn source_service(&self, source: usize) -> (Option<String>, String);
}

/// A set of kind numbers.
#[derive(Clone, Debug, Default)]
pub struct KindSet(Vec<u64>);

impl KindSet {
    fn of(n: usize, is: impl Fn(usize) -> bool) -> KindSet {
        let mut bits = vec![0u64; n.div_ceil(64)];
        for i in (0..n).filter(|i| is(*i)) {
            bits[i / 64] |= 1 << (i % 64);
        }
        KindSet(bits)
    }

    pub fn has(&self, kind: u32) -> bool {
        self.0
            .get(kind as usize / 64)
            .is_some_and(|w| w >> (kind % 64) & 1 == 1)
    }
}

/// A word that every match must contain.
#[derive(Clone, Debug)]
pub struct Need {
    pub hash: u64,
    /// The kinds whose constant text contains the word. `None` for words with a digit.
    pub kinds: Option<KindSet>,
}

/// A single condition of a plan.
#[derive(Debug)]
pub enum Leaf {
    Text {
        regex: Regex,
        needs: Vec<Need>,
        /// The query is a single word without a digit, so the kinds decide for fully indexed
        /// blocks.
        by_kind: bool,
    },
    Pattern(Pattern),
    Kinds(KindSet),
    /// Per source: all events match, none match, or the kind decides (`None`).
    Service {
        by_source: Vec<Option<bool>>,
        named: KindSet,
        unnamed: KindSet,
        default: Vec<bool>,
    },
    Source(Vec<bool>),
    Host(Regex),
    Time(TimeRange),
}

/// A regular expression of the query.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// `^` and `$` match at the ends of a line.
    pub regex: Regex,
    /// The pattern has anchors of the text, which match at the ends of each line, as in ripgrep. It
    /// can be tested on single lines only.
    pub needs_lines: bool,
    /// The pattern starts with `(?s)`: it is matched against whole events. Otherwise it is matched
    /// line by line, as ripgrep does.
    pub crosses_lines: bool,
}

impl Pattern {
    pub fn new(pattern: &str) -> Result<Pattern, QueryError> {
        let flags = pattern
            .strip_prefix("(?")
            .and_then(|rest| rest.split_once(')'));
        Ok(Pattern {
            regex: builder(pattern)
                .multi_line(true)
                .build()
                .map_err(QueryError::regex)?,
            needs_lines: [r"\A", r"\z", "(?-", "m-"]
                .iter()
                .any(|p| pattern.contains(p))
                || pattern.contains("-m"),
            crosses_lines: flags.is_some_and(|(flags, _)| {
                let on = flags.split('-').next().unwrap_or_default();
                on.contains('s') && on.bytes().all(|b| b.is_ascii_alphabetic())
            }),
        })
    }
}

/// A prepared query.
#[derive(Debug)]
pub enum Plan {
    All,
    Leaf(Leaf),
    Not(Box<Plan>),
    And(Vec<Plan>),
    Or(Vec<Plan>),
}

impl Plan {
    /// Relative cost. Cheap conditions run first, so that text is read only if they cannot decide.
    fn cost(&self) -> u32 {
        match self {
            Plan::All => 0,
            Plan::Leaf(Leaf::Text { needs, by_kind, .. }) => match (by_kind, needs.is_empty()) {
                (true, _) => 2,
                (false, true) => 9,
                (false, false) => 5,
            },
            Plan::Leaf(Leaf::Pattern(_)) => 9,
            Plan::Leaf(Leaf::Host(_)) => 10,
            Plan::Leaf(_) => 1,
            Plan::Not(p) => p.cost() + 1,
            Plan::And(ps) | Plan::Or(ps) => ps.iter().map(Plan::cost).max().unwrap_or(0),
        }
    }

    /// Collects the regular expressions whose matches are highlighted. Negated parts are skipped.
    pub fn highlights(&self, out: &mut Vec<Regex>) {
        match self {
            Plan::Leaf(Leaf::Text { regex, .. }) => out.push(regex.clone()),
            Plan::Leaf(Leaf::Pattern(pattern)) => out.push(pattern.regex.clone()),
            Plan::And(ps) | Plan::Or(ps) => ps.iter().for_each(|p| p.highlights(out)),
            _ => {}
        }
    }
}

/// A regular expression for text between word boundaries (as in `rg -w`), ignoring case. A blank
/// matches one or more blanks.
pub fn text_regex(text: &str) -> Result<Regex, QueryError> {
    let pieces: Vec<String> = text
        .split([' ', '\t'])
        .filter(|p| !p.is_empty())
        .map(regex::escape)
        .collect();
    let body = pieces.join("[ \\t]+");
    build(&format!(r"\b{{start-half}}{body}\b{{end-half}}"), true)
}

fn builder(pattern: &str) -> RegexBuilder {
    let mut builder = RegexBuilder::new(pattern);
    builder.size_limit(50 << 20);
    builder
}

fn build(pattern: &str, fold: bool) -> Result<Regex, QueryError> {
    builder(pattern)
        .case_insensitive(fold)
        .build()
        .map_err(QueryError::regex)
}

/// Prepares a query, restricted to a time range. Fails if a pattern cannot be compiled.
pub fn prepare(query: &Query, range: TimeRange, lookup: &dyn Lookup) -> Result<Plan, QueryError> {
    let plan = node(query, lookup)?;
    if range.is_unbounded() {
        return Ok(plan);
    }
    Ok(Plan::And(vec![Plan::Leaf(Leaf::Time(range)), plan]))
}

fn node(query: &Query, lookup: &dyn Lookup) -> Result<Plan, QueryError> {
    let all = |qs: &[Query]| -> Result<Vec<Plan>, QueryError> {
        let mut plans = qs
            .iter()
            .map(|q| node(q, lookup))
            .collect::<Result<Vec<_>, _>>()?;
        plans.sort_by_key(Plan::cost);
        Ok(plans)
    };
    Ok(match query {
        Query::All => Plan::All,
        Query::Not(q) => Plan::Not(Box::new(node(q, lookup)?)),
        Query::And(qs) => Plan::And(all(qs)?),
        Query::Or(qs) => Plan::Or(all(qs)?),
        Query::Text(t) if t.trim().is_empty() => Plan::All,
        Query::Text(t) => Plan::Leaf(text_leaf(t, lookup)?),
        Query::Regex(r) => Plan::Leaf(Leaf::Pattern(Pattern::new(r)?)),
        Query::Field(f) => Plan::Leaf(field_leaf(f, lookup)?),
    })
}

fn text_leaf(text: &str, lookup: &dyn Lookup) -> Result<Leaf, QueryError> {
    let regex = text_regex(text)?;
    let bytes = text.as_bytes();
    let mut needs = Vec::new();
    let mut whole = false;
    let mut failed = None;
    for_each_word(bytes, |a, b| {
        let word = &bytes[a..b];
        whole = (a, b) == (0, bytes.len());
        let kinds = if word.iter().any(u8::is_ascii_digit) {
            None
        } else {
            match text_regex(&String::from_utf8_lossy(word)) {
                Ok(r) => Some(KindSet::of(lookup.kinds(), |k| {
                    lookup.constant_matches(k, &r)
                })),
                Err(e) => {
                    failed = Some(e);
                    None
                }
            }
        };
        needs.push(Need {
            hash: filter_hash(word),
            kinds,
        });
    });
    if let Some(e) = failed {
        return Err(e);
    }
    let by_kind = whole && needs.len() == 1 && needs[0].kinds.is_some();
    Ok(Leaf::Text {
        regex,
        needs,
        by_kind,
    })
}

/// A regular expression for a pattern where `*` matches any text, ignoring case.
fn glob(pattern: &str) -> Result<Regex, QueryError> {
    let body: Vec<String> = pattern.split('*').map(regex::escape).collect();
    build(&format!("^{}$", body.join(".*")), true)
}

fn field_leaf(field: &Field, lookup: &dyn Lookup) -> Result<Leaf, QueryError> {
    let n = lookup.kinds();
    Ok(match field {
        Field::Level(levels) => Leaf::Kinds(KindSet::of(n, |k| levels.contains(&lookup.level(k)))),
        Field::Template(id) => Leaf::Kinds(KindSet::of(n, |k| lookup.template_has_id(k, *id))),
        Field::Source(text) => {
            let regex = glob(&anywhere(text))?;
            Leaf::Source(
                (0..lookup.sources())
                    .map(|s| regex.is_match(lookup.source_name(s).as_bytes()))
                    .collect(),
            )
        }
        Field::Caller(text) => {
            let regex = glob(&anywhere(text))?;
            Leaf::Kinds(KindSet::of(n, |k| {
                regex.is_match(lookup.caller(k).as_bytes())
            }))
        }
        Field::Host(text) => Leaf::Host(glob(text)?),
        Field::Service(text) => {
            let regex = glob(text)?;
            let is = |s: &str| regex.is_match(s.as_bytes());
            let services: Vec<(Option<String>, String)> = (0..lookup.sources())
                .map(|s| lookup.source_service(s))
                .collect();
            Leaf::Service {
                by_source: services
                    .iter()
                    .map(|(fixed, _)| fixed.as_deref().map(is))
                    .collect(),
                named: KindSet::of(n, |k| is(&lookup.named_service(k))),
                unnamed: KindSet::of(n, |k| lookup.named_service(k).is_empty()),
                default: services.iter().map(|(_, default)| is(default)).collect(),
            }
        }
    })
}
/// The glob for a text that may be a part of the value.
fn anywhere(text: &str) -> String {
    if text.contains('*') {
        text.to_string()
    } else {
        format!("*{text}*")
    }
}
