//! Finds all members of directories, globs, compressed files and nested archives, and opens a
//! stream of decoded bytes for each. Never extracts to disk: names inside archives are labels, not
//! paths. Knows nothing about log formats.

use super::decode::{self, Content};
use super::guard::{Counted, Guarded};
use super::inputs::reason;
use crate::config::paths::open_file;
use crate::model::Failure;
use std::cell::Cell;
use std::io::{self, BufRead, Read, Seek};
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Limits that protect against hostile archives.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits {
    /// Maximum decompressed bytes per compressed byte. Checked for each member after its first 64
    /// MB, and for a whole file, with everything nested in it, after 256 MB.
    pub ratio: u64,
    /// Maximum nesting depth of archives.
    pub depth: u32,
    /// Maximum number of members in all archives.
    pub members: u64,
    /// Maximum decompressed bytes of all members of all archives.
    pub bytes: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            ratio: 1_000,
            depth: 8,
            members: 500_000,
            bytes: 1 << 40,
        }
    }
}

/// Decompressed bytes of one file that are allowed whatever its size.
const MIN_ALLOWANCE: u64 = 256 << 20;
/// Maximum size of a nested zip archive. It is buffered in memory because its index is at its end.
const MAX_NESTED_ZIP: u64 = 512 << 20;

/// Source of a member's bytes.
pub enum Body<'r> {
    /// An uncompressed file, read directly.
    File(PathBuf),
    /// A stream, decompressed while it is read.
    Stream(&'r mut dyn Read),
}

/// One text to read: a file, a member of an archive or a stream.
pub struct Member<'r> {
    /// Path of the file, or path of the archive and path in it.
    pub name: String,
    /// Time of the last modification, in seconds since 1970-01-01 UTC.
    pub mtime: Option<u64>,
    pub body: Body<'r>,
}

/// Receives the members in order.
pub trait Visitor {
    fn member(&mut self, member: Member<'_>) -> io::Result<()>;
    /// Reports a file or a member that could not be read, or only in part.
    fn failed(&mut self, failure: Failure);
    /// False if the user has canceled.
    fn keep_going(&self) -> bool;
}

/// Walks through files and archives and enforces the limits, which apply to all of them together.
pub struct Walk<'v> {
    pub limits: Limits,
    pub visitor: &'v mut dyn Visitor,
    members: u64,
    bytes: u64,
    /// Decompressed bytes of the current file of the file system, at all levels of nesting.
    spent: u64,
    /// Maximum of `spent`.
    allowance: u64,
}

impl<'v> Walk<'v> {
    pub fn new(limits: Limits, visitor: &'v mut dyn Visitor) -> Walk<'v> {
        Walk {
            limits,
            visitor,
            members: 0,
            bytes: 0,
            spent: 0,
            allowance: u64::MAX,
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
        let file = open_file(path)?;
        let meta = file.metadata()?;
        self.spent = 0;
        self.allowance = MIN_ALLOWANCE.max(meta.len().saturating_mul(self.limits.ratio));
        let mtime = meta
            .modified()
            .ok()
            .and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok())
            .map(|d| d.as_secs());
        let (head, input) = decode::probe(file)?;
        match decode::content(&head) {
            Content::Text => self.visitor.member(Member {
                name: name.into(),
                mtime,
                body: Body::File(path.to_path_buf()),
            }),
            Content::Zip => {
                drop(input);
                self.zip(name, open_file(path)?, 1)
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
                "archives are nested more than {} levels deep (--max-depth)",
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
                    bytes_in: Rc::default(),
                };
                let bytes_in = counted.bytes_in.clone();
                let plain =
                    decode::plain(content, io::BufReader::with_capacity(128 * 1024, counted))?;
                self.guarded(plain, bytes_in, |walk, guarded| {
                    walk.try_stream(name, mtime, guarded, depth + 1)
                })
            }
        }
    }

    /// Reads decompressed bytes within the limits, and counts them.
    fn guarded<'r>(
        &mut self,
        input: Box<dyn Read + 'r>,
        bytes_in: Rc<Cell<u64>>,
        read: impl FnOnce(&mut Self, &mut dyn Read) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut guarded = Guarded {
            input,
            bytes_in,
            bytes_out: 0,
            ratio: self.limits.ratio,
            budget: self.limits.bytes.saturating_sub(self.bytes),
            allowance: self.allowance.saturating_sub(self.spent),
        };
        let result = read(self, &mut guarded);
        let out = guarded.bytes_out;
        self.bytes += out;
        self.spent = self.spent.saturating_add(out);
        result
    }

    fn count_member(&mut self) -> io::Result<()> {
        self.members += 1;
        if self.members > self.limits.members {
            return Err(io::Error::other(format!(
                "more than {} archive members (--max-members)",
                self.limits.members
            )));
        }
        Ok(())
    }

    fn tar(&mut self, name: &str, mut input: impl Read, depth: u32) -> io::Result<()> {
        self.tar_members(name, &mut input, depth)?;
        // The checksum of a compressed archive comes after the end mark of the tar.
        let mut rest = vec![0; 64 * 1024];
        while self.visitor.keep_going() {
            match input.read(&mut rest) {
                Ok(0) => break,
                Ok(_) => {}
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                // Bytes after the end of the compressed data, such as padding.
                Err(e) if e.to_string().contains("invalid gzip header") => break,
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    fn tar_members(&mut self, name: &str, input: &mut impl Read, depth: u32) -> io::Result<()> {
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
                if e.kind() == io::ErrorKind::UnexpectedEof || self.spent > self.allowance {
                    return Err(e);
                }
            }
        }
        Ok(())
    }

    fn zip(&mut self, name: &str, input: impl Read + Seek, depth: u32) -> io::Result<()> {
        let zip_error =
            |e: zip::result::ZipError| io::Error::other(format!("cannot read zip archive: {e}"));
        let mut input = input;
        let size = input.seek(io::SeekFrom::End(0))?;
        let mut archive = zip::ZipArchive::new(input).map_err(zip_error)?;
        if compressed_bytes(&mut archive) > size {
            return Err(io::Error::other(
                "its members overlap, possibly a decompression bomb; nothing of it is read",
            ));
        }
        for i in 0..archive.len() {
            if !self.visitor.keep_going() {
                return Ok(());
            }
            self.count_member()?;
            let mut entry = match archive.by_index(i) {
                Ok(entry) => entry,
                Err(e) => {
                    self.fail(&format!("{name}: member {i}"), zip_error(e).to_string());
                    continue;
                }
            };
            if entry.is_dir() || entry.is_symlink() {
                continue;
            }
            let label = self.label(name, &String::from_utf8_lossy(entry.name_raw()));
            let bytes_in = Rc::new(Cell::new(entry.compressed_size()));
            let result = self.guarded(Box::new(&mut entry), bytes_in, |walk, guarded| {
                walk.try_stream(&label, None, guarded, depth + 1)
            });
            if self.spent > self.allowance {
                return result;
            }
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
                "a zip archive inside another archive is larger than 512 MB: extract it first",
            ));
        }
        self.zip(name, io::Cursor::new(bytes), depth)
    }

    /// Display name of a member. Parts that point outside the archive are removed and reported.
    fn label(&mut self, archive: &str, inside: &str) -> String {
        let clean: Vec<&str> = inside
            .split(['/', '\\'])
            .filter(|p| !p.is_empty() && *p != "." && *p != "..")
            .collect();
        let label = format!("{archive}/{}", clean.join("/"));
        if inside.starts_with('/') || inside.split(['/', '\\']).any(|p| p == "..") {
            self.fail(
                &label,
                "its name points outside the archive; read under a sanitized name",
            );
        }
        label
    }
}

/// Sum of the compressed sizes of all members, as the directory of the archive states them.
fn compressed_bytes<R: Read + Seek>(archive: &mut zip::ZipArchive<R>) -> u64 {
    let sizes =
        (0..archive.len()).filter_map(|i| Some(archive.by_index_raw(i).ok()?.compressed_size()));
    sizes.fold(0, u64::saturating_add)
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
    fn nested_archives_are_streamed() {
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
    fn data_before_a_truncation_is_kept() {
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
    fn names_that_point_outside_the_archive_are_sanitized_and_reported() {
        let seen = walk(
            &tar(&[("../../etc/passwd", b"x\n"), ("/abs", b"y\n")]),
            Limits::default(),
        );
        assert_eq!(seen.members[0].0, "x/etc/passwd");
        assert_eq!(seen.failures.len(), 2);
    }

    #[test]
    fn decompression_bombs_are_stopped() {
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
