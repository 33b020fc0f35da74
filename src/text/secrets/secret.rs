//! The kinds of secrets, and where one stands. Plain data.

use std::ops::Range;

/// What a secret is. It becomes part of the placeholder.
pub type Kind = &'static str;

/// All kinds.
pub const KINDS: &[Kind] = &[
    "key", "token", "password", "login", "cookie", "card", "number", "hash", "mail", "ip", "host",
    "user",
];

/// A part of a text that must not leave this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secret {
    /// Byte range in the text.
    pub range: Range<usize>,
    pub kind: Kind,
}
