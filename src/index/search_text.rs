//! A query made ready for one state of the corpus: regular expressions compiled, words hashed, kinds looked up.

use super::query::{Field, Query};
use crate::model::{Level, TimeRange};
use crate::text::words::{filter_hash, for_each_word};
use regex::bytes::{Regex, RegexBuilder};

/// What `prepare` must know of the corpus.
pub trait Lookup {
    fn kinds(&self) -> usize;
    /// Constant text (header and message) of a kind matches.
    fn constant_matches(&self, kind: usize, regex: &Regex) -> bool;
    fn level(&self, kind: usize) -> Level;
    /// The service that the kind's own text names, if any, in lower case.
    fn named_service(&self, kind: usize) -> String;
    fn template_has_id(&self, kind: usize, id: u64) -> bool;
    fn sources(&self) -> usize;
    fn source_name(&self, source: usize) -> String;
    /// Service that all events of a source have whatever they say, and the one that they have for want of another.
    fn source_service(&self, source: usize) -> (Option<String>, String);
}

/// Kinds by number, as bits.
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

/// A word that every match contains.
#[derive(Clone, Debug)]
pub struct Need {
    pub hash: u64,
    /// For words without a digit: kinds whose constant text has it.
    pub kinds: Option<KindSet>,
}

#[derive(Debug)]
pub enum Leaf {
    Text {
        regex: Regex,
        needs: Vec<Need>,
        /// The match is one word without digits: the kinds alone tell, for first lines.
        by_kind: bool,
    },
    Kinds(KindSet),
    /// Per source: all, none, or by kind.
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

#[derive(Debug)]
pub enum Plan {
    All,
    Leaf(Leaf),
    Not(Box<Plan>),
    And(Vec<Plan>),
    Or(Vec<Plan>),
}

impl Plan {
    /// Cheap parts first, so that text is read only where it decides.
    fn cost(&self) -> u32 {
        match self {
            Plan::All => 0,
            Plan::Leaf(Leaf::Text { needs, by_kind, .. }) => {
                if *by_kind {
                    2
                } else if needs.is_empty() {
                    9
                } else {
                    5
                }
            }
            Plan::Leaf(Leaf::Host(_)) => 10,
            Plan::Leaf(_) => 1,
            Plan::Not(p) => p.cost() + 1,
            Plan::And(ps) | Plan::Or(ps) => ps.iter().map(Plan::cost).max().unwrap_or(0),
        }
    }

    /// Regular expressions whose matches are worth highlighting.
    pub fn highlights(&self, out: &mut Vec<Regex>) {
        match self {
            Plan::Leaf(Leaf::Text { regex, .. }) => out.push(regex.clone()),
            Plan::And(ps) | Plan::Or(ps) => ps.iter().for_each(|p| p.highlights(out)),
            _ => {}
        }
    }
}

/// Text between word boundaries as `rg -w` has them, ignoring case, blanks flexible.
pub fn text_regex(text: &str) -> Result<Regex, String> {
    let pieces: Vec<String> = text
        .split([' ', '\t'])
        .filter(|p| !p.is_empty())
        .map(regex::escape)
        .collect();
    let body = pieces.join("[ \\t]+");
    build(&format!(r"\b{{start-half}}{body}\b{{end-half}}"), true)
}

fn build(pattern: &str, fold: bool) -> Result<Regex, String> {
    RegexBuilder::new(pattern)
        .case_insensitive(fold)
        .size_limit(50 << 20)
        .build()
        .map_err(|e| format!("not a usable pattern: {e}"))
}

/// Makes a query ready. Time is a further condition.
pub fn prepare(query: &Query, range: TimeRange, lookup: &dyn Lookup) -> Result<Plan, String> {
    let plan = node(query, lookup)?;
    if range.is_unbounded() {
        return Ok(plan);
    }
    Ok(Plan::And(vec![Plan::Leaf(Leaf::Time(range)), plan]))
}

fn node(query: &Query, lookup: &dyn Lookup) -> Result<Plan, String> {
    let all = |qs: &[Query]| -> Result<Vec<Plan>, String> {
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
        Query::Regex(r) => Plan::Leaf(Leaf::Text {
            regex: build(r, false)?,
            needs: Vec::new(),
            by_kind: false,
        }),
        Query::Field(f) => Plan::Leaf(field_leaf(f, lookup)?),
    })
}

fn text_leaf(text: &str, lookup: &dyn Lookup) -> Result<Leaf, String> {
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

fn glob(pattern: &str) -> Result<Regex, String> {
    let body: Vec<String> = pattern.split('*').map(regex::escape).collect();
    build(&format!("^{}$", body.join(".*")), true)
}

fn field_leaf(field: &Field, lookup: &dyn Lookup) -> Result<Leaf, String> {
    let n = lookup.kinds();
    Ok(match field {
        Field::Level(levels) => Leaf::Kinds(KindSet::of(n, |k| levels.contains(&lookup.level(k)))),
        Field::Template(id) => Leaf::Kinds(KindSet::of(n, |k| lookup.template_has_id(k, *id))),
        Field::Source(text) => {
            let pattern = if text.contains('*') {
                text.clone()
            } else {
                format!("*{text}*")
            };
            let regex = glob(&pattern)?;
            Leaf::Source(
                (0..lookup.sources())
                    .map(|s| regex.is_match(lookup.source_name(s).as_bytes()))
                    .collect(),
            )
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
