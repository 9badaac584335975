//! A real Prometheus scrapes the demo while it runs.

use std::fs;
use std::process::Command;

use counterfoil_testkit::programs;
use counterfoil_testkit::prometheus::Prometheus;

use crate::demo::{acquired, wait_for};
use crate::http::get;
use crate::run::Demo;

/// The counter behind each kind of the demo's closing table.
const COUNTERS: [(&str, &str); 6] = [
    ("lease_allocated", "counterfoil_lease_acquired_total"),
    ("lease_renewed", "counterfoil_lease_renewed_total"),
    ("lease_released", "counterfoil_lease_released_total"),
    ("lease_expired", "counterfoil_lease_expired_total"),
    ("lease_preempted", "counterfoil_lease_preempted_total"),
    ("operation_failed", "counterfoil_operation_failed_total"),
];

#[test]
fn prometheus_sees_the_totals_that_the_demo_prints() {
    let dir = tempfile::tempdir().unwrap();
    let mut demo = Demo::start(
        dir.path(),
        &["--seconds", "5", "--linger", "120", "--output", "json"],
    );
    let Some(prometheus) = Prometheus::builder()
        .job("demo", [demo.address.parse().unwrap()])
        .start()
    else {
        return;
    };
    let sum = |counter: &str| prometheus.value(&format!("sum({counter})"));
    prometheus.wait_until("leases are acquired", || {
        sum("counterfoil_lease_acquired_total").is_some_and(|total| total > 0.0)
    });
    let totals = demo.totals();
    let row = |kind: &str| {
        totals["happenings"]
            .as_array()
            .unwrap()
            .iter()
            .find(|row| row["kind"] == kind)
            .unwrap()["manager"]
            .as_f64()
            .unwrap()
    };
    // The workload has ended, the figures stand still, and the next scrape has them.
    for (kind, counter) in COUNTERS {
        prometheus.wait_until(counter, || sum(counter) == Some(row(kind)));
        let alias = format!("counterfoil_audit_records_{kind}_total");
        prometheus.wait_until(&alias, || sum(&alias) == Some(row(kind)));
    }
    let operations = totals["operations"].as_f64().unwrap() + row("operation_failed");
    let timed = sum("counterfoil_operation_duration_seconds_count").unwrap();
    assert!(
        timed >= totals["operations"].as_f64().unwrap() && timed <= operations,
        "{timed} of {operations}"
    );
    assert_eq!(
        sum("counterfoil_operation_io_bytes_total"),
        totals["bytes"].as_f64()
    );
    demo.signal("TERM");
    assert_eq!(demo.finish().code, Some(0));
}

#[test]
fn promtool_has_nothing_to_say_about_the_metrics() {
    if programs::is_missing("promtool") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let demo = Demo::start(dir.path(), &["--seconds", "600", "--quiet"]);
    wait_for(|| acquired(&demo.address) > 0.0);
    let page = dir.path().join("metrics.txt");
    let (status, body) = get(&demo.address, "/metrics").unwrap();
    assert_eq!(status, 200);
    fs::write(&page, body).unwrap();
    let check = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(fs::File::open(&page).unwrap())
        .output()
        .unwrap();
    assert!(
        check.status.success() && check.stdout.is_empty() && check.stderr.is_empty(),
        "{check:?}"
    );
    demo.signal("TERM");
    assert_eq!(demo.finish().code, Some(0));
}
