//! Finds the names of services in messages. Knows only the names of the services.

use regex::Regex;

/// Finds the names of services in messages.
pub struct NameFinder {
    regex: Option<Regex>,
}

impl NameFinder {
    /// A name that is a single plain word counts only in places where a host name is expected.
    /// Examples are a URL, the position after `to` or `from`, and the position before a port. In
    /// other places it may be an ordinary word.
    pub fn new(names: &[String]) -> NameFinder {
        let mut names: Vec<&String> = names.iter().filter(|n| n.len() > 2).collect();
        names.sort_by_key(|n| std::cmp::Reverse(n.len()));
        names.truncate(2000);
        let all = |plain: bool| -> String {
            let of = names
                .iter()
                .filter(|n| n.chars().all(char::is_alphanumeric) == plain);
            of.map(|n| regex::escape(n)).collect::<Vec<_>>().join("|")
        };
        let (plain, marked) = (all(true), all(false));
        let mut parts = Vec::new();
        if !marked.is_empty() {
            parts.push(format!(r"(?:^|[^\w-])({marked})(?:[^\w-]|$)"));
        }
        if !plain.is_empty() {
            parts.push(format!(r"(?i:://|@|\b(?:to|from|service|host|upstream|lost|reach|by|failed|request|call)[ :=]+.?|\|)({plain})(?:[^\w-]|$)|(?:^|[^\w-])({plain})(?::\d|\.[a-z]| (?:did not|is not|timed|refused|failed|unavailable))"));
        }
        NameFinder {
            regex: if parts.is_empty() {
                None
            } else {
                Regex::new(&parts.join("|")).ok()
            },
        }
    }

    /// Returns the first service name in a message that is not `own`.
    pub fn find<'m>(&self, message: &'m str, own: &str) -> Option<&'m str> {
        let regex = self.regex.as_ref()?;
        let mut from = 0;
        while let Some(c) = regex.captures_at(message, from) {
            let m = (1..c.len()).find_map(|i| c.get(i))?;
            if m.as_str() != own {
                return Some(m.as_str());
            }
            from = m.end().max(from + 1);
            if from >= message.len() || !message.is_char_boundary(from) {
                return None;
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_word_names_a_service_only_where_a_host_is_expected() {
        let f = NameFinder::new(&["user".into(), "carts-db".into()]);
        assert_eq!(f.find("the user logged in", "x"), None);
        assert_eq!(
            f.find("call to http://user/login failed", "x"),
            Some("user")
        );
        assert_eq!(f.find("carts-db: read failed", "x"), Some("carts-db"));
        assert_eq!(f.find("carts-db: read failed", "carts-db"), None);
    }
}
