//! Records in directories, each a log of the audit specification.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::Arc;

use counterfoil::audit::intake::Refused;
use counterfoil::audit::replica::{Offered, Replica, ReplicaOptions};
use counterfoil::audit::tlog::TiledLog;
use counterfoil::audit::verify::Reason as Verdict;
use counterfoil::audit::{
    AuditRecord, Error as AuditError, ErrorKind as AuditErrorKind, FileSystem, Retention, StdFiles,
};
use counterfoil::signer::{Ed25519Verifier, Keyring, VerifierKey};
use counterfoil::{Clock, Head, SystemClock};

use super::{SegmentStorage, StoredChain, Taken, Unfit};
use crate::collector::chain_dir;
use crate::{ChainEntry, Error, ErrorKind, Reason};

/// Keeps each chain in `tenants/<tenant>/chains/<id, with = for />` below a directory, as a log that `counterfoil verify` reads.
#[derive(Debug)]
pub struct FileStorage {
    root: PathBuf,
    files: Arc<dyn FileSystem>,
    clock: Arc<dyn Clock>,
    segment_bytes: Option<NonZeroU64>,
}

impl FileStorage {
    /// Keeps chains below `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self {
            root: root.into(),
            files: Arc::new(StdFiles),
            clock: Arc::new(SystemClock::new()),
            segment_bytes: None,
        }
    }

    /// The files; the operating system's by default.
    #[must_use]
    pub fn file_system(mut self, files: Arc<dyn FileSystem>) -> Self {
        self.files = files;
        self
    }

    /// A segment ends at the next multiple of 256 records once it is this long, and retention lets go whole ones; that of
    /// [`ReplicaOptions`] by default.
    #[must_use]
    pub const fn segment_bytes(mut self, bytes: NonZeroU64) -> Self {
        self.segment_bytes = Some(bytes);
        self
    }

    /// What retention takes the age of records from; [`SystemClock`] by default.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }
}

impl SegmentStorage for FileStorage {
    fn open(
        &self,
        entry: &ChainEntry,
        vouched: Option<&Head>,
    ) -> Result<Box<dyn StoredChain>, Error> {
        const OPEN: &str = "open a chain";
        let dir = self.directory(entry);
        let mut options = ReplicaOptions::new(Arc::new(keyring(entry)?));
        // Keys that the chain names are followed from the registered one on.
        options.key_reader = Some(|key| {
            Ed25519Verifier::new(key.clone())
                .ok()
                .map(|verifier| Box::new(verifier) as Box<_>)
        });
        options.files = Arc::clone(&self.files);
        options.vouched = vouched.cloned();
        if let Some(bytes) = self.segment_bytes {
            options.segment_bytes = bytes.get();
        }
        let replica = Replica::open(&dir, entry.chain.clone(), options)
            .map_err(|error| failed(OPEN, entry, error))?;
        if let Some(recovered) = replica.recovered() {
            tracing::warn!(chain = %entry.chain, ?recovered, "a tail that was never acknowledged was set aside");
        }
        let chain = FileChain {
            durable: replica.head(),
            replica,
            entry: entry.clone(),
            clock: Arc::clone(&self.clock),
        };
        if let Some(vouched) = vouched {
            chain.check(vouched)?;
        }
        Ok(Box::new(chain))
    }

    fn directory(&self, entry: &ChainEntry) -> PathBuf {
        chain_dir(&self.root, &entry.tenant, &entry.chain)
    }
}

/// A chain in a directory.
#[derive(Debug)]
struct FileChain {
    replica: Replica,
    /// With its root.
    durable: Option<Head>,
    entry: ChainEntry,
    clock: Arc<dyn Clock>,
}

impl FileChain {
    /// Whether the record at a head that was kept apart is the one that is here. The replica has seen to it that there is one.
    fn check(&self, vouched: &Head) -> Result<(), Error> {
        match self.head_at(vouched.seq)? {
            Some(found) if !found.agrees_with(vouched) => Err(Error::new(
                ErrorKind::Corrupt,
                "open a chain",
                format!(
                    "record {} of {} is not the one that was kept as its head; verify the log against its anchor, and restore what was \
                     changed from a copy",
                    vouched.seq, vouched.chain
                ),
            )),
            // Retention may have let it go.
            _ => Ok(()),
        }
    }

    fn failed(&self, operation: &'static str, error: AuditError) -> Error {
        failed(operation, &self.entry, error)
    }
}

impl StoredChain for FileChain {
    fn head(&self) -> Option<Head> {
        Some(Head {
            chain: self.entry.chain.clone(),
            seq: self.replica.seq(),
            hash: self.replica.hash()?,
            root: None,
        })
    }

    fn durable(&self) -> Option<Head> {
        self.durable.clone()
    }

    fn bytes(&self) -> u64 {
        self.replica.bytes()
    }

    fn offer(&mut self, lines: &[u8]) -> Result<Taken, Error> {
        let offered = self
            .replica
            .offer(lines)
            .map_err(|error| self.failed("take records", error))?;
        Ok(taken(offered, lines))
    }

    fn checkpoint(&mut self, note: &str) -> Result<Result<u64, Unfit>, Error> {
        let fits = self.replica.checkpoint(note);
        Ok(fits.map(|fits| fits.size).map_err(|refused| {
            let reason = match reason_of(refused.reason) {
                // What cannot be read as a note, or is over records that are not here, is a checkpoint that does not fit.
                Reason::Key => Reason::Key,
                _ => Reason::Checkpoint,
            };
            unfit(reason, &refused)
        }))
    }

    fn sync(&mut self) -> Result<(), Error> {
        self.replica
            .sync()
            .map_err(|error| self.failed("make records durable", error))?;
        self.durable = self.replica.head();
        Ok(())
    }

    fn publish(&mut self) -> Result<(), Error> {
        let published = self.replica.publish();
        published
            .map(|_| ())
            .map_err(|error| self.failed("publish a checkpoint", error))
    }

    fn head_at(&self, seq: u64) -> Result<Option<Head>, Error> {
        match &self.durable {
            Some(durable) if durable.seq == seq => return Ok(Some(durable.clone())),
            Some(durable) if durable.seq > seq => {}
            _ => return Ok(None),
        }
        // A record that retention let go cannot be read any more, and it is the only one that is not there.
        let line = TiledLog::open(self.replica.dir()).and_then(|log| log.line(seq));
        let Ok(line) = line else {
            return Ok(None);
        };
        let record =
            AuditRecord::parse(&line).map_err(|error| self.failed("read a record", error))?;
        Ok(Some(Head {
            root: None,
            ..record.head()
        }))
    }

    fn prune(&mut self, retention: Retention) -> Result<u64, Error> {
        let pruned = self.replica.prune(&retention, self.clock.utc());
        pruned
            .map(|pruned| pruned.records)
            .map_err(|error| self.failed("let records go", error))
    }

    fn close(self: Box<Self>) -> Result<(), Error> {
        let Self { replica, entry, .. } = *self;
        replica
            .close()
            .map_err(|error| failed("close a chain", &entry, error))
    }
}

fn keyring(entry: &ChainEntry) -> Result<Keyring, Error> {
    let mut keys = Keyring::new();
    if let Some(key) = &entry.verifier_key {
        trust(&mut keys, key).map_err(|error| {
            let context = format!(
                "the registered key of {} cannot be used: {error}",
                entry.chain
            );
            Error::new(ErrorKind::Credential, "open a chain", context)
        })?;
    }
    Ok(keys)
}

fn trust(keys: &mut Keyring, key: &VerifierKey) -> Result<(), counterfoil::signer::Error> {
    keys.trust(Ed25519Verifier::new(key.clone())?)
}

fn taken(offered: Offered, lines: &[u8]) -> Taken {
    let Offered {
        bytes,
        records,
        known,
        kinds,
        refused,
        fork,
        ..
    } = offered;
    let refused = refused.map(|refused| {
        let rest = lines.get(bytes..).unwrap_or_default();
        let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        let unfit = match fork {
            Some(fork) => {
                let mut unfit = unfit(Reason::Fork, &refused);
                unfit.ours = Some(fork.stored).filter(|line| !line.is_empty());
                unfit
            }
            None => {
                let mut unfit = unfit(reason_of(refused.reason), &refused);
                // The number that the record states, rather than the one that it should have.
                if let Ok(record) = AuditRecord::parse(&rest[..end]) {
                    unfit.seq = Some(record.seq());
                }
                unfit
            }
        };
        (unfit, bytes..bytes + end)
    });
    Taken::new(records, known, refused).of_kinds(kinds)
}

fn unfit(reason: Reason, refused: &Refused) -> Unfit {
    Unfit::new(reason, Some(refused.seq), refused.to_string())
}

fn reason_of(verdict: Verdict) -> Reason {
    match verdict {
        Verdict::Grammar => Reason::Grammar,
        Verdict::Hash => Reason::Hash,
        Verdict::Id => Reason::Chain,
        Verdict::Seq => Reason::Sequence,
        Verdict::Link => Reason::Link,
        Verdict::Time => Reason::Time,
        Verdict::Signature | Verdict::Key => Reason::Key,
        Verdict::Replay => Reason::Replay,
        Verdict::Head | Verdict::Root | Verdict::Tile => Reason::Checkpoint,
        _ => Reason::Policy,
    }
}

fn failed(operation: &'static str, entry: &ChainEntry, error: AuditError) -> Error {
    let kind = match error.kind() {
        AuditErrorKind::NoSpace => ErrorKind::Full,
        AuditErrorKind::Corrupt | AuditErrorKind::Missing => ErrorKind::Corrupt,
        AuditErrorKind::Conflict => ErrorKind::Locked,
        _ => ErrorKind::Io,
    };
    Error::new(kind, operation, format!("{error}, of {}", entry.chain)).with_source(error)
}
