//! What the API answers.

use std::time::{SystemTime, UNIX_EPOCH};

use counterfoil_testkit::service::records;
use serde_json::{Value, json};

use crate::platform::{ACME, OTHER, Platform, SECRET, signature};

#[test]
fn an_error_is_a_problem_document_with_its_code_and_request_id() {
    let platform = Platform::without_worker();
    let cases = [
        ("GET", "/v1/allocations/al-0", "", 404, "allocation.unknown"),
        ("GET", "/nowhere", "", 404, "request.not_found"),
        (
            "PUT",
            "/v1/allocations",
            "",
            405,
            "request.method_not_allowed",
        ),
        ("POST", "/v1/allocations", "{", 400, "request.malformed"),
        ("GET", "/v1/allocations/%ff", "", 400, "request.malformed"),
        (
            "POST",
            "/v1/allocations",
            r#"{"bytes": 4096, "nodes": 1}"#,
            400,
            "request.malformed",
        ),
        (
            "POST",
            "/v1/allocations",
            r#"{"bytes": 4096, "node": "../etc"}"#,
            400,
            "request.malformed",
        ),
        (
            "POST",
            "/v1/allocations",
            r#"{"bytes": 1}"#,
            422,
            "allocation.size_out_of_range",
        ),
        (
            "POST",
            "/v1/allocations",
            r#"{"bytes": 4096, "project": "second"}"#,
            404,
            "project.unknown",
        ),
    ];
    for (method, path, body, status, code) in cases {
        let answer = platform.ask(method, path, body, &[("x-request-id", "order-7")]);
        assert_eq!(
            (answer.0, &answer.1["error_code"]),
            (status, &json!(code)),
            "{method} {path} {body}"
        );
        assert_eq!(answer.1["request_id"], "order-7");
        assert_eq!(answer.1["status"], status);
    }
    let text = platform.api.page("/metrics");
    assert!(text.contains("error_type=\"project.unknown\""), "{text}");
}

#[test]
fn only_whoever_has_a_key_is_answered_and_only_about_their_own() {
    let platform = Platform::without_worker();
    let id = platform.create(r#"{"bytes": 4096}"#);
    let path = format!("/v1/allocations/{id}");
    for headers in [
        &[][..],
        &[("authorization", "Bearer nobody")],
        &[("authorization", ACME)],
    ] {
        let (status, answer) = platform.send("GET", &path, "", headers);
        assert_eq!(
            (status, &answer["error_code"]),
            (401, &json!("auth.unauthenticated"))
        );
    }
    let other = format!("Bearer {OTHER}");
    for method in ["GET", "DELETE"] {
        let (status, answer) = platform.send(method, &path, "", &[("authorization", &other)]);
        assert_eq!(
            (status, &answer["error_code"]),
            (404, &json!("allocation.unknown"))
        );
    }
    let (_, page) = platform.send("GET", "/v1/allocations", "", &[("authorization", &other)]);
    assert_eq!(page, json!({"allocations": []}));
}

#[test]
fn the_same_idempotency_key_makes_one_allocation_and_is_never_kept_itself() {
    let platform = Platform::without_worker();
    let create = |body: &str, key: &str| {
        platform.ask("POST", "/v1/allocations", body, &[("idempotency-key", key)])
    };
    let key = "key-of-one-request";
    let (status, first) = create(r#"{"bytes": 4096}"#, key);
    assert_eq!(status, 201, "{first}");
    assert_eq!(create(r#"{"bytes": 4096}"#, key), (200, first));
    let (status, answer) = create(r#"{"bytes": 8192}"#, key);
    assert_eq!(
        (status, &answer["error_code"]),
        (422, &json!("idempotency.reused"))
    );
    let (status, answer) = create(r#"{"bytes": 4096}"#, "not visible");
    assert_eq!(
        (status, &answer["error_code"]),
        (400, &json!("idempotency.malformed"))
    );
    let (_, page) = platform.ask("GET", "/v1/allocations", "", &[]);
    assert_eq!(page["allocations"].as_array().unwrap().len(), 1);

    let (ended, _collector, directory) = platform.stop();
    let records = records(&ended[0].data);
    assert!(records.contains("\"idempotency_key_hash\":\""), "{records}");
    let database = std::fs::read(directory.path().join("platform.db")).unwrap();
    for place in [records.as_bytes(), ended[0].log.as_bytes(), &database] {
        assert!(!String::from_utf8_lossy(place).contains(key));
    }
}

#[test]
fn pages_go_from_the_newest_to_the_oldest_without_a_gap() {
    let platform = Platform::without_worker();
    let mut made: Vec<_> = (0..53)
        .map(|_| platform.create(r#"{"bytes": 4096}"#))
        .collect();
    made.reverse();
    let ids = |page: &Value| -> Vec<String> {
        let allocations = page["allocations"].as_array().unwrap().iter();
        allocations
            .map(|it| it["id"].as_str().unwrap().to_owned())
            .collect()
    };
    let (_, first) = platform.ask("GET", "/v1/allocations", "", &[]);
    let next = first["next"].as_str().unwrap();
    let (_, second) = platform.ask("GET", &format!("/v1/allocations?before={next}"), "", &[]);
    assert_eq!([ids(&first), ids(&second)].concat(), made);
    assert!(second.get("next").is_none());
}

#[test]
fn a_payment_is_credited_once_however_often_it_is_told() {
    let platform = Platform::without_worker();
    let payment = |id: &str, cents: u32| {
        json!({"id": id, "type": "payment.succeeded", "data": {"tenant": "acme", "amount_cents": cents}})
            .to_string()
    };
    assert_eq!(
        platform.webhook(&payment("evt_1", 500)),
        (200, json!({"credited": true}))
    );
    assert_eq!(
        platform.webhook(&payment("evt_1", 500)),
        (200, json!({"credited": false}))
    );
    let (status, answer) = platform.webhook(&payment("evt_1", 900));
    assert_eq!(
        (status, &answer["error_code"]),
        (409, &json!("webhook.event_reused"))
    );
    let (status, answer) = platform.webhook(&payment("evt_2", 0));
    assert_eq!(
        (status, &answer["error_code"]),
        (400, &json!("request.malformed"))
    );
    let text = platform.api.page("/metrics");
    for line in [
        "platform_webhooks_total{outcome=\"credited\"} 1",
        "platform_webhooks_total{outcome=\"duplicate\"} 1",
        "platform_webhooks_total{outcome=\"rejected\"} 2",
        "platform_webhook_to_credit_seconds_count 1",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    let (ended, _collector, _directory) = platform.stop();
    let records = records(&ended[0].data);
    let credits: Vec<_> = records
        .lines()
        .filter(|it| it.contains("platform.ledger_credited"))
        .collect();
    assert_eq!(credits.len(), 1);
    assert!(
        credits[0].contains(r#""new_value":"100500","old_value":"100000","provider_ref":"evt_1""#),
        "{}",
        credits[0]
    );
}

#[test]
fn an_event_that_is_no_payment_is_acknowledged_and_changes_nothing() {
    let platform = Platform::without_worker();
    for kind in ["customer.updated", "token=hunter2"] {
        let event = json!({"id": "evt_1", "type": kind, "data": {"email": "a@b.example"}});
        let answer = platform.webhook(&event.to_string());
        assert_eq!(answer, (200, json!({"credited": false})), "{kind}");
    }
    // The id is not taken: what was ignored is not what came before.
    let payment =
        r#"{"id":"evt_1","type":"payment.succeeded","data":{"tenant":"acme","amount_cents":5}}"#;
    assert_eq!(platform.webhook(payment), (200, json!({"credited": true})));
    for malformed in [
        "[]",
        r#"{"type": "customer.updated"}"#,
        r#"{"id": "evt_2", "type": ""}"#,
        r#"{"id": "evt 2", "type": "customer.updated"}"#,
        r#"{"id": "evt_2", "type": "payment.succeeded"}"#,
    ] {
        let (status, answer) = platform.webhook(malformed);
        assert_eq!(
            (status, &answer["error_code"]),
            (400, &json!("request.malformed")),
            "{malformed}"
        );
    }
    let text = platform.api.page("/metrics");
    for line in [
        "platform_webhooks_total{outcome=\"ignored\"} 2",
        "platform_webhooks_total{outcome=\"credited\"} 1",
        "platform_webhooks_total{outcome=\"duplicate\"} 0",
        "platform_webhooks_total{outcome=\"rejected\"} 5",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    let (ended, _collector, _directory) = platform.stop();
    let log = &ended[0].log;
    assert!(log.contains("\"event_type\":\"customer.updated\""), "{log}");
    assert!(!log.contains("hunter2"), "{log}");
}

#[test]
fn a_webhook_that_the_provider_did_not_sign_just_now_credits_nothing() {
    let platform = Platform::without_worker();
    let body =
        r#"{"id":"evt_1","type":"payment.succeeded","data":{"tenant":"acme","amount_cents":500}}"#;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let genuine = signature(SECRET, now, body);
    let cases = [
        (String::new(), "webhook.signature_invalid"),
        ("t=1".to_owned(), "webhook.signature_invalid"),
        (genuine.replace("v1=", "v0="), "webhook.signature_invalid"),
        (
            genuine.replace(&now.to_string(), &(now + 1).to_string()),
            "webhook.signature_invalid",
        ),
        (
            signature("another secret", now, body),
            "webhook.signature_invalid",
        ),
        (
            signature(SECRET, now - 301, body),
            "webhook.timestamp_outside_tolerance",
        ),
        (
            signature(SECRET, now + 400, body),
            "webhook.timestamp_outside_tolerance",
        ),
    ];
    for (header, code) in cases {
        let headers = [("billing-signature", header.as_str())];
        let (status, answer) = platform.send("POST", "/v1/webhooks/billing", body, &headers);
        assert_eq!(
            (status, &answer["error_code"]),
            (401, &json!(code)),
            "{header}"
        );
    }
    // While a secret is exchanged there are two signatures, and one of them is right.
    let both = format!(
        "{},v1={}",
        signature("another secret", now, body),
        &genuine[genuine.len() - 64..]
    );
    let headers = [("billing-signature", both.as_str())];
    let (status, _) = platform.send("POST", "/v1/webhooks/billing", body, &headers);
    assert_eq!(status, 200);
}

#[test]
fn what_is_larger_than_64_kib_is_refused() {
    let platform = Platform::without_worker();
    let body = " ".repeat(64 * 1024 + 1);
    let (status, answer) = platform.ask("POST", "/v1/allocations", &body, &[]);
    assert_eq!(
        (status, &answer["error_code"]),
        (413, &json!("request.too_large"))
    );
}

#[test]
fn an_allocation_that_the_credit_does_not_cover_is_not_made() {
    let platform = Platform::without_worker();
    // 1000 dollars are 97 allocations of a gibibyte, and 672 cents.
    for _ in 0..97 {
        platform.create(r#"{"bytes": 1073741824}"#);
    }
    let (status, answer) = platform.ask("POST", "/v1/allocations", r#"{"bytes": 1073741824}"#, &[]);
    assert_eq!(
        (status, &answer["error_code"]),
        (402, &json!("billing.insufficient_credit"))
    );
    let payment =
        r#"{"id":"evt_1","type":"payment.succeeded","data":{"tenant":"acme","amount_cents":400}}"#;
    assert_eq!(platform.webhook(payment).0, 200);
    platform.create(r#"{"bytes": 1073741824}"#);
}

#[test]
fn a_release_says_why_in_the_words_of_the_allow_list_or_is_refused() {
    let platform = Platform::without_worker();
    let path = format!("/v1/allocations/{}", platform.create(r#"{"bytes": 4096}"#));
    for metadata in [r#"{"email": "a@b.example"}"#, r#"{"status_to": "active"}"#] {
        let body = format!(r#"{{"metadata": {metadata}}}"#);
        let (status, answer) = platform.ask("DELETE", &path, &body, &[]);
        assert_eq!(
            (status, &answer["error_code"]),
            (422, &json!("audit.metadata_key_unknown"))
        );
    }
    let (_, allocation) = platform.ask("GET", &path, "", &[]);
    assert_eq!(
        allocation["state"], "requested",
        "a change that is refused is rolled back"
    );
    let body = r#"{"metadata": {"reason": "no longer needed", "policy_key": "retention.30d"}}"#;
    assert_eq!(platform.ask("DELETE", &path, body, &[]).0, 200);
    let (ended, _collector, _directory) = platform.stop();
    let records = records(&ended[0].data);
    let record = records
        .lines()
        .find(|it| it.contains("\"released\""))
        .unwrap();
    assert!(
        record.contains(r#""policy_key":"retention.30d","reason":"no longer needed""#),
        "{record}"
    );
}
