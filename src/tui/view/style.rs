//! Roles of the theme -> styles of the terminal.

use super::super::state::State;
use crate::config::theme::{Colour, Style};
use crate::model::Level;
use ratatui::style::{Color, Modifier, Style as TermStyle};

pub fn of(state: &State, role: &str) -> TermStyle {
    term(state.theme.style(role))
}

pub fn level(state: &State, level: Level) -> TermStyle {
    of(state, level.name())
}

fn term(style: Style) -> TermStyle {
    let mut out = TermStyle {
        fg: style.fg.map(colour),
        bg: style.bg.map(colour),
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

fn colour(colour: Colour) -> Color {
    match colour {
        Colour::Rgb(r, g, b) => Color::Rgb(r, g, b),
        Colour::Ansi(n) => [
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

/// One letter that tells a level without colour.
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
