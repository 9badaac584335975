//! The lease desk as a program, and a collector that it sends to.

use std::io::{BufRead, BufReader, Lines, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};

use counterfoil_testkit::otlp::{HttpReceiver, Received};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
pub(crate) const KEY: &str = "key-of-acme-that-nobody-may-see";

pub(crate) struct Desk {
    process: Child,
    log: Lines<BufReader<ChildStderr>>,
    data: TempDir,
    collector: HttpReceiver,
    address: String,
    pub(crate) metrics: String,
}

/// What a desk left behind.
pub(crate) struct Remains {
    pub(crate) status: ExitStatus,
    /// Its log from the moment when it served.
    pub(crate) log: String,
    /// The lines of its audit log.
    pub(crate) audit: String,
    pub(crate) received: Received,
}

impl Desk {
    pub(crate) fn open() -> Self {
        let data = tempfile::tempdir().unwrap();
        let keys: PathBuf = data.path().join("keys.txt");
        std::fs::write(&keys, format!("acme {KEY}\n")).unwrap();
        let collector = HttpReceiver::start([]);
        let mut process = Command::new(env!("CARGO_BIN_EXE_lease-desk"))
            .args([
                "--listen",
                "127.0.0.1:0",
                "--metrics-port",
                "0",
                "--log-format",
                "json",
            ])
            .arg("--data")
            .arg(data.path())
            .arg("--keys")
            .arg(&keys)
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint())
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
            .env_remove("RUST_LOG")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
        let serving = loop {
            let line: Value = serde_json::from_str(&log.next().unwrap().unwrap()).unwrap();
            if line["message"] == "serving until SIGTERM" {
                break line;
            }
        };
        let text = |field: &str| serving["fields"][field].as_str().unwrap().to_owned();
        let (address, metrics) = (text("address"), text("metrics"));
        Self {
            process,
            log,
            data,
            collector,
            address,
            metrics: metrics
                .trim_matches(|c: char| !c.is_ascii_digit())
                .to_owned(),
        }
    }

    /// Asks for a lease; the status and the body.
    pub(crate) fn ask(&self, key: &str, body: &str) -> (u16, String) {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build();
        let mut answer = ureq::Agent::new_with_config(agent)
            .post(format!(
                "http://{}/leases?access_token=hunter4",
                self.address
            ))
            .header("authorization", format!("Bearer {key}"))
            .header("traceparent", format!("00-{TRACE}-b7ad6b7169203331-01"))
            .header("x-request-id", "order-7")
            .content_type("application/json")
            .send(body)
            .unwrap();
        (
            answer.status().as_u16(),
            answer.body_mut().read_to_string().unwrap(),
        )
    }

    /// A page of the listener for metrics and health.
    pub(crate) fn page(&self, path: &str) -> String {
        let mut answer = ureq::get(format!("http://{}{path}", self.metrics))
            .call()
            .unwrap();
        answer.body_mut().read_to_string().unwrap()
    }

    /// Waits until `/readyz` says yes: each check has run once then. Whether it came to that.
    pub(crate) fn becomes_ready(&self) -> bool {
        let ready = || {
            ureq::get(format!("http://{}/readyz", self.metrics))
                .call()
                .is_ok()
        };
        (0..500).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            ready()
        })
    }

    /// Sends SIGTERM and waits for the end.
    pub(crate) fn terminate(mut self) -> Remains {
        let sent = Command::new("kill")
            .arg(self.process.id().to_string())
            .status()
            .unwrap();
        assert!(sent.success());
        let log: Vec<String> = self.log.by_ref().map_while(Result::ok).collect();
        let status = self.process.wait().unwrap();
        let mut audit = String::new();
        for segment in std::fs::read_dir(self.data.path().join("audit/segments")).unwrap() {
            let mut file = std::fs::File::open(segment.unwrap().path()).unwrap();
            file.read_to_string(&mut audit).unwrap();
        }
        Remains {
            status,
            log: log.join("\n"),
            audit,
            received: self.collector.received(),
        }
    }
}

/// A test that fails leaves no process behind.
impl Drop for Desk {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
