//! The real programs together: load, scrape, one call followed by its trace, a fault and its alert, the stop, the chain.

use std::collections::BTreeSet;

use cookbook_monitoring_stack::metric_names;
use counterfoil_testkit::prometheus::Prometheus;
use counterfoil_testkit::service::verify;
use serde_json::Value;

use crate::process::{Remains, Server};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const RULES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../monitoring-stack/prometheus/rules/recipe-25.yml"
);

#[test]
fn load_a_trace_a_fault_and_its_alert_are_seen_from_outside_and_the_chain_verifies() {
    let server = Server::start(&["--with-entropy"]);
    let prometheus = Prometheus::builder()
        .job("recipe-25", [server.metrics])
        .rules(RULES)
        .start();

    drive_load(&server);
    let address = one_traced_put_and_get(&server);
    assert!(
        server
            .page(&format!("/events?trace_id={TRACE}"))
            .contains("deriva.recipe_put")
    );
    assert_health(&server);
    if let Some(prometheus) = &prometheus {
        prometheus.wait_until_up("recipe-25");
        let missing: BTreeSet<_> = metric_names("recipe-25").unwrap();
        prometheus.wait_until("every metric of dashboard and rules is scraped", || {
            let scraped = prometheus.metric_names();
            missing.iter().all(|name| scraped.contains(name))
        });
        assert!(!prometheus.alerts().contains("DerivaDeterminismViolation"));
    }

    inject_a_fault(&server);
    if let Some(prometheus) = &prometheus {
        prometheus.wait_until_firing("DerivaDeterminismViolation");
    }

    let remains = server.terminate();
    assert!(
        remains.status.success(),
        "{:?}\n{}",
        remains.status,
        remains.log
    );
    assert!(remains.log.contains("nothing was lost"));
    the_trace_is_in_log_chain_and_spans(&remains, &address);
    verify(remains.data.path());
    assert!(remains.audit.contains("deriva.determinism_violation"));
}

fn drive_load(server: &Server) {
    let arguments = ["--seconds", "3", "--concurrency", "4", "--output", "json"];
    let (succeeded, text) = server.run(env!("CARGO_BIN_EXE_deriva-load"), &arguments);
    assert!(succeeded, "{text}");
    let figures: Value = serde_json::from_str(&text).unwrap();
    assert!(figures["requests"].as_u64() > Some(0), "{text}");
    assert_eq!(figures["errors"], 0, "{text}");
    println!("{text}");
}

/// Puts and gets a small graph under a known trace; the address of its top.
fn one_traced_put_and_get(server: &Server) -> String {
    let file = server.data.path().join("leaf.txt");
    std::fs::write(&file, "hello").unwrap();
    let leaf = server.client(&["put", file.to_str().unwrap()]);
    let traced = ["--traceparent", TRACEPARENT];
    let upper = ["recipe", "transform/v1", &leaf, "--with", "op=upper"];
    let address = server.client(&[&traced[..], &upper].concat());
    let value = server.client(&[&traced[..], &["get", &address]].concat());
    assert_eq!(value, "HELLO");
    address
}

fn inject_a_fault(server: &Server) {
    let file = server.data.path().join("leaf.txt");
    let leaf = server.client(&["put", file.to_str().unwrap()]);
    let address = server.client(&["recipe", "entropy/v1", &leaf]);
    let arguments = ["verify", &address];
    let (succeeded, text) = server.run(env!("CARGO_BIN_EXE_deriva"), &arguments);
    assert!(!succeeded && text.contains("DIFFERENT"), "{text}");
}

fn assert_health(server: &Server) {
    let figure = |health: &Value, name: &str| {
        let checks = health["checks"].as_array().cloned().unwrap_or_default();
        checks.iter().any(|check| check.to_string().contains(name))
    };
    let health: Value = serde_json::from_str(&server.page("/health")).unwrap();
    for name in ["cache_entries", "dag_recipes", "uptime_seconds"] {
        assert!(figure(&health, name), "{name} is not in {health}");
    }
}

fn the_trace_is_in_log_chain_and_spans(remains: &Remains, address: &str) {
    let in_log = |message: &str| {
        let found = remains.log.lines().find(|line| {
            line.contains(TRACE) && line.contains(message) && line.contains("rpc.get")
        });
        assert!(found.is_some(), "{message}: {}", remains.log);
    };
    in_log("request started");
    in_log("request complete");
    let record = remains
        .audit
        .lines()
        .find(|line| line.contains("deriva.recipe_put") && line.contains(TRACE));
    assert!(record.unwrap().contains(address));

    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|it| format!("{it:02x}")).collect() };
    let spans: Vec<_> = remains
        .received
        .spans()
        .filter(|span| hex(&span.trace_id) == TRACE)
        .collect();
    // Who is below whom, as the seed of this recipe draws it.
    let below = |name: &str, parent: &str| {
        let is_below = spans.iter().any(|span| {
            span.name == name
                && spans
                    .iter()
                    .any(|it| it.span_id == span.parent_span_id && it.name == parent)
        });
        let names: Vec<_> = spans.iter().map(|span| &span.name).collect();
        assert!(is_below, "{name} is not below {parent} in {names:?}");
    };
    below("rpc.get", "deriva.v1.Deriva/Get");
    below("materialize", "rpc.get");
    for step in [
        "cache_lookup",
        "dag_resolve",
        "materialize",
        "compute",
        "cache_put",
    ] {
        below(step, "materialize");
    }
    below("stream", "rpc.get");
}

#[test]
fn the_metrics_page_answers_200_and_a_port_that_is_taken_ends_the_start_with_a_reason() {
    let server = Server::start(&[]);
    let page = server.page("/metrics");
    assert!(
        page.contains("deriva_rpc_total{method=\"get\",status=\"ok\"} 0"),
        "{page}"
    );
    assert!(page.contains("deriva_cache_total"));
    let data = tempfile::tempdir().unwrap();
    let listen = server.url.trim_start_matches("http://");
    let second = std::process::Command::new(env!("CARGO_BIN_EXE_deriva-server"))
        .args(["--listen", listen, "--metrics-port", "off", "--data"])
        .arg(data.path())
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(1));
    let reason = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(
        reason.contains(&format!("cannot listen at {listen}")),
        "{reason}"
    );
    assert!(server.terminate().status.success());
}
