//! The lease desk as a program, and a collector that it sends to.

use std::process::{Command, ExitStatus};
use std::time::Duration;

use counterfoil_testkit::otlp::{HttpReceiver, Received};
use counterfoil_testkit::service::{self, Service};
use tempfile::TempDir;

pub(crate) const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
pub(crate) const KEY: &str = "key-of-acme-that-nobody-may-see";

pub(crate) struct Desk {
    service: Service,
    data: TempDir,
    collector: HttpReceiver,
}

/// What a desk left behind.
pub(crate) struct Remains {
    pub(crate) status: ExitStatus,
    pub(crate) log: String,
    /// The lines of its audit log.
    pub(crate) audit: String,
    pub(crate) received: Received,
}

impl Desk {
    pub(crate) fn open() -> Self {
        let data = tempfile::tempdir().unwrap();
        let keys = data.path().join("keys.txt");
        std::fs::write(&keys, format!("acme {KEY}\n")).unwrap();
        let collector = HttpReceiver::start([]);
        let mut command = Command::new(env!("CARGO_BIN_EXE_lease-desk"));
        command
            .args(["--listen", "127.0.0.1:0", "--keys"])
            .arg(&keys)
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint())
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
        Self {
            service: Service::start(&mut command, data.path()),
            data,
            collector,
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
                self.service.address()
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
        self.service.page(path)
    }

    /// Waits until `/readyz` says yes: each check has run once then. Whether it came to that.
    pub(crate) fn becomes_ready(&self) -> bool {
        (0..9_000).any(|_| {
            std::thread::sleep(Duration::from_millis(10));
            self.service.answer("/readyz").0 == 200
        })
    }

    /// Sends SIGTERM and waits for the end. The chain verifies then.
    pub(crate) fn terminate(self) -> Remains {
        let ended = self.service.terminate();
        service::verify(self.data.path());
        Remains {
            status: ended.status,
            log: ended.log,
            audit: service::records(self.data.path()),
            received: self.collector.received(),
        }
    }
}
