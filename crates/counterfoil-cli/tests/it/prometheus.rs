//! A real Prometheus scrapes the demo while it runs.
//!
//! Needs `prometheus` and `promtool` on the path (`cargo xtask ci` installs the Debian package).

use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::demo::{acquired, wait_for};
use crate::http::get;
use crate::run::Demo;

/// Whether the tools are there; in CI they have to be.
pub(crate) fn installed() -> bool {
    let found = ["prometheus", "promtool"].iter().all(|tool| {
        Command::new(tool)
            .arg("--version")
            .output()
            .is_ok_and(|output| output.status.success())
    });
    assert!(
        found || std::env::var_os("CI").is_none(),
        "CI needs prometheus and promtool: install the Debian package prometheus"
    );
    if !found {
        eprintln!("skipped: prometheus and promtool are not installed");
    }
    found
}

/// A Prometheus of its own, killed when dropped.
struct Prometheus {
    child: Child,
    address: String,
    _dir: tempfile::TempDir,
}

impl Prometheus {
    fn scraping(target: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("prometheus.yml");
        fs::write(&config, format!("scrape_configs:\n- job_name: demo\n  scrape_interval: 500ms\n  scrape_timeout: 500ms\n  static_configs:\n  - targets: ['{target}']\n")).unwrap();
        let address = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .to_string();
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                dir.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self {
            child,
            address,
            _dir: dir,
        }
    }

    /// The sum over all series that an instant query finds; `None` when it finds none.
    fn sum(&self, expression: &str) -> Option<f64> {
        let (_, body) = get(
            &self.address,
            &format!("/api/v1/query?query=sum({expression})"),
        )?;
        let answer: Value = serde_json::from_str(&body).ok()?;
        answer["data"]["result"][0]["value"][1]
            .as_str()?
            .parse()
            .ok()
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _reaped_already = self.child.wait();
    }
}

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
    if !installed() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut demo = Demo::start(
        dir.path(),
        &["--seconds", "5", "--linger", "120", "--output", "json"],
    );
    let prometheus = Prometheus::scraping(&demo.address);
    wait_for(|| {
        prometheus
            .sum("counterfoil_lease_acquired_total")
            .is_some_and(|total| total > 0.0)
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
        wait_for(|| prometheus.sum(counter) == Some(row(kind)));
        let alias = format!("counterfoil_audit_records_{kind}_total");
        wait_for(|| prometheus.sum(&alias) == Some(row(kind)));
    }
    let operations = totals["operations"].as_f64().unwrap() + row("operation_failed");
    let timed = prometheus
        .sum("counterfoil_operation_duration_seconds_count")
        .unwrap();
    assert!(
        timed >= totals["operations"].as_f64().unwrap() && timed <= operations,
        "{timed} of {operations}"
    );
    assert_eq!(
        prometheus.sum("counterfoil_operation_io_bytes_total"),
        totals["bytes"].as_f64()
    );
    demo.signal("TERM");
    assert_eq!(demo.finish().code, Some(0));
}

#[test]
fn promtool_has_nothing_to_say_about_the_metrics() {
    if !installed() {
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
