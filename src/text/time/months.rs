//! Names of months, in full or shortened, in the languages in which log frameworks print dates.
//! Knows nothing about notations.

use rustc_hash::FxHashMap;

/// Months as `number name name ...`: short names, and full names of some languages.
const NAMES: &str = "\
1 jan janv ene gen sty led sij янв januar januari janvier enero gennaio janeiro января 1月
2 feb fev fév févr lut úno фев februar februari février febrero febbraio fevereiro февраля 2月
3 mar mär mrz mrt mars maa мар märz maart marzo março марта 3月
4 apr avr abr kwi dub апр avril abril aprile апреля 4月
5 may mai mag maj mei май мая mayo maggio maio 5月
6 jun juin giu cze июн juni junio giugno junho июня 6月
7 jul juil lug lip srp июл juli juillet julio luglio julho июля 7月
8 aug aoû août ago sie авг augustus agosto августа 8月
9 sep sept set wrz zář сен septembre septiembre settembre setembro сентября 9月
10 oct okt ott out paź říj окт oktober octobre octubre ottobre outubro октября 10月
11 nov lis ноя novembre noviembre novembro ноября 11月
12 dec dez des dic déc gru pro дек dezember décembre diciembre dicembre dezembro декабря 12月";

/// Longest name in bytes.
const MAX_NAME: usize = 20;

/// Number of each name.
fn names() -> &'static FxHashMap<&'static [u8], u32> {
    static TABLE: std::sync::OnceLock<FxHashMap<&[u8], u32>> = std::sync::OnceLock::new();
    TABLE.get_or_init(|| {
        let rows = NAMES.lines().zip(1..);
        rows.flat_map(|(line, number)| {
            let names = line.split(' ').skip(1);
            names.map(move |name| (name.as_bytes(), number))
        })
        .collect()
    })
}

/// Number of the month whose name starts `text`, and the length of the name in bytes.
pub fn month(text: &[u8]) -> Option<(u32, usize)> {
    // English names are nearly all: they need no table.
    if let Some(found) = english(text) {
        return Some(found);
    }
    let letters = text
        .iter()
        .take(MAX_NAME + 1)
        .take_while(|b| b.is_ascii_alphanumeric() || **b >= 0x80)
        .count();
    let word = text.get(..letters).filter(|w| w.len() <= MAX_NAME)?;
    let number = if word.is_ascii() {
        let mut lower = [0u8; MAX_NAME];
        lower[..letters].copy_from_slice(word);
        lower.make_ascii_lowercase();
        names().get(&lower[..letters])
    } else {
        let lower = std::str::from_utf8(word).ok()?.to_lowercase();
        names().get(lower.as_bytes())
    };
    let period = usize::from(text.get(letters) == Some(&b'.'));
    Some((*number?, letters + period))
}

fn english(text: &[u8]) -> Option<(u32, usize)> {
    const NAMES: [&[u8]; 12] = [
        b"january",
        b"february",
        b"march",
        b"april",
        b"may",
        b"june",
        b"july",
        b"august",
        b"september",
        b"october",
        b"november",
        b"december",
    ];
    let letters = text
        .iter()
        .take(10)
        .take_while(|b| b.is_ascii_alphabetic() || **b >= 0x80)
        .count();
    let word = text.get(..letters).filter(|w| w.len() >= 3)?;
    let i = NAMES.iter().position(|n| {
        n.get(..word.len())
            .is_some_and(|head| head.eq_ignore_ascii_case(word))
    })?;
    Some((i as u32 + 1, letters))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_of_several_languages_are_known() {
        for (text, want) in [
            ("Mar 1", (3, 3)),
            ("March 1", (3, 5)),
            ("Sept 1", (9, 4)),
            ("Mär-2024", (3, 4)),
            ("déc. 2024", (12, 5)),
            ("set-2024", (9, 3)),
            ("Okt 3", (10, 3)),
            ("мая 2024", (5, 6)),
        ] {
            assert_eq!(month(text.as_bytes()), Some(want), "{text}");
        }
        for text in ["Marble 1", "Decoder", "x", "", "mb 3"] {
            assert_eq!(month(text.as_bytes()), None, "{text}");
        }
    }
}
