//! Parses Windows events in XML (the schema `http://schemas.microsoft.com/win/2004/08/events`).
//! Looks for single elements, without building a tree. Does not decode entities.

use super::parsed::{Name, Parsed, Span};
use crate::model::Level;
use crate::text::time::clock::Clock;
use memchr::memmem::find;

/// Start of an event; a browser prints `- ` before it.
pub fn is_start(text: &[u8]) -> bool {
    let text = text.strip_prefix(b"- ").unwrap_or(text);
    text.starts_with(b"<Event ") || text.starts_with(b"<Event>")
}

/// End of an event.
pub const END: &[u8] = b"</Event>";

/// Parses one event.
pub fn parse(text: &[u8], clock: &mut Clock, out: &mut Parsed) -> bool {
    if !is_start(text) || find(text, END).is_none() {
        return false;
    }
    let time = attribute(text, b"SystemTime=");
    let stamp = time.and_then(|t| clock.any(t.of(text)));
    let Some((stamp, _)) = stamp else {
        return false;
    };
    out.time = Some(stamp);
    out.level_from_digits = true;
    let level = element(text, b"Level").map(|l| l.of(text));
    out.level = match level {
        Some(b"1") => Level::Fatal,
        Some(b"2") => Level::Error,
        Some(b"3") => Level::Warn,
        Some(b"0" | b"4") => Level::Info,
        Some(b"5") => Level::Debug,
        _ => Level::Unknown,
    };
    out.host = element(text, b"Computer").unwrap_or_default();
    let provider = find(text, b"<Provider ").and_then(|at| {
        let name = attribute(&text[at..], b"Name=")?;
        Some(name.shifted(at))
    });
    out.program = provider.unwrap_or_default();
    for (tag, name) in [
        (b"EventID".as_slice(), "EventID"),
        (b"Channel", "Channel"),
        (b"Task", "Task"),
    ] {
        if let Some(span) = element(text, tag) {
            out.other.push((Name::Fixed(name), span));
        }
    }
    out.message = element(text, b"Message")
        .or_else(|| data(text))
        .unwrap_or(Span::new(0, text.len()));
    true
}

/// Content of the first element with this tag.
fn element(text: &[u8], tag: &[u8]) -> Option<Span> {
    let mut from = 0;
    loop {
        let at = from + find(&text[from..], &[b"<", tag].concat())?;
        let open = at + tag.len() + 1;
        match text.get(open) {
            Some(b'>' | b' ') => {
                let start = open + memchr::memchr(b'>', &text[open..])? + 1;
                let end = start + find(&text[start..], &[b"</", tag].concat())?;
                return Some(Span::new(start, end));
            }
            _ => from = open,
        }
    }
}

/// Value of the first attribute `name="value"`.
fn attribute(text: &[u8], name: &[u8]) -> Option<Span> {
    let start = find(text, name)? + name.len();
    let quote = *text.get(start).filter(|q| matches!(q, b'"' | b'\''))?;
    let end = memchr::memchr(quote, &text[start + 1..])?;
    Some(Span::new(start + 1, start + 1 + end))
}

/// The data of the event: everything between the tags of `EventData`.
fn data(text: &[u8]) -> Option<Span> {
    element(text, b"EventData").or_else(|| element(text, b"UserData"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::civil::rfc3339;
    use crate::text::time::zone::Zone;

    #[test]
    fn the_parts_of_an_event_are_found() {
        let text = br#"<Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event"><System><Provider Name='disk' Guid='{1}'/><EventID Qualifiers='0'>7</EventID><Level>2</Level><TimeCreated SystemTime='2024-03-01T10:00:00.5Z'/><Computer>web1</Computer></System><EventData><Data Name='Device'>sda</Data></EventData></Event>"#;
        let mut out = Parsed::default();
        let mut clock = Clock::new(0, Zone::utc());
        assert!(parse(text, &mut clock, &mut out));
        assert_eq!(
            out.time.map(|t| rfc3339(t.ns, t.precision)).as_deref(),
            Some("2024-03-01T10:00:00.5Z")
        );
        assert_eq!(
            (out.level, out.host.of(text), out.program.of(text)),
            (Level::Error, b"web1".as_slice(), b"disk".as_slice())
        );
        assert_eq!(out.message.of(text), b"<Data Name='Device'>sda</Data>");
        assert_eq!(out.other[0].1.of(text), b"7");
    }

    #[test]
    fn broken_events_are_refused() {
        for text in [
            "<Event>",
            "<Event ></Event>",
            "<Events>",
            "<Event SystemTime='x'></Event>",
            "<Event SystemTime='2024",
        ] {
            assert!(
                !parse(
                    text.as_bytes(),
                    &mut Clock::new(0, Zone::utc()),
                    &mut Parsed::default()
                ),
                "{text}"
            );
        }
    }
}
