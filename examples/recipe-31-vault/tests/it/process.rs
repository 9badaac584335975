//! A vault as a program, and how it is asked.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use counterfoil_testkit::otlp::HttpReceiver;
use counterfoil_testkit::service::Service;
use serde_json::Value;

pub(crate) use counterfoil_testkit::service::records as sealed;

pub(crate) const KEY: &str = "key-of-alice-that-nobody-may-see";
pub(crate) const PEER_KEY: &str = "key-of-the-peer-that-nobody-may-see";
pub(crate) const PRINCIPAL: &str = "alice-of-accounting";

/// How long to wait for what is to come: busy machines are slow.
const PATIENCE: Duration = Duration::from_secs(90);

pub(crate) struct Vault {
    service: Option<Service>,
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
        let mut command = Command::new(env!("CARGO_BIN_EXE_vault"));
        command
            .args(["--listen", "127.0.0.1:0", "--peer-interval-ms", "100"])
            .arg("--keys")
            .arg(&keys)
            .args(
                more.iter()
                    .map(|it| it.replace("PEER_KEY", &peer_key.to_string_lossy())),
            )
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint())
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
        let service = Service::start(&mut command, data);
        Self {
            address: service.address(),
            metrics: service.metrics(),
            service: Some(service),
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
        self.running().answer(path)
    }

    pub(crate) fn log(&self) -> String {
        self.running().log()
    }

    /// Sends SIGTERM and waits for the end; its log.
    pub(crate) fn terminate(&mut self) -> String {
        let ended = self.service.take().unwrap().terminate();
        assert!(ended.status.success(), "{}", ended.log);
        ended.log
    }

    fn running(&self) -> &Service {
        self.service.as_ref().unwrap()
    }
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
