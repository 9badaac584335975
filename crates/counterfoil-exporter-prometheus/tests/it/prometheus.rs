//! A real Prometheus scrapes the server in both formats.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use counterfoil_core::{Clock, SystemClock};
use counterfoil_exporter_prometheus::ScrapeServer;
use counterfoil_metrics::Registry;
use serde_json::Value;

use crate::server::{any_port, ask};
use crate::{HELD, LEVEL, SEEN, SIZE, WAIT, trace};

const PATIENCE: Duration = Duration::from_secs(90);

#[test]
fn a_real_prometheus_reads_the_same_from_both_formats_and_exemplars_from_openmetrics() {
    let registry = Registry::new();
    count(&registry);
    let server = ScrapeServer::builder(move || registry.snapshot(SystemClock::new().utc()))
        .start(any_port())
        .unwrap();
    let Some(prometheus) = Prometheus::start(server.address()) else {
        return;
    };
    let samples = [
        ("app_seen_total{kind=\"a \\\"b\\\" \\\\ c\"}", 7.0),
        ("app_held", -3.0),
        ("app_level_ratio", 0.5),
        ("app_wait_seconds_bucket{colour=\"red\",le=\"0.001\"}", 1.0),
        ("app_wait_seconds_bucket{colour=\"red\",le=\"10.0\"}", 2.0),
        ("app_wait_seconds_bucket{colour=\"red\",le=\"+Inf\"}", 3.0),
        ("app_wait_seconds_sum{colour=\"red\"}", 20.051),
        ("app_wait_seconds_count{colour=\"red\"}", 3.0),
        ("app_size_bytes_bucket{le=\"1024.0\"}", 1.0),
        ("app_size_bytes_bucket{le=\"4096.0\"}", 2.0),
        ("app_size_bytes_count", 2.0),
    ];
    for job in ["openmetrics", "classic"] {
        prometheus.wait_until_scraped(job);
        for (query, expected) in samples {
            assert_eq!(
                prometheus.value(job, query),
                Some(expected),
                "{job}: {query}"
            );
        }
        let median = "histogram_quantile(0.5, app_wait_seconds_bucket)";
        let median = prometheus.value(job, median).unwrap();
        assert!((0.001..0.1).contains(&median), "{median}");
    }
    for (family, kind) in [("app_seen", "counter"), ("app_wait_seconds", "histogram")] {
        let families = prometheus.get(&format!("/api/v1/metadata?metric={family}"));
        assert_eq!(families["data"][family][0]["type"], kind, "{families}");
    }
    prometheus.assert_exemplars();
}

fn count(registry: &Registry) {
    registry.family(&SEEN).with(&["a \"b\" \\ c"]).add(7);
    registry.instrument(&HELD).add(-3);
    registry.instrument(&LEVEL).set(0.5);
    let wait = registry.family(&WAIT).with(&["red"]);
    wait.record(0.001);
    wait.record_with(0.05, Some(&trace(1)));
    wait.record_with(20.0, Some(&trace(2)));
    let size = registry.instrument(&SIZE);
    size.record(1_000.0);
    size.record_with(3_000.0, Some(&trace(3)));
}

/// A server with a database of its own, which ends with the test.
struct Prometheus {
    process: Child,
    address: SocketAddr,
    _database: tempfile::TempDir,
}

impl Prometheus {
    /// Starts it to scrape `target`; `None` where there is none and this is not CI.
    fn start(target: SocketAddr) -> Option<Self> {
        let database = tempfile::tempdir().unwrap();
        let config = database.path().join("prometheus.yml");
        std::fs::write(&config, configuration(target, classic_only(target))).unwrap();
        let started = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", database.path().display()))
            .args([
                "--web.listen-address=127.0.0.1:0",
                "--enable-feature=exemplar-storage",
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let mut process = match started {
            Ok(process) => process,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                assert!(
                    std::env::var_os("CI").is_none(),
                    "prometheus is missing, and CI must not skip this: install the package prometheus"
                );
                eprintln!("skipped: prometheus is missing; it comes with the package prometheus");
                return None;
            }
            Err(error) => panic!("prometheus cannot be started: {error}"),
        };
        let address = listening_at(&mut process);
        Some(Self {
            process,
            address,
            _database: database,
        })
    }

    fn is_ready(&self) -> bool {
        ask(self.address, "GET /-/ready HTTP/1.0\r\n\r\n").contains(" 200 OK")
    }

    fn get(&self, path: &str) -> Value {
        // Version 1.0 of HTTP, in which answers do not come in chunks.
        let answer = ask(self.address, &format!("GET {path} HTTP/1.0\r\n\r\n"));
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(" 200 OK"), "{path}: {answer}");
        serde_json::from_str(body).unwrap()
    }

    /// The one value of a query over the series of a job.
    fn value(&self, job: &str, query: &str) -> Option<f64> {
        let selected = match query.split_once('{') {
            Some((name, labels)) => format!("{name}{{job=\"{job}\",{labels}"),
            None if query.ends_with(')') => query.replace(')', &format!("{{job=\"{job}\"}})")),
            None => format!("{query}{{job=\"{job}\"}}"),
        };
        let answer = self.get(&format!("/api/v1/query?query={}", encoded(&selected)));
        let series = answer["data"]["result"].as_array().unwrap();
        assert!(series.len() <= 1, "{selected}: {answer}");
        series.first()?["value"][1].as_str()?.parse().ok()
    }

    fn wait_until_scraped(&self, job: &str) {
        let begin = Instant::now();
        while !self.is_ready() {
            assert!(begin.elapsed() < PATIENCE, "prometheus does not get ready");
            thread::sleep(Duration::from_millis(50));
        }
        while self.value(job, "up") != Some(1.0) || self.value(job, "app_held").is_none() {
            let targets = || self.get("/api/v1/targets");
            assert!(begin.elapsed() < PATIENCE, "{job}: {}", targets());
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Every exemplar was scraped, with its value and trace, and none from the format that has none.
    fn assert_exemplars(&self) {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap()
            .as_secs();
        let query = encoded("{__name__=~\"app_.*_bucket\"}");
        let path = format!(
            "/api/v1/query_exemplars?query={query}&start={}&end={}",
            now - 3_600,
            now + 3_600
        );
        let answer = self.get(&path);
        let mut found: Vec<_> = answer["data"]
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|series| {
                let labels = &series["seriesLabels"];
                assert_eq!(labels["job"], "openmetrics", "{series}");
                let exemplars = series["exemplars"].as_array().unwrap();
                exemplars.iter().map(|it| {
                    [
                        &it["labels"]["span_id"],
                        &it["labels"]["trace_id"],
                        &it["value"],
                        &labels["le"],
                    ]
                    .map(|it| it.as_str().unwrap().to_owned())
                })
            })
            .collect();
        found.sort();
        let expected = [
            (1_u64, "0.05", "0.1"),
            (2, "20", "+Inf"),
            (3, "3000", "4096.0"),
        ];
        let expected = expected.map(|(number, value, le)| {
            let trace = trace(number);
            let [span_id, trace_id] = [trace.span_id.to_string(), trace.trace_id.to_string()];
            [span_id, trace_id, value.to_owned(), le.to_owned()]
        });
        assert_eq!(found, expected, "{answer}");
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        // If it has ended already there is nothing to end.
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn configuration(target: SocketAddr, classic: SocketAddr) -> String {
    format!(
        "global: {{scrape_interval: 1s}}\n\
         scrape_configs:\n\
         - job_name: openmetrics\n  static_configs: [{{targets: ['{target}']}}]\n\
         - job_name: classic\n  static_configs: [{{targets: ['{classic}']}}]\n"
    )
}

/// A way to the server on which scrapers ask for the classic format: only newer versions of Prometheus can be told to
/// (`scrape_protocols`).
fn classic_only(target: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind(any_port()).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            forward(stream.unwrap(), target);
        }
    });
    address
}

fn forward(mut scraper: TcpStream, target: SocketAddr) {
    let mut reader = BufReader::new(scraper.try_clone().unwrap());
    let mut line = String::new();
    while reader.read_line(&mut line).unwrap() > 2 {
        line.clear();
    }
    let mut server = TcpStream::connect(target).unwrap();
    let request = "GET /metrics HTTP/1.1\r\nhost: x\r\naccept: text/plain;version=0.0.4\r\n\
                   accept-encoding: gzip\r\nconnection: close\r\n\r\n";
    server.write_all(request.as_bytes()).unwrap();
    // The scraper may have gone away with the end of the test.
    std::io::copy(&mut server, &mut scraper).ok();
}

/// Waits for the address that Prometheus says it listens at, and goes on reading what it says.
fn listening_at(process: &mut Child) -> SocketAddr {
    let mut log = BufReader::new(process.stderr.take().unwrap());
    let mut said = String::new();
    loop {
        let from = said.len();
        assert!(
            log.read_line(&mut said).unwrap() > 0,
            "prometheus ended:\n{said}"
        );
        let line = &said[from..];
        let address = line
            .split_once("address=")
            .filter(|_| line.contains("Listening on"));
        if let Some((_, address)) = address {
            let address = address.trim().trim_matches('"').parse().unwrap();
            thread::spawn(move || log.read_to_end(&mut Vec::new()).ok());
            return address;
        }
    }
}

/// A query for the query string of a URL.
fn encoded(query: &str) -> String {
    let bytes = query.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' => (byte as char).to_string(),
        _ => format!("%{byte:02X}"),
    });
    bytes.collect()
}
