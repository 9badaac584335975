//! Load, one request followed through every process, a fault, the alert it raises, and the chains at the end.

use std::process::Command;

use cookbook_monitoring_stack::metric_names;
use counterfoil_testkit::otlp::Received;
use counterfoil_testkit::prometheus::Prometheus;
use counterfoil_testkit::service::{Ended, records, verify};
use serde_json::Value;

use crate::platform::{ACME, Platform};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const RULES: &str = "../monitoring-stack/prometheus/rules/recipe-42.yml";

/// A request, as the processes that it crosses know it.
struct Followed {
    trace: String,
    request: String,
}

#[test]
fn one_request_is_followed_through_all_processes_and_a_dead_letter_raises_its_alert() {
    let mut platform = Platform::start();
    platform.start_web();
    let (worker, web) = (
        platform.worker.as_ref().unwrap(),
        platform.web.as_ref().unwrap(),
    );
    let prometheus = Prometheus::builder()
        .job("platform-api", [platform.api.metrics()])
        .job("platform-worker", [worker.metrics()])
        .job("platform-web", [web.metrics()])
        .rules(RULES)
        .start();
    drive_load(&platform);
    let (followed, id) = create_on_the_page(&platform);
    platform.wait_for(&id, "active");
    inject_fault(&platform);

    if let Some(prometheus) = prometheus {
        prometheus.wait_until_firing("PlatformDeadLetters");
        let incidents = || prometheus.value("max(platform_incidents_open)") == Some(1.0);
        prometheus.wait_until("the incident is seen", incidents);
        let named = metric_names("recipe-42").unwrap();
        prometheus.wait_until(&format!("all of {named:?} are there"), || {
            named.is_subset(&prometheus.metric_names())
        });
    }
    let rings = [
        (&platform.api, "platform.allocation_state"),
        (worker, "platform.allocation_state"),
        (web, "platform.web_request"),
    ];
    for (process, kind) in rings {
        let ring = process.page(&format!("/events?trace_id={}", followed.trace));
        assert!(ring.contains(kind), "{kind} is not in {ring}");
    }

    let (ended, collector, _directory) = platform.stop();
    assert_eq!(ended.len(), 3);
    for process in &ended {
        assert!(process.status.success(), "{}", process.log);
        assert!(process.log.contains("nothing was lost"), "{}", process.log);
        assert_followed(process, &followed);
        verify(&process.data);
    }
    assert_spans(&collector.received(), &followed);
}

/// Signs in at the web front and makes an allocation there, as a browser does. The trace that the answer names, and the allocation.
fn create_on_the_page(platform: &Platform) -> (Followed, String) {
    let front = format!("http://{}", platform.web.as_ref().unwrap().address());
    let agent = ureq::Agent::config_builder().max_redirects(0).build();
    let agent = ureq::Agent::new_with_config(agent);
    let signed_in = agent
        .post(format!("{front}/sign-in"))
        .header("sec-fetch-site", "same-origin")
        .send_form([("key", ACME)])
        .unwrap();
    let cookie = signed_in.headers()["set-cookie"].to_str().unwrap();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    let mut form = agent
        .get(format!("{front}/allocations"))
        .header("cookie", &cookie)
        .call()
        .unwrap();
    let form = form.body_mut().read_to_string().unwrap();
    let hidden = |name: &str| {
        let behind = form
            .split(&format!("name=\"{name}\" value=\""))
            .nth(1)
            .unwrap();
        behind.split('"').next().unwrap().to_owned()
    };
    let made = agent
        .post(format!("{front}/allocations"))
        .header("cookie", &cookie)
        .header("sec-fetch-site", "same-origin")
        .send_form([
            ("token", hidden("token").as_str()),
            ("idempotency_key", &hidden("idempotency_key")),
            ("project", "default"),
            ("mebibytes", "2"),
            ("node", ""),
        ])
        .unwrap();
    assert_eq!(made.status(), 303);
    let header = |name: &str| made.headers()[name].to_str().unwrap().to_owned();
    let followed = Followed {
        trace: header("x-trace-id"),
        request: header("x-request-id"),
    };
    let (_, page) = platform.ask("GET", "/v1/allocations", "", &[]);
    let id = page["allocations"][0]["id"].as_str().unwrap().to_owned();
    (followed, id)
}

/// An allocation on a node that there is not: it is tried twice and given up, in the trace of whoever asked for it.
fn inject_fault(platform: &Platform) {
    let broken = r#"{"bytes": 4096, "node": "node-that-is-gone"}"#;
    let headers = [("traceparent", TRACEPARENT)];
    let (_, failing) = platform.ask("POST", "/v1/allocations", broken, &headers);
    let failed = platform.wait_for(failing["id"].as_str().unwrap(), "failed");
    assert_eq!(failed["error_code"], "node.unreachable");
    let worker = platform.worker.as_ref().unwrap();
    let ring = worker.page(&format!("/events?trace_id={TRACE}"));
    assert!(ring.contains("platform.dead_letter"), "{ring}");
}

/// A second of load; it says itself whether something failed.
fn drive_load(platform: &Platform) {
    let key = platform.at("key.txt");
    std::fs::write(&key, ACME).unwrap();
    let driven = Command::new(env!("CARGO_BIN_EXE_platform-load"))
        .args([
            "--seconds",
            "1",
            "--concurrency",
            "4",
            "--output",
            "json",
            "--url",
        ])
        .arg(format!("http://{}", platform.api.address()))
        .arg("--metrics")
        .arg(format!("http://{}/metrics", platform.api.metrics()))
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
fn assert_followed(process: &Ended, followed: &Followed) {
    let Followed { trace, request } = followed;
    let line = process.log.lines().find(|line| line.contains(trace));
    let line = line.unwrap_or_else(|| panic!("no line has {trace}:\n{}", process.log));
    assert!(
        line.contains(&format!("\"request_id\":\"{request}\"")),
        "{line}"
    );
    let records = records(&process.data);
    let record = records.lines().find(|line| line.contains(trace));
    let record = record.unwrap_or_else(|| panic!("no record has {trace}:\n{records}"));
    assert!(
        record.contains(&format!("\"request\":\"{request}\"")),
        "{record}"
    );
    assert!(record.contains("\"tenant\":\"acme\""), "{record}");
}

/// The steps of the change, the outbox and the queue are spans of the trace, and those of messages say what they are about.
fn assert_spans(received: &Received, followed: &Followed) {
    let hex = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let spans: Vec<_> = received
        .spans()
        .filter(|it| hex(&it.trace_id) == followed.trace)
        .collect();
    let names: Vec<_> = spans.iter().map(|it| it.name.as_str()).collect();
    for wanted in [
        "POST /allocations",
        "POST",
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
    assert_eq!(text("correlation_id"), Some(followed.request.as_str()));
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
