//! The collector's own chain: what it did, sealed.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use counterfoil::audit::{
    Access, AccessAction, AuditEventData, AuditInput, Object, Outcome, Text, Value,
};
use counterfoil::{ChainId, ExtensionKind, Head, Name};
use parking_lot::Mutex;

use crate::collector::meta_log::MetaLog;
use crate::{Caller, ChainEntry, Reason, TenantName};

/// Heads that one record names; with the longest chain ids it stays below the largest body.
const HEADS_PER_RECORD: usize = 100;
/// What is coalesced is sealed at once when there is more of it than this.
const MOST_PENDING: usize = 4_096;

/// Seals what the collector does into a log of its own. What comes often is coalesced and sealed at [`flush`](Self::flush), or when
/// that log works again.
#[derive(Debug)]
pub(crate) struct Meta {
    log: MetaLog,
    pending: Mutex<Pending>,
}

#[derive(Debug, Default)]
struct Pending {
    /// The last head per chain.
    heads: BTreeMap<ChainId, (TenantName, Head)>,
    refusals: BTreeMap<(ChainId, Reason), Refusals>,
    accesses: BTreeMap<(TenantName, Arc<str>, ChainId, bool), u64>,
}

#[derive(Debug)]
struct Refusals {
    tenant: TenantName,
    count: u64,
    first_seq: Option<u64>,
    last_seq: Option<u64>,
}

impl Pending {
    fn len(&self) -> usize {
        self.heads.len() + self.refusals.len() + self.accesses.len()
    }
}

impl Meta {
    pub(crate) fn new(log: MetaLog) -> Self {
        Self {
            log,
            pending: Mutex::default(),
        }
    }

    pub(crate) const fn log(&self) -> &MetaLog {
        &self.log
    }

    pub(crate) const fn chain(&self) -> &ChainId {
        self.log.chain()
    }

    pub(crate) fn started(&self, chains: u64) {
        self.seal("collector.started", None, |data| {
            insert(
                data,
                "software",
                concat!("counterfoil-collector ", env!("CARGO_PKG_VERSION")),
            );
            insert(data, "chains", number(chains));
        });
    }

    /// The configuration in force, by its digest, and what changed since the last start.
    pub(crate) fn configured(
        &self,
        digest: &str,
        changes: &[(String, Option<String>, Option<String>)],
    ) {
        self.seal("collector.configured", None, |data| {
            insert(data, "digest", digest);
            let changes = changes.iter().map(|(key, old, new)| {
                object(|change| {
                    insert(change, "key", key.as_str());
                    if let Some(old) = old {
                        insert(change, "old_value", old.as_str());
                    }
                    if let Some(new) = new {
                        insert(change, "new_value", new.as_str());
                    }
                })
            });
            insert(data, "changes", Value::Array(changes.collect()));
        });
    }

    pub(crate) fn stopped(&self, finished: bool) {
        self.seal("collector.stopped", None, |data| {
            insert(data, "finished", finished);
        });
    }

    pub(crate) fn registered(&self, entry: &ChainEntry) {
        self.seal("collector.chain_registered", Some(&entry.tenant), |data| {
            insert(data, "chain", entry.chain.as_str());
            // Not "credential": under that name the redactor lets nothing through.
            insert(data, "registered_by", entry.credential.as_str());
            if let Some(key) = &entry.verifier_key {
                insert(data, "verifier_key", key.to_string());
            }
        });
    }

    /// How the end of the incarnation before, as a chain names it in its `chain_restarted`, compares with what is kept of it.
    pub(crate) fn continued(
        &self,
        tenant: &TenantName,
        chain: &ChainId,
        old: &Head,
        finding: &str,
    ) {
        self.seal("collector.chain_continued", Some(tenant), |data| {
            insert(data, "chain", chain.as_str());
            insert(data, "old_chain", old.chain.as_str());
            insert(data, "old_seq", number(old.seq));
            insert(data, "old_hash", old.hash.to_string());
            insert(data, "finding", finding);
        });
    }

    pub(crate) fn head(&self, tenant: &TenantName, head: Head) {
        self.pend(|pending| {
            pending
                .heads
                .insert(head.chain.clone(), (tenant.clone(), head));
        });
    }

    pub(crate) fn refused(
        &self,
        tenant: &TenantName,
        chain: &ChainId,
        reason: Reason,
        seq: Option<u64>,
    ) {
        self.pend(|pending| {
            let refusals = pending
                .refusals
                .entry((chain.clone(), reason))
                .or_insert_with(|| Refusals {
                    tenant: tenant.clone(),
                    count: 0,
                    first_seq: seq,
                    last_seq: None,
                });
            refusals.count += 1;
            refusals.last_seq = seq.or(refusals.last_seq);
        });
    }

    /// That `caller` read or exported records of `chain`. Reading this chain itself is not recorded, or reading it would make it grow.
    pub(crate) fn access(&self, caller: &Caller, chain: &ChainId, action: AccessAction) {
        if chain == self.log.chain() {
            return;
        }
        let export = action == AccessAction::Export;
        self.pend(|pending| {
            let by = (
                caller.tenant.clone(),
                Arc::clone(&caller.credential),
                chain.clone(),
                export,
            );
            *pending.accesses.entry(by).or_default() += 1;
        });
    }

    fn pend(&self, add: impl FnOnce(&mut Pending)) {
        let mut pending = self.pending.lock();
        add(&mut pending);
        let full = pending.len() >= MOST_PENDING;
        drop(pending);
        if full && !self.log.has_failed() {
            self.seal_pending();
        }
    }

    /// Seals what was coalesced. A log that has failed is opened anew before; as long as it cannot be, all of it is kept.
    pub(crate) fn flush(&self) {
        match self.log.revive() {
            Ok(()) => self.seal_pending(),
            Err(error) => {
                tracing::error!(%error, "the collector's own log takes nothing; it is tried again");
            }
        }
    }

    fn seal_pending(&self) {
        let pending = mem::take(&mut *self.pending.lock());
        let heads: Vec<_> = pending.heads.into_values().collect();
        for heads in heads.chunks(HEADS_PER_RECORD) {
            self.heads_accepted(heads);
        }
        for ((chain, reason), refusals) in &pending.refusals {
            self.refusals(chain, *reason, refusals);
        }
        for ((tenant, credential, chain, export), count) in pending.accesses {
            self.accessed(&tenant, &credential, &chain, export, count);
        }
    }

    fn heads_accepted(&self, heads: &[(TenantName, Head)]) {
        self.seal("collector.heads_accepted", None, |data| {
            let heads = heads.iter().map(|(tenant, head)| {
                object(|it| {
                    insert(it, "chain", head.chain.as_str());
                    insert(it, "hash", head.hash.to_string());
                    insert(it, "seq", number(head.seq));
                    insert(it, "tenant", tenant.as_str());
                })
            });
            insert(data, "heads", Value::Array(heads.collect()));
        });
    }

    fn refusals(&self, chain: &ChainId, reason: Reason, refusals: &Refusals) {
        let kind = "collector.records_refused";
        let mut input = input(kind, Some(&refusals.tenant), |data| {
            insert(data, "chain", chain.as_str());
            insert(data, "reason", reason.code());
            insert(data, "count", number(refusals.count));
            for (key, seq) in [
                ("first_seq", refusals.first_seq),
                ("last_seq", refusals.last_seq),
            ] {
                if let Some(seq) = seq {
                    insert(data, key, number(seq));
                }
            }
        });
        input.outcome = Outcome::Failure;
        self.append(input);
    }

    fn accessed(
        &self,
        tenant: &TenantName,
        credential: &str,
        chain: &ChainId,
        export: bool,
        count: u64,
    ) {
        let action = if export {
            AccessAction::Export
        } else {
            AccessAction::Read
        };
        let mut input = AuditInput::unassigned(AuditEventData::Access(Access {
            action,
            count,
            first_seq: None,
            last_seq: None,
            reader: Text::from(format!("{tenant}/{credential} of {chain}")),
        }));
        input.who.tenant = Some(Text::from(tenant.as_str()));
        self.append(input);
    }

    fn seal(
        &self,
        kind: &'static str,
        tenant: Option<&TenantName>,
        fill: impl FnOnce(&mut Object),
    ) {
        self.append(input(kind, tenant, fill));
    }

    fn append(&self, input: AuditInput) {
        // The health check says so, too.
        if let Err(error) = self.log.append(input) {
            tracing::error!(%error, "the collector's own log did not take a record");
        }
    }

    /// Seals what is left, and closes the log; whether all of it became durable in time.
    pub(crate) fn close(&self, finished: bool, patience: Duration) -> bool {
        self.flush();
        self.stopped(finished);
        self.log.close(patience)
    }
}

fn input(
    kind: &'static str,
    tenant: Option<&TenantName>,
    fill: impl FnOnce(&mut Object),
) -> AuditInput {
    let mut data = Object::new();
    fill(&mut data);
    #[expect(clippy::expect_used, reason = "the names above follow the grammar")]
    let kind = ExtensionKind::new(&Name::new(kind)).expect("a valid extension kind");
    let mut input = AuditInput::unassigned(AuditEventData::Extension(kind, data));
    input.who.tenant = tenant.map(|tenant| Text::from(tenant.as_str()));
    input
}

fn object(fill: impl FnOnce(&mut Object)) -> Value {
    let mut object = Object::new();
    fill(&mut object);
    Value::Object(object)
}

fn number(number: u64) -> Value {
    // Sequence numbers end at 2^53 - 1; a count that came so far says "at least".
    const MOST: i64 = (1 << 53) - 1;
    Value::Integer(i64::try_from(number).unwrap_or(MOST).min(MOST))
}

fn insert(object: &mut Object, key: &str, value: impl Into<Value>) {
    #[expect(
        clippy::expect_used,
        reason = "the keys above follow the grammar, and the values are flat and small"
    )]
    object.insert(key, value).expect("a valid member");
}

#[cfg(test)]
mod tests {
    use counterfoil::audit::{AuditLog, FileSystem as _};
    use counterfoil_testkit::files::{Faults, MemFiles};

    use super::*;

    #[test]
    fn the_own_log_comes_back_after_a_full_disk_with_what_was_refused_meanwhile() {
        let files = MemFiles::default();
        let of_log = files.clone();
        let log = MetaLog::open(move || {
            AuditLog::builder("/meta", "collector.example.com/meta")
                .file_system(Arc::new(of_log.clone()))
        })
        .unwrap();
        let meta = Meta::new(log);
        let (tenant, chain): (TenantName, _) = (
            "acme".parse().unwrap(),
            ChainId::new("audit.example.com/leases/1").unwrap(),
        );
        files.set(Faults {
            space: Some(0),
            ..Faults::default()
        });
        meta.started(0);
        while !meta.log().has_failed() {
            std::thread::yield_now();
        }
        meta.refused(&tenant, &chain, Reason::Grammar, Some(7));
        meta.flush();
        assert!(meta.log().has_failed(), "there is still no room");

        files.set(Faults::default());
        meta.flush();
        assert!(!meta.log().has_failed());
        assert!(meta.close(true, Duration::from_secs(30)));
        let kept = files.read("/meta/segments/00000000000000000001.jsonl".as_ref());
        let kept = String::from_utf8(kept.unwrap()).unwrap();
        assert_eq!(kept.matches("collector.records_refused").count(), 1);
        assert!(kept.contains("audit.example.com/leases/1"));
    }
}
