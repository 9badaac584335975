//! The processes of the platform, and a collector that they send to.

use std::path::PathBuf;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use counterfoil_testkit::otlp::HttpReceiver;
use counterfoil_testkit::service::{Ended, Service};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use tempfile::TempDir;

pub(crate) const ACME: &str = "key-of-acme-that-nobody-may-see";
pub(crate) const OTHER: &str = "key-of-other-that-nobody-may-see";
pub(crate) const SECRET: &str = "whsec-that-nobody-may-see-0123456789";

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// The API, and the worker while it runs.
pub(crate) struct Platform {
    pub(crate) directory: TempDir,
    pub(crate) collector: HttpReceiver,
    pub(crate) api: Service,
    pub(crate) worker: Option<Service>,
    pub(crate) web: Option<Service>,
}

/// A status and a body.
pub(crate) type Answer = (u16, Value);

impl Platform {
    /// The API alone.
    pub(crate) fn without_worker() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let collector = HttpReceiver::start([]);
        let keys = format!("acme member {ACME}\nother admin {OTHER} default,second\n");
        std::fs::write(directory.path().join("keys.txt"), keys).unwrap();
        std::fs::write(directory.path().join("secret.txt"), SECRET).unwrap();
        let at = |name: &str| directory.path().join(name);
        let mut command = Command::new(env!("CARGO_BIN_EXE_platform-api"));
        command
            .args(["--listen", "127.0.0.1:0", "--keys"])
            .arg(at("keys.txt"))
            .arg("--billing-secret")
            .arg(at("secret.txt"))
            .arg("--database")
            .arg(at("platform.db"))
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.endpoint())
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
        Self {
            api: Service::start(&mut command, &at("api")),
            worker: None,
            web: None,
            directory,
            collector,
        }
    }

    pub(crate) fn start() -> Self {
        let mut platform = Self::without_worker();
        platform.start_worker();
        platform
    }

    /// Starts the worker, which makes two attempts.
    pub(crate) fn start_worker(&mut self) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_platform-worker"));
        command
            .args(["--attempts", "2", "--pause-ms", "10", "--database"])
            .arg(self.at("platform.db"))
            .arg("--nodes")
            .arg(self.at("nodes"))
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", self.collector.endpoint())
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
        self.worker = Some(Service::start(&mut command, &self.at("worker")));
    }

    /// Starts the web front.
    pub(crate) fn start_web(&mut self) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_platform-web"));
        command
            .args(["--listen", "127.0.0.1:0", "--api"])
            .arg(format!("http://{}", self.api.address()))
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", self.collector.endpoint())
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
        self.web = Some(Service::start(&mut command, &self.at("web")));
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Asks the API something with the key of `acme` and further headers.
    pub(crate) fn ask(
        &self,
        method: &str,
        path: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        let bearer = format!("Bearer {ACME}");
        let mut all = vec![("authorization", bearer.as_str())];
        all.extend(headers);
        self.send(method, path, body, &all)
    }

    /// Asks the API something with these headers and no others.
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        body: &str,
        headers: &[(&str, &str)],
    ) -> Answer {
        let url = format!("http://{}{path}", self.api.address());
        let mut request = http::Request::builder().method(method).uri(url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .allow_non_standard_methods(true)
            .build();
        let mut answer = ureq::Agent::new_with_config(agent)
            .run(request.body(body.to_owned()).unwrap())
            .unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        (answer.status().as_u16(), body)
    }

    /// Creates an allocation. Its id.
    pub(crate) fn create(&self, body: &str) -> String {
        let (status, allocation) = self.ask("POST", "/v1/allocations", body, &[]);
        assert_eq!(status, 201, "{allocation}");
        allocation["id"].as_str().unwrap().to_owned()
    }

    /// Sends a webhook as the billing provider does.
    pub(crate) fn webhook(&self, body: &str) -> Answer {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs();
        let signature = signature(SECRET, now, body);
        self.send(
            "POST",
            "/v1/webhooks/billing",
            body,
            &[("billing-signature", &signature)],
        )
    }

    /// Waits until an allocation has come into a state.
    pub(crate) fn wait_for(&self, id: &str, state: &str) -> Value {
        wait_until(&format!("{id} is {state}"), || {
            let (_, allocation) = self.ask("GET", &format!("/v1/allocations/{id}"), "", &[]);
            (allocation["state"] == state).then_some(allocation)
        })
    }

    /// Stops what runs. How each ended, the API first.
    pub(crate) fn stop(self) -> (Vec<Ended>, HttpReceiver, TempDir) {
        let mut ended = vec![self.api.terminate()];
        let others = [self.worker, self.web].into_iter().flatten();
        ended.extend(others.map(Service::terminate));
        (ended, self.collector, self.directory)
    }
}

/// The header that signs a webhook.
pub(crate) fn signature(secret: &str, seconds: u64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{seconds}.{body}").as_bytes());
    let bytes = mac.finalize().into_bytes();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={seconds},v1={hex}")
}

/// Waits until there is something.
pub(crate) fn wait_until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begin = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begin.elapsed() < PATIENCE, "waited in vain until {what}");
        thread::sleep(Duration::from_millis(20));
    }
}
