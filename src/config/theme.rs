//! Themes as data: a style per role, by name, each theme on top of the one that it inherits. Knows no terminal.

use serde::Deserialize;
use std::collections::BTreeMap;

const SHIPPED: &[(&str, &str)] = &[
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// One of the terminal's 16.
    Ansi(u8),
    Rgb(u8, u8, u8),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    pub fg: Option<Colour>,
    pub bg: Option<Colour>,
    pub bold: bool,
    pub underlined: bool,
    pub reversed: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Theme {
    pub name: String,
    styles: BTreeMap<String, Style>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    inherits: Option<String>,
    style: BTreeMap<String, String>,
}

const NAMES: [&str; 16] = [
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
    pub fn style(&self, role: &str) -> Style {
        self.styles.get(role).copied().unwrap_or_default()
    }

    /// The same without colours, for NO_COLOR and terminals that have none: weight and inversion stay.
    pub fn without_colour(mut self) -> Theme {
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

/// Names of the themes that come along.
pub fn names() -> Vec<&'static str> {
    SHIPPED.iter().map(|(n, _)| *n).collect()
}

/// A theme by name; `extra` gives the text of the user's own ones.
pub fn load(name: &str, extra: &dyn Fn(&str) -> Option<String>) -> Result<Theme, String> {
    let mut styles = BTreeMap::new();
    let mut chain = vec![name.to_string()];
    let mut files = Vec::new();
    while let Some(next) = chain.pop() {
        if files.len() > 8 {
            return Err(format!("theme '{name}' inherits in a circle"));
        }
        let shipped = SHIPPED
            .iter()
            .find(|(n, _)| *n == next)
            .map(|(_, t)| (*t).to_string());
        let text = extra(&next)
            .or(shipped)
            .ok_or_else(|| format!("unknown theme '{next}'; known are: {}", names().join(", ")))?;
        let file: File =
            toml::from_str(&text).map_err(|e| format!("theme '{next}': {}", e.message()))?;
        chain.extend(file.inherits.clone());
        files.push(file);
    }
    for file in files.into_iter().rev() {
        for (role, text) in file.style {
            let style = parse(&text).map_err(|e| format!("theme '{name}', {role}: {e}"))?;
            styles.insert(role, style);
        }
    }
    Ok(Theme {
        name: name.to_string(),
        styles,
    })
}

/// `red on black bold`: a colour, `on` another, and weights.
fn parse(text: &str) -> Result<Style, String> {
    let mut style = Style::default();
    let mut ground = false;
    for word in text.split_whitespace() {
        match word {
            "on" => ground = true,
            "bold" => style.bold = true,
            "underlined" => style.underlined = true,
            "reversed" => style.reversed = true,
            word => {
                let colour = Some(colour(word)?);
                if std::mem::take(&mut ground) {
                    style.bg = colour
                } else {
                    style.fg = colour
                }
            }
        }
    }
    Ok(style)
}

fn colour(word: &str) -> Result<Colour, String> {
    let wrong = || format!("'{word}' is no colour");
    if let Some(hex) = word
        .strip_prefix('#')
        .filter(|h| h.len() == 6 && h.is_ascii())
    {
        let part = |i: usize| u8::from_str_radix(&hex[i..i + 2], 16).map_err(|_| wrong());
        return Ok(Colour::Rgb(part(0)?, part(2)?, part(4)?));
    }
    NAMES
        .iter()
        .position(|n| *n == word)
        .map(|i| Colour::Ansi(i as u8))
        .ok_or_else(wrong)
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
    fn severity_is_told_without_colour() {
        let theme = load("dark", &|_| None).unwrap().without_colour();
        assert_eq!(theme.style("error").fg, None);
        assert!(theme.style("error").bold && theme.style("selected").reversed);
        assert_ne!(theme.style("fatal"), theme.style("error"));
    }

    #[test]
    fn circles_and_unknown_colours_are_errors() {
        assert!(
            load("a", &|n| Some(format!("inherits = '{n}'\n[style]")))
                .unwrap_err()
                .contains("circle")
        );
        assert!(
            load("a", &|_| Some("[style]\nx = 'rde'".into()))
                .unwrap_err()
                .contains("rde")
        );
    }
}
