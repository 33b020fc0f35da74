//! The law of the house: a room imports only rooms that stand before it, and the stages never import each other.
//! Reads every path in src/ and names the offending arrow.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Rank of a room; rooms of one rank do not know each other.
fn rank(room: &str) -> Option<u32> {
    Some(match room {
        "model" => 0,
        "text" => 1,
        "config" => 2,
        "kube" => 3,
        "ingest" | "mine" | "index" | "detect" | "diagnose" | "remediate" => 4,
        "engine" => 5,
        "chat" => 6,
        "cli" => 7,
        "tui" => 7,
        _ => return None,
    })
}

/// What the faces may import; `cli` may also start the `tui`.
const FACES: &[(&str, &[&str])] = &[
    ("cli", &["model", "text", "config", "engine", "chat", "tui"]),
    ("tui", &["model", "text", "config", "engine", "chat"]),
];

fn sources(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, out);
        } else if path.extension().is_some_and(|e| e == "rs") {
            out.push(path);
        }
    }
}

/// Rooms that a file's text names after `crate::`, also in braces.
fn arrows(text: &str) -> Vec<String> {
    let mut rooms = Vec::new();
    for line in text.lines().filter(|l| !l.trim_start().starts_with("//")) {
        for part in line.split("crate::").skip(1) {
            if let Some(list) = part.strip_prefix('{') {
                let names = list.split('}').next().unwrap_or(list).split(',');
                rooms.extend(names.map(|n| n.trim().split("::").next().unwrap_or("").to_string()));
            } else {
                rooms.push(
                    part.split(|c: char| !c.is_alphanumeric() && c != '_')
                        .next()
                        .unwrap_or("")
                        .to_string(),
                );
            }
        }
    }
    rooms
}

#[test]
fn imports_run_one_way() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&root, &mut files);
    let mut wrong = Vec::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for file in files {
        let inside = file.strip_prefix(&root).unwrap();
        let room = inside
            .components()
            .next()
            .unwrap()
            .as_os_str()
            .to_string_lossy()
            .into_owned();
        let Some(own) = rank(&room) else { continue };
        *seen.entry(room.clone()).or_default() += 1;
        for target in arrows(&fs::read_to_string(&file).unwrap()) {
            let Some(other) = rank(&target) else { continue };
            let face = FACES.iter().find(|(name, _)| *name == room);
            let allowed = target == room
                || face.map_or(other < own, |(_, may)| may.contains(&target.as_str()));
            if !allowed {
                wrong.push(format!("{}: {room} -> {target}", inside.display()));
            }
        }
    }
    assert!(seen.len() >= 8, "rooms found: {seen:?}");
    assert!(
        wrong.is_empty(),
        "arrows against the law:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn every_file_says_what_it_is_for_and_stays_short() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    sources(&root.join("tests"), &mut files);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        assert!(
            text.starts_with("//!"),
            "{} has no //! on line 1",
            file.display()
        );
        assert!(
            text.lines().count() <= 500,
            "{} has more than 500 lines",
            file.display()
        );
    }
}

#[test]
fn the_checker_sees_every_form_of_import() {
    assert_eq!(
        arrows("use crate::tui::x;\n    crate::engine::f(a, crate::mine::b);"),
        ["tui", "engine", "mine"]
    );
    assert_eq!(arrows("use crate::{mine::x, index};"), ["mine", "index"]);
    assert!(arrows("// use crate::tui").is_empty());
}
