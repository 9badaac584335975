//! The server as a process of its own.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};

use counterfoil_testkit::otlp::{HttpReceiver, Received};
use serde_json::Value;
use tempfile::TempDir;

pub(crate) struct Server {
    process: Child,
    /// Empties the server's standard error, or the server would lose lines.
    log: Option<JoinHandle<Vec<String>>>,
    pub(crate) data: TempDir,
    collector: HttpReceiver,
    pub(crate) url: String,
    pub(crate) metrics: String,
}

/// What a server left behind.
pub(crate) struct Remains {
    pub(crate) status: ExitStatus,
    /// Its log from the moment when it served.
    pub(crate) log: Vec<String>,
    /// The lines of its audit log.
    pub(crate) audit: String,
    pub(crate) received: Received,
    pub(crate) data: TempDir,
}

impl Server {
    pub(crate) fn start(more: &[&str]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let collector = HttpReceiver::start([]);
        let mut process = Command::new(env!("CARGO_BIN_EXE_deriva-server"))
            .args(["--listen", "127.0.0.1:0", "--metrics-port", "0"])
            .args(["--log-format", "json"])
            .args(more)
            .arg("--data")
            .arg(data.path())
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
        let metrics = text("metrics");
        Self {
            url: format!("http://{}", text("address")),
            metrics: metrics
                .trim_matches(|c: char| !c.is_ascii_digit())
                .to_owned(),
            process,
            log: Some(thread::spawn(move || log.map_while(Result::ok).collect())),
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
        let mut answer = ureq::get(format!("http://{}{path}", self.metrics))
            .call()
            .unwrap();
        assert_eq!(answer.status().as_u16(), 200);
        answer.body_mut().read_to_string().unwrap()
    }

    /// Sends SIGTERM and waits for the end.
    pub(crate) fn terminate(mut self) -> Remains {
        let sent = Command::new("kill")
            .arg(self.process.id().to_string())
            .status()
            .unwrap();
        assert!(sent.success());
        let log = self.log.take().unwrap().join().unwrap();
        let status = self.process.wait().unwrap();
        let mut audit = String::new();
        for segment in std::fs::read_dir(self.data.path().join("audit/segments")).unwrap() {
            let mut file = std::fs::File::open(segment.unwrap().path()).unwrap();
            file.read_to_string(&mut audit).unwrap();
        }
        Remains {
            status,
            log,
            audit,
            received: self.collector.received(),
            data: std::mem::replace(&mut self.data, tempfile::tempdir().unwrap()),
        }
    }
}

/// A test that fails leaves no process behind.
impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
