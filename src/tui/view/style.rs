//! Converts the roles of the theme to terminal styles.

use crate::config::theme::{Color as ThemeColor, Style};
use crate::model::Level;
use crate::tui::state::State;
use crate::tui::state::detail::StyledLine;
use ratatui::style::{Color, Modifier, Style as TermStyle};
use ratatui::text::{Line, Span};

/// The style of a theme role.
pub fn of(state: &State, role: &str) -> TermStyle {
    term(state.theme.style(role))
}

/// A line in pieces, with the styles of their roles.
pub fn line(state: &State, pieces: StyledLine) -> Line<'static> {
    let spans = pieces
        .into_iter()
        .map(|(role, text)| Span::styled(text, of(state, role)));
    Line::from(spans.collect::<Vec<_>>())
}

/// The style of a log level. Each level is a theme role with the same name.
pub fn level(state: &State, level: Level) -> TermStyle {
    of(state, level.name())
}

fn term(style: Style) -> TermStyle {
    let mut out = TermStyle {
        fg: style.fg.map(color),
        bg: style.bg.map(color),
        ..TermStyle::default()
    };
    for (on, modifier) in [
        (style.bold, Modifier::BOLD),
        (style.underlined, Modifier::UNDERLINED),
        (style.reversed, Modifier::REVERSED),
    ] {
        if on {
            out = out.add_modifier(modifier);
        }
    }
    out
}

fn color(color: ThemeColor) -> Color {
    match color {
        ThemeColor::Rgb(r, g, b) => Color::Rgb(r, g, b),
        ThemeColor::Ansi(n) => [
            Color::Black,
            Color::Red,
            Color::Green,
            Color::Yellow,
            Color::Blue,
            Color::Magenta,
            Color::Cyan,
            Color::Gray,
            Color::DarkGray,
            Color::LightRed,
            Color::LightGreen,
            Color::LightYellow,
            Color::LightBlue,
            Color::LightMagenta,
            Color::LightCyan,
            Color::White,
        ][usize::from(n) % 16],
    }
}

/// One letter per level, so that levels are readable without color.
pub fn letter(level: Level) -> &'static str {
    match level {
        Level::Unknown => " ",
        Level::Trace => "T",
        Level::Debug => "D",
        Level::Info => "I",
        Level::Warn => "W",
        Level::Error => "E",
        Level::Fatal => "F",
    }
}
