//! The folder `openings/`: values and salts behind the commitments of erasable values (audit specification §8, §9).
//!
//! A file holds the openings of records from the number in its name on, in their order, a line each:
//! `{"pointer":P,"salt":S,"seq":N,"value":V}`, spaces up to the bucket of the value's length, LF. It is appended to by the one
//! writer that made it, synced before the lines of its records are written, and never grows after that writer's end. An opening is
//! destroyed by writing spaces over its line, so that neither the value nor its length stays.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use counterfoil_core::Digest;
use zeroize::Zeroizing;

use crate::body::json::JsonOut;
use crate::body::pointer::commitments;
use crate::erasure::{Opening, SALT, padding, resolve};
use crate::line::LineView;
use crate::log::files::{FileSystem, LogFile, write_all};
use crate::{AuditInput, Error, ErrorKind};

/// Name of the folder in a log's directory.
pub(crate) const FOLDER: &str = "openings";
const SUFFIX: &str = ".openings";
/// A file is not appended to once it is this long, because it is read as a whole to find or destroy an opening.
const MAX_FILE: u64 = 16 << 20;

/// Fills a buffer with random bytes nobody can guess.
pub(crate) type Random = Box<dyn FnMut(&mut [u8]) -> io::Result<()> + Send>;

/// The name of the file whose openings begin with that of record `first`.
fn name(first: u64) -> String {
    format!("{first:020}{SUFFIX}")
}

/// The first record of the file with this name; `None` for other files.
pub(crate) fn first_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    let number = digits.len() == 20 && digits.bytes().all(|b| b.is_ascii_digit());
    number.then(|| digits.parse().ok())?
}

/// The line of an opening, with its line feed.
fn write_line(out: &mut Vec<u8>, opening: &Opening) {
    let mut json = JsonOut::new(out);
    json.open();
    json.key("pointer");
    // A pointer's characters are those of keys, which need no escape.
    json.plain(opening.pointer.as_bytes());
    json.key("salt");
    json.hex(opening.salt.as_slice());
    json.key("seq");
    json.number(opening.seq);
    json.key("value");
    json.raw(&opening.value);
    json.close();
    out.resize(out.len() + padding(opening.value.len()), b' ');
    out.push(b'\n');
}

/// Reads a line with its line feed; `None` for one that was destroyed or never completed.
pub(crate) fn read_line(line: &[u8]) -> Option<Opening> {
    let line = line.strip_suffix(b"\n")?;
    let text = line.trim_ascii_end();
    let spaces = line.len() - text.len();
    let line = text.strip_prefix(b"{\"pointer\":\"")?;
    let quote = memchr::memchr(b'"', line)?;
    let (pointer, rest) = line.split_at(quote);
    let rest = rest.strip_prefix(b"\",\"salt\":\"")?;
    let (salt, rest) = rest.split_at_checked(2 * SALT)?;
    let rest = rest.strip_prefix(b"\",\"seq\":")?;
    let comma = memchr::memchr(b',', rest)?;
    let (seq, rest) = rest.split_at(comma);
    let value = rest.strip_prefix(b",\"value\":")?.strip_suffix(b"}")?;
    if spaces != padding(value.len()) {
        return None;
    }
    Some(Opening {
        seq: std::str::from_utf8(seq).ok()?.parse().ok()?,
        pointer: String::from_utf8(pointer.to_vec()).ok()?,
        value: Zeroizing::new(value.to_vec()),
        salt: Zeroizing::new(*Digest::from_hex(salt)?.as_bytes()),
    })
}

/// The openings of one writer: collected while records are sealed, made durable before their lines are written.
pub(crate) struct OpeningsWriter {
    files: Arc<dyn FileSystem>,
    folder: PathBuf,
    random: Random,
    /// The file that is appended to, and its length.
    current: Option<(Box<dyn LogFile>, u64)>,
    pending: Zeroizing<Vec<u8>>,
    /// The record of the first that is pending.
    first: u64,
}

impl OpeningsWriter {
    pub(crate) fn new(files: Arc<dyn FileSystem>, log: &Path, random: Random) -> Self {
        Self {
            files,
            folder: log.join(FOLDER),
            random,
            current: None,
            pending: Zeroizing::default(),
            first: 0,
        }
    }

    /// Puts commitments in the place of the erasable values of what will be record `seq`.
    pub(crate) fn commit(
        &mut self,
        chain: &str,
        seq: u64,
        input: &mut AuditInput,
    ) -> Result<Vec<Opening>, Error> {
        let mut openings = Vec::new();
        let mut failed = None;
        resolve(input, |pointer, value| {
            let mut salt = Zeroizing::new([0; SALT]);
            if let Err(error) = (self.random)(salt.as_mut_slice()) {
                failed = Some(error);
            }
            let opening = Opening {
                seq,
                pointer: pointer.to_owned(),
                value: Zeroizing::new(value.json().to_vec()),
                salt,
            };
            let commitment = opening.commitment(chain);
            openings.push(opening);
            commitment
        });
        match failed {
            None => Ok(openings),
            Some(error) => Err(Error::new(
                ErrorKind::Io,
                "seal an erasable value",
                format!("there is no random number for its salt ({error})"),
            )),
        }
    }

    /// Keeps the openings of the record that was sealed as `line`. Those whose commitments went with data that was too long for
    /// a record are let go.
    pub(crate) fn keep(&mut self, openings: Vec<Opening>, line: &[u8]) {
        let sealed =
            LineView::parse(line).map_or_else(|_| Vec::new(), |line| commitments(line.body));
        let kept = openings.into_iter().filter(|opening| {
            sealed
                .iter()
                .any(|commitment| commitment.pointer == opening.pointer)
        });
        for opening in kept {
            if self.pending.is_empty() {
                self.first = opening.seq;
            }
            write_line(&mut self.pending, &opening);
        }
    }

    /// Makes what was kept durable, in one sync. When that fails nothing may be sealed any more: the next opening of the log
    /// destroys what arrived.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let (file, len) = match self.current.take() {
            Some((file, len)) if len < MAX_FILE => (file, len),
            _ => (self.create()?, 0),
        };
        write_all(&*file, &self.pending)?;
        file.sync()?;
        if len == 0 {
            self.files.open_dir(&self.folder)?.sync()?;
        }
        self.current = Some((file, len + self.pending.len() as u64));
        // Overwrites the old content, which is dropped.
        self.pending = Zeroizing::default();
        Ok(())
    }

    fn create(&self) -> io::Result<Box<dyn LogFile>> {
        self.files.create_private_dir(&self.folder)?;
        self.files.create(&self.folder.join(name(self.first)))
    }

    /// A segment ends, and with it the file: they are pruned together.
    pub(crate) fn next_file(&mut self) {
        self.current = None;
    }
}

/// The openings of a log, to be looked up and destroyed.
#[derive(Debug)]
pub(crate) struct Openings<'a> {
    files: &'a dyn FileSystem,
    folder: PathBuf,
}

impl<'a> Openings<'a> {
    pub(crate) fn of(files: &'a dyn FileSystem, log: &Path) -> Self {
        Self {
            files,
            folder: log.join(FOLDER),
        }
    }

    /// The first records of the files, in order.
    fn list(&self) -> io::Result<Vec<u64>> {
        let names = self.files.list(&self.folder)?;
        Ok(names.iter().filter_map(|name| first_of(name)).collect())
    }

    fn path_of(&self, first: u64) -> PathBuf {
        self.folder.join(name(first))
    }

    /// The lines of a file with their line feeds, and where each begins.
    fn lines(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
        let mut at = 0;
        bytes.split_inclusive(|b| *b == b'\n').map(move |line| {
            let start = at;
            at += line.len();
            (start, line)
        })
    }

    /// The opening of a place; `None` when there is none.
    pub(crate) fn find(&self, seq: u64, pointer: &str) -> io::Result<Option<Opening>> {
        let Some(first) = self.list()?.into_iter().rfind(|first| *first <= seq) else {
            return Ok(None);
        };
        let bytes = Zeroizing::new(self.files.read(&self.path_of(first))?);
        Ok(Self::lines(&bytes)
            .filter_map(|(_, line)| read_line(line))
            .find(|opening| opening.seq == seq && opening.pointer == pointer))
    }

    /// Destroys the opening of a place: writes over it where it lies, and syncs. Whether there was one. Where there is none, what was
    /// destroyed before is written over once more, for a sync that failed may have left it on the disk although it reads as spaces.
    pub(crate) fn destroy(&self, seq: u64, pointer: &str) -> io::Result<bool> {
        let Some(first) = self.list()?.into_iter().rfind(|first| *first <= seq) else {
            return Ok(false);
        };
        let bytes = Zeroizing::new(self.files.read(&self.path_of(first))?);
        let lines_that = |wanted: &dyn Fn(&[u8]) -> bool| -> Vec<(usize, usize)> {
            Self::lines(&bytes)
                .filter(|(_, line)| line.ends_with(b"\n") && wanted(line))
                .map(|(start, line)| (start, line.len() - 1))
                .collect()
        };
        let there = lines_that(&|line| {
            read_line(line).is_some_and(|it| it.seq == seq && it.pointer == pointer)
        });
        if there.is_empty() {
            let blank = lines_that(&|line| line.trim_ascii().is_empty());
            self.overwrite(first, &blank)?;
        } else {
            self.overwrite(first, &there)?;
        }
        Ok(!there.is_empty())
    }

    fn overwrite(&self, first: u64, ranges: &[(usize, usize)]) -> io::Result<()> {
        if ranges.is_empty() {
            return Ok(());
        }
        let file = self.files.open_in_place(&self.path_of(first))?;
        for (start, len) in ranges {
            file.overwrite(*start as u64, &vec![b' '; *len])?;
        }
        file.sync()
    }

    /// Destroys what lies above record `last`, where the log ends: openings whose records never came, and lines that a crash
    /// left half written. May be repeated after a crash at any point. Only the last files can hold any, for openings are
    /// written in the order of their records.
    pub(crate) fn recover(&self, last: u64) -> io::Result<()> {
        let mut removed = false;
        for first in self.list()?.into_iter().rev() {
            let bytes = Zeroizing::new(self.files.read(&self.path_of(first))?);
            let kept = Self::lines(&bytes)
                .filter(|(_, line)| read_line(line).is_some_and(|opening| opening.seq <= last))
                .last()
                .map_or(0, |(start, line)| start + line.len());
            let rest = &bytes[kept..];
            let dirty = rest.iter().any(|b| !matches!(b, b' ' | b'\n'));
            if dirty {
                self.overwrite(first, &[(kept, rest.len())])?;
            }
            if kept == 0 {
                self.files.remove(&self.path_of(first))?;
                removed = true;
            } else if !dirty {
                break;
            }
        }
        if removed {
            self.files.open_dir(&self.folder)?.sync()?;
        }
        Ok(())
    }

    /// Destroys all openings of records before `end`, whose segments are removed: writes over each file, and removes it.
    pub(crate) fn prune(&self, end: u64) -> io::Result<()> {
        let mut removed = false;
        for first in self.list()?.into_iter().filter(|first| *first < end) {
            let len = Zeroizing::new(self.files.read(&self.path_of(first))?).len();
            self.overwrite(first, &[(0, len)])?;
            self.files.remove(&self.path_of(first))?;
            removed = true;
        }
        if removed {
            self.files.open_dir(&self.folder)?.sync()?;
        }
        Ok(())
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn opening(value: &str) -> Opening {
        Opening {
            seq: 15,
            pointer: "/who/principal".to_owned(),
            value: Zeroizing::new(value.as_bytes().to_vec()),
            salt: Zeroizing::new([7; SALT]),
        }
    }

    fn line(value: &str) -> Vec<u8> {
        let mut line = Vec::new();
        write_line(&mut line, &opening(value));
        line
    }

    #[test]
    fn a_line_is_read_back_and_a_cut_or_blank_one_is_not() {
        let whole = line(r#""a,\"}b ""#);
        assert_eq!(read_line(&whole), Some(opening(r#""a,\"}b ""#)));
        for cut in 0..whole.len() {
            assert_eq!(read_line(&whole[..cut]), None);
            assert_eq!(
                read_line(&[&whole[..cut], b"\n"].concat()).is_some(),
                cut == whole.len() - 1
            );
        }
        assert_eq!(read_line(&[b"   ".as_slice(), b"\n"].concat()), None);
    }

    #[test]
    fn lines_and_commitments_are_those_of_the_published_vectors() {
        let path = "../../docs/specs/vectors/erasable.json";
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
        let text = std::fs::read_to_string(path).unwrap();
        let vectors: serde_json::Value = serde_json::from_str(&text).unwrap();
        let openings = vectors["openings"].as_array().unwrap();
        assert!(openings.len() > 10);
        for vector in openings {
            let text = |member: &str| vector[member].as_str().unwrap();
            let opening = Opening {
                seq: vector["seq"].as_u64().unwrap(),
                pointer: text("pointer").to_owned(),
                value: Zeroizing::new(text("value").as_bytes().to_vec()),
                salt: Zeroizing::new(
                    *Digest::from_hex(text("salt").as_bytes())
                        .unwrap()
                        .as_bytes(),
                ),
            };
            let mut line = Vec::new();
            write_line(&mut line, &opening);
            assert_eq!(line, text("line").as_bytes());
            assert_eq!(read_line(&line), Some(opening.clone()));
            let chain = vectors["chain"].as_str().unwrap();
            assert_eq!(opening.commitment(chain).to_string(), text("commitment"));
        }
    }

    #[test]
    fn the_length_of_a_line_tells_the_bucket_of_a_value_and_no_more() {
        let len = |len: usize| line(&"1".repeat(len)).len();
        assert_eq!(len(1), len(248));
        assert_eq!(len(249), len(1) + 256);
        assert_eq!(len(249), len(504));
    }
}
