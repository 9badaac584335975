//! A secret in every place where one can be sent, and none in what comes out of any process.

use counterfoil::{REDACTED, Redact, Redactor};
use counterfoil_testkit::otlp::Received;
use counterfoil_testkit::service::records;

use crate::platform::{ACME, Platform, SECRET, signature};

/// The seed's list of sensitive fields.
const FIELDS: [&str; 13] = [
    "password",
    "password_hash",
    "access_token",
    "refresh_token",
    "id_token",
    "ssh_private_key",
    "ssh_private_key_enc",
    "stripe_customer_id",
    "payment_reference",
    "email",
    "username",
    "access_secret_enc",
    "scheduler_metadata",
];

#[test]
fn a_canary_in_every_field_comes_out_of_no_process_and_no_sink() {
    let platform = Platform::start();
    let mut canaries = vec![ACME.to_owned(), SECRET.to_owned()];
    for (number, field) in FIELDS.into_iter().enumerate() {
        let canary = format!("canary{number}x7f3a");
        // As a parameter of a URL, as a member of a body, as a header, as an idempotency key, as a reason, and in signed webhooks.
        let path = format!("/v1/allocations?{field}={canary}");
        platform.ask("GET", &path, "", &[(&field.replace('_', "-"), &canary)]);
        let body = format!(r#"{{"bytes": 4096, "{field}": "{canary}"}}"#);
        platform.ask("POST", "/v1/allocations", &body, &[]);
        let key = format!("{field}={canary}");
        platform.ask(
            "POST",
            "/v1/allocations",
            r#"{"bytes": 4096}"#,
            &[("idempotency-key", &key)],
        );
        let payment = format!(
            r#"{{"id":"evt_{number}","type":"payment.succeeded","{field}":"{canary}","data":{{"tenant":"acme","amount_cents":5,"{field}":"{canary}"}}}}"#
        );
        assert_eq!(platform.webhook(&payment).0, 200);
        let ignored = format!(r#"{{"id":"{field}={canary}","type":"{field}={canary}"}}"#);
        assert_eq!(platform.webhook(&ignored).0, 200);
        let path = format!("/v1/allocations/{}", platform.create(r#"{"bytes": 4096}"#));
        let reason = format!(r#"{{"metadata": {{"reason": "{field}={canary}"}}}}"#);
        assert_eq!(platform.ask("DELETE", &path, &reason, &[]).0, 200);
        canaries.push(canary);
    }
    let id = platform.create(r#"{"bytes": 4096, "node": "node-x"}"#);
    platform.wait_for(&id, "failed");
    let wrong = signature("canary-of-a-wrong-secret", 1, "{}");
    platform.send(
        "POST",
        "/v1/webhooks/billing",
        "{}",
        &[("billing-signature", &wrong)],
    );
    canaries.push("canary-of-a-wrong-secret".to_owned());

    let worker = platform.worker.as_ref().unwrap();
    let mut everywhere = String::new();
    for process in [&platform.api, worker] {
        for path in ["/metrics", "/health", "/status", "/events"] {
            everywhere.push_str(&process.page(path));
        }
    }
    let (ended, collector, _directory) = platform.stop();
    for process in &ended {
        everywhere.push_str(&process.log);
        everywhere.push_str(&records(&process.data));
    }
    everywhere.push_str(&said(&collector.received()));
    for canary in canaries {
        assert!(!everywhere.contains(&canary), "{canary} came out");
    }
}

#[test]
fn each_field_of_the_list_keeps_its_place_and_loses_its_value() {
    let policy = Redactor::new();
    for field in FIELDS {
        let value = policy.redact_value(field, "hunter2");
        assert_eq!(value.as_deref(), Some(REDACTED), "{field}");
        let text = policy.redact(&format!("{field}=hunter2 and more"));
        assert_eq!(text.unwrap(), format!("{field}={REDACTED} and more"));
    }
}

/// All that the collector was sent.
fn said(received: &Received) -> String {
    format!(
        "{:?}{:?}{:?}",
        received.traces, received.logs, received.metrics
    )
}
