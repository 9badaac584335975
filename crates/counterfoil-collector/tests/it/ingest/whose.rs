//! A chain belongs to the tenant and the key that it was registered with.

use std::sync::Arc;
use std::time::Duration;

use counterfoil_collector::{
    Caller, Catalogue, ChainEntry, Collector, Error, FileCatalogue, Reason, Scope, TenantSettings,
};

use super::producer::{Produced, signed, unsigned};
use super::{builder, caller, register, send};

fn started() -> (tempfile::TempDir, Collector, Produced) {
    let dir = tempfile::tempdir().unwrap();
    let collector = builder(dir.path()).start().unwrap();
    let log = signed("audit.example.com/leases", 5);
    register(&collector, &caller("acme"), &log);
    (dir, collector, log)
}

#[tokio::test]
async fn another_tenant_cannot_find_extend_or_register_a_chain() {
    let (_dir, collector, log) = started();
    let other = caller("globex");
    let head = collector.head(&other, &log.chain).await.unwrap_err();
    assert_eq!(head.reason, Reason::NotFound);
    let extend = send(&collector, &other, &log, &[log.all()])
        .await
        .unwrap_err();
    assert_eq!(extend.reason, Reason::NotFound);
    assert_eq!(
        collector.log_dir(&other, &log.chain).unwrap_err().reason,
        Reason::NotFound
    );
    assert_eq!(collector.chains(&other).unwrap(), []);
    let taken = collector
        .register(&other, &log.chain, log.key.clone())
        .unwrap_err();
    assert_eq!(taken.reason, Reason::Forbidden);
    let next = log.chain.next_incarnation().unwrap();
    let taken = collector.register(&other, &next, None).unwrap_err();
    assert_eq!(taken.reason, Reason::Forbidden, "nor what it goes on as");
}

#[test]
fn registering_again_changes_nothing_and_another_key_is_a_conflict() {
    let (_dir, collector, log) = started();
    let acme = caller("acme");
    let kept = collector
        .register(&acme, &log.chain, log.key.clone())
        .unwrap();
    assert_eq!(kept.verifier_key, log.key);
    let refusal = collector.register(&acme, &log.chain, None).unwrap_err();
    assert_eq!(refusal.reason, Reason::Conflict);
    let foreign = super::producer::signer_of(&"audit.example.com/other/1".parse().unwrap());
    let foreign = counterfoil::signer::Signer::verifier_key(&foreign).cloned();
    let new = "audit.example.com/new/1".parse().unwrap();
    let refusal = collector.register(&acme, &new, foreign).unwrap_err();
    assert_eq!(
        refusal.reason,
        Reason::Key,
        "a log key is named by its chain"
    );
}

#[tokio::test]
async fn a_chain_that_is_signed_by_another_key_than_the_registered_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let collector = builder(dir.path()).start().unwrap();
    let acme = caller("acme");
    let log = signed("audit.example.com/leases", 5);
    let other =
        counterfoil::signer::Ed25519Signer::from_seed(log.chain.as_str(), &[9; 32]).unwrap();
    let key = counterfoil::signer::Signer::verifier_key(&other).cloned();
    collector.register(&acme, &log.chain, key).unwrap();
    let chunks = [log.all(), log.checkpoint_line()];
    let refusal = send(&collector, &acme, &log, &chunks).await.unwrap_err();
    assert!(
        matches!(refusal.reason, Reason::Key | Reason::Checkpoint),
        "{refusal:?}"
    );
    assert!(refusal.reason.is_verification_failure());
}

#[tokio::test]
async fn a_chain_that_was_registered_without_a_key_has_no_checkpoints_that_count() {
    let dir = tempfile::tempdir().unwrap();
    let collector = builder(dir.path()).start().unwrap();
    let acme = caller("acme");
    let log = signed("audit.example.com/leases", 5);
    collector.register(&acme, &log.chain, None).unwrap();
    let outcome = send(&collector, &acme, &log, &[log.all(), log.checkpoint_line()]).await;
    assert!(outcome.unwrap_err().reason.is_verification_failure());
    let plain = unsigned("audit.example.com/plain", 5);
    register(&collector, &acme, &plain);
    send(&collector, &acme, &plain, &[plain.all()])
        .await
        .unwrap();
}

#[test]
fn names_that_are_set_aside_and_numbers_of_chains_are_kept_to() {
    let dir = tempfile::tempdir().unwrap();
    let collector = builder(dir.path())
        .tenant_settings(|tenant| {
            let mut settings = TenantSettings::default();
            settings.chain_names = vec![format!("audit.example.com/{tenant}")];
            settings.max_chains = Some(2);
            settings
        })
        .start()
        .unwrap();
    let acme = caller("acme");
    let register = |id: &str| {
        let chain = id.parse().unwrap();
        collector
            .register(&acme, &chain, None)
            .map_err(|refusal| refusal.reason)
    };
    register("audit.example.com/acme/1").unwrap();
    register("audit.example.com/acme/eu/1").unwrap();
    assert_eq!(
        register("audit.example.com/globex/1").unwrap_err(),
        Reason::Forbidden
    );
    assert_eq!(
        register("collector.example.com/meta/2").unwrap_err(),
        Reason::Forbidden
    );
    let third = register("audit.example.com/acme/us/1").unwrap_err();
    assert_eq!(third, Reason::QuotaExceeded);
}

#[test]
fn nobody_registers_under_the_name_of_the_collector_s_own_chain() {
    let (_dir, collector, _log) = started();
    let id = "collector.example.com/meta/2".parse().unwrap();
    let refusal = collector.register(&caller("acme"), &id, None).unwrap_err();
    assert_eq!(refusal.reason, Reason::Forbidden);
}

#[tokio::test]
async fn a_credential_without_the_scope_may_not() {
    let (_dir, collector, log) = started();
    let reader = Caller::new("acme".parse().unwrap(), Scope::Read.into(), "cfk_reader");
    let refusal = collector.upload(&reader, &log.chain).unwrap_err();
    assert_eq!(refusal.reason, Reason::Forbidden);
    let refusal = collector.register(&reader, &log.chain, None).unwrap_err();
    assert_eq!(refusal.reason, Reason::Forbidden);
    let writer = Caller::new("acme".parse().unwrap(), Scope::Ingest.into(), "cfk_writer");
    assert!(collector.head(&writer, &log.chain).await.is_ok());
    assert_eq!(
        collector.chains(&writer).unwrap_err().reason,
        Reason::Forbidden
    );
}

/// A catalogue on a slow disk.
#[derive(Debug)]
struct Slow(FileCatalogue);

impl Catalogue for Slow {
    fn register(&self, entry: &ChainEntry) -> Result<ChainEntry, Error> {
        std::thread::sleep(Duration::from_millis(50));
        self.0.register(entry)
    }

    fn entries(&self) -> Result<Vec<ChainEntry>, Error> {
        self.0.entries()
    }
}

#[test]
fn registrations_at_the_same_time_get_past_no_limit_and_share_no_name() {
    let dir = tempfile::tempdir().unwrap();
    let slow = Slow(FileCatalogue::open(dir.path().join("catalogue")).unwrap());
    let data = tempfile::tempdir().unwrap();
    let collector = builder(data.path())
        .catalogue(Arc::new(slow))
        .tenant_settings(|_| {
            let mut settings = TenantSettings::default();
            settings.max_chains = Some(1);
            settings
        })
        .start()
        .unwrap();
    let registered = std::thread::scope(|scope| {
        let attempts = ["acme", "globex"].into_iter().flat_map(|tenant| {
            (1..=3)
                .map(move |number| (caller(tenant), format!("audit.example.com/leases/{number}")))
        });
        let attempts: Vec<_> = attempts
            .map(|(tenant, id)| {
                let collector = &collector;
                scope.spawn(move || {
                    collector
                        .register(&tenant, &id.parse().unwrap(), None)
                        .is_ok()
                })
            })
            .collect();
        let done = attempts.into_iter().map(|attempt| attempt.join().unwrap());
        done.filter(|done| *done).count()
    });
    assert_eq!(
        registered, 1,
        "one tenant has the name, and one chain of it"
    );
}
