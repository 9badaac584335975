//! The collector's own chain seals what the collector did.

use std::time::Duration;

use counterfoil::audit::verify::{Completeness, Verdict, VerifyOptions, verify_path};
use counterfoil::audit::{AccessAction, AuditRecord};
use counterfoil::signer::Keyring;
use counterfoil_collector::{Caller, Collector, Reason, Scope};
use serde_json::Value;

use super::producer::unsigned;
use super::{builder, caller, register, send};

/// The data of the records of this kind that the collector has sealed so far.
pub(crate) fn sealed(collector: &Collector, kind: &str) -> Vec<Value> {
    let admin = Caller::new("ops".parse().unwrap(), Scope::Admin.into(), "cfk_ops");
    let dir = collector.log_dir(&admin, collector.meta_chain()).unwrap();
    let of_kind = || {
        records(&dir)
            .into_iter()
            .filter(|body| body["event"]["kind"] == kind)
            .map(|body| body["event"]["data"].clone())
            .collect::<Vec<_>>()
    };
    // The sealer has its own pace.
    while of_kind().is_empty() {
        std::thread::sleep(Duration::from_millis(5));
    }
    of_kind()
}

fn records(dir: &std::path::Path) -> Vec<Value> {
    let mut segments: Vec<_> = std::fs::read_dir(dir.join("segments"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    segments.sort();
    let text: Vec<u8> = segments
        .iter()
        .flat_map(|path| std::fs::read(path).unwrap())
        .collect();
    let whole = text
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    text[..whole]
        .split_inclusive(|byte| *byte == b'\n')
        .map(|line| {
            let record = AuditRecord::parse(line).unwrap();
            serde_json::from_slice(record.body()).unwrap()
        })
        .collect()
}

#[tokio::test]
async fn start_configuration_chains_heads_refusals_accesses_and_stop_are_sealed() {
    let dir = tempfile::tempdir().unwrap();
    let collector = builder(dir.path())
        .setting("auth.tenants_file", "/etc/counterfoil/tenants.toml")
        .start()
        .unwrap();
    let acme = caller("acme");
    let log = unsigned("audit.example.com/leases", 10);
    register(&collector, &acme, &log);
    send(&collector, &acme, &log, &[log.all()]).await.unwrap();
    for _ in 0..3 {
        let refusal = send(&collector, &acme, &log, &["x\n".into()])
            .await
            .unwrap_err();
        assert_eq!(refusal.reason, Reason::Grammar);
        collector.note_access(&acme, &log.chain, AccessAction::Read);
        collector.note_access(&acme, collector.meta_chain(), AccessAction::Read);
    }
    let admin = Caller::new("ops".parse().unwrap(), Scope::Admin.into(), "cfk_ops");
    let meta = collector.log_dir(&admin, collector.meta_chain()).unwrap();
    assert!(collector.log_dir(&acme, collector.meta_chain()).is_err());
    assert!(collector.stop(Duration::from_secs(30)).finished);

    let data = |kind: &str| -> Vec<Value> {
        let all = records(&meta).into_iter();
        all.filter(|body| body["event"]["kind"] == kind)
            .map(|body| body["event"]["data"].clone())
            .collect()
    };
    assert_eq!(data("collector.started")[0]["chains"], 0);
    let configured = &data("collector.configured")[0];
    assert!(
        configured["digest"]
            .as_str()
            .unwrap()
            .starts_with("sha256:")
    );
    assert!(
        configured["changes"]
            .to_string()
            .contains("auth.tenants_file")
    );
    assert_eq!(
        data("collector.chain_registered")[0]["registered_by"],
        "cfk_acme"
    );
    let heads = &data("collector.heads_accepted")[0]["heads"];
    assert_eq!(heads[0]["seq"], log.seq());
    assert_eq!(heads[0]["hash"], log.head(log.seq()).hash.to_string());
    let refused = data("collector.records_refused");
    assert_eq!(refused.len(), 1, "coalesced");
    assert_eq!(
        (&refused[0]["count"], &refused[0]["reason"]),
        (&3.into(), &"grammar".into())
    );
    let access = data("access");
    assert_eq!(
        access.len(),
        1,
        "reading the meta-chain is none: {access:?}"
    );
    assert_eq!(access[0]["count"], 3);
    assert_eq!(data("collector.stopped")[0]["finished"], true);

    let keys = Keyring::new();
    let mut options = VerifyOptions::new();
    options.keys = &keys;
    let report = verify_path(&meta, &options);
    assert_ne!(report.verdict, Verdict::Tampered, "{report:?}");
    assert_eq!(report.completeness, Some(Completeness::Complete));
}
