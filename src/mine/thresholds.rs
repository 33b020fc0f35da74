//! The numbers that decide when words become variables. They were chosen on labelled logs of 14
//! systems (eleven of Loghub, three with call sites); `tests/mining.rs` chooses each of them again
//! with one system left out, and prints the figures of the systems that were left out. Knows no
//! patterns.

/// How many different words, or texts, make a variable, and how much must stand around them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Different words at one place.
    pub words: usize,
    /// The same at the start of a text, where verbs and names of components stand.
    pub first_words: usize,
    /// The same after a preposition.
    pub after_preposition: usize,
    /// The same after a colon.
    pub after_colon: usize,
    /// The same for words of which most have marks such as `_`, `/` or two digits.
    pub marked_words: usize,
    /// The same for names that a program or an operator gave.
    pub names: usize,
    /// The same for words of capital letters.
    pub upper_case: usize,
    /// The same for participles, each of which is usually an event of its own.
    pub states: usize,
    /// Different texts between the same start and end, each of one word or none.
    pub middles: usize,
    /// The same for texts of several words, which are more often parts of different sentences.
    pub long_middles: usize,
    /// Constant words that a text needs around a middle at its start or end.
    pub around_middle: u32,
    /// Different first words of the text after a colon.
    pub tails: usize,
    /// The same if one of these words is a variable.
    pub tails_with_variable: usize,
    /// Constant words outside a quotation or brackets that vary as a whole.
    pub outside_span: usize,
}

impl Default for Thresholds {
    fn default() -> Thresholds {
        Thresholds {
            words: 4,
            first_words: 6,
            after_preposition: 3,
            after_colon: 2,
            marked_words: 3,
            names: 2,
            upper_case: 4,
            states: 8,
            middles: 3,
            long_middles: 4,
            around_middle: 4,
            tails: 5,
            tails_with_variable: 2,
            outside_span: 2,
        }
    }
}
