//! A vault by itself.

use serde_json::Value;

use crate::process::{KEY, PRINCIPAL, Vault, sealed, wait_until};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

#[test]
fn an_object_is_found_by_its_address_its_type_and_its_attributes() {
    let data = tempfile::tempdir().unwrap();
    let vault = Vault::start(data.path(), &[]);
    let address = vault.store("type=note&attribute=colour:blue", TRACE, "hello");
    assert_eq!(
        address,
        "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    );
    assert_eq!(vault.put("type=note", TRACE, "hello").0, 200);
    assert_eq!(
        vault.get(&format!("/v1/objects/{address}")),
        (200, "hello".to_owned())
    );

    let found = |query: &str| {
        let (status, answer) = vault.get(&format!("/v1/soup?{query}"));
        assert_eq!(status, 200, "{answer}");
        let answer: Value = serde_json::from_str(&answer).unwrap();
        answer["objects"].as_array().unwrap().len()
    };
    assert_eq!(found("type=note"), 1);
    assert_eq!(found("attribute=colour:blue&limit=1"), 1);
    assert_eq!(found("attribute=colour:red"), 0);
    assert_eq!(found("type=note&until=2020-01-01T00:00:00.000000000Z"), 0);
}

#[test]
fn each_put_is_sealed_one_of_an_object_that_is_there_too() {
    let data = tempfile::tempdir().unwrap();
    let vault = Vault::start(data.path(), &[]);
    assert_eq!(vault.put("", TRACE, "hello").0, 201);
    assert_eq!(vault.put("", TRACE, "hello").0, 200);
    let chain = sealed(data.path());
    assert_eq!(chain.matches("vault.object_put").count(), 2, "{chain}");
}

#[test]
fn what_cannot_be_done_is_an_error_and_counted() {
    let data = tempfile::tempdir().unwrap();
    let vault = Vault::start(data.path(), &["--capacity", "8"]);
    let nowhere = format!("/v1/objects/{}", "0".repeat(64));
    assert_eq!(vault.get(&nowhere).0, 404);
    assert_eq!(vault.put("", TRACE, "more than eight bytes").0, 507);
    assert_eq!(vault.put("ttl=never", TRACE, "x").0, 400);
    assert_eq!(vault.get("/v1/peer").0, 403);
    let (status, answer) = vault.get("/v1/objects/%ff");
    assert!(
        status == 400 && answer.contains("vault.malformed"),
        "{answer}"
    );
    let metrics = vault.page("/metrics").1;
    for (code, errors) in [
        ("object.unknown", 1),
        ("storage.full", 1),
        ("vault.malformed", 2),
        ("vault.forbidden", 1),
    ] {
        let line = format!("vault_errors_total{{type=\"{code}\"}} {errors}");
        assert!(metrics.contains(&line), "{line}\n{metrics}");
    }
    assert!(vault.page("/status").1.contains("storage.full"));
}

#[test]
fn an_object_that_was_changed_on_disk_is_not_given_out_before_it_is_put_again() {
    let data = tempfile::tempdir().unwrap();
    let vault = Vault::start(data.path(), &[]);
    let address = vault.store("", TRACE, "hello");
    let path = data.path().join("objects").join(&address[..2]);
    std::fs::write(path.join(&address), "hellO").unwrap();
    let (status, answer) = vault.get(&format!("/v1/objects/{address}"));
    assert_eq!(status, 500);
    assert!(answer.contains("object.corrupt"), "{answer}");
    std::fs::remove_file(path.join(&address)).unwrap();
    let (status, answer) = vault.get(&format!("/v1/objects/{address}"));
    assert_eq!(status, 500);
    assert!(answer.contains("object.unreadable"), "{answer}");

    assert_eq!(vault.put("", TRACE, "hello").0, 200);
    let restored = vault.get(&format!("/v1/objects/{address}"));
    assert_eq!(restored, (200, "hello".to_owned()));
}

#[test]
fn a_vault_that_takes_no_objects_is_alive_and_not_ready() {
    let data = tempfile::tempdir().unwrap();
    let vault = Vault::start(data.path(), &["--read-only"]);
    assert_eq!(vault.put("", TRACE, "hello").0, 503);
    wait_until("a look at whether it takes objects", || {
        let page = vault.page("/readyz?verbose").1;
        page.contains("writable") && !page.contains("[-]storage")
    });
    assert_eq!(vault.page("/readyz").0, 503);
    assert_eq!(vault.page("/livez").0, 200);
}

#[test]
fn neither_an_address_nor_a_principal_comes_out_of_the_vault() {
    let data = tempfile::tempdir().unwrap();
    let mut vault = Vault::start(data.path(), &[]);
    // A trace that the sampler keeps.
    let trace = "0af7651916cd43dd84ffce929d0e0e47";
    let address = vault.store("type=note", trace, "hello");
    assert_eq!(vault.get("/v1/objects/none").0, 400);
    let pages = ["/metrics", "/health", "/status", "/events"].map(|path| vault.page(path).1);
    assert!(pages[0].contains("vault_cas_operations_total{principal=\"p-"));
    let log = vault.terminate();
    let received = vault.collector.received();
    assert!(
        received
            .spans()
            .any(|span| span.name.contains("/v1/objects"))
    );
    let exported = format!(
        "{:?}{:?}{:?}",
        received.traces, received.logs, received.metrics
    );
    let everywhere = [pages.join("\n"), log, exported].join("\n");
    for secret in [PRINCIPAL, KEY, &address] {
        assert!(!everywhere.contains(secret), "{secret} came out");
    }
    assert!(
        everywhere.contains("\"hash\":\"[REDACTED]\""),
        "{everywhere}"
    );
    let chain = sealed(data.path());
    assert!(!chain.contains(PRINCIPAL));
    assert!(chain.contains(&address), "the chain says what was put");
}

#[test]
fn a_snapshot_of_the_metrics_is_an_object_whose_address_is_sealed() {
    let data = tempfile::tempdir().unwrap();
    let vault = Vault::start(data.path(), &["--snapshot-interval", "1"]);
    let mut address = String::new();
    wait_until("a snapshot", || {
        let answer = vault.get("/v1/soup?type=metric-snapshot&limit=1").1;
        let answer: Value = serde_json::from_str(&answer).unwrap();
        address = answer["objects"][0]["address"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        !address.is_empty()
    });
    let (status, text) = vault.get(&format!("/v1/objects/{address}"));
    assert_eq!(status, 200);
    assert!(text.contains("vault_storage_used_bytes"), "{text}");
    wait_until("its record", || {
        let chain = sealed(data.path());
        chain.contains("obs_metric_snapshot") && chain.contains(&format!("sha256:{address}"))
    });
}

#[test]
fn an_alert_is_sealed_once_and_as_resolved_though_the_vault_is_restarted_meanwhile() {
    let data = tempfile::tempdir().unwrap();
    let counted = |what: &str, name: &str| {
        let chain = sealed(data.path());
        let name = format!("\"name\":\"{name}\"");
        let lines = chain.lines().filter(|line| line.contains(what));
        lines.filter(|line| line.contains(&name)).count()
    };
    let mut vault = Vault::start(data.path(), &["--capacity", "1000"]);
    vault.store("", TRACE, &"x".repeat(900));
    wait_until("the alert", || {
        counted("obs_alert_fired", "storage-warning") == 1
    });
    vault.terminate();

    let mut vault = Vault::start(data.path(), &["--capacity", "1000"]);
    vault.store("", TRACE, &"x".repeat(60));
    wait_until("another alert, so that it was looked at both", || {
        counted("obs_alert_fired", "storage-critical") == 1
    });
    vault.terminate();
    assert_eq!(counted("obs_alert_fired", "storage-warning"), 1);

    let _vault = Vault::start(data.path(), &[]);
    for name in ["storage-critical", "storage-warning"] {
        wait_until("the end of the alert", || {
            counted("obs_alert_resolved", name) == 1
        });
        assert_eq!(counted("obs_alert_fired", name), 1);
    }
}

#[test]
fn a_storage_that_fills_up_raises_an_alert_that_is_sealed_and_shown() {
    let data = tempfile::tempdir().unwrap();
    let vault = Vault::start(data.path(), &["--capacity", "1000"]);
    vault.store("", TRACE, &"x".repeat(900));
    wait_until("the alert", || {
        sealed(data.path()).contains("obs_alert_fired")
    });
    assert!(sealed(data.path()).contains("\"name\":\"storage-warning\""));
    wait_until("the log line", || {
        vault.log().contains("alert fired: Storage running low")
    });
    wait_until("the status page", || {
        vault.page("/status").1.contains("storage-warning")
    });
    let metrics = vault.page("/metrics").1;
    assert!(metrics.contains("vault_alerts_firing{alert=\"storage-warning\"} 1"));
}
