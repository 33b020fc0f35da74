//! Recognizes addresses by their syntax: UUIDs, MAC and IP addresses, host names, e-mail. Each
//! function returns the length of what starts the text. Knows only one place of a message.

use super::scan::{ends_word, is_word, run, run_back};

pub fn uuid(t: &[u8]) -> Option<usize> {
    let mut n = 0;
    for (i, len) in [8, 4, 4, 4, 12].into_iter().enumerate() {
        if i > 0 {
            (t.get(n) == Some(&b'-')).then_some(())?;
            n += 1;
        }
        t.get(n..n + len)?
            .iter()
            .all(u8::is_ascii_hexdigit)
            .then_some(())?;
        n += len;
    }
    ends_word(t, n)
}

pub fn mac(t: &[u8]) -> Option<usize> {
    let mut n = 0;
    let mut pairs = 0;
    while t
        .get(n..n + 2)
        .is_some_and(|p| p.iter().all(u8::is_ascii_hexdigit))
    {
        n += 2;
        pairs += 1;
        match t.get(n) {
            Some(b':' | b'-') if t.get(n + 1).is_some_and(u8::is_ascii_hexdigit) => n += 1,
            _ => break,
        }
    }
    (pairs >= 6).then(|| ends_word(t, n)).flatten()
}

fn dotted_quad(t: &[u8]) -> Option<usize> {
    let mut n = 0;
    for i in 0..4 {
        if i > 0 {
            (t.get(n) == Some(&b'.')).then_some(())?;
            n += 1;
        }
        let d = run(&t[n..], |b| b.is_ascii_digit());
        (1..=3).contains(&d).then_some(())?;
        n += d;
    }
    let more = t.get(n) == Some(&b'.') && t.get(n + 1).is_some_and(u8::is_ascii_digit);
    if more { None } else { ends_word(t, n) }
}

/// An IPv4 address, with an optional `name/` before it and an optional port or prefix length after
/// it.
pub fn address(t: &[u8]) -> Option<usize> {
    let name = run(t, |b| is_word(b) || matches!(b, b'.' | b'-'));
    let start = match dotted_quad(t) {
        Some(_) => 0,
        None if t.get(name) == Some(&b'/') => name + 1,
        None => return None,
    };
    let n = start + dotted_quad(&t[start..])?;
    Some(n + port(&t[n..]))
}

pub fn port(t: &[u8]) -> usize {
    if !matches!(t.first(), Some(b':' | b'/')) {
        return 0;
    }
    let d = run(&t[1..], |b| b.is_ascii_digit());
    if (1..=5).contains(&d) && ends_word(t, d + 1).is_some() {
        d + 1
    } else {
        0
    }
}

pub fn slash_address(text: &[u8], at: usize) -> Option<usize> {
    (text[at] == b'/').then_some(())?;
    let n = dotted_quad(&text[at + 1..])? + 1;
    Some(n + port(&text[at + n..]))
}

pub fn ipv6(t: &[u8]) -> Option<usize> {
    let n = run(&t[..t.len().min(48)], |b| {
        b.is_ascii_hexdigit() || b == b':'
    });
    let body = &t[..n];
    let colons = body.iter().filter(|b| **b == b':').count();
    let groups_fit = body.split(|b| *b == b':').all(|g| g.len() <= 4);
    let short = body.starts_with(b"::") && colons == 2;
    let ok = ((3..=8).contains(&colons) || short)
        && groups_fit
        && body.iter().any(u8::is_ascii_digit)
        && !body.ends_with(b":");
    if ok { ends_word(t, n) } else { None }
}

/// An IPv6 address in brackets, with an optional port: `[::1]:8443`.
pub fn bracketed_address(t: &[u8]) -> Option<usize> {
    let n = run(&t[1..t.len().min(50)], |b| {
        b.is_ascii_hexdigit() || b == b':'
    });
    let inside = &t[1..=n];
    let colons = inside.iter().filter(|b| **b == b':').count();
    (colons >= 2 && t.get(n + 1) == Some(&b']')).then(|| n + 2 + port(&t[n + 2..]))
}

const TLD: &str = "com net org edu gov local io internal localdomain de uk fr cn jp tw kr ru br it nl pl au ca us eu ch at in \
                   info biz mil int arpa hk sg cz se no fi es pt tr mx ar cl co id th vn my il ir ua ro hu gr be dk nz za svc dev \
                   cloud lan";
const PACKAGES: &[&str] = &[
    "com", "org", "net", "java", "javax", "sun", "edu", "io", "sys", "scala", "kotlin", "akka",
];

/// A host name: dot-separated labels that end in a top-level domain. Two labels are enough for the
/// most common domains or with a port. With a port, one label with a digit is enough.
pub fn host(t: &[u8]) -> Option<usize> {
    let n = run(t, |b| {
        b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_')
    });
    let body = &t[..n - run_back(&t[..n], |b| matches!(b, b'.' | b'-' | b'_'))];
    let n = body.len();
    let text = std::str::from_utf8(body).ok()?;
    let labels: Vec<&str> = text.split('.').collect();
    let last = labels.last()?.to_ascii_lowercase();
    let port = if t.get(n) == Some(&b':') {
        port(&t[n..])
    } else {
        0
    };
    let known = TLD.split_whitespace().any(|t| t == last);
    let common = matches!(
        last.as_str(),
        "com" | "net" | "org" | "edu" | "gov" | "local"
    );
    let shaped = labels.iter().all(|l| !l.is_empty()) && !PACKAGES.contains(&labels[0]);
    let source = matches!(
        last.as_str(),
        "java"
            | "c"
            | "cc"
            | "cpp"
            | "h"
            | "go"
            | "py"
            | "rs"
            | "js"
            | "ts"
            | "kt"
            | "rb"
            | "php"
            | "cs"
            | "scala"
    );
    let enough = labels.len() >= 3 && known
        || labels.len() == 2 && common
        || labels.len() >= 2 && port > 0 && !source && text == text.to_ascii_lowercase();
    let named_port = labels.len() == 1
        && port > 0
        && t[0].is_ascii_alphabetic()
        && text.bytes().any(|b| b.is_ascii_digit());
    let found = shaped && (enough || named_port) && t.get(n + port) != Some(&b'(');
    let end = n + port;
    // `host.name/a/b`: the path belongs to the name.
    let path = if found && t.get(end) == Some(&b'/') {
        let path = run(&t[end..], |b| is_word(b) || b"/.-@%+~".contains(&b));
        path - run_back(&t[end..end + path], |b| matches!(b, b'.' | b'-'))
    } else {
        0
    };
    found.then_some(end + path)
}

pub fn email(t: &[u8]) -> Option<usize> {
    let user = run(t, |b| {
        b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'%' | b'+' | b'-')
    });
    (user > 0 && t.get(user) == Some(&b'@')).then_some(())?;
    let domain = run(&t[user + 1..], |b| {
        b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-')
    });
    let end = user + 1 + domain - run_back(&t[user + 1..user + 1 + domain], |b| b == b'.');
    t[user + 1..end].contains(&b'.').then_some(end)
}
