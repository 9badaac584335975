//! A real Prometheus on loopback that scrapes what a test gives it and evaluates rules as it would in operation.
//!
//! It listens on a port of its own, keeps its data in a folder that goes away, and is killed when it is dropped. Waiting is for
//! a condition and has a deadline; then the test fails with how the targets and alerts stand and what Prometheus last said.
//!
//! ```no_run
//! use counterfoil_testkit::prometheus::Prometheus;
//!
//! let service = "127.0.0.1:9464".parse().unwrap();
//! let started = Prometheus::builder()
//!     .job("service", [service])
//!     .rules("prometheus/rules/service.yml")
//!     .start();
//! let Some(prometheus) = started else {
//!     return; // There is none on this machine, the test has said so, and this is not CI.
//! };
//! prometheus.wait_until_up("service");
//! prometheus.wait_until_firing("ServiceFails");
//! assert_eq!(prometheus.value("sum(service_requests_total)"), Some(7.0));
//! ```

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "without an answer of Prometheus there is no test to go on with"
)]

mod process;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use process::Process;

use crate::programs;

/// How long to wait for what Prometheus is to see, unless [`Builder::patience`] says otherwise: busy machines are slow.
const PATIENCE: Duration = Duration::from_secs(90);

/// A Prometheus of the test's own.
#[derive(Debug)]
pub struct Prometheus {
    process: Process,
    jobs: Vec<(String, Vec<SocketAddr>)>,
    agent: ureq::Agent,
    patience: Duration,
}

/// What a [`Prometheus`] is started with.
#[derive(Clone, Debug)]
pub struct Builder {
    jobs: Vec<(String, Vec<SocketAddr>)>,
    rules: Vec<PathBuf>,
    interval: Duration,
    patience: Duration,
    exemplars: bool,
}

/// One series of an answer.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Series {
    /// Its labels; the name of the metric is `__name__`.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
}

impl Prometheus {
    /// Without jobs or rules, scraping and evaluating every second.
    #[must_use]
    pub const fn builder() -> Builder {
        Builder {
            jobs: Vec::new(),
            rules: Vec::new(),
            interval: Duration::from_secs(1),
            patience: PATIENCE,
            exemplars: false,
        }
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.process.address()
    }

    /// What the series of an instant query are now.
    ///
    /// # Panics
    /// When Prometheus does not take the query, or its result is no vector.
    #[must_use]
    pub fn query(&self, query: &str) -> Vec<Series> {
        let data = self.get("/api/v1/query", &[("query", query)]);
        let series = match data["resultType"].as_str() {
            Some("vector") => data["result"].as_array(),
            _ => None,
        };
        let series = series.unwrap_or_else(|| panic!("{query}: no instant vector: {data}"));
        series.iter().map(Series::of).collect()
    }

    /// The value of a query with one series; `None` when it has none.
    ///
    /// # Panics
    /// As [`query`](Self::query), and when there is more than one series.
    #[must_use]
    pub fn value(&self, query: &str) -> Option<f64> {
        let series = self.query(query);
        assert!(series.len() <= 1, "{query}: more than one: {series:?}");
        series.first().map(|series| series.value)
    }

    /// The names of the alerts that are firing.
    ///
    /// # Panics
    /// When Prometheus does not answer.
    #[must_use]
    pub fn alerts(&self) -> BTreeSet<String> {
        let data = self.get("/api/v1/alerts", &[]);
        let alerts = data["alerts"].as_array().unwrap().iter();
        alerts
            .filter(|alert| alert["state"] == "firing")
            .map(|alert| text(&alert["labels"]["alertname"]))
            .collect()
    }

    /// The names of all metrics that it has scraped or recorded.
    ///
    /// # Panics
    /// When Prometheus does not answer.
    #[must_use]
    pub fn metric_names(&self) -> BTreeSet<String> {
        let data = self.get("/api/v1/label/__name__/values", &[]);
        data.as_array().unwrap().iter().map(text).collect()
    }

    /// The `data` of what the HTTP interface answers at a path.
    ///
    /// # Panics
    /// When Prometheus does not answer with success.
    #[must_use]
    pub fn get(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        let request = self.agent.get(format!("http://{}{path}", self.address()));
        let request = request.query_pairs(parameters.iter().copied());
        let answer = request
            .call()
            .and_then(|mut answer| answer.body_mut().read_to_string());
        let answer = answer.unwrap_or_else(|error| panic!("{path}: {error}: {}", self.said()));
        let mut answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(
            answer["status"], "success",
            "{path} {parameters:?}: {answer}"
        );
        answer["data"].take()
    }

    /// Waits until every target of a job was scraped.
    ///
    /// # Panics
    /// When that does not come within the deadline.
    pub fn wait_until_up(&self, job: &str) {
        let query = format!("up{{job=\"{job}\"}} == 1");
        let what = format!("all targets of {job} are up");
        let targets = self.jobs.iter().find(|(name, _)| name == job);
        let targets = targets.map_or(0, |(_, targets)| targets.len());
        assert!(targets > 0, "there are no targets of {job}");
        self.wait_until(&what, || self.query(&query).len() == targets);
    }

    /// Waits until an alert is firing.
    ///
    /// # Panics
    /// When that does not come within the deadline.
    pub fn wait_until_firing(&self, alert: &str) {
        let what = format!("the alert {alert} fires");
        self.wait_until(&what, || self.alerts().contains(alert));
    }

    /// Waits until a condition holds, which `what` puts into words for the failure.
    ///
    /// # Panics
    /// When that does not come within the deadline.
    pub fn wait_until(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let begin = Instant::now();
        while !holds() {
            assert!(
                begin.elapsed() < self.patience,
                "waited {:?} until {what}, which did not come\n{}",
                self.patience,
                self.state()
            );
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// How it stands, for a failure.
    fn state(&self) -> String {
        let mut state = String::new();
        let targets = self.get("/api/v1/targets", &[("state", "active")]);
        for target in targets["activeTargets"].as_array().into_iter().flatten() {
            let [job, url] = [&target["labels"]["job"], &target["scrapeUrl"]];
            let [health, error] = [&target["health"], &target["lastError"]];
            // Writing to a string does not fail.
            writeln!(state, "target {job} {url}: {health} {error}").ok();
        }
        let alerts = self.get("/api/v1/alerts", &[]);
        for alert in alerts["alerts"].as_array().into_iter().flatten() {
            let [labels, value] = [&alert["labels"], &alert["value"]];
            writeln!(state, "alert {}: {labels} {value}", alert["state"]).ok();
        }
        state + &self.said()
    }

    fn said(&self) -> String {
        format!("Prometheus last said:\n{}", self.process.said())
    }
}

impl Builder {
    /// Scrapes `/metrics` of these addresses under a job's name.
    #[must_use]
    pub fn job(mut self, name: &str, targets: impl IntoIterator<Item = SocketAddr>) -> Self {
        self.jobs
            .push((name.to_owned(), targets.into_iter().collect()));
        self
    }

    /// Evaluates the rules of a file.
    #[must_use]
    pub fn rules(mut self, file: impl AsRef<Path>) -> Self {
        self.rules.push(file.as_ref().to_owned());
        self
    }

    /// Scrapes and evaluates this often.
    #[must_use]
    pub const fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Waits this long before a `wait_until…` fails: longer than 90 seconds for an alert with a long `for`.
    #[must_use]
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Keeps exemplars, for `/api/v1/query_exemplars`.
    #[must_use]
    pub const fn exemplars(mut self) -> Self {
        self.exemplars = true;
        self
    }

    /// Starts it, and waits until it answers; `None` where there is none, which the test has then said.
    ///
    /// # Panics
    /// When it is missing and `CI` is set, when a rule file does not exist, and when Prometheus does not take its configuration.
    #[must_use]
    pub fn start(self) -> Option<Prometheus> {
        if programs::is_missing("prometheus") {
            return None;
        }
        // A proxy of the environment is not for loopback.
        let agent = ureq::Agent::config_builder()
            .proxy(None)
            .timeout_global(Some(Duration::from_secs(30)))
            .build();
        let prometheus = Prometheus {
            process: Process::start(&self.configuration(), self.exemplars),
            jobs: self.jobs,
            agent: agent.into(),
            patience: self.patience,
        };
        let ready = format!("http://{}/-/ready", prometheus.address());
        let begin = Instant::now();
        while prometheus.agent.get(&ready).call().is_err() {
            let late = begin.elapsed() > self.patience;
            assert!(!late, "Prometheus is not ready: {}", prometheus.said());
            thread::sleep(Duration::from_millis(50));
        }
        Some(prometheus)
    }

    /// Its configuration: JSON, which is YAML.
    fn configuration(&self) -> String {
        let interval = format!("{}ms", self.interval.as_millis());
        let rules: Vec<_> = self.rules.iter().map(|file| canonical(file)).collect();
        let jobs = self.jobs.iter().map(|(name, targets)| {
            serde_json::json!({
                "job_name": name,
                "static_configs": [{ "targets": targets }],
            })
        });
        let configuration = serde_json::json!({
            "global": { "scrape_interval": interval, "scrape_timeout": interval, "evaluation_interval": interval },
            "rule_files": rules,
            "scrape_configs": jobs.collect::<Vec<_>>(),
        });
        configuration.to_string()
    }
}

impl Series {
    fn of(answer: &Value) -> Self {
        let labels = answer["metric"].as_object().unwrap().iter();
        Self {
            labels: labels.map(|(key, it)| (key.clone(), text(it))).collect(),
            value: text(&answer["value"][1]).parse().unwrap(),
        }
    }
}

fn canonical(file: &Path) -> PathBuf {
    file.canonicalize()
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
