//! Paths -> members with a plain stream each: directories, globs, compressed files, archives in archives.
//! Nothing is ever unpacked to disk; names inside archives are labels, never paths. Knows no formats of lines.

use super::decode::{self, Content};
use crate::model::Failure;
use std::fs::File;
use std::io::{self, BufRead, Read, Seek};
use std::path::{Path, PathBuf};

/// Bounds on hostile archives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Bytes out per byte in, once more than 64 MB came out.
    pub ratio: u64,
    pub depth: u32,
    pub members: u64,
    /// Bytes out, all members of all archives together.
    pub bytes: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            ratio: 1_500,
            depth: 8,
            members: 500_000,
            bytes: 1 << 40,
        }
    }
}

/// A nested zip must be held in memory (it is read from its end); larger ones are refused.
const MAX_NESTED_ZIP: u64 = 512 << 20;
const RATIO_FREE: u64 = 64 << 20;

/// What a member's bytes come from.
pub enum Body<'r> {
    /// A plain file, read in place.
    File(PathBuf),
    /// Decompressed on the fly.
    Stream(&'r mut dyn Read),
}

pub struct Member<'r> {
    pub name: String,
    /// Seconds since 1970.
    pub mtime: Option<u64>,
    pub body: Body<'r>,
}

/// Takes the members in order. `keep_going` turns false when the user cancels.
pub trait Visitor {
    fn member(&mut self, member: Member<'_>) -> io::Result<()>;
    fn failed(&mut self, failure: Failure);
    fn keep_going(&self) -> bool;
}

/// The files that `paths` name: globs filled in, directories walked, sorted by name, each once.
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
    for entry in walkdir::WalkDir::new(path).follow_links(true) {
        match entry {
            Ok(e) if e.file_type().is_dir() => {}
            Ok(e) => found.push(e.into_path()),
            Err(e) => {
                let name = e.path().unwrap_or(path).display().to_string();
                let reason = if e.loop_ancestor().is_some() {
                    "a link back to a directory above it (loop); not followed".to_string()
                } else {
                    e.io_error().map_or_else(|| e.to_string(), reason)
                };
                failed(Failure { name, reason });
            }
        }
    }
}

fn glob(pattern: &str, found: &mut Vec<PathBuf>, failed: &mut dyn FnMut(Failure)) {
    let fixed: PathBuf = Path::new(pattern)
        .components()
        .take_while(|c| !c.as_os_str().to_string_lossy().contains(['*', '?', '[']))
        .collect();
    let root = if fixed.as_os_str().is_empty() {
        PathBuf::from(".")
    } else {
        fixed
    };
    match globset::GlobBuilder::new(pattern)
        .literal_separator(true)
        .build()
    {
        Ok(glob) => {
            let matcher = glob.compile_matcher();
            for entry in walkdir::WalkDir::new(&root)
                .follow_links(true)
                .into_iter()
                .flatten()
            {
                let path = entry.path();
                let shown = path.strip_prefix("./").unwrap_or(path);
                if matcher.is_match(shown) || matcher.is_match(path) {
                    expand(path, found, failed);
                }
            }
        }
        Err(e) => failed(Failure {
            name: pattern.into(),
            reason: format!("not a usable pattern: {e}"),
        }),
    }
}

/// An I/O error in words a tired person understands.
pub fn reason(e: &io::Error) -> String {
    match e.kind() {
        io::ErrorKind::NotFound => "no such file (it vanished, or a link leads nowhere)".into(),
        io::ErrorKind::PermissionDenied => {
            "permission denied: run as a user who may read it".into()
        }
        io::ErrorKind::UnexpectedEof => {
            "the compressed data ends too soon; what came before is kept".into()
        }
        _ => e.to_string(),
    }
}

pub struct Walk<'v> {
    pub limits: Limits,
    pub visitor: &'v mut dyn Visitor,
    members: u64,
    bytes: u64,
}

impl<'v> Walk<'v> {
    pub fn new(limits: Limits, visitor: &'v mut dyn Visitor) -> Walk<'v> {
        Walk {
            limits,
            visitor,
            members: 0,
            bytes: 0,
        }
    }

    fn fail(&mut self, name: &str, reason: impl Into<String>) {
        self.visitor.failed(Failure {
            name: name.to_string(),
            reason: reason.into(),
        });
    }

    /// Visits one file of the file system.
    pub fn file(&mut self, path: &Path) {
        let name = path.display().to_string();
        if let Err(e) = self.try_file(path, &name) {
            self.fail(&name, reason(&e));
        }
    }

    fn try_file(&mut self, path: &Path, name: &str) -> io::Result<()> {
        let meta = std::fs::metadata(path)?;
        if !meta.is_file() {
            return Err(io::Error::other(
                "not a regular file (FIFO, socket or device); pipe it in with '-' instead",
            ));
        }
        let mtime = meta
            .modified()
            .ok()
            .and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok())
            .map(|d| d.as_secs());
        let (head, input) = decode::probe(File::open(path)?)?;
        match decode::content(&head) {
            Content::Text => self.visitor.member(Member {
                name: name.into(),
                mtime,
                body: Body::File(path.to_path_buf()),
            }),
            Content::Zip => {
                let mut file = File::open(path)?;
                file.rewind()?;
                self.zip(name, file, 1)
            }
            content => self.content(name, mtime, content, input, 0),
        }
    }

    /// Visits a stream such as standard input.
    pub fn stream(&mut self, name: &str, mtime: Option<u64>, input: &mut dyn Read) {
        if let Err(e) = self.try_stream(name, mtime, input, 0) {
            self.fail(name, reason(&e));
        }
    }

    fn try_stream(
        &mut self,
        name: &str,
        mtime: Option<u64>,
        input: &mut dyn Read,
        depth: u32,
    ) -> io::Result<()> {
        let (head, input) = decode::probe(input)?;
        self.content(name, mtime, decode::content(&head), input, depth)
    }

    fn content(
        &mut self,
        name: &str,
        mtime: Option<u64>,
        content: Content,
        mut input: Box<dyn BufRead + '_>,
        depth: u32,
    ) -> io::Result<()> {
        if depth > self.limits.depth {
            return Err(io::Error::other(format!(
                "archives nested more than {} deep (--max-depth)",
                self.limits.depth
            )));
        }
        match content {
            Content::Text => self.visitor.member(Member {
                name: name.into(),
                mtime,
                body: Body::Stream(&mut input),
            }),
            Content::Tar => self.tar(name, input, depth),
            Content::Zip => self.nested_zip(name, input, depth),
            Content::Utf16(_) => {
                let mut plain = decode::plain(content, input)?;
                self.visitor.member(Member {
                    name: name.into(),
                    mtime,
                    body: Body::Stream(&mut plain),
                })
            }
            _ => {
                let counted = Counted {
                    input,
                    seen: std::rc::Rc::default(),
                };
                let seen = counted.seen.clone();
                let plain =
                    decode::plain(content, io::BufReader::with_capacity(128 * 1024, counted))?;
                let budget = self.limits.bytes.saturating_sub(self.bytes);
                let mut guarded = Guarded {
                    input: plain,
                    seen,
                    out: 0,
                    ratio: self.limits.ratio,
                    budget,
                };
                let result = self.try_stream(name, mtime, &mut guarded, depth + 1);
                self.bytes += guarded.out;
                result
            }
        }
    }

    fn count_member(&mut self) -> io::Result<()> {
        self.members += 1;
        if self.members > self.limits.members {
            return Err(io::Error::other(format!(
                "more than {} members (--max-members)",
                self.limits.members
            )));
        }
        Ok(())
    }

    fn tar(&mut self, name: &str, input: impl Read, depth: u32) -> io::Result<()> {
        let mut archive = tar::Archive::new(input);
        for entry in archive.entries()? {
            if !self.visitor.keep_going() {
                return Ok(());
            }
            self.count_member()?;
            let mut entry = entry?;
            let kind = entry.header().entry_type();
            let inside = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let label = self.label(name, &inside);
            if kind.is_symlink() || kind.is_hard_link() {
                continue;
            }
            if !kind.is_file() && !kind.is_contiguous() && !kind.is_gnu_sparse() {
                continue;
            }
            let mtime = entry.header().mtime().ok().filter(|t| *t > 0);
            if let Err(e) = self.try_stream(&label, mtime, &mut entry, depth + 1) {
                self.fail(&label, reason(&e));
                if e.kind() == io::ErrorKind::UnexpectedEof {
                    return Err(e);
                }
            }
        }
        Ok(())
    }

    fn zip(&mut self, name: &str, input: impl Read + Seek, depth: u32) -> io::Result<()> {
        let broken = |e: zip::result::ZipError| io::Error::other(format!("broken zip: {e}"));
        let mut archive = zip::ZipArchive::new(input).map_err(broken)?;
        for i in 0..archive.len() {
            if !self.visitor.keep_going() {
                return Ok(());
            }
            self.count_member()?;
            let mut entry = match archive.by_index(i) {
                Ok(entry) => entry,
                Err(e) => {
                    self.fail(&format!("{name}: member {i}"), broken(e).to_string());
                    continue;
                }
            };
            if entry.is_dir() || entry.is_symlink() {
                continue;
            }
            let label = self.label(name, &String::from_utf8_lossy(entry.name_raw()));
            let seen = std::rc::Rc::new(std::cell::Cell::new(entry.compressed_size()));
            let budget = self.limits.bytes.saturating_sub(self.bytes);
            let mut guarded = Guarded {
                input: Box::new(&mut entry),
                seen,
                out: 0,
                ratio: self.limits.ratio,
                budget,
            };
            let result = self.try_stream(&label, None, &mut guarded, depth + 1);
            self.bytes += guarded.out;
            if let Err(e) = result {
                self.fail(&label, reason(&e));
            }
        }
        Ok(())
    }

    fn nested_zip(&mut self, name: &str, input: impl Read, depth: u32) -> io::Result<()> {
        let mut bytes = Vec::new();
        input.take(MAX_NESTED_ZIP + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_NESTED_ZIP {
            return Err(io::Error::other(
                "a zip of more than 512 MB inside another archive: unpack it first",
            ));
        }
        self.zip(name, io::Cursor::new(bytes), depth)
    }

    /// Name under which a member is shown; ways out of the archive are taken out and reported.
    fn label(&mut self, archive: &str, inside: &str) -> String {
        let clean: Vec<&str> = inside
            .split(['/', '\\'])
            .filter(|p| !p.is_empty() && *p != "." && *p != "..")
            .collect();
        let label = format!("{archive}/{}", clean.join("/"));
        if inside.starts_with('/') || inside.split(['/', '\\']).any(|p| p == "..") {
            self.fail(
                &label,
                "its name in the archive points outside of it; read under a cleaned name",
            );
        }
        label
    }
}

/// Counts the compressed bytes that were read.
struct Counted<R> {
    input: R,
    seen: std::rc::Rc<std::cell::Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let n = self.input.read(out)?;
        self.seen.set(self.seen.get() + n as u64);
        Ok(n)
    }
}

/// Stops a decompression bomb.
struct Guarded<'r> {
    input: Box<dyn Read + 'r>,
    seen: std::rc::Rc<std::cell::Cell<u64>>,
    out: u64,
    ratio: u64,
    budget: u64,
}

impl Read for Guarded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.input.read(buffer)?;
        self.out += n as u64;
        if self.out > RATIO_FREE && self.out / self.seen.get().max(1) > self.ratio {
            return Err(io::Error::other(format!(
                "expands more than {} times: a bomb? (--max-ratio)",
                self.ratio
            )));
        }
        if self.out > self.budget {
            return Err(io::Error::other("more bytes than --max-bytes allows"));
        }
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[derive(Default)]
    struct Seen {
        members: Vec<(String, String)>,
        failures: Vec<Failure>,
    }

    impl Visitor for Seen {
        fn member(&mut self, member: Member<'_>) -> io::Result<()> {
            let mut bytes = Vec::new();
            let result = match member.body {
                Body::File(path) => std::fs::File::open(path)?.read_to_end(&mut bytes),
                Body::Stream(stream) => stream.read_to_end(&mut bytes),
            };
            self.members.push((
                member.name,
                String::from_utf8_lossy(&bytes[..bytes.len().min(100)]).into_owned(),
            ));
            result.map(|_| ())
        }
        fn failed(&mut self, failure: Failure) {
            self.failures.push(failure);
        }
        fn keep_going(&self) -> bool {
            true
        }
    }

    fn walk(bytes: &[u8], limits: Limits) -> Seen {
        let mut seen = Seen::default();
        Walk::new(limits, &mut seen).stream("x", None, &mut &bytes[..]);
        seen
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut e = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        e.write_all(bytes).unwrap();
        e.finish().unwrap()
    }

    fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut b = tar::Builder::new(Vec::new());
        for (name, body) in members {
            let mut h = tar::Header::new_gnu();
            h.set_size(body.len() as u64);
            h.set_mode(0o644);
            h.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            h.set_cksum();
            b.append(&h, *body).unwrap();
        }
        b.into_inner().unwrap()
    }

    #[test]
    fn archives_in_archives_are_streamed() {
        let inner = gzip(b"deep\n");
        let mut zip = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
        zip.start_file("t/a.tar.gz", zip::write::SimpleFileOptions::default())
            .unwrap();
        zip.write_all(&gzip(&tar(&[("a.log.gz", &inner), ("b.log", b"plain\n")])))
            .unwrap();
        let seen = walk(&zip.finish().unwrap().into_inner(), Limits::default());
        assert_eq!(
            seen.members,
            [
                ("x/t/a.tar.gz/a.log.gz".into(), "deep\n".into()),
                ("x/t/a.tar.gz/b.log".into(), "plain\n".into())
            ]
        );
        assert!(seen.failures.is_empty());
    }

    #[test]
    fn what_came_before_a_break_is_kept() {
        let whole = gzip("a line of text\n".repeat(50_000).as_bytes());
        let seen = walk(&whole[..whole.len() / 2], Limits::default());
        assert!(seen.members[0].1.starts_with("a line"));
        assert!(
            seen.failures[0].reason.contains("ends too soon"),
            "{:?}",
            seen.failures
        );
    }

    #[test]
    fn names_that_climb_out_are_cleaned_and_reported() {
        let seen = walk(
            &tar(&[("../../etc/passwd", b"x\n"), ("/abs", b"y\n")]),
            Limits::default(),
        );
        assert_eq!(seen.members[0].0, "x/etc/passwd");
        assert_eq!(seen.failures.len(), 2);
    }

    #[test]
    fn bombs_are_stopped() {
        let bomb = gzip(&vec![b'a'; 80 << 20]);
        let seen = walk(
            &bomb,
            Limits {
                ratio: 100,
                ..Limits::default()
            },
        );
        assert!(seen.failures[0].reason.contains("max-ratio"));
        let mut nest = b"x\n".to_vec();
        for _ in 0..6 {
            nest = gzip(&nest);
        }
        assert!(
            walk(
                &nest,
                Limits {
                    depth: 3,
                    ..Limits::default()
                }
            )
            .failures[0]
                .reason
                .contains("max-depth")
        );
    }
}
