//! The server as a process of its own.

use std::net::SocketAddr;
use std::process::{Command, ExitStatus};

use counterfoil_testkit::otlp::{HttpReceiver, Received};
use counterfoil_testkit::service::{self, Service};
use tempfile::TempDir;

pub(crate) struct Server {
    service: Service,
    pub(crate) data: TempDir,
    collector: HttpReceiver,
    pub(crate) url: String,
    pub(crate) metrics: SocketAddr,
}

/// What a server left behind.
pub(crate) struct Remains {
    pub(crate) status: ExitStatus,
    pub(crate) log: String,
    /// The lines of its audit log.
    pub(crate) audit: String,
    pub(crate) received: Received,
    pub(crate) data: TempDir,
}

impl Server {
    pub(crate) fn start(more: &[&str]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let collector = HttpReceiver::start([]);
        let mut command = Command::new(env!("CARGO_BIN_EXE_deriva-server"));
        command
            .args(["--listen", "127.0.0.1:0"])
            .args(more)
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint())
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
        let service = Service::start(&mut command, data.path());
        Self {
            url: format!("http://{}", service.address()),
            metrics: service.metrics(),
            service,
            data,
            collector,
        }
    }

    /// Runs one of the recipe's other programs against it; what it printed.
    pub(crate) fn run(&self, program: &str, arguments: &[&str]) -> (bool, String) {
        let ran = Command::new(program)
            .args(["--url", &self.url])
            .args(arguments)
            .output()
            .unwrap();
        let text = [ran.stdout, ran.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        (ran.status.success(), text.trim().to_owned())
    }

    /// What the client prints.
    pub(crate) fn client(&self, arguments: &[&str]) -> String {
        let (succeeded, text) = self.run(env!("CARGO_BIN_EXE_deriva"), arguments);
        assert!(succeeded, "{arguments:?}: {text}");
        text
    }

    /// A page of the listener for metrics and health.
    pub(crate) fn page(&self, path: &str) -> String {
        self.service.page(path)
    }

    /// Sends SIGTERM and waits for the end.
    pub(crate) fn terminate(self) -> Remains {
        let ended = self.service.terminate();
        Remains {
            status: ended.status,
            log: ended.log,
            audit: service::records(self.data.path()),
            received: self.collector.received(),
            data: self.data,
        }
    }
}
