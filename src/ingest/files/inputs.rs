//! The files that the paths and globs of the user name. Opens none of them.

use crate::model::Failure;
use std::io;
use std::path::{Path, PathBuf};

/// Expands globs and directories in `paths`. Returns the files sorted by name, without duplicates.
pub fn files(paths: &[PathBuf], failed: &mut dyn FnMut(Failure)) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in paths {
        let text = path.to_string_lossy();
        if path.exists() || path.is_symlink() {
            expand(path, &mut found, failed);
        } else if text.contains(['*', '?', '[']) {
            let before = found.len();
            glob(&text, &mut found, failed);
            if found.len() == before {
                failed(Failure {
                    name: text.into_owned(),
                    reason: "no file matches this pattern".into(),
                });
            }
        } else {
            failed(Failure {
                name: text.into_owned(),
                reason: "no such file or directory".into(),
            });
        }
    }
    found.sort();
    found.dedup();
    found
}

fn expand(path: &Path, found: &mut Vec<PathBuf>, failed: &mut dyn FnMut(Failure)) {
    if !path.is_dir() {
        found.push(path.to_path_buf());
        return;
    }
    let root = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    for entry in walkdir::WalkDir::new(path) {
        match entry {
            Ok(e) if e.depth() == 0 || e.file_type().is_dir() => {}
            Ok(e) if e.path_is_symlink() => link(e.path(), &root, failed),
            Ok(e) => found.push(e.into_path()),
            Err(e) => {
                let name = e.path().unwrap_or(path).display().to_string();
                let reason = e.io_error().map_or_else(|| e.to_string(), reason);
                failed(Failure { name, reason });
            }
        }
    }
}

/// True if a link leads to a folder that contains it.
fn is_loop(link: &Path, target: &Path) -> bool {
    let folder = link.parent().and_then(|p| p.canonicalize().ok());
    folder.is_some_and(|f| f.starts_with(target))
}

/// Reports a symbolic link in a folder. What it points to is read at its own place, if it is in the
/// folder, and not at all otherwise.
fn link(path: &Path, root: &Path, failed: &mut dyn FnMut(Failure)) {
    let reason = match path.canonicalize() {
        Ok(target) if is_loop(path, &target) => {
            "a symbolic link to a parent folder (loop); not followed".into()
        }
        Ok(target) if target.starts_with(root) => return,
        Ok(target) => format!(
            "a symbolic link out of the opened folder, to {}; not followed: open that path to read it",
            target.display()
        ),
        Err(e) => reason(&e),
    };
    failed(Failure {
        name: path.display().to_string(),
        reason,
    });
}

fn glob(pattern: &str, found: &mut Vec<PathBuf>, failed: &mut dyn FnMut(Failure)) {
    let fixed: PathBuf = Path::new(pattern)
        .components()
        .take_while(|c| !c.as_os_str().to_string_lossy().contains(['*', '?', '[']))
        .collect();
    let root = if fixed.as_os_str().is_empty() {
        PathBuf::from(".")
    } else {
        fixed.clone()
    };
    match globset::GlobBuilder::new(pattern)
        .literal_separator(true)
        .build()
    {
        Ok(glob) => {
            let matcher = glob.compile_matcher();
            // Only `**` matches deeper folders than the pattern names.
            let depth = Path::new(pattern).components().count();
            let depth = depth.saturating_sub(fixed.components().count());
            let deepest = if pattern.contains("**") {
                usize::MAX
            } else {
                depth
            };
            // As in a shell, a folder on the way can be a link; `**` does not follow links.
            let walk = walkdir::WalkDir::new(&root)
                .max_depth(deepest)
                .follow_links(deepest != usize::MAX);
            for entry in walk.into_iter().flatten() {
                let path = entry.path();
                let shown = path.strip_prefix("./").unwrap_or(path);
                if !matcher.is_match(shown) && !matcher.is_match(path) {
                    continue;
                }
                if path.is_symlink() && path.is_dir() {
                    failed(Failure {
                        name: path.display().to_string(),
                        reason: "a symbolic link to a folder; not followed: name it to read it"
                            .into(),
                    });
                } else {
                    expand(path, found, failed);
                }
            }
        }
        Err(e) => failed(Failure {
            name: pattern.into(),
            reason: format!("invalid pattern: {e}"),
        }),
    }
}

/// Describes an I/O error to the user.
pub fn reason(e: &io::Error) -> String {
    match e.kind() {
        io::ErrorKind::NotFound => "no such file (deleted, or a broken symbolic link)".into(),
        io::ErrorKind::PermissionDenied => {
            "permission denied: run as a user who can read it".into()
        }
        io::ErrorKind::UnexpectedEof => {
            "the compressed data ends too soon; the part before that is kept".into()
        }
        _ if e.to_string().contains("checksum") => {
            "the checksum does not match: the data is damaged; what could be decompressed is kept"
                .into()
        }
        _ => e.to_string(),
    }
}
