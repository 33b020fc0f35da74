//! Reads a part of an archive's member once more, when its text is no longer kept anywhere. Keeps nothing.

use super::inputs::files;
use super::walk::{Body, Limits, Member, Visitor, Walk};
use crate::model::Failure;
use std::io::{self, Read};
use std::path::PathBuf;

/// Streams the archives among `paths` up to the member called `name`, and returns `len` of its bytes from `offset` on.
/// `None` where the member is gone or is shorter now.
pub fn read_again(
    paths: &[PathBuf],
    limits: Limits,
    name: &str,
    offset: u64,
    len: usize,
) -> Option<Vec<u8>> {
    let mut wanted = Wanted {
        name,
        offset,
        len,
        found: None,
    };
    for path in files(paths, &mut |_| {}) {
        if name.starts_with(&*path.to_string_lossy()) {
            Walk::new(limits, &mut wanted).file(&path);
        }
        if wanted.found.is_some() {
            break;
        }
    }
    wanted.found
}

struct Wanted<'n> {
    name: &'n str,
    offset: u64,
    len: usize,
    found: Option<Vec<u8>>,
}

impl Visitor for Wanted<'_> {
    fn member(&mut self, member: Member<'_>) -> io::Result<()> {
        if let Body::Stream(stream) = member.body
            && member.name == self.name
        {
            io::copy(&mut stream.take(self.offset), &mut io::sink())?;
            let mut bytes = Vec::new();
            stream.take(self.len as u64).read_to_end(&mut bytes)?;
            self.found = (bytes.len() == self.len).then_some(bytes);
        }
        Ok(())
    }

    fn failed(&mut self, _: Failure) {}

    fn keep_going(&self) -> bool {
        self.found.is_none()
    }
}
