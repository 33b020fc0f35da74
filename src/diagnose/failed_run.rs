//! Finds the lines that say why a run failed: a build, a test suite or a batch job whose log ends
//! with a failure. Reads the text of lines only; knows nothing about times, counts or templates.

use super::words::log_odds;
use regex::{Regex, RegexBuilder};
use std::sync::OnceLock;

/// What reports the end of a step that failed: exit codes, and the summaries of common tools.
const FAILED_END: &str = r"\bexit(?:ed|s)?(?: with| code| status| is| was|:|=| )*[1-9-]|\breturn(?:ed|s)? (?:a )?(?:non-zero|(?:(?:exit|status|error|code) )*[1-9])|\bnon-zero (?:exit|status|return|code)|\*\*\* .*\berror \d|\bbuild\b.*\bfail|\bfinished: fail|\bjob failed|\babort(?:ed|ing)\b|\bfailed\W*$|^\W*failed\b|\bcode elifecycle|\b[1-9]\d* (?:\w+ )?(?:failed|failing|failures?|errors?)\b|\bcould not compile";
/// A place in a source file: `src/main.c:12`, `Main.java(12,`.
const PLACE: &str = r"[\w/.-]+\.[a-z]{1,5}[:(]\d+";
/// The marks of failed checks in the output of test tools, and of lines of a difference.
const MARK: &str = r"^\s*(?:✖|✗|×|✘|!!|not ok|\d+\) |e  |---|\+\+\+|\[?fail)";
/// The frame of a stack trace.
const FRAME: &str = r#"^\s+(?:at |file "|from |in |\.\.\.)|^\s*#\d+ "#;

/// The run failed if its end is reported within this many of the last lines.
const LAST_LINES: usize = 45;
/// Number of lines that are reported.
const MAX_REASONS: usize = 5;
/// Two reported lines are further apart than this.
const APART: usize = 4;
/// Number of lines after a line that are searched for indented ones, and before it for problems.
const AFTER: usize = 5;
const BEFORE: usize = 3;
/// Characters of a line after which length says nothing more.
const MAX_LENGTH: usize = 200;
/// Log-odds of words that say nothing.
const NOTHING: f64 = -2.5;
/// Logarithm of the distance to the end of a failed step, if no such end follows.
const NO_END: f64 = 6.0;

/// Weights of the features of a line. They maximize the probability that the line with the highest
/// score is one that people marked as the reason, in 141 logs of 47 projects. With the project of
/// the log left out, the first line is right in 60% and one of the first five in 88% of the logs.
mod weight {
    /// Log-odds of the words.
    pub const WORDS: f64 = 1.7;
    /// Logarithm of the number of lines until a step is reported as failed.
    pub const DISTANCE: f64 = -0.9;
    /// The line itself is this report: it says that, not why.
    pub const IS_END: f64 = -3.8;
    pub const PLACE: f64 = 4.1;
    pub const MARK: f64 = 4.7;
    pub const FRAME: f64 = 3.6;
    /// Share of the next lines that are indented further.
    pub const INDENTED: f64 = 2.9;
    /// Highest log-odds of the words of the lines before it: the first line of a block says most.
    pub const BEFORE: f64 = -0.4;
    /// Each hundred characters.
    pub const LENGTH: f64 = -3.4;
    /// Position in the log, 0 to 1.
    pub const POSITION: f64 = 2.3;
}

/// The log of a failed run.
#[derive(Debug, PartialEq, Eq)]
pub struct FailedRun {
    /// The line that reports the failed end.
    pub end: usize,
    /// The lines that say why, best first.
    pub reasons: Vec<usize>,
}

struct Patterns {
    end: Regex,
    place: Regex,
    mark: Regex,
    frame: Regex,
}

fn patterns() -> Option<&'static Patterns> {
    static ALL: OnceLock<Option<Patterns>> = OnceLock::new();
    let compile = |p: &str| RegexBuilder::new(p).case_insensitive(true).build().ok();
    ALL.get_or_init(|| {
        Some(Patterns {
            end: compile(FAILED_END)?,
            place: compile(PLACE)?,
            mark: compile(MARK)?,
            frame: compile(FRAME)?,
        })
    })
    .as_ref()
}

/// The reasons of a failure, if the last lines report one.
pub fn failed_run(lines: &[&str]) -> Option<FailedRun> {
    let p = patterns()?;
    let length = lines.len()
        - lines
            .iter()
            .rev()
            .take_while(|l| l.trim().is_empty())
            .count();
    let lines = &lines[..length];
    let last = length.saturating_sub(LAST_LINES);
    let end = last + lines[last..].iter().rposition(|l| p.end.is_match(l))?;
    let scores = scores(p, lines);
    let mut order: Vec<usize> = (0..length)
        .filter(|i| !lines[*i].trim().is_empty())
        .collect();
    order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]).then(b.cmp(a)));
    let mut reasons: Vec<usize> = Vec::new();
    for i in order {
        if reasons.iter().all(|r| r.abs_diff(i) > APART) {
            reasons.push(i);
        }
        if reasons.len() == MAX_REASONS {
            break;
        }
    }
    Some(FailedRun { end, reasons })
}

/// The score of each line.
fn scores(p: &Patterns, lines: &[&str]) -> Vec<f64> {
    let words: Vec<f64> = lines.iter().map(|l| log_odds(l)).collect();
    let indent = |l: &str| l.len() - l.trim_start().len();
    let mut out = vec![0.0; lines.len()];
    let mut next_end: Option<usize> = None;
    for (i, line) in lines.iter().enumerate().rev() {
        let is_end = p.end.is_match(line);
        if is_end {
            next_end = Some(i);
        }
        let distance = next_end.map_or(NO_END, |e| (1.0 + (e - i) as f64).ln());
        let indented = lines[i + 1..]
            .iter()
            .take(AFTER)
            .filter(|l| !l.trim().is_empty() && indent(l) > indent(line))
            .count();
        let before = words[i.saturating_sub(BEFORE)..i]
            .iter()
            .copied()
            .fold(NOTHING, f64::max);
        let flag = |p: &Regex, weight: f64| if p.is_match(line) { weight } else { 0.0 };
        out[i] = weight::WORDS * words[i].max(NOTHING)
            + weight::DISTANCE * distance
            + if is_end { weight::IS_END } else { 0.0 }
            + flag(&p.place, weight::PLACE)
            + flag(&p.mark, weight::MARK)
            + flag(&p.frame, weight::FRAME)
            + weight::INDENTED * indented as f64 / AFTER as f64
            + weight::BEFORE * before
            + weight::LENGTH * line.trim().chars().take(MAX_LENGTH).count() as f64 / 100.0
            + weight::POSITION * i as f64 / lines.len() as f64;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUILD: &str = "$ make
cc -c main.c
cc -c util.c
0 errors in the configuration
main.c:12: error: 'coun' undeclared (first use in this function)
    int x = coun;
            ^
cc -c last.c
make: *** [main.o] Error 1
The command \"make\" exited with 2.

";

    #[test]
    fn the_compiler_error_is_the_reason_and_not_the_exit_code() {
        let lines: Vec<&str> = BUILD.lines().collect();
        let run = failed_run(&lines).expect("the build failed");
        assert_eq!((run.end, run.reasons[0]), (9, 4));
    }

    #[test]
    fn a_build_that_passed_has_no_reasons() {
        let lines = BUILD
            .lines()
            .take(4)
            .chain(["make: done", "exited with 0."]);
        assert_eq!(failed_run(&lines.collect::<Vec<_>>()), None);
    }
}
