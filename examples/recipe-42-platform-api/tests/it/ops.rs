//! The overview of operations, as JSON.

use rusqlite::Connection;
use serde_json::{Value, json};

use crate::platform::{ACME, OTHER, Platform, wait_until};

const OVERVIEW: &str = "/admin/ops/overview";

fn overview(platform: &Platform) -> Value {
    let bearer = format!("Bearer {OTHER}");
    let (status, document) = platform.send("GET", OVERVIEW, "", &[("authorization", &bearer)]);
    assert_eq!(status, 200, "{document}");
    document
}

#[test]
fn only_administrators_are_told_how_the_platform_does() {
    let platform = Platform::without_worker();
    let (status, answer) = platform.send("GET", OVERVIEW, "", &[]);
    assert_eq!(
        (status, &answer["error_code"]),
        (401, &json!("auth.unauthenticated"))
    );
    let (status, answer) = platform.ask("GET", OVERVIEW, "", &[]);
    assert_eq!(
        (status, &answer["error_code"]),
        (403, &json!("auth.forbidden"))
    );
    overview(&platform);
}

#[test]
fn what_happens_is_counted_over_all_tenants_and_shown_with_the_window_it_is_about() {
    let platform = Platform::start();
    let nothing = overview(&platform);
    assert_eq!(nothing["incidents"]["state"], "no_data");
    let made = platform.create(r#"{"bytes": 4096}"#);
    let failing = platform.create(r#"{"bytes": 4096, "node": "node-that-is-gone"}"#);
    platform.wait_for(&made, "active");
    platform.wait_for(&failing, "failed");
    let (status, _) = platform.ask("GET", "/v1/allocations/al-0", "", &[]);
    assert_eq!(status, 404);

    let document = overview(&platform);
    assert!(document["generated_at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(document["window"]["seconds"], 300);
    let covered = document["window"]["covered_seconds"].as_f64().unwrap();
    assert!(covered > 0.0 && covered <= 300.0, "{covered}");
    let allocations = json!({ "requested": 2, "active": 1, "released": 0 });
    assert_eq!(document["throughput"]["allocations"], allocations);
    assert!(
        document["throughput"]["requests"].as_u64().unwrap() >= 5,
        "{document}"
    );
    let errors = &document["errors"];
    assert_eq!(
        (&errors["failed"], &errors["allocations_failed"]),
        (&json!(0), &json!(1))
    );
    assert!(errors["latency_p95_seconds"].as_f64().is_some(), "{errors}");
    let codes = errors["by_code"].as_array().unwrap();
    for code in ["allocation.unknown", "node.unreachable"] {
        assert!(
            codes.contains(&json!({ "error_code": code, "count": 1 })),
            "{errors}"
        );
    }
    assert_eq!(document["queues"]["node_tasks"]["dead"], 1);
    assert_eq!(document["incidents"]["open"], 1);
    let incident = &document["incidents"]["recent"][0];
    assert_eq!(
        (&incident["error_code"], &incident["count"]),
        (&json!("node.unreachable"), &json!(1))
    );
    let components = document["health"]["components"].as_array().unwrap();
    let queue = json!({ "name": "node_tasks", "status": "degraded" });
    assert!(components.contains(&queue), "{components:?}");

    let text = document.to_string();
    let identities = ["acme", &*made, &*failing, "node-that-is-gone", ACME, OTHER];
    for identity in identities {
        assert!(!text.contains(identity), "{identity} is in {text}");
    }
}

#[test]
fn whatever_stands_in_the_database_no_secret_comes_out() {
    let platform = Platform::without_worker();
    let secrets = [
        "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
        "password=hunter2",
        "someone@example.org",
        "Bearer abc123def456ghi789jkl012",
    ];
    let database = Connection::open(platform.at("platform.db")).unwrap();
    let sql = "INSERT INTO incidents (kind, subject, tenant, error_code, trace_id, opened_at)
        VALUES (?1, 'subject-of-somebody', 'tenant-of-somebody', ?1, ?1, 1)";
    for secret in secrets {
        database.execute(sql, [secret]).unwrap();
    }
    let document = overview(&platform);
    assert_eq!(document["incidents"]["open"], secrets.len());
    let text = document.to_string();
    assert!(!text.contains("-of-somebody"), "{text}");
    for secret in secrets {
        assert!(!text.contains(secret), "{secret} is in {text}");
    }
    assert!(text.contains("\"error_code\":\"other\""), "{text}");
}

#[test]
fn the_health_says_whether_a_worker_is_at_work() {
    let mut platform = Platform::without_worker();
    let worker = |platform: &Platform| {
        let components = overview(platform)["health"]["components"].take();
        let components = components.as_array().unwrap();
        let worker = components.iter().find(|it| it["name"] == "worker").unwrap();
        worker["status"].as_str().unwrap().to_owned()
    };
    assert_eq!(worker(&platform), "degraded");
    platform.start_worker();
    wait_until("the worker is heard of", || {
        (worker(&platform) == "healthy").then_some(())
    });
}
