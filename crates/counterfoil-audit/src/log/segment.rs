//! Segments: the files that a log's lines are appended to.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use counterfoil_core::Digest;

use crate::log::files::{FileSystem, LogFile, write_all};

/// A segment ends at a multiple of this many records where it can (audit specification, on disk).
pub(crate) const BUNDLE: u64 = 256;

const SUFFIX: &str = ".jsonl";
const NEW: &str = ".new";

/// The name of the segment whose first record is `first`.
pub(crate) fn name(first: u64) -> String {
    format!("{first:020}{SUFFIX}")
}

/// The first record of the segment with this name; `None` for other files.
pub(crate) fn first_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    (digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit()))
        .then(|| digits.parse().ok())
        .flatten()
}

/// An open segment. The sealer appends, the committer syncs.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) first: u64,
    pub(crate) file: Box<dyn LogFile>,
    /// How many bytes of it are known to be on stable storage.
    durable: AtomicU64,
}

impl Segment {
    pub(crate) fn durable_len(&self) -> u64 {
        self.durable.load(Ordering::Acquire)
    }

    /// The same file, of which only the first `len` bytes count as durable.
    pub(crate) const fn with_durable(mut self, len: u64) -> Self {
        self.durable = AtomicU64::new(len);
        self
    }

    pub(crate) fn grew_durable(&self, bytes: u64) {
        self.durable.fetch_add(bytes, Ordering::Release);
    }
}

/// The directory of segments, opened before anything in it is created and held (anchors B2.1).
#[derive(Debug)]
pub(crate) struct SegmentDir {
    files: Arc<dyn FileSystem>,
    path: PathBuf,
    handle: Box<dyn LogFile>,
}

impl SegmentDir {
    pub(crate) fn open(files: Arc<dyn FileSystem>, path: PathBuf) -> io::Result<Self> {
        let handle = files.open_dir(&path)?;
        Ok(Self {
            files,
            path,
            handle,
        })
    }

    pub(crate) fn path_of(&self, first: u64) -> PathBuf {
        self.path.join(name(first))
    }

    /// A new, empty segment, whose name is durable when this returns.
    pub(crate) fn create(&self, first: u64) -> io::Result<Segment> {
        self.replace(first, &[&[]])
    }

    /// Opens a segment whose whole content of `len` bytes is known to be durable.
    pub(crate) fn reopen(&self, first: u64, len: u64) -> io::Result<Segment> {
        let file = self.files.append(&self.path_of(first))?;
        Ok(Segment {
            first,
            file,
            durable: AtomicU64::new(len),
        })
    }

    /// Puts a fresh file with `parts` as its content under the segment's name, durably and in one step: whoever looks finds
    /// the old file or the new one.
    ///
    /// This is the one way in which anything below the end of a segment ever changes. It serves a poisoned segment, whose
    /// pages may no longer match the disk, and recovery, which cannot know whether they do.
    pub(crate) fn replace(&self, first: u64, parts: &[&[u8]]) -> io::Result<Segment> {
        let path = self.path_of(first);
        let new = self.path.join(name(first) + NEW);
        put_new(&*self.files, &new, &path, parts)?;
        self.handle.sync()?;
        let len = parts.iter().map(|part| part.len() as u64).sum();
        self.reopen(first, len)
    }

    /// The segments' first records, in order. What a crash left half made is removed.
    pub(crate) fn list(&self) -> io::Result<Vec<u64>> {
        let mut firsts = Vec::new();
        for entry in self.files.list(&self.path)? {
            if let Some(first) = first_of(&entry) {
                firsts.push(first);
            } else if entry.strip_suffix(NEW).and_then(first_of).is_some() {
                self.files.remove(&self.path.join(&entry))?;
            }
        }
        firsts.sort_unstable();
        Ok(firsts)
    }

    /// Puts fresh files in the place of the segments before `last` that reach above record `mark`: what of them was not known to be
    /// durable is then.
    pub(crate) fn renew_before(&self, firsts: &[u64], last: u64, mark: u64) -> io::Result<()> {
        for pair in firsts.windows(2) {
            // The one ends where the next begins.
            if let [first, next] = *pair
                && next <= last
                && next > mark + 1
            {
                let whole = self.files.read(&self.path_of(first))?;
                self.replace(first, &[&whole])?;
            }
        }
        Ok(())
    }

    pub(crate) fn remove(&self, first: u64) -> io::Result<()> {
        self.files.remove(&self.path_of(first))
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        self.handle.sync()
    }
}

/// Writes a file beside `path` and puts it in its place, durably and in one step.
pub(crate) fn put_atomically(
    files: &dyn FileSystem,
    dir: &dyn LogFile,
    path: &Path,
    content: &[u8],
) -> io::Result<()> {
    let mut new = path.as_os_str().to_owned();
    new.push(NEW);
    let new = PathBuf::from(new);
    put_new(files, &new, path, &[content])?;
    dir.sync()
}

/// Writes and syncs the file `new` and renames it to `path`. What was begun does not stay behind and take up room.
pub(crate) fn put_new(
    files: &dyn FileSystem,
    new: &Path,
    path: &Path,
    parts: &[&[u8]],
) -> io::Result<()> {
    let put = || {
        let file = files.create(new)?;
        for part in parts {
            write_all(&*file, part)?;
        }
        file.sync()?;
        drop(file);
        files.rename(new, path)
    };
    put().inspect_err(|_| {
        // Where that fails too, the next opening does it.
        files.remove(new).ok();
    })
}

/// What the writer notes in its lock file after each commit, so that the next opening knows how far records were
/// acknowledged: `synced <seq, 20 digits> <hash> <check>` LF, always of the same length, written over and never synced. What it says is
/// true whenever it can be read; after power loss it may be old.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SyncedNote {
    pub(crate) seq: u64,
    pub(crate) hash: Digest,
}

impl SyncedNote {
    pub(crate) fn to_text(self) -> String {
        let said = format!("synced {:020} {}", self.seq, self.hash);
        let check = check_of(&said);
        format!("{said} {check}\n")
    }

    pub(crate) fn from_text(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok()?;
        let (said, check) = text.strip_suffix('\n')?.rsplit_once(' ')?;
        if check != check_of(said) {
            return None;
        }
        let mut parts = said.split(' ');
        let (Some("synced"), Some(seq), Some(hash), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return None;
        };
        Some(Self {
            seq: seq.parse().ok()?,
            hash: hash.parse().ok()?,
        })
    }
}

/// Tells a note from one half of which is still the note before.
fn check_of(said: &str) -> String {
    let digest = crate::hash::sha256(said.as_bytes()).to_string();
    digest[..16].to_owned()
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn only_segment_names_are_segments() {
        assert_eq!(first_of(&name(257)), Some(257));
        for other in [
            "1.jsonl",
            "0000000000000000000x.jsonl",
            "00000000000000000001.jsonl.new",
        ] {
            assert_eq!(first_of(other), None, "{other}");
        }
    }

    #[test]
    fn a_note_that_was_written_over_another_in_part_says_nothing() {
        let note = |seq, byte| SyncedNote {
            seq,
            hash: Digest::from_bytes([byte; 32]),
        };
        let (old, new) = (note(18, 1), note(26, 2));
        let (before, after) = (old.to_text(), new.to_text());
        for cut in 0..=before.len() {
            for (first, last) in [(&before, &after), (&after, &before)] {
                let torn = format!("{}{}", &first[..cut], &last[cut..]);
                let read = SyncedNote::from_text(torn.as_bytes());
                assert!(read.is_none_or(|read| read == old || read == new), "{torn}");
            }
        }
    }

    #[test]
    fn the_note_in_the_lock_file_is_read_back_and_a_torn_one_is_not() {
        let note = SyncedNote {
            seq: 77,
            hash: Digest::from_bytes([7; 32]),
        };
        let text = note.to_text();
        assert_eq!(SyncedNote::from_text(text.as_bytes()), Some(note));
        for cut in 0..text.len() {
            assert_eq!(SyncedNote::from_text(&text.as_bytes()[..cut]), None);
        }
    }
}
