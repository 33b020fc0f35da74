//! Checks the architecture: which rooms import which, that no files of a room import each other in
//! a circle, and the sizes. Reads the source files and names what is wrong, file by file.

#[path = "support/source.rs"]
mod source;

use source::{Source, circles, imports, sources};
use std::collections::{BTreeMap, BTreeSet};

/// The rooms in the order in which data flows. A room imports only rooms of earlier rows.
const ROOMS: &[&[&str]] = &[
    &["model"],
    &["text"],
    &["config"],
    &["kube"],
    &["ingest", "mine", "index", "detect", "diagnose", "remediate"],
    &["corpus"],
    &["analysis"],
    &["cluster"],
    &["chat"],
    &["cli", "tui"],
];

/// The parts of the terminal UI, in the same way.
const TUI: &[&[&str]] = &[
    &["state"],
    &["layout"],
    &["panes"],
    &["update", "view"],
    &["driver"],
];

/// What the faces may import; `cli` also starts the `tui`.
const FACES: &[(&str, &[&str])] = &[
    (
        "cli",
        &[
            "model", "text", "config", "corpus", "analysis", "cluster", "chat", "tui",
        ],
    ),
    (
        "tui",
        &[
            "model", "text", "config", "corpus", "analysis", "cluster", "chat",
        ],
    ),
];

/// Most lines of a file, and of a room. For `tui` and `ingest`, of each of their folders.
const FILE_LINES: usize = 500;
const ROOM_LINES: usize = 5000;

fn row(order: &[&[&str]], room: &str) -> Option<usize> {
    order.iter().position(|row| row.contains(&room))
}

/// Imports that go upward in an order of rooms. `depth`: which part of the path names the room.
fn upward(files: &[Source], order: &[&[&str]], depth: usize) -> Vec<String> {
    let mut wrong = Vec::new();
    for file in files {
        let Some(own) = file.module.get(depth) else {
            continue;
        };
        let Some(own_row) = row(order, own) else {
            continue;
        };
        for target in imports(file)
            .iter()
            .filter(|t| t[..depth] == file.module[..depth])
        {
            let Some(other) = target.get(depth) else {
                continue;
            };
            let Some(other_row) = row(order, other) else {
                continue;
            };
            let face = FACES.iter().find(|(name, _)| depth == 0 && name == own);
            let is_allowed = own == other
                || face.map_or(other_row < own_row, |(_, may)| {
                    may.contains(&other.as_str())
                });
            if !is_allowed {
                wrong.push(format!("{}: {own} -> {other}", file.path));
            }
        }
    }
    wrong
}

#[test]
fn rooms_import_only_rooms_before_them() {
    let files = sources("src");
    let rooms: BTreeSet<&str> = files
        .iter()
        .filter_map(|f| f.module.first())
        .map(String::as_str)
        .collect();
    let known: BTreeSet<&str> = ROOMS.concat().into_iter().collect();
    assert_eq!(rooms, known, "a room is missing in ROOMS");
    let wrong = upward(&files, ROOMS, 0);
    assert!(wrong.is_empty(), "forbidden imports:\n{}", wrong.join("\n"));
}

#[test]
fn parts_of_the_terminal_ui_import_only_parts_before_them() {
    let files: Vec<Source> = sources("src")
        .into_iter()
        .filter(|f| f.module.first().is_some_and(|m| m == "tui"))
        .collect();
    let wrong = upward(&files, TUI, 1);
    assert!(
        files.len() > 20 && wrong.is_empty(),
        "forbidden imports:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn no_files_of_a_room_import_each_other_in_a_circle() {
    let found = circles(&sources("src"));
    assert!(found.is_empty(), "circles:\n{}", found.join("\n"));
}

#[test]
fn every_file_has_a_module_comment_and_files_and_rooms_are_small() {
    let mut rooms: BTreeMap<String, usize> = BTreeMap::new();
    for file in sources("src").iter().chain(&sources("tests")) {
        let lines = file.text.lines().count();
        assert!(
            file.text.starts_with("//!"),
            "{} has no //! on line 1",
            file.path
        );
        assert!(lines <= FILE_LINES, "{} has {lines} lines", file.path);
        let parts = ["src/tui/", "src/ingest/files/", "src/analysis/collect/"];
        let depth = if parts.iter().any(|p| file.path.starts_with(p)) {
            2
        } else {
            1
        };
        if file.path.starts_with("src/") {
            *rooms
                .entry(file.module.iter().take(depth).cloned().collect())
                .or_default() += lines;
        }
    }
    let large: Vec<_> = rooms
        .iter()
        .filter(|(_, lines)| **lines > ROOM_LINES)
        .collect();
    assert!(large.is_empty(), "too large: {large:?}");
}

#[test]
fn errors_are_types_outside_the_faces() {
    let is_face = |f: &Source| f.module.first().is_some_and(|m| m == "cli" || m == "tui");
    let stringly = regex::Regex::new(r"Result<[^;{}]*?,\s*(String|&'static str|&str)>").unwrap();
    for file in sources("src").iter().filter(|f| !is_face(f)) {
        let code = file.code();
        let found = stringly.find(&code);
        assert!(
            found.is_none(),
            "{}: {}",
            file.path,
            found.map_or("", |m| m.as_str())
        );
    }
}

/// Names of the systems, services and nodes of public log data sets, and words of their labels.
const DATA_SET_WORDS: &[&str] = &[
    "hdfs",
    "bgl",
    "thunderbird",
    "spirit",
    "liberty",
    "zookeeper",
    "openstack",
    "hadoop",
    "healthapp",
    "proxifier",
    "hpc",
    "loghub",
    "trainticket",
    "ts-order",
    "ts-travel",
    "ts-station",
    "sock shop",
    "sockshop",
    "online boutique",
    "cartservice",
    "checkoutservice",
    "recommendationservice",
    "blk_",
    "r12-m1",
    "dn228",
    "tbird",
    "sn372",
    "ciod",
    "rts panic",
    "dfs.datanode",
    "mapreduce",
    "productcatalog",
    "tt-db",
    "nova-compute",
    "error number 5",
];

#[test]
fn no_word_of_a_data_set_stands_in_the_code() {
    let mut found = Vec::new();
    for file in sources("src")
        .iter()
        .filter(|f| !f.path.contains("/formats/"))
    {
        let code = file.code().to_lowercase();
        let words = DATA_SET_WORDS.iter().filter(|w| contains_word(&code, w));
        found.extend(words.map(|w| format!("{}: {w}", file.path)));
    }
    for (path, text) in source::data_files("src") {
        let text = text.to_lowercase();
        let words = DATA_SET_WORDS.iter().filter(|w| contains_word(&text, w));
        found.extend(words.map(|w| format!("{path}: {w}")));
    }
    assert!(
        found.is_empty(),
        "rules must not be fitted to a data set:\n{}",
        found.join("\n")
    );
}

/// The word stands in the text and is not the inside of a longer word.
fn contains_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric)
            && (word.ends_with('_') || !after.is_some_and(char::is_alphanumeric))
    })
}

#[test]
fn faces_do_not_reach_into_the_state_of_the_corpus() {
    // The other internals are not visible outside their rooms.
    let internal =
        regex::Regex::new(r"corpus\s*\.\s*read\(\)|corpus::lock|\.chunks\b[^(]").unwrap();
    let is_face = |f: &&Source| f.module.first().is_some_and(|m| m == "cli" || m == "tui");
    for file in sources("src").iter().filter(is_face) {
        let code = file.code();
        // Progress of a search: `chunks` and `chunks_done` are numbers there.
        let found = internal
            .find(&code)
            .filter(|_| !file.path.ends_with("status.rs"));
        assert!(
            found.is_none(),
            "{}: {}",
            file.path,
            found.map_or("", |m| m.as_str())
        );
    }
}

#[test]
fn every_form_of_import_is_recognized() {
    let file = |module: &[&str], text: &str| Source {
        path: String::new(),
        module: module.iter().map(|m| (*m).to_string()).collect(),
        is_mod: false,
        text: text.into(),
    };
    let seen = |f: &Source| {
        imports(f)
            .into_iter()
            .map(|p| p.join("::"))
            .collect::<Vec<_>>()
    };
    let f = file(
        &["mine", "a"],
        "use crate::tui::x;\n fn f() { crate::corpus::f(a, super::b::C) }",
    );
    assert_eq!(seen(&f), ["tui::x", "corpus::f", "mine::b::C"]);
    let f = file(&["mine", "a"], "use crate::{mine::x::{self, Y},\n index};");
    assert_eq!(seen(&f), ["mine::x", "mine::x::Y", "index"]);
    assert!(
        imports(&file(
            &["mine", "a"],
            "// use crate::tui;\n#[cfg(test)]\nuse crate::cli;"
        ))
        .is_empty()
    );
    let a = file(&["mine", "a"], "use super::b::B;");
    let b = file(&["mine", "b"], "use crate::mine::c::C;");
    let c = file(&["mine", "c"], "use super::a::A;");
    assert!(circles(&[a.clone(), b.clone()]).is_empty());
    assert_eq!(circles(&[a, b, c]).len(), 1);
}
