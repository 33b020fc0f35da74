//! Texts that fit: cutting, numbers, bytes, bar charts and wrapping. Pure functions.

use crate::model::Template;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Width of a text in terminal columns.
pub fn width(text: &str) -> usize {
    unicode_width::UnicodeWidthStr::width(text)
}

/// Cuts a text to a number of terminal columns. A text that was cut ends with `…`.
pub fn fit(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_string();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let w = unicode_width::UnicodeWidthChar::width(c).unwrap_or(0);
        if used + w + 1 > columns {
            break;
        }
        out.push(c);
        used += w;
    }
    if columns > 0 {
        out.push('…');
    }
    out
}

/// Formats a number with commas between groups of three digits: `9,012,281`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// Formats a number of bytes in the largest unit that fits (powers of 1000): `1.5 MB`.
pub fn bytes(n: u64) -> String {
    let units = ["B", "KB", "MB", "GB", "TB"];
    let mut value = n as f64;
    let mut unit = 0;
    while value >= 1000.0 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    if unit == 0 {
        format!("{n} B")
    } else {
        format!("{value:.1} {}", units[unit])
    }
}

/// Event rate in the last quarter of the time range, compared with before: `x3.2` (higher), `-50%`
/// (lower), `new`, `stopped`, or `=` if it changed by less than 5%.
pub fn change(t: &Template) -> String {
    let cut = t.trend.len() * 3 / 4;
    let (before, after) = (
        t.trend.iter().take(cut).sum::<u32>(),
        t.trend.iter().skip(cut).sum::<u32>(),
    );
    match () {
        () if t.trend.is_empty() => String::new(),
        () if before == 0 && after > 0 => "new".into(),
        () if after == 0 && before > 3 => "stopped".into(),
        () if t.change >= 1.05 => format!("x{:.1}", t.change.min(999.0)),
        () if t.change > 0.0 && t.change <= 0.95 => format!("-{:.0}%", (1.0 - t.change) * 100.0),
        () => "=".into(),
    }
}

/// A bar chart of the counts in one line, scaled to the number of columns and to the highest count.
pub fn sparkline(trend: &[u32], columns: usize) -> String {
    if columns == 0 {
        return String::new();
    }
    if trend.is_empty() {
        return " ".repeat(columns);
    }
    let bins: Vec<u32> = (0..columns)
        .map(|c| {
            trend[c * trend.len() / columns
                ..((c + 1) * trend.len() / columns).max(c * trend.len() / columns + 1)]
                .iter()
                .sum()
        })
        .collect();
    let max = bins.iter().copied().max().unwrap_or(0).max(1);
    bins.iter()
        .map(|n| {
            if *n == 0 {
                ' '
            } else {
                BARS[((u64::from(*n) * 8).div_ceil(u64::from(max)) as usize - 1).min(7)]
            }
        })
        .collect()
}

/// Splits a word that is longer than a line, so that a command is shown in full.
fn pieces(word: &str, columns: usize) -> Vec<String> {
    let mut out = vec![String::new()];
    for c in word.chars() {
        let last = out.len() - 1;
        if width(&out[last]) + width(c.encode_utf8(&mut [0; 4])) > columns {
            out.push(c.to_string());
        } else {
            out[last].push(c);
        }
    }
    out
}

/// Wraps a text at spaces. Continuation lines are indented two columns more than the first line.
pub fn wrapped(text: &str, columns: usize) -> Vec<String> {
    if width(text) <= columns || columns < 20 {
        return vec![fit(text, columns)];
    }
    let indent = " ".repeat((text.len() - text.trim_start().len() + 2).min(columns / 3));
    let mut out = vec![text[..text.len() - text.trim_start().len()].to_string()];
    for word in text
        .split_whitespace()
        .flat_map(|w| pieces(w, columns - indent.len()))
    {
        let last = out.len() - 1;
        let empty = out[last].trim().is_empty();
        if !empty && width(&out[last]) + width(&word) + 1 > columns {
            out.push(format!("{indent}{word}"));
        } else {
            if !empty {
                out[last].push(' ');
            }
            out[last].push_str(&word);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_to_the_columns_and_numbers_are_formatted() {
        assert_eq!(fit("日本語", 5), "日本…");
        assert_eq!(fit("abc", 3), "abc");
        assert_eq!(grouped(9012281), "9,012,281");
        assert_eq!(bytes(1_500_000), "1.5 MB");
    }

    #[test]
    fn wrapping_keeps_every_character_of_a_long_word() {
        let argv = format!(
            "  run: kubectl patch deployment payment -p {}",
            "{\"spec\":1}".repeat(30)
        );
        let lines = wrapped(&argv, 60);
        assert!(lines.iter().all(|l| width(l) <= 60), "{lines:?}");
        let without_spaces = |t: &str| t.chars().filter(|c| !c.is_whitespace()).collect::<String>();
        assert_eq!(without_spaces(&lines.concat()), without_spaces(&argv));
    }
}
