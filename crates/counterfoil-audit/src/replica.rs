//! A foreign chain, kept durably in the layout of audit specification §8.
//!
//! Whoever keeps the chains of others, as a collector does, offers lines as they come. A [`Replica`] verifies them
//! ([`intake`](crate::intake)), appends what fits, and makes it durable when it is told to: nothing may be acknowledged before
//! [`sync`](Replica::sync) has returned. The directory is a log like any other, so `counterfoil verify` and everything else that reads logs works on
//! it; a replica never adds a record to it.
//!
//! # What is in the directory
//! `segments/`, `tile/`, `checkpoint`, `lock` and `quarantine/` as in §8, and `state`: what the intake knows at the end of a
//! segment, so that opening verifies only what came later. It is made of the records, and without it everything is verified again.
//!
//! # Retention
//! [`prune`](Replica::prune) removes whole segments and keeps their hash tiles. Only the chain's own `retention_applied` can make a
//! verifier call a missing beginning pruned (§10), and a replica cannot seal one. Where the chain names the place at which the
//! replica begins, `counterfoil verify` says VALID; everywhere else it says INCOMPLETE, with reason `absent` from record 1 on, and judges all that is there.
//!
//! ```
//! use std::sync::Arc;
//! use counterfoil_audit::replica::{Replica, ReplicaOptions};
//! use counterfoil_signer::Keyring;
//!
//! let dir = tempfile::tempdir()?;
//! let chain = "audit.example.com/leases/1".parse()?;
//! let options = ReplicaOptions::new(Arc::new(Keyring::new()));
//! let mut replica = Replica::open(&dir.path().join("log"), chain, options)?;
//! let offered = replica.offer(b"no record\n")?;
//! assert!(offered.refused.is_some());
//! assert_eq!(replica.sync()?, 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod known;
mod opening;
mod options;
mod retention;
mod state;
mod store;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use counterfoil_core::{ChainId, Digest, Head, Timestamp};

use crate::intake::{Checkpointed, Intake, Kinds, Refused};
use crate::log::files::{FileSystem, LogFile};
use crate::log::leaves::{Leaves, read_leaves};
use crate::log::pruning::{Shelf, Source, range_below};
use crate::log::segment::{BUNDLE, SyncedNote, first_of, put_atomically};
use crate::log::tiles::TileWriter;
use crate::verify::batch::Line;
use crate::{Error, ErrorKind};
pub use known::Fork;
pub use opening::Recovered;
pub use options::ReplicaOptions;
pub use retention::Pruned;
use store::Store;

/// Bytes that may wait to be synced. They are in memory until then, so that a segment whose sync fails can be written again.
pub const MAX_UNSYNCED: usize = 64 << 20;

/// The durable copy of one foreign chain. One thread owns it; another process that opens the same directory is refused.
pub struct Replica {
    files: Arc<dyn FileSystem>,
    dir: PathBuf,
    handle: Box<dyn LogFile>,
    lock: Box<dyn LogFile>,
    intake: Intake,
    store: Store,
    /// Hashes of the records that have no tile yet.
    leaves: Leaves,
    tiles: TileWriter,
    /// Whole segments that are durable.
    shelf: Shelf,
    /// The checkpoint that is stored, and one that fits and is newer.
    checkpoint: Option<u64>,
    waiting: Option<(u64, String)>,
    recovered: Option<Recovered>,
    /// A segment ended since the state was saved.
    unsaved: bool,
}

/// What became of offered lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Offered {
    /// Bytes dealt with: whole lines from the beginning of what was offered, taken or known before.
    pub bytes: usize,
    /// Records taken.
    pub records: u64,
    /// Records that were here already, with the same hash.
    pub known: u64,
    /// The kinds of the records taken.
    pub kinds: Kinds,
    /// Why the next line was not taken; `None` where all whole lines were.
    pub refused: Option<Refused>,
    /// That line claims the number of a record that is here and is another one: both, as evidence. `refused` says so too, with
    /// reason [`Head`](crate::verify::Reason::Head).
    pub fork: Option<Fork>,
}

impl Replica {
    /// Opens the replica of `chain` in `dir`, which is created where it is not there. A tail that was never acknowledged and is torn is
    /// moved to `quarantine/` ([`recovered`](Self::recovered)).
    ///
    /// # Errors
    /// [`ErrorKind::Conflict`] when another process has it open; [`ErrorKind::Corrupt`] and [`ErrorKind::Missing`] when records up to
    /// the durable mark are damaged or gone, and then nothing was changed; [`ErrorKind::NoSpace`] and [`ErrorKind::Io`].
    pub fn open(dir: &Path, chain: ChainId, options: ReplicaOptions) -> Result<Self, Error> {
        opening::open(dir, chain, options)
    }

    /// Takes the whole lines of `lines` that fit, up to the first that does not, as [`Intake::offer`] does. Lines of records that are
    /// here already may stand before them: with the same hash they are passed over and counted. Nothing is written and nothing may be acknowledged
    /// before [`sync`](Self::sync).
    ///
    /// # Errors
    /// [`ErrorKind::Full`] when [`MAX_UNSYNCED`] bytes wait, or a sync failed and no later one succeeded: sync first.
    /// [`ErrorKind::Io`] when a record that is here cannot be read to be compared. Nothing was taken then.
    pub fn offer(&mut self, lines: &[u8]) -> Result<Offered, Error> {
        if self.store.is_stuck() || self.store.waiting() >= MAX_UNSYNCED {
            let context = format!("{} has bytes to be synced first", self.dir.display());
            return Err(Error::new(
                ErrorKind::Full,
                "take lines into a replica",
                context,
            ));
        }
        let known = self.pass_known(lines)?;
        let mut offered = Offered {
            bytes: known.bytes,
            known: known.records,
            ..Offered::default()
        };
        if known.refused.is_some() {
            offered.refused = known.refused;
            offered.fork = known.fork;
            return Ok(offered);
        }
        let (store, leaves) = (&mut self.store, &mut self.leaves);
        let taken = self
            .intake
            .offer_each(&lines[known.bytes..], |bytes, lines, recent| {
                store.take(bytes, lines, |seq| recent.root_at(seq));
                leaves.hashes.extend(lines.iter().filter_map(Line::hash));
            });
        offered.bytes += taken.bytes;
        offered.records = taken.records;
        offered.kinds = taken.kinds;
        offered.refused = taken.refused;
        Ok(offered)
    }

    /// Makes everything that was taken durable and answers the number of the last record: it may be acknowledged, with all before it. One
    /// sync of one file as a rule, none when nothing waits. Then the full hash tiles follow.
    ///
    /// # Errors
    /// [`ErrorKind::NoSpace`] when the disk or a quota is full, [`ErrorKind::Io`] for other failures. What was durable is, what was not
    /// stays in memory, and the next call tries again on a fresh file, never on the one that failed.
    pub fn sync(&mut self) -> Result<u64, Error> {
        if self.store.waiting() == 0 && !self.store.is_stuck() {
            return Ok(self.durable());
        }
        let synced = self.store.sync();
        // Segments that were ended before a failure are whole.
        for end in self.store.take_ended() {
            self.shelf.push(end);
            self.unsaved = true;
        }
        synced.map_err(|error| self.failed("sync a replica", error))?;
        if let Some(hash) = self.intake.hash() {
            let note = SyncedNote {
                seq: self.durable(),
                hash,
            };
            // A hint for the next opening: without it, that opening trusts less, and nothing else changes.
            self.lock.overwrite(0, note.to_text().as_bytes()).ok();
        }
        self.grow_tiles();
        if self.unsaved {
            // Without it the next opening reads more.
            self.save_state().ok();
        }
        Ok(self.durable())
    }

    /// Judges a signed note as [`Intake::checkpoint`] does, of any size up to the head, and holds it back for [`publish`](Self::publish)
    /// unless a newer one is there.
    ///
    /// # Errors
    /// Why it does not count.
    pub fn checkpoint(&mut self, note: &str) -> Result<Checkpointed, Refused> {
        let fits = self
            .intake
            .checkpoint_at(note, |size, said| self.root_at(size, said))?;
        let newest = self
            .waiting
            .as_ref()
            .map(|(size, _)| *size)
            .max(self.checkpoint);
        if newest.is_none_or(|newest| newest < fits.size) {
            self.waiting = Some((fits.size, note.to_owned()));
        }
        Ok(fits)
    }

    /// Stores the newest checkpoint that fits in the file `checkpoint`, with the partial tiles that its size needs, once its
    /// records are durable. Two syncs; so not for each checkpoint that comes, but as often as one may be lost in a crash. Answers the size of the one that is
    /// stored.
    ///
    /// # Errors
    /// [`ErrorKind::NoSpace`] and [`ErrorKind::Io`]; the one before is there then.
    pub fn publish(&mut self) -> Result<Option<u64>, Error> {
        let durable = self.durable();
        if let Some((size, note)) = self.waiting.take_if(|(size, _)| *size <= durable) {
            let path = self.dir.join("checkpoint");
            let put = self
                .tiles
                .complete()
                .and_then(|()| put_atomically(&*self.files, &*self.handle, &path, note.as_bytes()));
            if let Err(error) = put {
                self.waiting = Some((size, note));
                return Err(self.failed("store a checkpoint", error));
            }
            self.checkpoint = Some(size);
            // What is left behind takes up room and no more.
            self.tiles.published(size).ok();
        }
        Ok(self.checkpoint)
    }

    /// Syncs, publishes, and saves the state, so that the next opening has nothing to verify. A replica may be dropped without.
    ///
    /// # Errors
    /// As [`sync`](Self::sync) and [`publish`](Self::publish).
    pub fn close(mut self) -> Result<(), Error> {
        self.sync()?;
        self.publish()?;
        self.save_state().map(|_| ())
    }

    /// The chain.
    #[must_use]
    pub const fn chain(&self) -> &ChainId {
        self.intake.chain()
    }

    /// The directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The head over everything that was taken, durable or not; `None` before the first record.
    #[must_use]
    pub fn head(&self) -> Option<Head> {
        self.intake.head()
    }

    /// Number of the last record that was taken; 0 before the first.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.intake.seq()
    }

    /// The hash of that record.
    #[must_use]
    pub fn hash(&self) -> Option<Digest> {
        self.intake.hash()
    }

    /// Number of the last record that is durable.
    #[must_use]
    pub const fn durable(&self) -> u64 {
        self.store.durable()
    }

    /// Bytes in the segments, with those that wait.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.shelf.bytes() + self.store.bytes()
    }

    /// Size of the checkpoint that is stored.
    #[must_use]
    pub const fn published(&self) -> Option<u64> {
        self.checkpoint
    }

    /// What opening moved to `quarantine/`.
    #[must_use]
    pub const fn recovered(&self) -> Option<&Recovered> {
        self.recovered.as_ref()
    }

    /// The root over records 1 to `size`, of which a checkpoint says that it is `said`.
    fn root_at(&self, size: u64, said: Digest) -> Option<Digest> {
        let recent = self.intake.recent_root(size);
        let tiled = || self.tiles.root_at(size).ok().filter(|root| *root == said);
        // Tiles are not to be trusted with an accusation.
        recent
            .or_else(tiled)
            .or_else(|| self.root_of_records(size).ok())
    }

    /// The same, from the records that are there, and from the tiles that pruning made durable.
    fn root_of_records(&self, size: u64) -> io::Result<Digest> {
        let segments = self.dir.join("segments");
        let names = self.files.list(&segments)?;
        let first = names.iter().find_map(|name| first_of(name)).unwrap_or(1);
        let pruned = first - 1;
        let whole = pruned.min(size - size % BUNDLE);
        let mut tree = range_below(&*self.files, &self.dir, whole, Source::Bottom)?;
        if size < pruned {
            let tile = self.tiles.bottom(whole / BUNDLE)?;
            tree.extend(tile.get(..(size - whole) as usize).unwrap_or_default());
            return Ok(tree.root());
        }
        read_leaves(&*self.files, &segments, pruned, size, |leaves| {
            tree.extend(leaves);
            Ok(())
        })?;
        Ok(tree.root())
    }

    fn grow_tiles(&mut self) {
        // What cannot be written now is read from the segments the next time.
        let durable = self.durable();
        self.tiles.grow(&self.leaves, durable).ok();
        self.leaves.after = durable;
        self.leaves.hashes.clear();
    }

    fn failed(&self, operation: &'static str, error: io::Error) -> Error {
        failed(&self.dir, operation, error)
    }
}

impl fmt::Debug for Replica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replica")
            .field("dir", &self.dir)
            .field("intake", &self.intake)
            .field("durable", &self.durable())
            .finish_non_exhaustive()
    }
}

fn failed(dir: &Path, operation: &'static str, error: io::Error) -> Error {
    let full = matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
    );
    let (kind, context) = if full {
        let context = format!(
            "the disk or the quota under {} is full; free space on it",
            dir.display()
        );
        (ErrorKind::NoSpace, context)
    } else {
        let context = format!("{} could not be read or written ({error})", dir.display());
        (ErrorKind::Io, context)
    };
    Error::new(kind, operation, context).with_source(error)
}

/// When a line was sealed.
fn time_of(line: &Line, bytes: &[u8]) -> Option<Timestamp> {
    let form = line.form.as_ref().ok()?;
    let (_, _, time) = form.chain(line.bytes(bytes))?;
    Timestamp::from_text(time)
}
