//! A service under test as a process of its own: its addresses, its log, its pages, its stop and its chain.
//!
//! The service calls `counterfoil::init`, takes over its arguments, keeps its audit log in the folder `audit` of what
//! `--data` says, with its head anchored in `anchor.json` beside it, and once it serves says so in a log line whose message ends with `until SIGTERM`,
//! with its addresses in the fields `address` and `metrics`. Waiting has a deadline; then the test fails with what was logged.
//!
//! ```no_run
//! use std::process::Command;
//!
//! use counterfoil_testkit::service::{self, Service};
//!
//! let data = std::path::Path::new("desk-data");
//! let mut command = Command::new("target/debug/lease-desk"); // env!("CARGO_BIN_EXE_lease-desk") in a test
//! command.args(["--listen", "127.0.0.1:0", "--keys", "keys.txt"]);
//! let desk = Service::start(&mut command, data);
//! println!("requests go to http://{}", desk.address());
//! assert!(desk.page("/metrics").contains("http_server_request_duration_seconds"));
//!
//! let ended = desk.terminate();
//! assert!(ended.status.success(), "{}", ended.log);
//! assert!(service::records(&ended.data).contains("log_closed"));
//! service::verify(&ended.data);
//! ```

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "without the service there is no test to go on with"
)]

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use counterfoil_anchor::Anchor;
use counterfoil_audit::verify::{Verdict, VerifyOptions, verify_path};
use serde_json::Value;

/// How long to wait for the service: busy machines are slow.
const PATIENCE: Duration = Duration::from_secs(90);

/// A service that runs. It is killed when it is dropped.
#[derive(Debug)]
pub struct Service {
    process: Child,
    log: Log,
    reader: Option<JoinHandle<()>>,
    /// The fields of the line that says that it serves.
    fields: Value,
    data: PathBuf,
    agent: ureq::Agent,
}

/// How a service ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Ended {
    /// What the system says of the process.
    pub status: ExitStatus,
    /// All lines of its log.
    pub log: String,
    /// The folder that it was started with.
    pub data: PathBuf,
}

#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<String>>);

impl Service {
    /// Starts it with `data` as its folder, a JSON log and its metrics on a port that the system chooses, and waits until it serves.
    /// Of the settings of telemetry in the environment it sees those that `command` sets, and not those of whoever runs the tests.
    ///
    /// # Panics
    /// When it cannot be started, and when it ends or the deadline comes before it serves.
    pub fn start(command: &mut Command, data: &Path) -> Self {
        command
            .args(["--metrics-port", "0", "--log-format", "json", "--data"])
            .arg(data)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        forget_settings(command);
        let mut process = command
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let stderr = process.stderr.take().unwrap();
        let log = Log::default();
        let (found, serving) = mpsc::channel();
        let kept = log.clone();
        let mut service = Self {
            process,
            log,
            // Somebody has to read to the end, or the service would lose lines.
            reader: Some(thread::spawn(move || kept.follow(stderr, &found))),
            fields: Value::Null,
            data: data.to_owned(),
            // A proxy of the environment is not for loopback.
            agent: ureq::Agent::config_builder()
                .http_status_as_error(false)
                .proxy(None)
                .timeout_global(Some(PATIENCE))
                .build()
                .into(),
        };
        let served = serving.recv_timeout(PATIENCE);
        service.fields =
            served.unwrap_or_else(|_| panic!("{command:?} does not serve:\n{}", service.log()));
        service
    }

    /// Where it answers requests.
    ///
    /// # Panics
    /// When it did not log that, as one that answers none.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address_in("address")
    }

    /// Where its metrics and its health are.
    ///
    /// # Panics
    /// When it did not log that.
    #[must_use]
    pub fn metrics(&self) -> SocketAddr {
        self.address_in("metrics")
    }

    /// A page beside its metrics.
    ///
    /// # Panics
    /// When the answer is not 200, or there is none.
    #[must_use]
    pub fn page(&self, path: &str) -> String {
        let (status, page) = self.answer(path);
        assert_eq!(status, 200, "{path}: {page}");
        page
    }

    /// Status and body of what is answered beside its metrics.
    ///
    /// # Panics
    /// When there is no answer.
    #[must_use]
    pub fn answer(&self, path: &str) -> (u16, String) {
        let request = self.agent.get(format!("http://{}{path}", self.metrics()));
        let read = request.call().and_then(|mut answer| {
            let status = answer.status().as_u16();
            Ok((status, answer.body_mut().read_to_string()?))
        });
        read.unwrap_or_else(|error| panic!("{path}: {error}\n{}", self.log()))
    }

    /// Its log so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.lines()
    }

    /// Sends SIGTERM and waits for the end.
    ///
    /// # Panics
    /// When it has ended already, or has not by the deadline.
    #[must_use]
    pub fn terminate(mut self) -> Ended {
        if let Some(status) = self.process.try_wait().unwrap() {
            panic!("it had ended already, {status}:\n{}", self.log());
        }
        let id = self.process.id().to_string();
        assert!(Command::new("kill").arg(id).status().unwrap().success());
        let begin = Instant::now();
        let status = loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                break status;
            }
            let late = begin.elapsed() > PATIENCE;
            assert!(!late, "it does not end:\n{}", self.log());
            thread::sleep(Duration::from_millis(10));
        };
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        Ended {
            status,
            log: self.log(),
            data: self.data.clone(),
        }
    }

    fn address_in(&self, field: &str) -> SocketAddr {
        let text = self.fields[field].as_str().unwrap_or_default();
        text.parse()
            .unwrap_or_else(|_| panic!("no {field} is in {}", self.fields))
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // If it has ended already there is nothing to end.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// Takes from the command what it would inherit of settings of telemetry.
fn forget_settings(command: &mut Command) {
    let set: Vec<OsString> = command
        .get_envs()
        .map(|(name, _)| name.to_owned())
        .collect();
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if (text.starts_with("OTEL_") || text == "RUST_LOG") && !set.contains(&name) {
            command.env_remove(&name);
        }
    }
}

impl Log {
    /// Reads it to its end, and sends the fields of the line that says that the service serves.
    fn follow(self, stderr: ChildStderr, serving: &mpsc::Sender<Value>) {
        for line in BufReader::new(stderr).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line);
            let mut parsed: Value = serde_json::from_str(&line).unwrap_or_default();
            self.keep(&line);
            let message = parsed["message"].as_str().unwrap_or_default();
            if message.ends_with("until SIGTERM") {
                // Only the first is waited for.
                serving.send(parsed["fields"].take()).ok();
            }
        }
    }

    fn keep(&self, line: &str) {
        let mut log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        log.push_str(line);
        log.push('\n');
    }

    fn lines(&self) -> String {
        let log = self.0.lock();
        log.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The lines of the audit log in a service's data, the oldest first.
///
/// # Panics
/// When it cannot be read.
#[must_use]
pub fn records(data: &Path) -> String {
    let segments = std::fs::read_dir(data.join("audit/segments")).unwrap();
    let mut paths: Vec<_> = segments.map(|it| it.unwrap().path()).collect();
    paths.sort();
    paths
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect()
}

/// Verifies the audit log in a service's data: the chain is whole, and anchored to its end.
///
/// # Panics
/// When it is not, and when there is no anchor.
pub fn verify(data: &Path) {
    let anchor = std::fs::read(data.join("anchor.json")).unwrap();
    let anchor = Anchor::from_json(&anchor).unwrap();
    let mut options = VerifyOptions::new();
    options.head = Some((&anchor).into());
    options.require_anchored_tail = true;
    let report = verify_path(&data.join("audit"), &options);
    assert_eq!(report.verdict, Verdict::Valid, "{report:?}");
}
