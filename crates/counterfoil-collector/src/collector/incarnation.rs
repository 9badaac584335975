//! A chain that goes on as its next incarnation.
//!
//! A chain that cannot go on under its id, because its log was lost or no longer fits what is kept here, begins anew under the next
//! number, and one of its first records names the record of the old chain that it vouches for. That is compared with what is kept of
//! the old chain, and what is found is sealed into the meta-chain. It is never refused: a chain that is stuck would stay stuck for
//! ever, and what contradicts is on record then, at both ends.

use bytes::Bytes;
use counterfoil::audit::tlog::TiledLog;
use counterfoil::audit::{AuditEventData, AuditRecord, ChainRestarted};
use counterfoil::{ChainId, Head};

use crate::collector::chain::Chain;
use crate::collector::shared::Shared;
use crate::{Reason, Refusal, Taken};

/// `chain_restarted` is among the first records of an incarnation; this many are looked at.
const FIRST_RECORDS: u64 = 16;

/// Whether the record that names the old chain is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Continuation {
    Awaited,
    Seen,
}

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finding {
    /// It names the last record that is kept.
    Agrees,
    /// It names a record that is kept, and there are later ones here that it does not vouch for.
    Behind,
    /// It names a record that never came here.
    Ahead,
    /// Another record is kept under that number.
    Contradicts,
    /// Nothing is kept under that number: the old chain is not this tenant's here, or retention let the record go.
    Unknown,
}

impl Finding {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Agrees => "agrees",
            Self::Behind => "behind",
            Self::Ahead => "ahead",
            Self::Contradicts => "contradicts",
            Self::Unknown => "unknown",
        }
    }
}

impl Continuation {
    /// A first incarnation follows nothing.
    pub(crate) fn of(chain: &ChainId) -> Self {
        if chain.incarnation() > 1 {
            Self::Awaited
        } else {
            Self::Seen
        }
    }

    /// Looks at what was just taken, as long as the record is awaited.
    pub(crate) fn look(
        &mut self,
        shared: &Shared,
        chain: &Chain,
        before: Option<&Head>,
        lines: &Bytes,
        taken: &Taken,
    ) {
        if *self == Self::Seen || taken.new == 0 {
            return;
        }
        let first = before.map_or(0, |head| head.seq);
        if first >= FIRST_RECORDS {
            *self = Self::Seen;
            return;
        }
        let accepted = usize::try_from(taken.known + taken.new).unwrap_or(usize::MAX);
        let accepted = lines.split_inclusive(|byte| *byte == b'\n').take(accepted);
        for line in accepted {
            let Ok(record) = AuditRecord::parse(line) else {
                continue;
            };
            if record.seq() > FIRST_RECORDS {
                break;
            }
            if let Ok(AuditEventData::ChainRestarted(restarted)) = record.data() {
                found(shared, chain, &restarted, line);
                *self = Self::Seen;
                return;
            }
        }
    }
}

fn found(shared: &Shared, chain: &Chain, restarted: &ChainRestarted, line: &[u8]) {
    let old = Head {
        chain: restarted.old_id.clone(),
        seq: restarted.old_seq,
        hash: restarted.old_hash,
        root: None,
    };
    let (finding, ours) = compare(shared, chain, &old);
    let (tenant, id) = (&chain.entry.tenant, chain.id());
    shared.meta.continued(tenant, id, &old, finding.as_str());
    tracing::info!(chain = %id, old = %old.chain, seq = old.seq, finding = finding.as_str(), "a chain goes on as its next incarnation");
    if finding != Finding::Contradicts {
        return;
    }
    let mut refusal = Refusal::new(
        Reason::Fork,
        format!(
            "the chain says that record {} of {} had the hash {}, and another record is kept here; both are kept as evidence",
            old.seq, old.chain, old.hash
        ),
    );
    refusal.seq = Some(old.seq);
    let kept =
        chain
            .quarantine
            .lock()
            .keep_fork(shared.clock.utc(), id, &refusal, line, ours.as_deref());
    if let Err(error) = kept {
        tracing::error!(chain = %id, %error, "the evidence of a fork was not kept");
    }
    shared.tell(chain, &refusal);
}

/// Compares with what is kept of the old chain; the line that is kept under the number, where there is one.
fn compare(shared: &Shared, chain: &Chain, old: &Head) -> (Finding, Option<Vec<u8>>) {
    let Some(kept) = shared
        .chain(&old.chain)
        .filter(|kept| kept.entry.tenant == chain.entry.tenant)
    else {
        return (Finding::Unknown, None);
    };
    let end = kept.acknowledged();
    if old.seq > end {
        return (Finding::Ahead, None);
    }
    let directory = shared.storage.directory(&kept.entry);
    let line = TiledLog::open(directory).and_then(|log| log.line(old.seq));
    let Ok(line) = line else {
        return (Finding::Unknown, None);
    };
    let same = AuditRecord::parse(&line).is_ok_and(|record| record.hash() == old.hash);
    match (same, old.seq == end) {
        (true, true) => (Finding::Agrees, None),
        (true, false) => (Finding::Behind, None),
        (false, _) => (Finding::Contradicts, Some(line)),
    }
}
