//! Recognizes messages that say that something starts or ends, by general words of English. Knows
//! nothing about counts or times.

use crate::model::Step;

/// Beginnings of words that say that something starts.
const STARTS: &[&str] = &[
    "start",
    "begin",
    "began",
    "open",
    "launch",
    "creat",
    "receiv",
    "accept",
    "acquir",
    "request",
    "submit",
    "enqueu",
    "lock",
    "connect",
    "upload",
    "download",
    "fetch",
    "dispatch",
    "picked",
    "claim",
    "got",
    "invok",
    "execut",
    "run",
    "prepar",
    "reserv",
    "enter",
    "allocat",
    "queued",
    "calling",
    "sending",
    "processing",
    "initiat",
    "trigger",
    "check",
    "spawn",
    "attach",
    "mount",
];
/// Beginnings of words that say that something ends.
const ENDS: &[&str] = &[
    "finish",
    "complet",
    "done",
    "end",
    "clos",
    "commit",
    "releas",
    "succe",
    "stop",
    "exit",
    "ack",
    "respon",
    "return",
    "delet",
    "remov",
    "unlock",
    "disconnect",
    "saved",
    "sent",
    "deliver",
    "processed",
    "written",
    "wrote",
    "stored",
    "clean",
    "detach",
    "unmount",
    "freed",
    "settled",
    "shipped",
    "confirm",
    "terminat",
    "uploaded",
    "downloaded",
    "executed",
    "served",
    "handled",
    "finaliz",
    "archiv",
    "publish",
    "ok",
    "took",
    "flush",
    "resolved",
    "expired",
    "logged",
];
/// Number of words of a message that are read.
const MAX_WORDS: usize = 16;

/// What a message says about a step. Words of an end weigh more: `request completed`.
pub fn step_of(message: &str) -> Step {
    let words = message
        .split(|c: char| !c.is_alphabetic())
        .filter(|w| !w.is_empty())
        .take(MAX_WORDS);
    let mut step = Step::Other;
    for word in words.map(str::to_lowercase) {
        let is = |list: &[&str]| list.iter().any(|w| word.starts_with(w));
        if is(ENDS) {
            return Step::End;
        }
        if is(STARTS) {
            step = Step::Start;
        }
    }
    step
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_and_ends_are_recognized() {
        assert_eq!(step_of("batch <*> started"), Step::Start);
        assert_eq!(step_of("batch <*> committed"), Step::End);
        assert_eq!(step_of("request <*> completed in <*> ms"), Step::End);
        assert_eq!(step_of("cache size <*>"), Step::Other);
    }
}
