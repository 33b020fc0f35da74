//! Color themes: a style per role. A theme can inherit from another one and override its styles.
//! Knows nothing about the terminal.

use super::error::Error;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Name and TOML text of the built-in themes.
const BUILT_IN: &[(&str, &str)] = &[
    ("ansi", include_str!("../../themes/ansi.toml")),
    ("dark", include_str!("../../themes/dark.toml")),
    ("light", include_str!("../../themes/light.toml")),
    (
        "high-contrast",
        include_str!("../../themes/high-contrast.toml"),
    ),
    (
        "colour-blind",
        include_str!("../../themes/colour-blind.toml"),
    ),
];

/// A terminal color.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Color {
    /// One of the 16 terminal colors, 0..16.
    Ansi(u8),
    Rgb(u8, u8, u8),
}

/// Colors and attributes of a piece of text. `None` keeps the terminal's default color.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    pub fg: Option<Color>,
    pub bg: Option<Color>,
    pub bold: bool,
    pub underlined: bool,
    pub reversed: bool,
}

/// A loaded theme, with the inherited styles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Theme {
    pub name: String,
    styles: BTreeMap<String, Style>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ThemeFile {
    inherits: Option<String>,
    style: BTreeMap<String, String>,
}

/// Names of the 16 terminal colors, in the order of their numbers.
const ANSI_NAMES: [&str; 16] = [
    "black",
    "red",
    "green",
    "yellow",
    "blue",
    "magenta",
    "cyan",
    "gray",
    "dark-gray",
    "light-red",
    "light-green",
    "light-yellow",
    "light-blue",
    "light-magenta",
    "light-cyan",
    "white",
];

impl Theme {
    /// Style of a role such as `error`. The default style for an unknown role.
    pub fn style(&self, role: &str) -> Style {
        self.styles.get(role).copied().unwrap_or_default()
    }

    /// The theme without colors, for NO_COLOR and for terminals without colors. Bold, underline and
    /// inversion remain and mark severity.
    pub fn without_color(mut self) -> Theme {
        for (role, style) in &mut self.styles {
            let inverted = style.bg.is_some() || style.reversed;
            *style = Style {
                bold: style.bold || matches!(role.as_str(), "error" | "fatal" | "warn"),
                underlined: style.underlined || role == "fatal",
                reversed: inverted,
                ..Style::default()
            };
        }
        self
    }
}

/// Names of the built-in themes.
pub fn names() -> Vec<&'static str> {
    BUILT_IN.iter().map(|(n, _)| *n).collect()
}

/// Loads a theme by name. `extra` returns the TOML text of the user's themes, which take precedence
/// over the built-in ones.
pub fn load(name: &str, extra: &dyn Fn(&str) -> Option<String>) -> Result<Theme, Error> {
    let mut styles = BTreeMap::new();
    let mut pending = vec![name.to_string()];
    let mut files = Vec::new();
    while let Some(next) = pending.pop() {
        if files.len() > 8 {
            return Err(Error::CircularTheme(name.to_string()));
        }
        let built_in = BUILT_IN
            .iter()
            .find(|(n, _)| *n == next)
            .map(|(_, t)| (*t).to_string());
        let text = extra(&next)
            .or(built_in)
            .ok_or_else(|| Error::UnknownTheme {
                name: next.clone(),
                known: names(),
            })?;
        let file: ThemeFile = toml::from_str(&text).map_err(|e| Error::Theme {
            theme: next.clone(),
            source: Box::new(e),
        })?;
        pending.extend(file.inherits.clone());
        files.push(file);
    }
    for file in files.into_iter().rev() {
        for (role, text) in file.style {
            let style = parse(&text).map_err(|NotAColor(word)| Error::Color {
                theme: name.to_string(),
                role: role.clone(),
                word,
            })?;
            styles.insert(role, style);
        }
    }
    Ok(Theme {
        name: name.to_string(),
        styles,
    })
}

/// A word of a style that is neither a color nor an attribute.
#[derive(Debug)]
struct NotAColor(String);

/// Parses a style such as `red on black bold`: foreground color, background color after `on`, and
/// attributes.
fn parse(text: &str) -> Result<Style, NotAColor> {
    let mut style = Style::default();
    let mut is_background = false;
    for word in text.split_whitespace() {
        match word {
            "on" => is_background = true,
            "bold" => style.bold = true,
            "underlined" => style.underlined = true,
            "reversed" => style.reversed = true,
            word => {
                let color = Some(parse_color(word)?);
                if std::mem::take(&mut is_background) {
                    style.bg = color
                } else {
                    style.fg = color
                }
            }
        }
    }
    Ok(style)
}

fn parse_color(word: &str) -> Result<Color, NotAColor> {
    let invalid = || NotAColor(word.to_string());
    if let Some(hex) = word
        .strip_prefix('#')
        .filter(|h| h.len() == 6 && h.is_ascii())
    {
        let part = |i: usize| u8::from_str_radix(&hex[i..i + 2], 16).map_err(|_| invalid());
        return Ok(Color::Rgb(part(0)?, part(2)?, part(4)?));
    }
    ANSI_NAMES
        .iter()
        .position(|n| *n == word)
        .map(|i| Color::Ansi(i as u8))
        .ok_or_else(invalid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_theme_loads_and_has_every_role() {
        let base = load("ansi", &|_| None).unwrap();
        for name in names() {
            let theme = load(name, &|_| None).unwrap();
            assert_eq!(
                theme.styles.keys().collect::<Vec<_>>(),
                base.styles.keys().collect::<Vec<_>>(),
                "{name}"
            );
        }
    }

    #[test]
    fn severities_differ_without_colors() {
        let theme = load("dark", &|_| None).unwrap().without_color();
        assert_eq!(theme.style("error").fg, None);
        assert!(theme.style("error").bold && theme.style("selected").reversed);
        assert_ne!(theme.style("fatal"), theme.style("error"));
    }

    #[test]
    fn circular_inheritance_and_unknown_colors_are_errors() {
        assert!(
            load("a", &|n| Some(format!("inherits = '{n}'\n[style]")))
                .unwrap_err()
                .to_string()
                .contains("circular")
        );
        assert!(
            load("a", &|_| Some("[style]\nx = 'rde'".into()))
                .unwrap_err()
                .to_string()
                .contains("rde")
        );
    }
}
