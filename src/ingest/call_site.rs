//! Recognizes call sites: the place in a source file that printed a line, such as `main.go:12`.
//! Knows no particular format.

/// Extensions of source files.
const SOURCES: &[&str] = &[
    "go", "rs", "py", "java", "kt", "scala", "groovy", "clj", "c", "cc", "cpp", "cxx", "h", "hpp",
    "m", "mm", "swift", "js", "mjs", "ts", "tsx", "rb", "php", "cs", "fs", "vb", "ex", "exs",
    "erl", "pl", "pm", "lua", "dart", "zig",
];
/// Longest call site in bytes.
const MAX_LEN: usize = 300;

/// Whether the text is a name, a colon or `#`, and a line number: `main.go:12`, `com.foo.Bar:123`,
/// `CartController#57`.
pub fn is_numbered(text: &[u8]) -> bool {
    let Some(colon) = memchr::memrchr2(b':', b'#', text) else {
        return false;
    };
    let (name, line) = (&text[..colon], &text[colon + 1..]);
    (1..=6).contains(&line.len())
        && line.iter().all(u8::is_ascii_digit)
        && text.len() <= MAX_LEN
        && name.iter().any(u8::is_ascii_alphabetic)
        && name
            .iter()
            .all(|b| b.is_ascii_alphanumeric() || b"._/@$+-\\:<>".contains(b))
}

/// Whether the text is the name of a source file, a colon and a line number.
pub fn is_source(text: &[u8]) -> bool {
    let Some(colon) = memchr::memrchr(b':', text) else {
        return false;
    };
    let extension = text[..colon].rsplit(|b| *b == b'.').next();
    let known =
        extension.is_some_and(|e| e.len() + 1 < colon && SOURCES.iter().any(|s| s.as_bytes() == e));
    known && is_numbered(text)
}

/// The function and call site at the end of a message, as Python's oslo.log prints them:
/// `message function /path/file.py:12`. Returns the end of the message and the start of the call
/// site.
pub fn trailing(message: &[u8]) -> Option<(usize, usize)> {
    if !message.last()?.is_ascii_digit() {
        return None;
    }
    let site = memchr::memrchr(b' ', message)? + 1;
    if message.get(site) != Some(&b'/') || !is_source(&message[site..]) {
        return None;
    }
    let function = memchr::memrchr(b' ', &message[..site - 1])?;
    let is_name = message[function + 1..site - 1]
        .iter()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'<' | b'>'));
    is_name.then_some((function, site))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn call_sites_are_told_from_addresses_and_times() {
        for site in ["main.go:12", "pkg/a-b/x.rs:1", "C.java:347", "a.cc:9"] {
            assert!(is_source(site.as_bytes()), "{site}");
        }
        assert!(is_numbered(b"com.foo.Bar:123") && !is_source(b"com.foo.Bar:123"));
        assert!(is_numbered(b"s.c.CartController#57") && !is_numbered(b"worker#x"));
        for other in [
            "10.0.0.1:80",
            "12:30",
            "db.internal:5432",
            "main.go",
            "x:",
            ".go:1",
        ] {
            assert!(!is_source(other.as_bytes()), "{other}");
        }
        let message = b"Lock acquired by x inner /usr/lib/a/lock.py:270";
        assert_eq!(trailing(message), Some((18, 25)));
        assert_eq!(trailing(b"see /a/lock.py:270"), None.or(trailing(b"x")));
    }
}
