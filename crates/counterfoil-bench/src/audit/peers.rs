//! The peers: `audit-trail` (a hash chain) and `witness-log-core` (an RFC 6962 log), used as their documentation does.

use std::path::Path;

use audit_trail::{
    Action, Actor, Chain, Clock, Outcome as TrailOutcome, Sha256Hasher, Sink, Target, Timestamp,
};
use witness_log_core::WitnessLog;
use witness_log_core::identity::IdentityKeypair;
use witness_log_core::journal::JournaledLog;

use crate::group::Outcome;

/// A chain of `audit-trail` over some sink.
pub(crate) type Trail<S> = Chain<Sha256Hasher, S, Ticking>;

/// Counts instead of reading the time: the crate refuses two records of one nanosecond, and its clock is not what is
/// measured.
#[derive(Debug, Default)]
pub(crate) struct Ticking(std::cell::Cell<u64>);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        self.0.set(self.0.get() + 1);
        Timestamp::from_nanos(self.0.get())
    }
}

pub(crate) fn trail<S: Sink>(sink: S) -> Trail<S> {
    Chain::new(Sha256Hasher::new(), sink, Ticking::default())
}

/// Appends a record that says what our lease record says, in the crate's own shorter form.
pub(crate) fn append_short<S: Sink>(chain: &mut Trail<S>) -> bool {
    append(
        chain,
        "tenant acme workload train-7 request 5f0c1e0a9d3b4c7e8f6a2b1d0c9e8f7a",
        "lease 7 node node-a trace 0af7651916cd43dd8448eb211c80319c bytes 4096",
    )
}

/// Appends a record with this target.
pub(crate) fn append<S: Sink>(chain: &mut Trail<S>, actor: &str, target: &str) -> bool {
    let (actor, action) = (Actor::new(actor), Action::new("lease_allocated"));
    let target = Target::new(target);
    chain
        .append(actor, action, target, TrailOutcome::Success)
        .is_ok()
}

/// A log of `witness-log-core` in memory.
pub(crate) fn witness() -> WitnessLog {
    WitnessLog::resume(identity(), 0)
}

/// A journaled one. Its seed stays out of the journal, as the crate recommends.
pub(crate) fn witness_journal(path: &Path) -> Outcome<JournaledLog> {
    let path = path.to_str().ok_or("the temporary path is not UTF-8")?;
    Ok(JournaledLog::create_sealed(path, identity())?)
}

/// The key of every log of that crate here.
pub(crate) fn identity() -> IdentityKeypair {
    IdentityKeypair::from_bytes(&[7; 32])
}
