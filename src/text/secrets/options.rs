//! Finds the values of secret options in command lines and argument lists: `--password hunter2`,
//! `"--token", "x"`, `mysql -phunter2`. Knows no other notations.

use super::judge::is_secret;
use super::notation::unquoted;
use super::secret::{Kind, Secret};
use super::words::{Strength, classify, table};

/// Finds the values of all secret options.
pub fn find(text: &str, found: &mut Vec<Secret>) {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    for (at, _) in text.match_indices('-') {
        let before = text[..at].chars().next_back();
        let starts = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '[' | ',' | '=');
        if before.is_some_and(|c| !starts(c)) {
            continue;
        }
        let rest = text[at..].trim_start_matches('-');
        let name_len = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        let (name, rest) = rest.split_at(name_len);
        let is_short = !text[at..].starts_with("--");
        if is_short && let Some(secret) = attached(text, at, name, rest) {
            found.push(secret);
            continue;
        }
        let known = classify(name).or_else(|| short(text, at, name, false));
        if let Some((kind, strength)) = known
            && let Some(secret) = separate(text, rest, (name, kind, strength))
        {
            found.push(secret);
        }
    }
}

/// The next argument after an option. `rest` is the text after its name.
fn separate(text: &str, rest: &str, option: (&str, Kind, Strength)) -> Option<Secret> {
    let value = rest.trim_start_matches(['"', '\'', '\\', ',', ' ']);
    let gap = &rest[..rest.len() - value.len()];
    if !gap.contains([' ', ',']) || value.starts_with('-') {
        return None;
    }
    argument(text, gap, value, option)
}

/// A password that stands in the same argument as its short option.
fn attached(text: &str, at: usize, name: &str, rest: &str) -> Option<Secret> {
    let option = name.get(..1)?;
    let (kind, strength) = short(text, at, option, true)?;
    let rest = &text[text.len() - rest.len() - name.len() + 1..];
    let value = rest.trim_start_matches(['"', '\'']);
    argument(
        text,
        &rest[..rest.len() - value.len()],
        value,
        (option, kind, strength),
    )
}

/// The argument at the start of `value`, which is the end of `text`, if it is a secret. A quote in
/// `gap`, in front of it, belongs to it.
fn argument(
    text: &str,
    gap: &str,
    value: &str,
    (name, kind, strength): (&str, Kind, Strength),
) -> Option<Secret> {
    let quote = gap.chars().next_back().filter(|c| matches!(c, '"' | '\''));
    let len = match quote {
        Some(quote) => value.find([quote, '\n']).unwrap_or(value.len()),
        None => unquoted(value),
    };
    let start = text.len() - value.len();
    is_secret(name, &value[..len], strength, quote.is_some()).then_some(Secret {
        range: start..start + len,
        kind,
    })
}

/// Whether a short option takes a password in the command that stands before it on its line.
fn short(text: &str, at: usize, option: &str, attached: bool) -> Option<(Kind, Strength)> {
    let mut programs = table()
        .program
        .iter()
        .filter(|p| p.option == option && p.attached == attached);
    let line = &text[..at];
    let line = &line[line.rfind(['\n', '|', ';']).map_or(0, |n| n + 1)..];
    let words = || line.split(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '_')));
    let fits = |p: &super::words::Program| {
        words().any(|w| p.names.iter().any(|n| n == w))
            && (p.with.is_empty() || words().any(|w| w == p.with))
    };
    programs.any(fits).then_some(("password", Strength::Strong))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Option<String> {
        let mut found = Vec::new();
        find(text, &mut found);
        found.first().map(|s| text[s.range.clone()].to_string())
    }

    #[test]
    fn the_value_of_a_secret_option_is_found() {
        for (text, value) in [
            ("run --password hunter2 --verbose", "hunter2"),
            ("['--token', 'abc123x']", "abc123x"),
            ("vault login -token x7Kd92mA", "x7Kd92mA"),
            ("run --passphrase \"blue horse\" x", "blue horse"),
            ("mysql -u root -phunter2 shop", "hunter2"),
            ("mysqldump -p'two words' shop", "two words"),
            ("sshpass -p hunter2 ssh a", "hunter2"),
            ("docker login -u a -p hunter2 r.io", "hunter2"),
            ("redis-cli -a hunter22 ping", "hunter22"),
            (
                r#"["mysql", "--password", "ajdbVZVgQbIdBn"]"#,
                "ajdbVZVgQbIdBn",
            ),
            (r#"["ldapsearch","-x","-w","hunter2"]"#, "hunter2"),
        ] {
            assert_eq!(secret(text).as_deref(), Some(value), "{text}");
        }
    }

    #[test]
    fn other_options_are_kept() {
        for text in [
            "--token is required",
            "use --password or --token-file x",
            "a - b -token",
            "docker run -p 8080:80 web",
            "mysql -h db -P 3306 shop",
            "mysql -p shop",
            "mysql -u root --password -h db",
            "zip -r a.zip dir",
        ] {
            assert_eq!(secret(text), None, "{text}");
        }
    }
}
