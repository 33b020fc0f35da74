//! Reads the source files of the project: which modules they import, and circles of imports.
//! Knows nothing about the rooms.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// A Rust file.
#[derive(Clone, Debug)]
pub struct Source {
    /// Path in the project.
    pub path: String,
    /// Its module, from the root: `["tui", "state"]`.
    pub module: Vec<String>,
    /// It is the `mod.rs` of its folder.
    pub is_mod: bool,
    pub text: String,
}

impl Source {
    /// The text without comments and without its tests.
    pub fn code(&self) -> String {
        let end = self.text.find("#[cfg(test)]").unwrap_or(self.text.len());
        let lines = self.text[..end]
            .lines()
            .filter(|l| !l.trim_start().starts_with("//"));
        lines
            .map(|l| l.split(" // ").next().unwrap_or(l))
            .collect::<Vec<_>>()
            .join("\n")
    }
}

fn walk(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            walk(&path, out)
        } else {
            out.push(path)
        }
    }
}

fn files(folder: &str, extension: &str) -> Vec<(String, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    walk(&root.join(folder), &mut paths);
    paths.retain(|p| p.extension().is_some_and(|e| e == extension));
    paths.sort();
    let name = |p: &PathBuf| p.strip_prefix(root).unwrap().display().to_string();
    paths.into_iter().map(|p| (name(&p), p)).collect()
}

/// The Rust files of a folder, sorted by path.
pub fn sources(folder: &str) -> Vec<Source> {
    let source = |(path, file): (String, PathBuf)| {
        let inside = path
            .strip_prefix(&format!("{folder}/"))
            .unwrap()
            .trim_end_matches(".rs");
        let mut module: Vec<String> = inside.split('/').map(String::from).collect();
        let is_mod = module.last().is_some_and(|m| m == "mod");
        if is_mod || inside == "lib" || inside == "main" {
            module.pop();
        }
        Source {
            path,
            module,
            is_mod,
            text: fs::read_to_string(file).unwrap(),
        }
    };
    files(folder, "rs").into_iter().map(source).collect()
}

/// Path and text of the data files that are compiled in, except the formats of logs.
pub fn data_files(folder: &str) -> Vec<(String, String)> {
    let all = files(folder, "toml")
        .into_iter()
        .chain(files(folder, "txt"));
    all.filter(|(path, _)| !path.contains("/formats/"))
        .map(|(path, file)| (path, fs::read_to_string(file).unwrap()))
        .collect()
}

/// All paths that a file names with `crate::`, `super::` or `self::`, from the root; in the order
/// of the text. In a `mod.rs`, also those that begin with a module of its own.
pub fn imports(file: &Source) -> Vec<Vec<String>> {
    let code = file.code();
    let mut parent = file.module.clone();
    if !file.is_mod {
        parent.pop();
    }
    let mut starts: Vec<(String, Vec<String>)> = vec![("crate".into(), vec![])];
    starts.push(("self".into(), file.module.clone()));
    let above = if file.is_mod {
        parent[..parent.len().saturating_sub(1)].to_vec()
    } else {
        parent
    };
    starts.push(("super".into(), above));
    let child = regex::Regex::new(r"(?m)^\s*(?:pub(?:\([^)]*\))? )?mod (\w+);").unwrap();
    for c in child.captures_iter(&code) {
        let module = file
            .module
            .iter()
            .cloned()
            .chain([c[1].to_string()])
            .collect();
        starts.push((c[1].to_string(), module));
    }
    let word = regex::Regex::new(r"(^|[^\w:])(\w+)::").unwrap();
    let mut out = Vec::new();
    for c in word.captures_iter(&code) {
        let name = c.get(2).unwrap();
        if let Some((_, base)) = starts.iter().find(|(start, _)| start == name.as_str()) {
            tree(&code[name.end() + 2..], base, &mut out);
        }
    }
    out
}

/// Reads `a::b`, `{a, b::c}` or a mix of both. Returns the length that was read.
fn tree(text: &str, base: &[String], out: &mut Vec<Vec<String>>) -> usize {
    let mut path = base.to_vec();
    let mut at = 0;
    loop {
        at += text[at..].len() - text[at..].trim_start().len();
        if text[at..].starts_with('{') {
            return at + group(&text[at..], &path, out);
        }
        let name: String = text[at..]
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        at += name.len();
        match name.as_str() {
            "self" | "" => {}
            "super" => drop(path.pop()),
            name => path.push(name.to_string()),
        }
        if !text[at..].starts_with("::") {
            out.push(path);
            return at;
        }
        at += 2;
    }
}

/// Reads a group in braces.
fn group(text: &str, base: &[String], out: &mut Vec<Vec<String>>) -> usize {
    let mut at = 1;
    while at < text.len() {
        let rest = &text[at..];
        match rest.chars().next() {
            Some('}') | None => return at + 1,
            Some(c) if c == ',' || c == '*' || c.is_whitespace() => at += c.len_utf8(),
            Some(c) if c.is_alphanumeric() || c == '_' => {
                at += tree(rest, base, out);
                // The rest of an item, such as `as x`.
                at += text[at..].find([',', '}']).unwrap_or(0);
            }
            Some(_) => return at,
        }
    }
    at
}

/// Circles of files of one room, each as a chain of paths.
pub fn circles(files: &[Source]) -> Vec<String> {
    let by_module: BTreeMap<&[String], usize> = files
        .iter()
        .enumerate()
        .map(|(i, f)| (f.module.as_slice(), i))
        .collect();
    let edges: Vec<BTreeSet<usize>> = files
        .iter()
        .enumerate()
        .map(|(i, file)| {
            let targets = imports(file)
                .into_iter()
                .filter_map(|path| resolve(files, &by_module, &path));
            let same_room = |t: &usize| files[*t].module.first() == file.module.first();
            targets.filter(|t| *t != i).filter(same_room).collect()
        })
        .collect();
    let mut found = Vec::new();
    let mut done = BTreeSet::new();
    for start in 0..files.len() {
        if let Some(chain) = circle(start, &edges, &mut done) {
            found.push(
                chain
                    .iter()
                    .map(|i| files[*i].label())
                    .collect::<Vec<_>>()
                    .join(" -> "),
            );
        }
    }
    found
}

impl Source {
    fn label(&self) -> String {
        if self.path.is_empty() {
            self.module.join("::")
        } else {
            self.path.clone()
        }
    }
}

/// The file that a path leads to: that of its longest part that is a module. An item that a
/// `mod.rs` only passes on belongs to the file that it comes from.
fn resolve(
    files: &[Source],
    by_module: &BTreeMap<&[String], usize>,
    path: &[String],
) -> Option<usize> {
    let length = (1..=path.len())
        .rev()
        .find(|n| by_module.contains_key(&path[..*n]))?;
    let file = by_module[&path[..length]];
    let item = path.get(length)?;
    let passed_on = |p: &Vec<String>| p.len() > length + 1 && p.last() == Some(item);
    if files[file].is_mod && is_passed_on(&files[file], item) {
        let from = imports(&files[file]).into_iter().find(passed_on)?;
        return resolve(files, by_module, &from);
    }
    Some(file)
}

/// A `mod.rs` names the item in a `pub use`.
fn is_passed_on(file: &Source, item: &str) -> bool {
    let uses = regex::Regex::new(r"(?s)pub(?:\([^)]*\))? use ([^;]*);").unwrap();
    let word = regex::Regex::new(&format!(r"\b{item}\b")).unwrap();
    let code = file.code();
    uses.captures_iter(&code).any(|c| word.is_match(&c[1]))
}

/// A circle that can be reached from a file. `done`: files that are known to lead to none.
fn circle(
    start: usize,
    edges: &[BTreeSet<usize>],
    done: &mut BTreeSet<usize>,
) -> Option<Vec<usize>> {
    fn visit(
        at: usize,
        edges: &[BTreeSet<usize>],
        path: &mut Vec<usize>,
        done: &mut BTreeSet<usize>,
    ) -> Option<Vec<usize>> {
        if let Some(first) = path.iter().position(|p| *p == at) {
            let mut circle = path[first..].to_vec();
            circle.push(at);
            done.extend(&circle);
            return Some(circle);
        }
        if done.contains(&at) {
            return None;
        }
        path.push(at);
        for next in &edges[at] {
            if let Some(found) = visit(*next, edges, path, done) {
                return Some(found);
            }
        }
        path.pop();
        done.insert(at);
        None
    }
    visit(start, edges, &mut Vec::new(), done)
}
