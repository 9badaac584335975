//! A vault and its peer, each a process, beside a real Prometheus.

use std::path::Path;
use std::process::Command;

use counterfoil::anchor::Anchor;
use counterfoil::audit::verify::{Verdict, VerifyOptions, verify_path};
use counterfoil_testkit::otlp::Received;
use counterfoil_testkit::prometheus::Prometheus;
use serde_json::Value;

use crate::process::{KEY, Vault, sealed, wait_until};

/// One that the sampler keeps.
const TRACE: &str = "4bf92f3577b34da6a3ffce929d0e0e47";

fn first_of(vault: &Vault, data: &Path) -> Vault {
    Vault::start(data, &["--peer", &vault.url(), "--peer-key", "PEER_KEY"])
}

#[test]
fn what_was_put_while_the_peer_was_away_reaches_it_after_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let (here, there) = (data.path().join("a"), data.path().join("b"));
    let nowhere = ["--peer", "http://127.0.0.1:9", "--peer-key", "PEER_KEY"];
    let mut lonely = Vault::start(&here, &nowhere);
    let address = lonely.store("type=note&attribute=colour:blue", TRACE, "hello");
    wait_until("an object that waits", || {
        let metrics = lonely.page("/metrics").1;
        metrics.contains("vault_replication_objects_pending 1")
    });
    lonely.terminate();

    let peer = Vault::start(&there, &[]);
    let _first = first_of(&peer, &here);
    wait_until("the replica", || {
        peer.get(&format!("/v1/objects/{address}")).0 == 200
    });
    let found = peer.get("/v1/soup?attribute=colour:blue").1;
    assert!(found.contains(&address), "{found}");
}

#[test]
fn one_trace_crosses_both_vaults_and_a_peer_that_stops_is_an_alert() {
    let data = tempfile::tempdir().unwrap();
    let (here, there) = (data.path().join("a"), data.path().join("b"));
    let mut peer = Vault::start(&there, &[]);
    let mut first = first_of(&peer, &here);
    let rules = cookbook_monitoring_stack::root().join("prometheus/rules/recipe-31.yml");
    let prometheus = Prometheus::builder()
        .job("recipe-31", [first.metrics, peer.metrics])
        .rules(rules)
        .start();

    let address = first.store("type=note", TRACE, "hello");
    wait_until("the replica", || {
        peer.get(&format!("/v1/objects/{address}")).0 == 200
    });
    // The replica can be got before the peer has told its ring and its chain.
    for (vault, folder, kind) in [
        (&first, &here, "vault.object_put"),
        (&peer, &there, "vault.object_replicated"),
    ] {
        wait_until("the event and the record of the trace", || {
            let (_, events) = vault.page(&format!("/events?trace_id={TRACE}"));
            let chain = sealed(folder);
            let mut lines = chain.lines().filter(|line| line.contains(kind));
            events.contains(kind)
                && lines.any(|line| line.contains(&format!("\"trace\":\"{TRACE}\"")))
        });
    }
    if let Some(prometheus) = &prometheus {
        prometheus.wait_until_up("recipe-31");
    }
    drive_load(&first, data.path());
    wait_until("the end of the queue", || {
        let metrics = first.page("/metrics").1;
        metrics.contains("vault_replication_objects_pending 0")
    });
    let of_peer = peer.terminate();
    wait_until("the alert of the vault itself", || {
        sealed(&here).contains("\"name\":\"peer-disconnected\"")
    });
    if let Some(prometheus) = &prometheus {
        prometheus.wait_until_firing("VaultPeerDisconnected");
        let seen = prometheus.metric_names();
        let named = cookbook_monitoring_stack::metric_names("recipe-31").unwrap();
        let missing: Vec<_> = named.difference(&seen).collect();
        assert!(missing.is_empty(), "in no scrape: {missing:?}");
    }
    let of_first = first.terminate();
    for (log, received) in [
        (of_first, first.collector.received()),
        (of_peer, peer.collector.received()),
    ] {
        assert!(log.contains(&format!("\"trace_id\":\"{TRACE}\"")), "{log}");
        assert!(has_span(&received), "no span of the trace");
    }
    for folder in [&here, &there] {
        verify(folder);
    }
}

/// Drives load for two seconds: nothing fails.
fn drive_load(vault: &Vault, data: &Path) {
    let key = data.join("alice.key");
    std::fs::write(&key, KEY).unwrap();
    let load = Command::new(env!("CARGO_BIN_EXE_vault-load"))
        .args(["--seconds", "2", "--concurrency", "4", "--output", "json"])
        .args(["--url", &vault.url()])
        .arg("--key")
        .arg(key)
        .output()
        .unwrap();
    assert!(load.status.success(), "{load:?}");
    let figures: Value = serde_json::from_slice(&load.stdout).unwrap();
    assert!(figures["requests"].as_u64().unwrap() > 0, "{figures}");
}

/// The chain of a vault holds, to the head that is anchored.
fn verify(vault: &Path) {
    let anchor = std::fs::read(vault.join("anchor.json")).unwrap();
    let anchor = Anchor::from_json(&anchor).unwrap();
    let mut options = VerifyOptions::new();
    options.head = Some((&anchor).into());
    let report = verify_path(&vault.join("audit"), &options);
    assert_eq!(report.verdict, Verdict::Valid, "{report:?}");
}

fn has_span(received: &Received) -> bool {
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|it| format!("{it:02x}")).collect() };
    received.spans().any(|span| hex(&span.trace_id) == TRACE)
}
