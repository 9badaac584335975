//! Load, one request followed through every process, a fault, the alert it raises, and the chains at the end.

use std::process::Command;

use cookbook_recipe_42_platform_api::stage::Ended;
use counterfoil::anchor::{AnchorStore, FileAnchorStore};
use counterfoil::audit::verify::{Verdict, VerifyOptions, verify_path};
use counterfoil_testkit::block_on;
use counterfoil_testkit::otlp::Received;
use counterfoil_testkit::prometheus::Prometheus;
use serde_json::Value;

use crate::platform::{ACME, Platform, page, records};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const RULES: &str = "../monitoring-stack/prometheus/rules/recipe-42.yml";

#[test]
fn one_request_is_followed_through_all_processes_and_a_dead_letter_raises_its_alert() {
    let platform = Platform::start();
    let worker = platform.worker.as_ref().unwrap();
    let prometheus = Prometheus::builder()
        .job("platform-api", [platform.api.metrics])
        .job("platform-worker", [worker.metrics])
        .rules(RULES)
        .start();
    drive_load(&platform);

    let headers = [("traceparent", TRACEPARENT), ("x-request-id", "order-7")];
    let (status, allocation) =
        platform.ask("POST", "/v1/allocations", r#"{"bytes": 1048576}"#, &headers);
    assert_eq!(status, 201, "{allocation}");
    let id = allocation["id"].as_str().unwrap();
    platform.wait_for(id, "active");

    // The fault: a node that there is not. It is tried twice and given up.
    let broken = r#"{"bytes": 4096, "node": "node-that-is-gone"}"#;
    let headers = [("traceparent", &*TRACEPARENT.replace('c', "d"))];
    let (_, failing) = platform.ask("POST", "/v1/allocations", broken, &headers);
    let failed = platform.wait_for(failing["id"].as_str().unwrap(), "failed");
    assert_eq!(failed["error_code"], "node.unreachable");
    let ring = page(
        worker.metrics,
        &format!("/events?trace_id={}", TRACE.replace('c', "d")),
    );
    assert!(ring.contains("platform.dead_letter"), "{ring}");

    if let Some(prometheus) = prometheus {
        prometheus.wait_until_firing("PlatformDeadLetters");
        let incidents = || prometheus.value("max(platform_incidents_open)") == Some(1.0);
        prometheus.wait_until("the incident is seen", incidents);
    }
    for metrics in [platform.api.metrics, worker.metrics] {
        let ring = page(metrics, &format!("/events?trace_id={TRACE}"));
        assert!(ring.contains("platform.allocation_state"), "{ring}");
    }

    let (ended, collector, _directory) = platform.stop();
    for process in &ended {
        assert!(process.status.success(), "{}", process.log);
        assert!(process.log.contains("nothing was lost"), "{}", process.log);
        assert_followed(process);
        assert_verified(process);
    }
    assert_spans(&collector.received());
}

/// A second of load; it says itself whether something failed.
fn drive_load(platform: &Platform) {
    let key = platform.at("key.txt");
    std::fs::write(&key, ACME).unwrap();
    let driven = Command::new(env!("CARGO_BIN_EXE_load"))
        .args([
            "--seconds",
            "1",
            "--concurrency",
            "4",
            "--output",
            "json",
            "--url",
        ])
        .arg(format!("http://{}", platform.api.address.unwrap()))
        .arg("--metrics")
        .arg(format!("http://{}/metrics", platform.api.metrics))
        .arg("--key")
        .arg(&key)
        .arg("--billing-secret")
        .arg(platform.at("secret.txt"))
        .output()
        .unwrap();
    let report = String::from_utf8(driven.stdout).unwrap();
    let errors = String::from_utf8_lossy(&driven.stderr);
    assert!(driven.status.success(), "{report}\n{errors}");
    let report: Value = serde_json::from_str(&report).unwrap();
    assert!(report["requests"].as_u64().unwrap() > 0, "{report}");
    assert_eq!(report["errors"], 0, "{report}");
}

/// The request is in the log and in the sealed records of a process, under its trace and its request id.
fn assert_followed(process: &Ended) {
    let line = process.log.lines().find(|line| line.contains(TRACE));
    let line = line.unwrap_or_else(|| panic!("no line has the trace:\n{}", process.log));
    assert!(line.contains("\"request_id\":\"order-7\""), "{line}");
    let records = records(&process.data);
    let record = records.lines().find(|line| line.contains(TRACE));
    let record = record.unwrap_or_else(|| panic!("no record has the trace:\n{records}"));
    assert!(record.contains("\"request\":\"order-7\""), "{record}");
    assert!(record.contains("\"tenant\":\"acme\""), "{record}");
}

/// The chain of a process is whole, up to the head that it has anchored.
fn assert_verified(process: &Ended) {
    let anchors = FileAnchorStore::open(process.data.join("anchor.json")).unwrap();
    let records = records(&process.data);
    let last: Value = serde_json::from_str(records.lines().last().unwrap()).unwrap();
    let chain = last["body"]["chain"]["id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let anchor = block_on(anchors.load(&chain)).unwrap().unwrap();
    let mut options = VerifyOptions::new();
    options.head = Some((&anchor).into());
    options.require_anchored_tail = true;
    let report = verify_path(&process.data.join("audit"), &options);
    assert_eq!(report.verdict, Verdict::Valid, "{report:?}");
}

/// The steps of the change, the outbox and the queue are spans of the trace, and those of messages say what they are about.
fn assert_spans(received: &Received) {
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let spans: Vec<_> = received
        .spans()
        .filter(|it| hex(&it.trace_id) == TRACE)
        .collect();
    let names: Vec<_> = spans.iter().map(|it| it.name.as_str()).collect();
    for wanted in [
        "POST /v1/allocations",
        "allocation.create resolve",
        "allocation.create apply",
        "allocation.create record",
        "send outbox",
        "process outbox",
        "send node_tasks",
        "process node_tasks",
        "allocation.provision resolve",
        "allocation.provision apply",
        "allocation.provision record",
    ] {
        assert!(names.contains(&wanted), "{wanted} is not among {names:?}");
    }
    let processed = spans
        .iter()
        .find(|it| it.name == "process node_tasks")
        .unwrap();
    let text = |key| Received::text(&processed.attributes, key);
    assert_eq!(text("correlation_id"), Some("order-7"));
    assert_eq!(text("event.type"), Some("allocation.requested"));
    assert!(text("event.id").is_some() && text("subject").is_some());
    let failed = received
        .spans()
        .filter(|it| it.name == "process node_tasks");
    let codes: Vec<_> = failed
        .filter_map(|it| Received::text(&it.attributes, "error_code"))
        .collect();
    assert_eq!(codes, ["node.unreachable", "node.unreachable"]);
}
