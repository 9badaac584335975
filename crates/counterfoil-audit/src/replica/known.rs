//! Lines of records that are here already: the same, or a fork.

use counterfoil_core::Digest;
use counterfoil_merkle::leaf_hash;

use super::Replica;
use crate::Error;
use crate::body::view::BodyReader;
use crate::intake::Refused;
use crate::line::LineView;
use crate::log::leaves::stated_hash;
use crate::log::opening::optional;
use crate::log::segment::{BUNDLE, first_of, name};
use crate::verify::Reason;

/// Two records that claim one number of one chain.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fork {
    /// The number.
    pub seq: u64,
    /// The line that is here, with its line feed; empty where retention has removed it.
    pub stored: Vec<u8>,
    /// The line that was offered.
    pub offered: Vec<u8>,
}

/// The lines at the beginning of an offer whose numbers are known.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) bytes: usize,
    pub(super) records: u64,
    pub(super) refused: Option<Refused>,
    pub(super) fork: Option<Fork>,
}

/// The hashes of records that are here: those that wait, and the tile that was looked at last.
#[derive(Debug, Default)]
struct Hashes {
    tile: Option<(u64, Vec<Digest>)>,
}

impl Hashes {
    fn of(&mut self, replica: &Replica, seq: u64) -> Option<Digest> {
        let leaves = &replica.leaves;
        if let Some(at) = (seq - 1).checked_sub(leaves.after) {
            return leaves.hashes.get(usize::try_from(at).ok()?).copied();
        }
        let (index, at) = ((seq - 1) / BUNDLE, (seq - 1) % BUNDLE);
        if self.tile.as_ref().is_none_or(|(held, _)| *held != index) {
            self.tile = Some((index, replica.tiles.bottom(index).ok()?));
        }
        let (_, hashes) = self.tile.as_ref()?;
        hashes.get(at as usize).copied()
    }
}

impl Replica {
    /// Passes over lines of records that are here, up to the first that is not, or is another one.
    pub(super) fn pass_known(&self, lines: &[u8]) -> Result<Known, Error> {
        let mut known = Known::default();
        let mut reader = BodyReader::default();
        let mut hashes = Hashes::default();
        for end in memchr::memchr_iter(b'\n', lines) {
            let line = &lines[known.bytes..=end];
            // What is malformed, or of another chain, is judged as a new line.
            let Ok(view) = LineView::parse(line) else {
                break;
            };
            let seq = match reader.read_chain(view.body) {
                Ok(chain) if chain.id == self.chain().as_str().as_bytes() => chain.seq,
                _ => break,
            };
            if seq > self.seq() || seq == 0 {
                break;
            }
            let hash = leaf_hash(view.body);
            if hash.to_hex() != *view.hash {
                known.refused = Some(differs(
                    Reason::Hash,
                    seq,
                    "the line does not state the hash of its body",
                    hash,
                    String::from_utf8_lossy(view.hash).into_owned(),
                ));
                return Ok(known);
            }
            if let Some(fork) = self.fork(seq, hash, line, &mut hashes)? {
                let stored = stated_hash(&fork.stored).or_else(|| hashes.of(self, seq));
                known.refused = Some(differs(
                    Reason::Head,
                    seq,
                    "another record of this number is here already: the chain has forked",
                    stored.unwrap_or_default(),
                    hash.to_string(),
                ));
                known.fork = Some(fork);
                return Ok(known);
            }
            known.bytes = end + 1;
            known.records += 1;
        }
        Ok(known)
    }

    /// Whether the record `seq` that is here has another hash.
    fn fork(
        &self,
        seq: u64,
        hash: Digest,
        line: &[u8],
        hashes: &mut Hashes,
    ) -> Result<Option<Fork>, Error> {
        let quick = hashes.of(self, seq);
        if quick == Some(hash) {
            return Ok(None);
        }
        // Tiles are not to be trusted with an accusation.
        let stored = self.stored_line(seq)?;
        match stored.as_deref().map(stated_hash) {
            Some(Some(stored)) if stored == hash => Ok(None),
            None if quick.is_none() => Ok(None),
            _ => Ok(Some(Fork {
                seq,
                stored: stored.unwrap_or_default(),
                offered: line.to_vec(),
            })),
        }
    }

    /// The line of record `seq`, with its line feed, durable or not; `None` where there is none any more or yet. Reads the segment that
    /// it is in.
    ///
    /// # Errors
    /// [`ErrorKind::Io`](crate::ErrorKind::Io) when the segment cannot be read.
    pub fn stored_line(&self, seq: u64) -> Result<Option<Vec<u8>>, Error> {
        if seq == 0 || seq > self.seq() {
            return Ok(None);
        }
        let nth = |bytes: &[u8], at: u64| {
            let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
            let line = usize::try_from(at).ok().and_then(|at| lines.nth(at));
            line.map(<[u8]>::to_vec)
        };
        if seq > self.durable() {
            return Ok(nth(self.store.waiting_lines(), seq - self.durable() - 1));
        }
        let read = || {
            let dir = self.dir.join("segments");
            let firsts = self.files.list(&dir)?;
            let mut firsts = firsts.iter().filter_map(|name| first_of(name));
            let Some(first) = firsts.rfind(|first| *first <= seq) else {
                return Ok(None);
            };
            let bytes = optional(self.files.read(&dir.join(name(first))))?;
            Ok(bytes.and_then(|bytes| nth(&bytes, seq - first)))
        };
        read().map_err(|error| self.failed("read a record of a replica", error))
    }
}

fn differs(reason: Reason, seq: u64, detail: &str, expected: Digest, found: String) -> Refused {
    Refused {
        expected: Some(expected.to_string()),
        found: Some(found),
        ..Refused::new(reason, seq, detail)
    }
}
