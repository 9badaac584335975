//! A vault as a program, and how it is asked.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use counterfoil_testkit::otlp::HttpReceiver;
use serde_json::Value;

pub(crate) const KEY: &str = "key-of-alice-that-nobody-may-see";
pub(crate) const PEER_KEY: &str = "key-of-the-peer-that-nobody-may-see";
pub(crate) const PRINCIPAL: &str = "alice-of-accounting";

/// How long to wait for what is to come: busy machines are slow.
const PATIENCE: Duration = Duration::from_secs(90);

pub(crate) struct Vault {
    process: Child,
    log: Arc<Mutex<String>>,
    reader: Option<thread::JoinHandle<()>>,
    pub(crate) collector: HttpReceiver,
    pub(crate) address: SocketAddr,
    pub(crate) metrics: SocketAddr,
}

impl Vault {
    /// Starts a vault that keeps its data in `data`.
    pub(crate) fn start(data: &Path, more: &[&str]) -> Self {
        std::fs::create_dir_all(data).unwrap();
        let (keys, peer_key) = (data.join("keys.txt"), data.join("peer.key"));
        let lines = format!("{PRINCIPAL} member {KEY}\nother-vault peer {PEER_KEY}\n");
        std::fs::write(&keys, lines).unwrap();
        std::fs::write(&peer_key, PEER_KEY).unwrap();
        let collector = HttpReceiver::start([]);
        let mut process = Command::new(env!("CARGO_BIN_EXE_vault"))
            .args(["--listen", "127.0.0.1:0", "--metrics-port", "0"])
            .args(["--log-format", "json", "--peer-interval-ms", "100"])
            .arg("--data")
            .arg(data)
            .arg("--keys")
            .arg(&keys)
            .args(
                more.iter()
                    .map(|it| it.replace("PEER_KEY", &peer_key.to_string_lossy())),
            )
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint())
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
            .env_remove("RUST_LOG")
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let log = Arc::new(Mutex::new(String::new()));
        let serving = loop {
            let line = lines.next().expect("it ended before it served").unwrap();
            let parsed: Value = serde_json::from_str(&line).expect(&line);
            if parsed["message"] == "serving until SIGTERM" {
                break parsed;
            }
        };
        let to = Arc::clone(&log);
        // Somebody has to read, or the vault would lose lines.
        let reader = thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let mut log = to.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
            }
        });
        let text = |field: &str| {
            let text = serving["fields"][field].as_str().unwrap();
            text.trim_matches(|c: char| !c.is_ascii_digit())
                .parse()
                .unwrap()
        };
        Self {
            address: text("address"),
            metrics: text("metrics"),
            process,
            log,
            reader: Some(reader),
            collector,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Puts an object; status and answer.
    pub(crate) fn put(&self, query: &str, trace: &str, object: &str) -> (u16, String) {
        let request = agent()
            .post(format!("{}/v1/objects?{query}", self.url()))
            .header("authorization", format!("Bearer {KEY}"))
            .header("traceparent", format!("00-{trace}-b7ad6b7169203331-01"))
            .header("x-request-id", "order-7");
        let mut answer = request.send(object).unwrap();
        (
            answer.status().as_u16(),
            answer.body_mut().read_to_string().unwrap(),
        )
    }

    /// Stores an object and gives its address.
    pub(crate) fn store(&self, query: &str, trace: &str, object: &str) -> String {
        let (status, answer) = self.put(query, trace, object);
        assert_eq!(status, 201, "{answer}");
        let answer: Value = serde_json::from_str(&answer).unwrap();
        answer["address"].as_str().unwrap().to_owned()
    }

    pub(crate) fn get(&self, path: &str) -> (u16, String) {
        let request = agent()
            .get(format!("{}{path}", self.url()))
            .header("authorization", format!("Bearer {KEY}"));
        let mut answer = request.call().unwrap();
        (
            answer.status().as_u16(),
            answer.body_mut().read_to_string().unwrap(),
        )
    }

    /// A page of the listener for metrics and health.
    pub(crate) fn page(&self, path: &str) -> (u16, String) {
        let url = format!("http://{}{path}", self.metrics);
        let mut answer = agent().get(url).call().unwrap();
        (
            answer.status().as_u16(),
            answer.body_mut().read_to_string().unwrap(),
        )
    }

    pub(crate) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Sends SIGTERM and waits for the end; its log.
    pub(crate) fn terminate(&mut self) -> String {
        let pid = self.process.id().to_string();
        assert!(Command::new("kill").arg(pid).status().unwrap().success());
        assert!(self.process.wait().unwrap().success(), "{}", self.log());
        self.reader.take().unwrap().join().unwrap();
        self.log()
    }
}

/// A test that fails leaves no process behind.
impl Drop for Vault {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

/// The lines of an audit log.
pub(crate) fn sealed(data: &Path) -> String {
    let segments = std::fs::read_dir(data.join("audit/segments")).unwrap();
    segments
        .map(|segment| std::fs::read_to_string(segment.unwrap().path()).unwrap())
        .collect()
}

/// Waits until something is so.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "{what} did not come to be");
        thread::sleep(Duration::from_millis(20));
    }
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().http_status_as_error(false);
    ureq::Agent::new_with_config(config.build())
}
