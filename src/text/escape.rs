//! Makes untrusted text safe to display. Escapes every character that a terminal would execute,
//! reorder or hide. Knows nothing about where the text came from.

/// Columns per tab stop.
const TAB: usize = 4;

/// Replaces control characters, escape sequences, bidirectional overrides and zero-width characters
/// with visible escapes, and tabs with spaces.
pub fn for_terminal(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut column = 0;
    for c in text.chars() {
        match c {
            '\t' => {
                let n = TAB - column % TAB;
                out.extend(std::iter::repeat_n(' ', n));
                column += n;
                continue;
            }
            c if is_unsafe(c) => out.push_str(&escaped(c)),
            c => out.push(c),
        }
        column += 1;
    }
    out
}

/// True for characters that must never be written to the terminal unescaped.
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}' | '\u{2800}' | '\u{3164}' | '\u{FE00}'..='\u{FE0D}' | '\u{FFA0}' | '\u{E0100}'..='\u{E01EF}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

fn escaped(c: char) -> String {
    match c {
        '\n' => "\\n".into(),
        '\r' => "\\r".into(),
        '\u{1b}' => "\\e".into(),
        c if (c as u32) < 0x100 => format!("\\x{:02x}", c as u32),
        c => format!("\\u{{{:x}}}", c as u32),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_output_contains_no_unsafe_character(text in any::<String>()) {
            prop_assert!(!for_terminal(&text).chars().any(is_unsafe));
        }
    }

    #[test]
    fn unsafe_characters_become_visible_escapes() {
        assert_eq!(
            for_terminal("a\u{1b}[31m\u{202e}b\0"),
            "a\\e[31m\\u{202e}b\\x00"
        );
        assert_eq!(for_terminal("a\tb"), "a   b");
    }
}
