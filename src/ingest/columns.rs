//! Parses tables: logs whose header line names the columns (W3C extended, Zeek, CSV). Finds the
//! roles of the columns by their names. Knows no particular program.

use super::key_roles::{Role, is_time_name, role};
use super::parsed::{Name, Parsed, Span};
use crate::text::level;
use crate::text::time::clock::{Clock, Stamp};
use std::sync::Arc;

/// A table has at least this many columns.
const MIN_COLUMNS: usize = 3;
/// Lines above the header line in which other comments may stand.
const MAX_COMMENTS: usize = 12;

/// The columns of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Columns {
    separator: u8,
    names: Vec<Arc<str>>,
    /// Column with the time, and the column with the time of day if that one has only the date.
    time: (usize, Option<usize>),
    message: Option<usize>,
}

impl Columns {
    /// Finds the header line in the first lines of a source.
    pub fn find(lines: &[&[u8]]) -> Option<Columns> {
        for (n, line) in lines.iter().enumerate().take(MAX_COMMENTS) {
            let text = std::str::from_utf8(line).ok()?;
            let lower = text.get(..8).unwrap_or_default().to_ascii_lowercase();
            let columns = if lower == "#fields:" || lower == "#fields\t" {
                let names = text[8..].trim();
                let separators: &[u8] = if names.contains('\t') { b"\t" } else { b" \t" };
                separators.iter().find_map(|s| Columns::named(names, *s))
            } else if n == 0 {
                [b',', b';', b'\t', b'|']
                    .iter()
                    .find_map(|s| Columns::named(text, *s))
            } else {
                None
            };
            if let Some(columns) = columns {
                let rows = lines[n + 1..].iter().filter(|l| !l.starts_with(b"#"));
                return columns.with_separator_of(rows);
            }
            if !text.starts_with('#') {
                return None;
            }
        }
        None
    }

    fn named(line: &str, separator: u8) -> Option<Columns> {
        let split = cells(line.as_bytes(), separator);
        let lower = |s: &Span| String::from_utf8_lossy(s.of(line.as_bytes())).to_ascii_lowercase();
        let names: Vec<Arc<str>> = split.iter().map(|s| lower(s).into()).collect();
        let is_name = |n: &Arc<str>| {
            n.len() <= 64 && n.bytes().any(|b| b.is_ascii_alphabetic()) && !n.contains(['{', '='])
        };
        if names.len() < MIN_COLUMNS || !names.iter().all(is_name) {
            return None;
        }
        let position = |name: &str| names.iter().position(|n| **n == *name);
        let time = match (position("date"), position("time")) {
            (Some(date), Some(time)) => (date, Some(time)),
            _ => (names.iter().position(|n| is_time_name(n.as_bytes()))?, None),
        };
        let is_message = |n: &Arc<str>| {
            matches!(role(n.as_bytes()), Some((Role::Message, _))) || **n == *"description"
        };
        Some(Columns {
            separator,
            message: names.iter().position(is_message),
            names,
            time,
        })
    }

    /// Checks the columns with the rows, and takes the separator of the rows: W3C header lines have
    /// blanks where the rows have tabs. `None` if most rows do not fit.
    fn with_separator_of<'l>(
        mut self,
        rows: impl Iterator<Item = &'l &'l [u8]>,
    ) -> Option<Columns> {
        let rows: Vec<&&[u8]> = rows.collect();
        let mut clock = Clock::new(0, crate::text::time::zone::Zone::utc());
        for separator in [self.separator, b'\t'] {
            self.separator = separator;
            let fits = rows.iter().filter(|r| {
                let cells = cells(r, separator);
                cells.len() == self.names.len() && self.time_of(r, &cells, &mut clock).is_some()
            });
            if !rows.is_empty() && fits.count() * 2 > rows.len() {
                return Some(self);
            }
        }
        None
    }

    fn time_of(&self, text: &[u8], cells: &[Span], clock: &mut Clock) -> Option<Stamp> {
        let value = cells.get(self.time.0)?.of(text);
        match self.time.1 {
            None => clock.any(value).map(|(stamp, _)| stamp),
            Some(second) => {
                let value = [value, b" ", cells.get(second)?.of(text)].concat();
                clock.any(&value).map(|(stamp, _)| stamp)
            }
        }
    }

    /// Parses one row. True if it has all columns and a time.
    pub fn parse(&self, text: &[u8], clock: &mut Clock, out: &mut Parsed) -> bool {
        let cells = cells(text, self.separator);
        if cells.len() != self.names.len() {
            return false;
        }
        let Some(stamp) = self.time_of(text, &cells, clock) else {
            return false;
        };
        clock.last = None;
        out.time = Some(stamp);
        out.level_from_digits = true;
        for (name, cell) in self.names.iter().zip(&cells) {
            let value = cell.of(text);
            match role(name.as_bytes()) {
                Some((Role::Level, _)) => out.level = level::from_name(value),
                Some((Role::Status, _)) if out.level == Default::default() => {
                    out.level = level::from_name(value)
                }
                Some((Role::Host, _)) => out.host = *cell,
                Some((Role::Program, _)) => out.program = *cell,
                Some((Role::Component, _)) => out.component = *cell,
                _ => {}
            }
        }
        let after_time = self.time.1.unwrap_or(self.time.0).max(self.time.0) + 1;
        out.message = match self.message {
            Some(n) => cells[n],
            None => {
                let start = cells.get(after_time).map_or(0, |c| c.start as usize);
                Span::new(start, text.len())
            }
        };
        for (n, cell) in cells.iter().enumerate() {
            if out.other.len() < 40 && self.message != Some(n) && n != self.time.0 {
                out.other.push((Name::Column(self.names[n].clone()), *cell));
            }
        }
        true
    }
}

/// The cells of a row. Quotes around a cell are left out; a separator inside quotes does not count.
fn cells(text: &[u8], separator: u8) -> Vec<Span> {
    let mut out = Vec::new();
    let mut at = 0;
    loop {
        let quoted = text.get(at) == Some(&b'"');
        let end = if quoted {
            let close = text[at + 1..].iter().position(|b| *b == b'"');
            let end = close.map_or(text.len(), |n| at + 1 + n);
            out.push(Span::new(at + 1, end));
            end + 1
        } else {
            let n = text[at..].iter().position(|b| *b == separator);
            let end = n.map_or(text.len(), |n| at + n);
            out.push(Span::new(at, end));
            end
        };
        let next = text.get(end.min(text.len())..).unwrap_or_default();
        match next.iter().position(|b| *b == separator) {
            Some(n) => at = end + n + 1,
            None => return out,
        }
        // Blanks can stand in rows to align the columns.
        while separator == b' ' && text.get(at) == Some(&b' ') {
            at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::civil::rfc3339;
    use crate::text::time::zone::Zone;

    fn rows(text: &str) -> Vec<(String, String, String)> {
        let lines: Vec<&[u8]> = text.lines().map(str::as_bytes).collect();
        let columns = Columns::find(&lines).expect("a header line");
        let mut clock = Clock::new(0, Zone::utc());
        lines
            .iter()
            .filter_map(|l| {
                let mut out = Parsed::default();
                columns.parse(l, &mut clock, &mut out).then(|| {
                    let time = out.time.map(|t| rfc3339(t.ns, t.precision));
                    (
                        time.unwrap_or_default(),
                        out.level.name().to_string(),
                        String::from_utf8_lossy(out.message.of(l)).into_owned(),
                    )
                })
            })
            .collect()
    }

    #[test]
    fn the_header_line_names_the_columns() {
        let w3c = "#Software: x\n#Fields: date time c-ip cs-method sc-status\n2024-03-01 10:00:00 10.0.0.1 GET 503\n";
        assert_eq!(
            rows(w3c),
            [(
                "2024-03-01T10:00:00Z".into(),
                "error".into(),
                "10.0.0.1 GET 503".into()
            )]
        );
        let tabs =
            "#Version: 1.0\n#Fields: date time x-edge sc-bytes\n2024-03-01\t10:00:00\tFRA2\t48\n";
        assert_eq!(rows(tabs)[0].0, "2024-03-01T10:00:00Z");
        let csv =
            "Level,Date and Time,Source,Message\nError,3/1/2024 10:00:00 AM,disk,\"bad, block\"\n";
        assert_eq!(
            rows(csv),
            [(
                "2024-03-01T10:00:00Z".into(),
                "error".into(),
                "bad, block".into()
            )]
        );
        let zeek = "#separator \\x09\n#fields\tts\tuid\thost\n1709287200.5\tC1\ta\n";
        assert_eq!(rows(zeek)[0].0, "2024-03-01T10:00:00.5Z");
    }

    #[test]
    fn a_line_of_text_is_no_header_line() {
        for text in [
            "started, time is up, done\nstopped, x, y\n",
            "a,b\n1,2\n",
            "",
        ] {
            let lines: Vec<&[u8]> = text.lines().map(str::as_bytes).collect();
            assert_eq!(Columns::find(&lines), None, "{text}");
        }
    }
}
