//! The daemon with a collector behind it: whose chains are reached, by which paths, and what is read anew.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use counterfoil::health::Health;
use counterfoil::{Observer, SystemClock};
use counterfoil_collector::Scope;
use counterfoil_collector::config::Config;
use counterfoil_collector::daemon::{Daemon, Reloader};
use tokio::sync::oneshot;

use super::keys::Tenants;
use super::serving::{Answer, Client};
use crate::ingest::producer::{Produced, unsigned};

/// A daemon on a thread of its own, stopped when dropped.
struct Running {
    tenants: Tenants,
    path: PathBuf,
    address: std::net::SocketAddr,
    reloader: Reloader,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// With the keys of `tenants`, and `more` in its configuration.
    fn start(tenants: Tenants, more: &str) -> Self {
        let files = tenants.files();
        let directory = files.tenants.parent().unwrap().to_owned();
        let path = directory.join("collector.toml");
        let text = "[listen]\naddress = \"127.0.0.1:0\"\n[auth]\ntenants = \"tenants.toml\"\nserver_key = \"server.key\"\n";
        fs::write(&path, format!("{text}{more}")).unwrap();
        let config = Config::read(&path).unwrap();
        let (tell, told) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let file = path.clone();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(2)
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async move {
                let daemon = Daemon::bind(config, Arc::new(SystemClock::new())).unwrap();
                let observer = Observer::builder().build().unwrap();
                let collector = daemon.start_collector(observer.registry()).unwrap();
                let health = Health::builder("collector", "0").start().unwrap();
                tell.send((daemon.address(), daemon.reloader(file)))
                    .unwrap();
                let stop = async move {
                    let _dropped_is_stopped_too = stopped.await;
                };
                daemon.serve(&collector, &health, &observer, stop).await;
                assert!(collector.stop(Duration::from_secs(60)).finished);
            });
        });
        let (address, reloader) = told.recv().unwrap();
        Self {
            tenants,
            path,
            address,
            reloader,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    fn ask(&self, method: &str, path: &str, key: &str, body: &[u8]) -> Answer {
        let mut client = Client::connect(self.address);
        client.send(
            format!(
                "{method} {path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-length: {}\r\n\r\n",
                body.len()
            )
            .as_bytes(),
        );
        client.send(body);
        client.answer()
    }

    fn register(&self, chain: &Produced, key: &str) -> Answer {
        self.ask("PUT", &path_of(chain), key, b"{\"verifier_key\":null}")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && !thread::panicking()
        {
            thread.join().unwrap();
        }
    }
}

fn path_of(chain: &Produced) -> String {
    format!("/v1/audit/{}", chain.chain.as_str().replace('/', "%2F"))
}

#[test]
fn records_come_in_with_a_key_and_are_read_with_another() {
    let tenants = Tenants::new();
    let ingest = tenants.key("acme", Scope::Ingest, |_| {});
    let read = tenants.key("acme", Scope::Read, |_| {});
    let daemon = Running::start(tenants, "");
    let chain = unsigned("audit.example.com/acme", 20);
    assert_eq!(daemon.register(&chain, &ingest).status, 200);
    let answer = daemon.ask("POST", &path_of(&chain), &ingest, &chain.all());
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(
        answer
            .body
            .contains(&format!("\"acknowledged\":{}", chain.seq()))
    );
    let gzip = {
        use std::io::Write as _;
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&chain.all()).unwrap();
        gzip.finish().unwrap()
    };
    let mut client = Client::connect(daemon.address);
    client.send(
        format!(
            "POST {} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {ingest}\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
            path_of(&chain),
            gzip.len()
        )
        .as_bytes(),
    );
    client.send(&gzip);
    let again = client.answer();
    assert!(
        again.body.contains(&format!("\"known\":{}", chain.seq())),
        "{again:?}"
    );

    let chains = daemon.ask("GET", "/v1/chains", &read, b"");
    assert!(chains.body.contains("audit.example.com/acme"), "{chains:?}");
    assert_eq!(daemon.ask("GET", "/v1/chains", &ingest, b"").status, 403);
    let post = daemon.ask("POST", &path_of(&chain), &read, &chain.all());
    assert_eq!(post.status, 403, "{post:?}");
    assert_eq!(daemon.ask("GET", "/metrics", &read, b"").status, 403);
}

#[test]
fn the_chain_of_another_tenant_is_neither_extended_nor_read_nor_taken_over() {
    let tenants = Tenants::new();
    let acme = tenants.key("acme", Scope::Ingest, |_| {});
    let all = [Scope::Ingest, Scope::Read, Scope::Verify];
    let globex = tenants.key(
        "globex",
        all.into_iter().collect::<counterfoil_collector::Scopes>(),
        |_| {},
    );
    let daemon = Running::start(tenants, "");
    let chain = unsigned("audit.example.com/acme", 5);
    assert_eq!(daemon.register(&chain, &acme).status, 200);
    let path = path_of(&chain);
    assert_eq!(
        daemon.ask("POST", &path, &acme, &chain.some(1, 4)).status,
        200
    );
    assert_eq!(daemon.register(&chain, &globex).status, 403);
    let rest = chain.some(4, 5);
    assert_eq!(daemon.ask("POST", &path, &globex, &rest).status, 404);
    assert_eq!(daemon.ask("GET", &path, &globex, b"").status, 404);
    let reading = path.replace("/v1/audit/", "/v1/chains/");
    for what in ["", "/records", "/checkpoint", "/tile/0/000", "/proof/1"] {
        let answer = daemon.ask("GET", &format!("{reading}{what}"), &globex, b"");
        assert_eq!(answer.status, 404, "{what}: {answer:?}");
        assert!(!answer.body.contains("\"acknowledged\""), "{answer:?}");
    }
    let chains = daemon.ask("GET", "/v1/chains", &globex, b"");
    assert!(!chains.body.contains("acme"), "{chains:?}");
    assert_eq!(daemon.ask("POST", &path, &acme, &rest).status, 200);
}

#[test]
fn refusals_are_counted_by_reason_for_whoever_operates_the_collector() {
    let tenants = Tenants::new();
    let admin = tenants.key("ops", Scope::Admin, |_| {});
    let daemon = Running::start(tenants, "");
    for _ in 0..3 {
        assert_eq!(daemon.ask("GET", "/v1/chains", "cfk_", b"").status, 401);
    }
    assert_eq!(daemon.ask("GET", "/nothing", &admin, b"").status, 404);
    let metrics = daemon.ask("GET", "/metrics", &admin, b"");
    for line in [
        "counterfoil_collector_request_refused_total{reason=\"unauthenticated\"} 3",
        "counterfoil_collector_request_refused_total{reason=\"not_found\"} 1",
    ] {
        assert!(metrics.body.contains(line), "{metrics:?}");
    }
}

#[test]
fn no_path_leads_out_of_the_data_directory() {
    let tenants = Tenants::new();
    let all = [Scope::Ingest, Scope::Read, Scope::Verify];
    let key = tenants.key(
        "acme",
        all.into_iter().collect::<counterfoil_collector::Scopes>(),
        |_| {},
    );
    let daemon = Running::start(tenants, "");
    let before = listed(&daemon.path);
    let long = format!("audit.example.com%2F{}", "a".repeat(5_000));
    for chain in [
        "..",
        ".",
        "%2e%2e",
        "%2e%2e%2f%2e%2e%2fetc",
        "..%2f..%2fetc%2fpasswd",
        "%2fetc%2fpasswd",
        "audit.example.com%2f..%2f..%2fx%2f1",
        "audit.example.com%2f%2e%2e%2f1",
        "audit.example.com%5c..%5cx%2f1",
        "audit.example.com%2fa%00b%2f1",
        "audit.example.com%2fa%0d%0ax-evil:%201%2f1",
        "audit.example.com%2f%1b[31m%2f1",
        "audit.example.com%2f%e2%80%ae%2f1",
        "%c0%ae%c0%ae%2f1",
        "audit.example.com=x%2f1",
        "%",
        "%zz",
        &long,
    ] {
        for (method, path) in [
            ("PUT", format!("/v1/audit/{chain}")),
            ("POST", format!("/v1/audit/{chain}")),
            ("GET", format!("/v1/audit/{chain}")),
            ("GET", format!("/v1/chains/{chain}/records")),
            ("GET", format!("/v1/chains/{chain}/tile/0/000")),
            (
                "GET",
                format!("/v1/chains/{chain}/tile/../../../../etc/passwd"),
            ),
        ] {
            let body: &[u8] = if method == "PUT" {
                b"{\"verifier_key\":null}"
            } else {
                b""
            };
            let answer = daemon.ask(method, &path, &key, body);
            assert!(
                (400..500).contains(&answer.status),
                "{method} {path}: {answer:?}"
            );
            assert!(!answer.head.contains("x-evil"), "{answer:?}");
            assert!(
                answer.head.contains("application/problem+json") || answer.body.is_empty(),
                "{method} {path}: {answer:?}"
            );
            let raw = answer
                .body
                .chars()
                .find(|it| it.is_control() || *it == '\u{202e}');
            assert_eq!(raw, None, "{method} {path}: {answer:?}");
        }
    }
    assert_eq!(listed(&daemon.path), before, "nothing was made");
}

/// Everything in the directory of the configuration, except the collector's own chain, which grows by itself.
fn listed(config: &std::path::Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![config.parent().unwrap().to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.starts_with("meta") {
                continue;
            }
            if path.is_dir() {
                waiting.push(path.clone());
            }
            found.push(path);
        }
    }
    found.sort();
    found
}

#[test]
fn a_tenant_over_its_rate_is_told_how_far_it_came_and_goes_on_from_there() {
    let tenants = Tenants::new();
    let key = tenants.key("acme", Scope::Ingest, |_| {});
    let mut daemon = Running::start(tenants, "[tenants.acme]\nrecords_per_second = 10\n");
    let chain = unsigned("audit.example.com/acme", 60);
    assert_eq!(daemon.register(&chain, &key).status, 200);
    let answer = daemon.ask("POST", &path_of(&chain), &key, &chain.all());
    assert_eq!(answer.status, 429, "{answer:?}");
    assert!(answer.head.contains("retry-after: 1\r\n"), "{answer:?}");
    let problem: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    let acknowledged = problem["acknowledged"].as_u64().unwrap();
    assert!((10..chain.seq()).contains(&acknowledged), "{answer:?}");

    let text = fs::read_to_string(&daemon.path).unwrap();
    fs::write(&daemon.path, text.replace("= 10", "= 1000000")).unwrap();
    assert!(daemon.reloader.reload().iter().all(|it| it.outcome.is_ok()));
    let from = usize::try_from(acknowledged).unwrap() + 1;
    let rest = chain.some(from, chain.lines.len() + 1);
    let answer = daemon.ask("POST", &path_of(&chain), &key, &rest);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(
        answer
            .body
            .contains(&format!("\"acknowledged\":{}", chain.seq()))
    );
}

#[test]
fn what_changes_is_read_anew_once_and_what_is_broken_is_told_once() {
    let tenants = Tenants::new();
    let old = tenants.key("acme", Scope::Read, |_| {});
    let mut daemon = Running::start(tenants, "");
    assert!(
        daemon.reloader.reload_changed().is_empty(),
        "nothing changed"
    );
    let new = daemon.tenants.key("acme", Scope::Read, |_| {});
    assert_eq!(daemon.ask("GET", "/v1/chains", &new, b"").status, 401);
    let reloaded = daemon.reloader.reload_changed();
    assert!(
        matches!(&*reloaded, [it] if it.outcome.is_ok()),
        "{reloaded:?}"
    );
    assert_eq!(daemon.ask("GET", "/v1/chains", &new, b"").status, 200);
    fs::write(daemon.tenants.files().tenants, "[[key]]\nid = 1\n").unwrap();
    let reloaded = daemon.reloader.reload_changed();
    assert!(
        matches!(&*reloaded, [it] if it.outcome.is_err()),
        "{reloaded:?}"
    );
    assert!(reloaded[0].to_string().contains("stay in force"));
    assert!(daemon.reloader.reload_changed().is_empty(), "told already");
    for key in [&old, &new] {
        assert_eq!(daemon.ask("GET", "/v1/chains", key, b"").status, 200);
    }
    let text = fs::read_to_string(&daemon.path).unwrap();
    fs::write(&daemon.path, text + "[limits]\nheaders = 7\n").unwrap();
    let told: Vec<_> = daemon
        .reloader
        .reload()
        .iter()
        .map(ToString::to_string)
        .collect();
    assert!(
        told.iter()
            .any(|it| it.starts_with("the other settings could not")),
        "{told:?}"
    );
}

#[test]
fn what_curl_sends_by_default_is_refused_with_what_to_send_instead() {
    let tenants = Tenants::new();
    let acme = tenants.key("acme", Scope::Ingest, |_| {});
    let daemon = Running::start(tenants, "");
    let slashes = daemon.ask("GET", "/v1/audit/audit.example.com/leases/1", &acme, b"");
    assert_eq!(slashes.status, 404);
    assert!(slashes.body.contains("%2F"), "{slashes:?}");

    let chain = unsigned("audit.example.com/leases", 3);
    assert_eq!(daemon.register(&chain, &acme).status, 200);
    let mut client = Client::connect(daemon.address);
    client.send(
        format!(
            "POST {} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {acme}\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: 2\r\n\r\n{{}}",
            path_of(&chain)
        )
        .as_bytes(),
    );
    let form = client.answer();
    assert_eq!(form.status, 415);
    assert!(
        form.body.contains("Content-Type: application/x-ndjson"),
        "{form:?}"
    );
}
