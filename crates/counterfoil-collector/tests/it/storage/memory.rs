//! Records in memory, for tests of what does not touch files.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use counterfoil::audit::intake::{Intake, Kinds, Refused};
use counterfoil::audit::verify::Reason as Verdict;
use counterfoil::audit::{AuditRecord, Retention};
use counterfoil::signer::{Ed25519Verifier, Keyring};
use counterfoil::{ChainId, Head};
use counterfoil_collector::{
    ChainEntry, Error, ErrorKind, Reason, SegmentStorage, StoredChain, Taken, Unfit,
};
use parking_lot::Mutex;

/// The durable lines of each chain.
type Durable = Arc<Mutex<HashMap<ChainId, Vec<Vec<u8>>>>>;

#[derive(Debug, Default)]
pub(crate) struct MemStorage {
    durable: Durable,
}

#[derive(Debug)]
struct MemChain {
    intake: Intake,
    lines: Vec<Vec<u8>>,
    durable: Durable,
}

impl SegmentStorage for MemStorage {
    fn open(
        &self,
        entry: &ChainEntry,
        vouched: Option<&Head>,
    ) -> Result<Box<dyn StoredChain>, Error> {
        let mut keys = Keyring::new();
        if let Some(key) = &entry.verifier_key {
            keys.trust(Ed25519Verifier::new(key.clone()).unwrap())
                .unwrap();
        }
        let mut intake = Intake::new(entry.chain.clone(), Arc::new(keys), None);
        let lines = self
            .durable
            .lock()
            .get(&entry.chain)
            .cloned()
            .unwrap_or_default();
        assert_eq!(intake.offer(&lines.concat()).refused, None);
        let chain = MemChain {
            intake,
            lines,
            durable: Arc::clone(&self.durable),
        };
        if let Some(vouched) = vouched {
            let kept = chain.head_at(vouched.seq)?;
            if kept.is_none_or(|kept| kept.hash != vouched.hash) {
                return Err(Error::new(
                    ErrorKind::Corrupt,
                    "open a chain",
                    "records are gone",
                ));
            }
        }
        Ok(Box::new(chain))
    }

    fn directory(&self, entry: &ChainEntry) -> PathBuf {
        PathBuf::from(entry.chain.as_str())
    }
}

fn seq_of(line: &[u8]) -> Option<u64> {
    AuditRecord::parse(line).ok().map(|record| record.seq())
}

fn unfit(refused: Refused, seq: Option<u64>) -> Unfit {
    let reason = match refused.reason {
        Verdict::Grammar => Reason::Grammar,
        Verdict::Seq => Reason::Sequence,
        Verdict::Link => Reason::Link,
        Verdict::Hash => Reason::Hash,
        Verdict::Id => Reason::Chain,
        Verdict::Unreadable => Reason::Checkpoint,
        _ => Reason::Policy,
    };
    Unfit::new(reason, seq, refused.detail)
}

impl MemChain {
    fn head_of(&self, seq: usize) -> Option<Head> {
        let line = self.lines.get(seq.checked_sub(1)?)?;
        Some(Head {
            root: None,
            ..AuditRecord::parse(line).ok()?.head()
        })
    }
}

impl StoredChain for MemChain {
    fn head(&self) -> Option<Head> {
        self.head_of(self.lines.len())
    }

    fn durable(&self) -> Option<Head> {
        let count = self
            .durable
            .lock()
            .get(self.intake.chain())
            .map_or(0, Vec::len);
        self.head_of(count)
    }

    fn bytes(&self) -> u64 {
        self.lines.iter().map(|line| line.len() as u64).sum()
    }

    fn offer(&mut self, lines: &[u8]) -> Result<Taken, Error> {
        let (mut new, mut known, mut at) = (0, 0, 0);
        let mut kinds = Kinds::default();
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            let range = at..at + line.len();
            at = range.end;
            let seq = seq_of(line);
            let kept = seq
                .filter(|seq| *seq > 0)
                .and_then(|seq| self.lines.get(usize::try_from(seq).unwrap() - 1));
            if kept.is_some_and(|kept| kept == line) {
                known += 1;
                continue;
            }
            if let Some(kept) = kept {
                let mut unfit = Unfit::new(Reason::Fork, seq, "another record is there");
                unfit.ours = Some(kept.clone());
                return Ok(Taken::new(new, known, Some((unfit, range))).of_kinds(kinds));
            }
            let offered = self.intake.offer(line);
            kinds += offered.kinds;
            if let Some(refused) = offered.refused {
                let taken = Taken::new(new, known, Some((unfit(refused, seq), range)));
                return Ok(taken.of_kinds(kinds));
            }
            self.lines.push(line.to_vec());
            new += 1;
        }
        Ok(Taken::new(new, known, None).of_kinds(kinds))
    }

    fn checkpoint(&mut self, note: &str) -> Result<Result<u64, Unfit>, Error> {
        let fits = self.intake.checkpoint(note);
        Ok(fits
            .map(|fits| fits.size)
            .map_err(|refused| unfit(refused, None)))
    }

    fn sync(&mut self) -> Result<(), Error> {
        let chain = self.intake.chain().clone();
        self.durable.lock().insert(chain, self.lines.clone());
        Ok(())
    }

    fn publish(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn head_at(&self, seq: u64) -> Result<Option<Head>, Error> {
        let durable = self.durable().map_or(0, |head| head.seq);
        let seq = usize::try_from(seq).unwrap();
        Ok(self.head_of(seq).filter(|head| head.seq <= durable))
    }

    fn prune(&mut self, _retention: Retention) -> Result<u64, Error> {
        Ok(0)
    }

    fn close(self: Box<Self>) -> Result<(), Error> {
        Ok(())
    }
}
