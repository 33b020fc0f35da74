//! Detects the formats of a source from a sample of its lines. Does not access files.

use super::ansi;
use super::columns::Columns;
use super::format::{Format, FormatCatalog};
use super::generic::{MAX_PLACE, Places, find_time};
use super::headers::{Headers, MAX_FORMATS};
use super::line::{Join, Line, LineParser, continues};
use super::parsed::Parsed;
use crate::text::time::clock::Clock;
use std::sync::Arc;

/// Maximum number of lines that are inspected.
const SAMPLE: usize = 400;
/// Maximum number of messages that are inspected for headers inside them.
const INNER_SAMPLE: usize = 80;
/// A format must match one line in this many. One that matches fewer probably does so by chance.
const MIN_SHARE: usize = 50;
/// Formats whose lines contain a line of another format.
const WRAPPERS: &[&str] = &["cri", "docker", "compose"];

/// Result of the detection.
pub struct Detected {
    pub parser: LineParser,
    /// For display, outermost format first: "cri > json", "text".
    pub format: String,
    /// Parts of the timestamps that were inferred, as in `Stamp::missing`.
    pub missing: u8,
}

/// Detects the formats of a source from `sample`, its first bytes. `forced` is the format that the
/// user chose; it overrides the detection.
pub fn detect(
    sample: &[u8],
    catalog: &FormatCatalog,
    clock: &Clock,
    forced: Option<&Arc<Format>>,
) -> Detected {
    let lines: Vec<&[u8]> = sample
        .split(|b| *b == b'\n')
        .map(|l| l.strip_suffix(b"\r").unwrap_or(l))
        .filter(|l| !l.is_empty() && l.len() < 64 * 1024)
        .take(SAMPLE)
        .collect();
    let mut parser = LineParser::new(clock.clone());
    parser.coloured = lines.iter().any(|l| ansi::is_coloured(l));
    parser.wrapper = WRAPPERS
        .iter()
        .filter_map(|n| catalog.by_name(n))
        .find(|w| {
            let fits = lines
                .iter()
                .filter(|l| matches(w, l, clock).is_some())
                .count();
            fits * 10 >= lines.len() * 8 && fits > 0
        });
    parser.headers = Headers::default();
    let inner = texts(&mut parser, &lines, |parser, raw, line| {
        parser.text(raw, line).to_vec()
    });
    let formats = match forced {
        Some(format) => vec![format.clone()],
        // A record of several lines cannot be recognized from its single lines.
        None if sample.starts_with(super::EXPORT) => {
            catalog.by_name("journal-export").into_iter().collect()
        }
        None => match Columns::find(&inner.iter().map(Vec::as_slice).collect::<Vec<_>>()) {
            Some(columns) => vec![Arc::new(Format::table(columns))],
            None => choose(&inner, catalog, clock),
        },
    };
    let places = if forced.is_some() {
        None
    } else {
        places(&inner, &formats, clock)
    };
    parser.headers = Headers::new(formats, places);
    if forced.is_none() {
        parser.inner_headers = inner_headers(&mut parser, &lines, catalog, clock);
    }
    configure(parser, &lines, clock)
}

/// The part of each line that `part` returns after the line was parsed.
fn texts(
    parser: &mut LineParser,
    lines: &[&[u8]],
    part: impl Fn(&LineParser, &[u8], &Line) -> Vec<u8>,
) -> Vec<Vec<u8>> {
    let mut line = Line::default();
    lines
        .iter()
        .map(|raw| {
            parser.parse(raw, &mut line);
            part(parser, raw, &line)
        })
        .collect()
}

/// Where the timestamps stand in lines of no known format. A place needs a timestamp in most of
/// these lines, or in a sixth if timestamps stand nowhere else; a timestamp without a date is
/// needed in nearly all lines.
fn places(lines: &[Vec<u8>], formats: &[Arc<Format>], clock: &Clock) -> Option<Places> {
    let mut clock = clock.clone();
    let unknown: Vec<&Vec<u8>> = lines
        .iter()
        .filter(|l| !continues(l) && formats.iter().all(|f| matches(f, l, &clock).is_none()))
        .collect();
    let mut places = Places::START;
    let mut counts = [(0usize, 0usize); MAX_PLACE + 1];
    for line in &unknown {
        if let Some(found) = find_time(line, &mut clock, Places::ANY) {
            let (all, dated) = &mut counts[found.place];
            *all += 1;
            *dated += usize::from(found.dated);
        }
    }
    let any_dated: usize = counts.iter().map(|(_, dated)| dated).sum();
    for (place, (all, dated)) in counts.into_iter().enumerate() {
        // Records of several lines have one timestamp.
        let of_records = dated >= 3 && dated * 6 >= unknown.len() && dated * 5 >= any_dated * 4;
        let enough = |n: usize, tenths: usize| n > 1 && n * 10 >= unknown.len() * tenths;
        if enough(dated, 5) || enough(all, 8) || of_records {
            places.add(place);
        }
    }
    Some(places)
}

/// Headers inside the messages, as in a journal that records what programs print.
fn inner_headers(
    parser: &mut LineParser,
    lines: &[&[u8]],
    catalog: &FormatCatalog,
    clock: &Clock,
) -> Headers {
    let messages: Vec<Vec<u8>> = texts(parser, lines, |parser, raw, line| {
        if line.headed && !line.parsed.escaped {
            line.parsed.message.of(parser.text(raw, line)).to_vec()
        } else {
            Vec::new()
        }
    });
    let messages: Vec<Vec<u8>> = messages.into_iter().filter(|m| !m.is_empty()).collect();
    let every = messages.len().div_ceil(INNER_SAMPLE).max(1);
    let spread = messages.into_iter().skip(every - 1).step_by(every);
    let messages: Vec<Vec<u8>> = spread.collect();
    let certain = |format: &Arc<Format>| {
        let (mut clock, mut out) = (clock.clone(), Parsed::default());
        let fits = messages
            .iter()
            .filter(|m| format.parse(m, &mut clock, &mut 0, &mut out) && out.is_certain(m));
        fits.count() * MIN_SHARE >= messages.len()
    };
    let mut formats = choose(&messages, catalog, clock);
    formats.retain(certain);
    let mut timed = clock.clone();
    let dated = messages
        .iter()
        .filter(|m| find_time(m, &mut timed, Places::START).is_some_and(|found| found.dated));
    let places = (dated.count() * 2 > messages.len()).then_some(Places::START);
    Headers::new(formats, places)
}

/// Parses the sample with the chosen formats, and sets the parser's options from the result:
/// whether lines have a timestamp at all, and how many of them start with a header.
fn configure(mut parser: LineParser, lines: &[&[u8]], clock: &Clock) -> Detected {
    let (mut heads, mut plain, mut timed, mut generic, mut missing) =
        (0usize, 0usize, 0usize, 0usize, 0u8);
    let mut line = Line::default();
    for raw in lines {
        parser.parse(raw, &mut line);
        match line.join {
            _ if line.headed => heads += 1,
            Join::Start | Join::Plain => plain += 1,
            Join::Continues => {}
        }
        timed += usize::from(line.time.is_some());
        missing |= line.time.map_or(0, |t| t.missing);
        generic += usize::from(
            line.join == Join::Start && parser.headers.formats.is_empty() && line.time.is_some(),
        );
    }
    if timed == 0 && !lines.is_empty() {
        parser.headers.places = None;
    }
    // If most lines have a header, a line without one continues the event above it (an exception, a
    // dumped value). Inside a wrapper every line has a timestamp, so the threshold is higher.
    parser.strict = timed > 0
        && heads > 0
        && if parser.wrapper.is_some() {
            heads >= plain * 8
        } else {
            heads >= plain
        };
    parser.headed = timed > 0 && heads > 0;
    let mut names: Vec<String> = parser.wrapper.iter().map(|w| w.name.clone()).collect();
    let joined = |headers: &Headers| {
        let names: Vec<&str> = headers.formats.iter().map(|f| f.name.as_str()).collect();
        names.join("+")
    };
    names.push(match () {
        _ if !parser.headers.formats.is_empty() => joined(&parser.headers),
        _ if generic > 0 => "time + text".to_string(),
        _ => "text".to_string(),
    });
    names.extend(Some(joined(&parser.inner_headers)).filter(|n| !n.is_empty()));
    let format = names.join(" > ");
    parser.clock = clock.clone();
    Detected {
        parser,
        format,
        missing,
    }
}

/// Weight of the match if `line` is of this format.
fn matches(format: &Format, line: &[u8], clock: &Clock) -> Option<u32> {
    let (mut clock, mut hint, mut out) = (clock.clone(), 0u8, Parsed::default());
    format
        .parse(line, &mut clock, &mut hint, &mut out)
        .then(|| format.match_weight(hint))
}

/// Chooses formats greedily: the one with the highest total weight, then the one with the highest
/// weight on the lines that are left, and so on.
fn choose(lines: &[Vec<u8>], catalog: &FormatCatalog, clock: &Clock) -> Vec<Arc<Format>> {
    let candidates: Vec<&Arc<Format>> = catalog
        .0
        .iter()
        .filter(|f| !WRAPPERS.contains(&f.name.as_str()))
        .collect();
    let heads: Vec<&Vec<u8>> = lines.iter().filter(|l| !continues(l)).collect();
    let scores: Vec<Vec<u32>> = candidates
        .iter()
        .map(|f| {
            heads
                .iter()
                .map(|l| matches(f, l, clock).unwrap_or(0))
                .collect()
        })
        .collect();
    let mut unmatched: Vec<bool> = vec![true; heads.len()];
    let mut chosen: Vec<Arc<Format>> = Vec::new();
    while chosen.len() < MAX_FORMATS {
        let gain = |s: &Vec<u32>| {
            s.iter()
                .zip(&unmatched)
                .filter(|(_, u)| **u)
                .map(|(v, _)| *v)
                .sum::<u32>()
        };
        let Some((best, score)) = scores
            .iter()
            .map(gain)
            .enumerate()
            .max_by_key(|(i, g)| (*g, std::cmp::Reverse(*i)))
        else {
            break;
        };
        let fits = scores[best]
            .iter()
            .zip(&unmatched)
            .filter(|(v, u)| **u && **v > 0)
            .count();
        if score == 0 || fits * MIN_SHARE < heads.len() {
            break;
        }
        for (u, v) in unmatched.iter_mut().zip(&scores[best]) {
            *u &= *v == 0;
        }
        chosen.push(candidates[best].clone());
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::civil::rfc3339;
    use crate::text::time::zone::Zone;

    fn clock() -> Clock {
        Clock::new(1_700_000_000_000_000_000, Zone::utc())
    }

    #[test]
    fn every_sample_of_every_format_parses_as_that_format() {
        let catalog = FormatCatalog::new(&[]).unwrap();
        for format in &catalog.0 {
            assert!(!format.samples.is_empty(), "{} has no sample", format.name);
            for sample in &format.samples {
                let found = detect(sample.line.as_bytes(), &catalog, &clock(), None);
                let mut parser = found.parser;
                assert!(
                    found.format.contains(&format.name),
                    "{} detected as {}: {}",
                    format.name,
                    found.format,
                    sample.line
                );
                let mut line = Line::default();
                parser.parse(sample.line.as_bytes(), &mut line);
                let text = parser.text(sample.line.as_bytes(), &line);
                let get = |s: super::super::parsed::Span| {
                    String::from_utf8_lossy(s.of(text)).into_owned()
                };
                if let Some(want) = &sample.message {
                    assert_eq!(
                        &parser.message(sample.line.as_bytes(), &line),
                        want,
                        "{}",
                        sample.line
                    );
                }
                if let Some(want) = sample.level {
                    assert_eq!(line.parsed.level, want, "{}", sample.line);
                }
                if let Some(want) = &sample.time {
                    assert_eq!(
                        line.time.map(|t| rfc3339(t.ns, t.precision)).as_ref(),
                        Some(want),
                        "{}",
                        sample.line
                    );
                }
                if let Some(want) = &sample.service {
                    let got = parser.service(sample.line.as_bytes(), &line);
                    assert_eq!(String::from_utf8_lossy(got), *want, "{}", sample.line);
                }
                if let Some(want) = &sample.caller {
                    assert_eq!(&get(line.parsed.caller), want, "{}", sample.line);
                }
                if let Some(want) = &sample.host {
                    assert_eq!(&get(line.parsed.host), want);
                }
            }
        }
    }

    #[test]
    fn a_line_inside_a_wrapper_is_parsed_with_its_own_format() {
        let catalog = FormatCatalog::new(&[]).unwrap();
        let raw = br#"2024-03-01T10:00:00.1Z stdout F {"level":"error","msg":"boom \"x\"","k":1}"#;
        let mut found = detect(raw, &catalog, &clock(), None);
        assert_eq!(found.format, "cri > json");
        let mut line = Line::default();
        found.parser.parse(raw, &mut line);
        assert_eq!(found.parser.message(raw, &line), "boom \"x\"");
        assert_eq!(line.raw_message.of(raw), br#"boom \"x\""#);
        let raw = br#"{"log":"{\"level\":\"warn\",\"msg\":\"hi there\"}\n","stream":"stdout","time":"2023-01-29T08:50:08Z"}"#;
        let mut found = detect(raw, &catalog, &clock(), None);
        assert_eq!(found.format, "docker > json");
        found.parser.parse(raw, &mut line);
        assert_eq!(found.parser.message(raw, &line), "hi there");
        assert_eq!(line.raw_message.of(raw), b"hi there");
    }
}
