//! Finds secrets that span lines: private keys, and the data of Kubernetes Secrets. A block without
//! an end hides only what belongs to it. Knows no single tokens.

use super::secret::Secret;

/// Finds all blocks.
pub fn find(text: &str) -> Vec<Secret> {
    let mut found = Vec::new();
    private_keys(text, &mut found);
    putty_keys(text, &mut found);
    kubernetes_data(text, &mut found);
    found
}

/// Finds private keys in PEM and OpenPGP form. Line breaks can be escaped (`\n` in JSON).
fn private_keys(text: &str, found: &mut Vec<Secret>) {
    for (at, begin) in text.match_indices("-----BEGIN ") {
        let label_at = at + begin.len();
        let Some(label_len) = text[label_at..].find("-----") else {
            continue;
        };
        let label = &text[label_at..label_at + label_len];
        if label_len > 60 || !label.contains("PRIVATE KEY") {
            continue;
        }
        let start = label_at + label_len + 5;
        let end_mark = format!("-----END {label}-----");
        let body = text[start..]
            .find(&end_mark)
            .filter(|n| !text[start..start + n].contains("-----BEGIN "));
        let end = match body {
            Some(n) => start + n + end_mark.len(),
            None => start + key_body(&text[start..]),
        };
        found.push(Secret {
            range: at..end,
            kind: "key",
        });
    }
}

/// Length of the lines after a header that can belong to a key: Base64, or `Name: value` before it.
fn key_body(text: &str) -> usize {
    let mut at = 0;
    let mut in_header = true;
    while at < text.len() {
        let rest = &text[at..];
        let blank = line_break(rest);
        let line_end = rest[blank..]
            .find(|c: char| c == '\n' || c == '\\' || c == '\r' || c == ' ' && !in_header)
            .map_or(rest.len(), |n| n + blank);
        let line = &rest[blank..line_end];
        let is_base64 = line
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='));
        let is_field = in_header
            && [
                "Proc-Type:",
                "DEK-Info:",
                "Version:",
                "Comment:",
                "Hash:",
                "Charset:",
            ]
            .iter()
            .any(|f| line.starts_with(f));
        if line.is_empty() && blank > 0 {
            at += blank;
            continue;
        }
        if !(is_field || is_base64 && line.len() >= 16) {
            // The last line of a key can be short, but not a word of the next message.
            let is_tail = is_base64 && at > 0 && line.ends_with('=');
            return if is_tail { at + line_end } else { at };
        }
        in_header = is_field;
        at += line_end;
    }
    at
}

/// Length of the line breaks and blanks at the start of a text, also of escaped ones.
fn line_break(text: &str) -> usize {
    let mut at = 0;
    loop {
        let rest = &text[at..];
        let n = ["\\\\n", "\\\\r", "\\n", "\\r", "\n", "\r", " ", "\t"]
            .iter()
            .find(|b| rest.starts_with(**b))
            .map_or(0, |b| b.len());
        if n == 0 {
            return at;
        }
        at += n;
    }
}

/// Finds the private lines of PuTTY key files.
fn putty_keys(text: &str, found: &mut Vec<Secret>) {
    for (at, label) in text.match_indices("Private-Lines:") {
        let start = at + label.len();
        let line = text[start..].find('\n').map_or(text.len(), |n| start + n);
        found.push(Secret {
            range: line..line + key_body(&text[line..]),
            kind: "key",
        });
    }
    for (at, label) in text.match_indices("Private-MAC:") {
        let start = at + label.len();
        let end = text[start..].find('\n').map_or(text.len(), |n| start + n);
        found.push(Secret {
            range: start..end,
            kind: "key",
        });
    }
}

/// Finds the values under `data` and `stringData` of Kubernetes Secrets, in YAML and JSON.
fn kubernetes_data(text: &str, found: &mut Vec<Secret>) {
    let is_secret = |t: &str| {
        let compact: String = t
            .chars()
            .filter(|c| !c.is_whitespace() && !matches!(c, '"' | '\\' | '\''))
            .collect();
        compact.contains("kind:Secret") && !compact.contains("kind:SecretList,items:[]")
    };
    if !text.contains("Secret") || !is_secret(text) {
        return;
    }
    for word in ["data", "stringData"] {
        for (at, _) in text.match_indices(word) {
            let before = text[..at].chars().next_back();
            let rest = text[at + word.len()..].trim_start_matches(['"', '\\', '\'', ' ']);
            if before.is_some_and(char::is_alphanumeric) || !rest.starts_with(':') {
                continue;
            }
            let from = text.len() - rest.len() + 1;
            match text[from..].trim_start().strip_prefix('{') {
                Some(object) => json_values(text, text.len() - object.len(), found),
                None => yaml_values(text, at, from, found),
            }
        }
    }
}

/// Finds all string values of the JSON object whose content starts at `from`.
fn json_values(text: &str, from: usize, found: &mut Vec<Secret>) {
    let end = text[from..].find('}').map_or(text.len(), |n| from + n);
    let mut at = from;
    while let Some(colon) = text[at..end].find(':').map(|n| at + n) {
        let value = text[colon + 1..end].trim_start_matches([' ', '\\', '"', '\'']);
        let start = end - value.len();
        let len = value.find(['"', '\\', '\'', ',']).unwrap_or(value.len());
        found.push(Secret {
            range: start..start + len,
            kind: "password",
        });
        at = start + len;
    }
}

/// Finds the values of the YAML lines that are indented deeper than the key at `at`.
fn yaml_values(text: &str, at: usize, from: usize, found: &mut Vec<Secret>) {
    let line_start = text[..at].rfind('\n').map_or(0, |n| n + 1);
    let own = at - line_start;
    let Some(first) = text[from..].find('\n').map(|n| from + n + 1) else {
        return;
    };
    let mut start = first;
    for line in text[first..].split_inclusive('\n') {
        let indent = line.len() - line.trim_start_matches(' ').len();
        if line.trim().is_empty() || indent <= own {
            return;
        }
        if let Some(colon) = line.find(": ") {
            let value = line[colon + 2..].trim();
            let offset = line
                .find(value)
                .filter(|_| !value.is_empty())
                .unwrap_or(line.len());
            found.push(Secret {
                range: start + offset..start + offset + value.len(),
                kind: "password",
            });
        } else if !line.contains(':') {
            found.push(Secret {
                range: start + indent..start + line.trim_end().len(),
                kind: "password",
            });
        }
        start += line.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without(text: &str) -> String {
        find(text).iter().rev().fold(text.to_string(), |t, s| {
            format!("{}#{}", &t[..s.range.start], &t[s.range.end..])
        })
    }

    #[test]
    fn a_private_key_without_an_end_hides_only_its_own_lines() {
        let body = "MIIEowIBAAKCAQEAu1SU1LfVLPHCozMxH2Mo4lgOEePzNm0tRgeLezV6ffAt0gun";
        let text = format!(
            "x\n-----BEGIN RSA PRIVATE KEY-----\n{body}\n{body}\n2026-03-02T10:00:00Z ERROR disk full\n"
        );
        assert_eq!(
            without(&text),
            "x\n#\n2026-03-02T10:00:00Z ERROR disk full\n"
        );
        let whole = format!("a -----BEGIN PRIVATE KEY-----\\n{body}\\n-----END PRIVATE KEY----- b");
        assert_eq!(without(&whole), "a # b");
        let public = format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----");
        assert_eq!(without(&public), public);
    }

    #[test]
    fn the_data_of_a_secret_is_hidden_and_its_keys_stay() {
        let yaml = "kind: Secret\ndata:\n  user: YWRtaW4=\n  pw: aHVudGVy\ntype: Opaque\n";
        assert_eq!(
            without(yaml),
            "kind: Secret\ndata:\n  user: #\n  pw: #\ntype: Opaque\n"
        );
        let json = r#"{"kind":"Secret","data":{"user":"YWRtaW4=","pw":"aHVudGVy"},"type":"x"}"#;
        assert_eq!(
            without(json),
            r##"{"kind":"Secret","data":{"user":"#","pw":"#"},"type":"x"}"##
        );
        let other = "kind: ConfigMap\ndata:\n  user: admin\n";
        assert_eq!(without(other), other);
    }
}
