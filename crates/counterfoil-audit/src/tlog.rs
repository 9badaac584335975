//! A log directory, read as a transparency log: checkpoint, tiles, entries, and proofs (audit specification §6 and §8).
//!
//! What is read here is not trusted, and neither is who wrote it. A proof is verified against the root that it is for before it
//! is handed out, and an entry against the hash that its line states; whether anybody signed that root is for the caller to
//! say. Reading takes no lock: the log may be written meanwhile.
//!
//! ```
//! # use std::time::Duration;
//! # use std::sync::Arc;
//! use counterfoil_audit::{AuditLog, tlog::TiledLog};
//! # use counterfoil_core::{Context, FabricEvent, LeaseId, ResourceType, WorkloadIdentity};
//! # let directory = tempfile::tempdir()?;
//! # let dir = directory.path().join("audit");
//! # let log = AuditLog::builder(&dir, "audit.example.com/leases").open()?;
//! # let head = log.anchor_now(Duration::from_secs(10))?;
//! let tiled = TiledLog::open(&dir)?;
//! // This log is not signed, so there is no checkpoint; its head gives size and root.
//! assert!(tiled.checkpoint()?.is_none());
//! let root = head.root.ok_or("a head of a log has a root")?;
//! let path = tiled.inclusion(1, head.seq, &root)?;
//! assert!(path.len() < 3);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod records;

use std::io;
use std::path::{Path, PathBuf};

use counterfoil_core::Digest;
use counterfoil_merkle::checkpoint::Checkpoint;
use counterfoil_merkle::note::{MAX_NOTE_LEN, SignedNote};
use counterfoil_merkle::proof::{NodeId, ProofPlan, verify_consistency, verify_inclusion};
use counterfoil_merkle::tile::{
    BundleId, MAX_BUNDLE_LEN, TILE_LEN, TileId, TileReader, push_entry,
};
use counterfoil_merkle::tlog_proof::TlogProof;
use counterfoil_merkle::{Error as MerkleError, leaf_hash};

use crate::source::{read_regular, read_text};
use crate::{AuditRecord, Error, ErrorKind};
use records::Records;

const READ: &str = "read the log";
const PROVE: &str = "prove a record";

/// The last signed head of a log, and the tree it is about. Nobody has checked the signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Published {
    /// With its signatures and cosignatures.
    pub note: SignedNote,
    /// What they are under.
    pub checkpoint: Checkpoint,
}

/// A log directory. It can be shared between threads.
#[derive(Debug)]
pub struct TiledLog {
    dir: PathBuf,
    records: Records,
}

impl TiledLog {
    /// The log in `dir`.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) when there is no log directory.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, Error> {
        let dir = dir.into();
        let segments = dir.join("segments");
        if !segments.is_dir() {
            return Err(Error::new(
                ErrorKind::Io,
                READ,
                format!(
                    "{} holds no directory segments; give a log directory",
                    dir.display()
                ),
            ));
        }
        Ok(Self {
            records: Records::new(segments),
            dir,
        })
    }

    /// The last signed head that the log published; `None` before the first, and of a log that is not signed.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) when it cannot be read, [`Corrupt`](ErrorKind::Corrupt) when it is no checkpoint.
    pub fn checkpoint(&self) -> Result<Option<Published>, Error> {
        let path = self.dir.join("checkpoint");
        let text = match read_text(&path, MAX_NOTE_LEN as u64) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(&path, error)),
        };
        let parse = || {
            let note = SignedNote::parse(&text)?;
            let checkpoint = Checkpoint::parse(note.text())?;
            Ok::<_, MerkleError>(Published { note, checkpoint })
        };
        parse().map(Some).map_err(|error| {
            Error::new(
                ErrorKind::Corrupt,
                READ,
                format!("{} is no signed checkpoint ({error})", path.display()),
            )
            .with_source(error)
        })
    }

    /// The line of record `seq`, LF included.
    ///
    /// # Errors
    /// [`Missing`](ErrorKind::Missing) when there is none.
    pub fn line(&self, seq: u64) -> Result<Vec<u8>, Error> {
        let mut lines = self.records.lines(seq, 1)?;
        Ok(lines.pop().unwrap_or_default())
    }

    /// That record `seq` is in the tree of `size` records with this `root`: the inclusion proof of its hash. It holds.
    ///
    /// Only tiles are read, at most two for each eight levels of the tree, so the record itself may have been removed.
    ///
    /// # Errors
    /// [`Missing`](ErrorKind::Missing) when the tree, the log or its tiles do not reach that far, [`Corrupt`](ErrorKind::Corrupt)
    /// when the log does not have that root.
    pub fn inclusion(&self, seq: u64, size: u64, root: &Digest) -> Result<Vec<Digest>, Error> {
        if seq == 0 || seq > size {
            return Err(Error::new(
                ErrorKind::Missing,
                PROVE,
                format!("there is no record {seq} in a tree of {size}"),
            ));
        }
        let refused = |error| refused(&error);
        let plan = ProofPlan::inclusion(seq - 1, size).map_err(refused)?;
        let leaf = NodeId::new(0, seq - 1).map_err(refused)?;
        let mut tiles = self.tiles(size);
        let leaf = tiles.node(leaf).map_err(|Failed(error)| error)?;
        let path = follow(&plan, tiles)?;
        verify_inclusion(&leaf, seq - 1, size, &path, root)
            .map_err(|rejected| contradicts(&format!("record {seq}"), &rejected))?;
        Ok(path)
    }

    /// That the tree of `size` records begins with the one of `old_size`: the consistency proof. It holds.
    ///
    /// # Errors
    /// As [`inclusion`](Self::inclusion).
    pub fn consistency(
        &self,
        (old_size, old_root): (u64, &Digest),
        (size, root): (u64, &Digest),
    ) -> Result<Vec<Digest>, Error> {
        let plan = ProofPlan::consistency(old_size, size).map_err(|error| refused(&error))?;
        let proof = follow(&plan, self.tiles(size))?;
        verify_consistency(old_size, old_root, size, root, &proof)
            .map_err(|rejected| contradicts(&format!("the tree of {old_size}"), &rejected))?;
        Ok(proof)
    }

    /// A receipt for record `seq`: the inclusion proof with the checkpoint that the log published last.
    ///
    /// # Errors
    /// [`Missing`](ErrorKind::Missing) when no checkpoint covers the record yet; else as [`inclusion`](Self::inclusion).
    pub fn prove(&self, seq: u64) -> Result<TlogProof, Error> {
        let missing = |why: String| Error::new(ErrorKind::Missing, PROVE, why);
        let Some(Published { note, checkpoint }) = self.checkpoint()? else {
            return Err(missing(format!(
                "{} has no checkpoint; it is not signed, or nothing was anchored yet. A log with a signer publishes one at each anchor",
                self.dir.display()
            )));
        };
        if seq > checkpoint.size() {
            return Err(missing(format!(
                "no checkpoint covers record {seq} yet: the last one covers {} records. Wait for the next anchor, or anchor now, and try again",
                checkpoint.size()
            )));
        }
        let (size, root) = (checkpoint.size(), checkpoint.root());
        let path = self.inclusion(seq, size, &root)?;
        let record = AuditRecord::parse(&self.line(seq)?)?;
        let entry = self.records.entries(seq, 1)?;
        let leaf = leaf_hash(entry.first().map(Vec::as_slice).unwrap_or_default());
        verify_inclusion(&leaf, seq - 1, size, &path, &root)
            .map_err(|rejected| contradicts(&format!("record {seq}"), &rejected))?;
        if record.chain().as_str() != checkpoint.origin() {
            return Err(refused(&format!(
                "record {seq} is of the chain {}, and the checkpoint of {}; verify the log",
                record.chain(),
                checkpoint.origin()
            )));
        }
        TlogProof::new(seq - 1, path, note).map_err(|error| refused(&error))
    }

    /// A tile of the tree of `size` records, as its file holds it; `None` when that tree has no such tile. It is not checked.
    ///
    /// # Errors
    /// [`Missing`](ErrorKind::Missing) when the log lacks it, [`Io`](ErrorKind::Io) when it cannot be read.
    pub fn tile(&self, id: TileId, size: u64) -> Result<Option<Vec<u8>>, Error> {
        let Some(widest) = TileId::in_tree(id.level(), id.index(), size)
            .filter(|widest| widest.width() >= id.width())
        else {
            return Ok(None);
        };
        // A partial tile is the beginning of every wider one of its place.
        for candidate in [id, id.full(), widest] {
            let path = self.dir.join(candidate.to_string());
            match read_regular(&path, TILE_LEN as u64) {
                Ok(mut bytes) if bytes.len() == candidate.byte_len() => {
                    bytes.truncate(id.byte_len());
                    return Ok(Some(bytes));
                }
                // Torn, or about to be replaced.
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(unreadable(&path, error)),
            }
        }
        Err(Error::new(
            ErrorKind::Missing,
            READ,
            format!(
                "{} lacks {id}; the writer completes its tiles when it opens the log",
                self.dir.display()
            ),
        ))
    }

    /// A bundle of entries, the bodies of records, of the tree of `size` records; `None` when that tree has no such bundle.
    ///
    /// # Errors
    /// [`Missing`](ErrorKind::Missing) when the log lacks records, [`Corrupt`](ErrorKind::Corrupt) when one is not what its hash
    /// says.
    pub fn bundle(&self, id: BundleId, size: u64) -> Result<Option<Vec<u8>>, Error> {
        let widest = BundleId::in_tree(id.index(), size);
        if widest.is_none_or(|widest| widest.width() < id.width()) {
            return Ok(None);
        }
        let first = id.entries().start + 1;
        let mut bundle = Vec::with_capacity(MAX_BUNDLE_LEN / 128);
        let entries = self.records.entries(first, usize::from(id.width()));
        for entry in entries.inspect_err(|_| self.records.forget())? {
            push_entry(&mut bundle, &entry).map_err(|error| refused(&error))?;
        }
        Ok(Some(bundle))
    }

    /// Reads the nodes of the tree of `size` records out of its tiles.
    fn tiles(&self, size: u64) -> TileReader<impl FnMut(TileId) -> Result<Vec<u8>, Failed>> {
        TileReader::new(size, move |id| match self.tile(id, size)? {
            Some(bytes) => Ok(bytes),
            None => Err(Failed(refused(&"the tree does not reach so far"))),
        })
    }
}

fn follow(
    plan: &ProofPlan,
    mut tiles: TileReader<impl FnMut(TileId) -> Result<Vec<u8>, Failed>>,
) -> Result<Vec<Digest>, Error> {
    plan.prove(|node| tiles.node(node))
        .map_err(|Failed(error)| error)
}

/// For the reader of tiles, whose own errors have to become ours.
struct Failed(Error);

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl From<MerkleError> for Failed {
    fn from(error: MerkleError) -> Self {
        Self(refused(&error))
    }
}

fn refused(why: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorKind::Corrupt, PROVE, why.to_string())
}

fn contradicts(what: &str, rejected: &dyn std::fmt::Display) -> Error {
    Error::new(
        ErrorKind::Corrupt,
        PROVE,
        format!("{what} is not in the tree of that root ({rejected}); verify the log"),
    )
}

fn unreadable(path: &Path, error: io::Error) -> Error {
    Error::new(
        ErrorKind::Io,
        READ,
        format!("{} cannot be read ({error})", path.display()),
    )
    .with_source(error)
}
