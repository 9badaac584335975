//! Signed heads that contradict each other, kept in files.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use counterfoil_core::Digest;
use sha2::{Digest as _, Sha256};

/// Most files that are kept per origin. Two signed heads prove that a log showed two histories; a log that goes on signing
/// more of them must not fill the disk.
const MOST_PER_ORIGIN: usize = 64;

/// A directory in which signed heads are kept as evidence of a split view, one file per head:
/// `<16 hex of SHA-256(origin)>-<size>-<16 hex of SHA-256(note)>.checkpoint`.
///
/// A file is written once and never overwritten or removed; the same head has the same name, so that keeping it again
/// changes nothing. At most 64 heads are kept per origin.
#[derive(Clone, Debug)]
pub struct EvidenceDir {
    path: PathBuf,
}

impl EvidenceDir {
    /// Keeps evidence in `path`, which is created when there is some.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps the signed heads, each given as its size and its note, byte for byte, and answers with their files in the same
    /// order. They survive power loss when this returns.
    ///
    /// # Errors
    /// When a file cannot be written or synced, or 64 heads of this origin are kept already.
    pub(crate) fn keep(&self, origin: &str, heads: &[(u64, &str)]) -> io::Result<Vec<PathBuf>> {
        create_dir(&self.path)?;
        let prefix = short(origin.as_bytes());
        let wanted: Vec<String> = heads
            .iter()
            .map(|(size, note)| format!("{prefix}-{size}-{}.checkpoint", short(note.as_bytes())))
            .collect();
        let kept = self.names(&prefix)?;
        let new = wanted.iter().filter(|name| !kept.contains(*name)).count();
        if kept.len() + new > MOST_PER_ORIGIN {
            return Err(io::Error::other(format!(
                "{MOST_PER_ORIGIN} heads of this log are kept in {} already, which is the limit; move them to where the case \
                 is examined",
                self.path.display()
            )));
        }
        let mut files = Vec::with_capacity(heads.len());
        for (name, (_, note)) in wanted.iter().zip(heads) {
            let file = self.path.join(name);
            put_once(&file, note.as_bytes())?;
            files.push(file);
        }
        File::open(&self.path)?.sync_all()?;
        Ok(files)
    }

    fn names(&self, prefix: &str) -> io::Result<BTreeSet<String>> {
        let mut names = BTreeSet::new();
        for entry in fs::read_dir(&self.path)? {
            if let Ok(name) = entry?.file_name().into_string()
                && name.starts_with(prefix)
            {
                names.insert(name);
            }
        }
        Ok(names)
    }
}

/// Writes a file as a whole, unless it is there with this content already. What else lies there is left alone.
fn put_once(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => replace(path, bytes),
        Err(error) => Err(error),
        Ok(there) if there.len() == bytes.len() as u64 && fs::read(path)? == bytes => {
            File::open(path)?.sync_all()
        }
        Ok(_) => Err(io::Error::other(format!(
            "{} holds something else, and evidence is never overwritten; move it away",
            path.display()
        ))),
    }
}

/// Replaces a file as a whole: the new content is written beside it, synced and renamed over it, and the directory is synced.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = atomic_write_file::AtomicWriteFile::open(path)?;
    file.write_all(bytes)?;
    file.commit()
}

/// Creates a directory whose entry is on stable storage when this returns.
pub(crate) fn create_dir(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        Err(error) => return Err(error),
    }
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

/// SHA-256 in hex.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    Digest::from_bytes(Sha256::digest(bytes).into()).to_string()
}

fn short(bytes: &[u8]) -> String {
    sha256_hex(bytes)[..16].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_head_is_kept_once_and_never_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let evidence = EvidenceDir::new(directory.path().join("evidence"));
        let first = evidence.keep("a", &[(7, "one"), (7, "two")]).unwrap();
        assert_eq!(fs::read_to_string(&first[0]).unwrap(), "one");
        assert_eq!(fs::read_to_string(&first[1]).unwrap(), "two");
        let again = evidence.keep("a", &[(7, "two"), (8, "three")]).unwrap();
        assert_eq!(again[0], first[1]);
        assert_eq!(fs::read_dir(evidence.path()).unwrap().count(), 3);
    }

    #[test]
    fn a_file_of_that_name_that_says_something_else_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let evidence = EvidenceDir::new(directory.path());
        let file = evidence.keep("a", &[(7, "whole")]).unwrap().remove(0);
        fs::write(&file, "other").unwrap();
        let refused = evidence.keep("a", &[(7, "whole")]).unwrap_err();
        assert!(
            refused.to_string().contains("never overwritten"),
            "{refused}"
        );
        assert_eq!(fs::read_to_string(&file).unwrap(), "other");
    }

    #[test]
    fn a_log_that_goes_on_signing_contradictions_does_not_fill_the_disk() {
        let directory = tempfile::tempdir().unwrap();
        let evidence = EvidenceDir::new(directory.path());
        for size in 0..MOST_PER_ORIGIN as u64 {
            evidence.keep("a", &[(size, "x")]).unwrap();
        }
        let refused = evidence.keep("a", &[(1_000, "x")]).unwrap_err();
        assert!(refused.to_string().contains("the limit"), "{refused}");
        evidence.keep("a", &[(3, "x")]).unwrap();
        evidence.keep("b", &[(3, "x")]).unwrap();
    }
}
