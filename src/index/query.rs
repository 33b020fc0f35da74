//! Parses the query language: words, phrases, fields, boolean operators and regular expressions.
//! Turns text into a tree; does not access the index.

use crate::model::Level;

/// A parsed query.
#[derive(Clone, Debug, PartialEq)]
pub enum Query {
    /// Matches everything.
    All,
    /// Text between word boundaries, ignoring case. A blank matches one or more blanks.
    Text(String),
    Regex(String),
    Field(Field),
    Not(Box<Query>),
    And(Vec<Query>),
    Or(Vec<Query>),
}

/// A `name:value` condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Field {
    /// The levels that match.
    Level(Vec<Level>),
    /// Service name in lower case; `*` matches any text.
    Service(String),
    Source(String),
    Host(String),
    /// Part of the call site; `*` matches any text.
    Caller(String),
    Template(u64),
}

/// Why a query cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    #[error("invalid query: more than {MAX_DEPTH} levels of '(' and '-' at character {0}")]
    TooDeep(usize),
    #[error("invalid query: unexpected ')'")]
    UnexpectedClose,
    #[error("invalid query: missing closing {0}")]
    Unclosed(char),
    #[error("invalid query: expected a word or '(' after '-'")]
    NothingToExclude,
    #[error("invalid query: expected a word, found an operator")]
    UnexpectedOperator,
    #[error("invalid query: invalid template id '{0}': expected a number")]
    TemplateId(String),
    #[error("invalid query: unknown level '{0}', expected one of: {levels}", levels = Level::ALL.map(Level::name).join(", "))]
    Level(String),
    #[error("invalid query: unknown comparison operator '{0}' for a level")]
    Operator(String),
    #[error("invalid query: invalid regular expression: {0}")]
    Regex(String),
}

impl QueryError {
    /// The last line of the message says what is wrong; the lines above it draw the position.
    pub fn regex(e: regex::Error) -> QueryError {
        QueryError::Regex(e.to_string().lines().last().unwrap_or_default().to_string())
    }
}

/// Parses a query.
pub fn parse(text: &str) -> Result<Query, QueryError> {
    let tokens = lex(text)?;
    let mut parser = Parser {
        tokens: &tokens,
        at: 0,
        depth: 0,
    };
    let query = parser.or()?;
    match parser.peek() {
        None => Ok(query),
        Some(_) => Err(QueryError::UnexpectedClose),
    }
}

/// Greatest number of parentheses and exclusions inside each other. The parser and the evaluation
/// call themselves for each, and the stack is limited.
const MAX_DEPTH: usize = 100;

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Open,
    Close,
    And,
    Or,
    Minus,
    Leaf(Query),
}

/// Splits a query into tokens, each with its position in characters, counted from 1.
fn lex(text: &str) -> Result<Vec<(Token, usize)>, QueryError> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(c) = rest.chars().next() {
        let (token, used) = match c {
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            '-' if rest.len() > 1 && !rest[1..].starts_with(char::is_whitespace) => {
                (Token::Minus, 1)
            }
            '"' => {
                let end = rest[1..].find('"').ok_or(QueryError::Unclosed('"'))?;
                (Token::Leaf(Query::Text(rest[1..=end].to_string())), end + 2)
            }
            '/' if rest[1..].contains('/') => {
                let end = regex_end(rest).ok_or(QueryError::Unclosed('/'))?;
                let body = rest[1..end].replace("\\/", "/");
                regex::bytes::Regex::new(&body).map_err(QueryError::regex)?;
                (Token::Leaf(Query::Regex(body)), end + 1)
            }
            _ => word(rest)?,
        };
        let position = text[..text.len() - rest.len()].chars().count() + 1;
        tokens.push((token, position));
        rest = rest[used..].trim_start();
    }
    Ok(tokens)
}

/// Index of the '/' that ends a regular expression. `\/` does not end it.
fn regex_end(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    (1..bytes.len()).find(|i| bytes[*i] == b'/' && bytes[i - 1] != b'\\')
}

/// The token at the start of `rest` (an operator, a field or a word) and its length in bytes.
fn word(rest: &str) -> Result<(Token, usize), QueryError> {
    let mut end = rest
        .find(|c: char| c.is_whitespace() || c == '(' || c == ')')
        .unwrap_or(rest.len());
    let word = &rest[..end];
    match word {
        "AND" => return Ok((Token::And, end)),
        "OR" => return Ok((Token::Or, end)),
        _ => {}
    }
    if let Some((name, value)) = word.split_once(':')
        && matches!(
            name,
            "level" | "service" | "source" | "host" | "caller" | "template"
        )
    {
        let value = match value.strip_prefix('"') {
            Some(_) => {
                let open = name.len() + 2;
                let close = rest[open..].find('"').ok_or(QueryError::Unclosed('"'))? + open;
                end = close + 1;
                &rest[open..close]
            }
            None => value,
        };
        return Ok((Token::Leaf(Query::Field(field(name, value)?)), end));
    }
    Ok((Token::Leaf(Query::Text(word.to_string())), end))
}

fn field(name: &str, value: &str) -> Result<Field, QueryError> {
    Ok(match name {
        "level" => Field::Level(levels(value)?),
        "service" => Field::Service(value.to_lowercase()),
        "source" => Field::Source(value.to_string()),
        "host" => Field::Host(value.to_string()),
        "caller" => Field::Caller(value.to_string()),
        _ => Field::Template(
            value
                .parse()
                .map_err(|_| QueryError::TemplateId(value.to_string()))?,
        ),
    })
}

/// Levels that match a value such as `warn` or `>=error`.
fn levels(value: &str) -> Result<Vec<Level>, QueryError> {
    let split = value
        .find(|c: char| c.is_alphabetic())
        .unwrap_or(value.len());
    let (op, name) = value.split_at(split);
    let lowercase = name.to_ascii_lowercase();
    let level = Level::ALL
        .into_iter()
        .find(|l| {
            l.name() == lowercase
                || l.name().starts_with(&lowercase) && lowercase.len() >= 3
                || lowercase == "warning" && *l == Level::Warn
        })
        .ok_or_else(|| QueryError::Level(name.to_string()))?;
    let test: fn(Level, Level) -> bool = match op {
        "" | "=" => |a, b| a == b,
        ">=" => |a, b| a >= b,
        ">" => |a, b| a > b,
        "<=" => |a, b| a <= b,
        "<" => |a, b| a < b,
        other => return Err(QueryError::Operator(other.to_string())),
    };
    Ok(Level::ALL.into_iter().filter(|l| test(*l, level)).collect())
}

struct Parser<'t> {
    tokens: &'t [(Token, usize)],
    at: usize,
    /// Number of open parentheses and exclusions.
    depth: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|t| &t.0)
    }

    fn or(&mut self) -> Result<Query, QueryError> {
        let mut parts = vec![self.and()?];
        while self.peek() == Some(&Token::Or) {
            self.at += 1;
            parts.push(self.and()?);
        }
        Ok(if parts.len() == 1 {
            parts.remove(0)
        } else {
            Query::Or(parts)
        })
    }

    fn and(&mut self) -> Result<Query, QueryError> {
        let mut parts = Vec::new();
        loop {
            match self.peek() {
                Some(Token::And) => self.at += 1,
                None | Some(Token::Close | Token::Or) => break,
                Some(_) => parts.push(self.unary()?),
            }
        }
        Ok(match parts.len() {
            0 => Query::All,
            1 => parts.remove(0),
            _ => Query::And(parts),
        })
    }

    fn unary(&mut self) -> Result<Query, QueryError> {
        let (token, position) = &self.tokens[self.at];
        if self.depth >= MAX_DEPTH {
            return Err(QueryError::TooDeep(*position));
        }
        self.depth += 1;
        self.at += 1;
        let query = self.operand(token);
        self.depth -= 1;
        query
    }

    fn operand(&mut self, token: &Token) -> Result<Query, QueryError> {
        match token {
            Token::Minus => match self.peek() {
                Some(Token::Open | Token::Leaf(_) | Token::Minus) => {
                    Ok(Query::Not(Box::new(self.unary()?)))
                }
                _ => Err(QueryError::NothingToExclude),
            },
            Token::Open => {
                let inner = self.or()?;
                if self.peek() != Some(&Token::Close) {
                    return Err(QueryError::Unclosed(')'));
                }
                self.at += 1;
                Ok(inner)
            }
            Token::Leaf(q) => Ok(q.clone()),
            _ => Err(QueryError::UnexpectedOperator),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(t: &str) -> Query {
        Query::Text(t.into())
    }

    #[test]
    fn the_query_language_is_parsed() {
        assert_eq!(
            parse("a b").unwrap(),
            Query::And(vec![text("a"), text("b")])
        );
        assert_eq!(
            parse("a OR -\"b c\"").unwrap(),
            Query::Or(vec![text("a"), Query::Not(Box::new(text("b c")))])
        );
        assert_eq!(
            parse("(a AND b) or").unwrap(),
            Query::And(vec![Query::And(vec![text("a"), text("b")]), text("or")])
        );
        assert_eq!(
            parse("level:>=error").unwrap(),
            Query::Field(Field::Level(vec![Level::Error, Level::Fatal]))
        );
        assert_eq!(parse("/a b|c/").unwrap(), Query::Regex("a b|c".into()));
        assert_eq!(parse("").unwrap(), Query::All);
        for bad in ["(a", "a)", "\"x", "level:huh", "template:x", "/(/"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_query_that_is_nested_too_deep_is_refused_with_its_position() {
        let nested = |n: usize| format!("{}a{}", "(".repeat(n), ")".repeat(n));
        assert!(parse(&nested(MAX_DEPTH - 1)).is_ok());
        assert_eq!(
            parse(&nested(20_000)),
            Err(QueryError::TooDeep(MAX_DEPTH + 1))
        );
        let minus = format!("é {}a", "-".repeat(50_000));
        assert_eq!(parse(&minus), Err(QueryError::TooDeep(MAX_DEPTH + 3)));
        assert!(
            parse(&"(a) -b ".repeat(1_000)).is_ok(),
            "width is not depth"
        );
    }

    proptest! {
        #[test]
        fn no_input_panics(t in any::<String>()) {
            let _ = parse(&t);
        }

        #[test]
        fn no_sequence_of_operators_panics(t in "[-()\"/ aAND:OR]{0,200}") {
            let _ = parse(&t);
        }
    }
}
