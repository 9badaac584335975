//! OTLP, asked for by the standard variables.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{config, record, start};

fn with(variables: &[(&str, String)]) -> Result<counterfoil::init::Config, counterfoil::Error> {
    config().env_from(|name| {
        let found = variables.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| value.into())
    })
}

#[test]
fn nothing_is_contacted_unless_a_variable_asks_for_it() {
    let guard = start(with(&[]).unwrap());
    record(&guard);
    let report = guard.shutdown(super::LONG);
    assert!(
        report.exports.is_empty() && report.is_complete(),
        "{report}"
    );
}

#[test]
fn a_collector_that_accepts_and_never_answers_holds_nobody_up() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    let guard = start(with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)]).unwrap());
    record(&guard);
    let report = guard.shutdown(Duration::from_millis(500));
    assert!(!report.finished);
    let left: Vec<_> = report
        .exports
        .iter()
        .filter(|export| export.left > 0)
        .map(|export| (&*export.exporter, export.signal))
        .collect();
    assert!(
        left.contains(&("otlp/traces", "spans"))
            && left.contains(&("otlp/logs", "logs"))
            && left.contains(&("otlp/metrics", "metrics")),
        "{report}"
    );
}

#[test]
fn a_wrong_variable_is_named() {
    let wrong = [("OTEL_EXPORTER_OTLP_ENDPOINT", "not a url".to_owned())];
    let error = with(&wrong).unwrap_err().to_string();
    assert!(error.contains("OTEL_EXPORTER_OTLP_ENDPOINT"), "{error}");
}

/// What was posted, by path.
type Posted = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// Takes everything that is posted; the endpoint, and what was.
fn collector() -> (String, Posted) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let posted = Posted::default();
    let keep = Arc::clone(&posted);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, keep) = (stream.unwrap(), Arc::clone(&keep));
            std::thread::spawn(move || converse(stream, &keep));
        }
    });
    (endpoint, posted)
}

fn converse(mut stream: TcpStream, posted: &Posted) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    while let Some((path, body)) = request(&mut reader) {
        posted.lock().unwrap().entry(path).or_default().extend(body);
        let answer =
            "HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(answer.as_bytes()).unwrap();
    }
}

/// Path and body of the next request; `None` at the end of the connection.
fn request(reader: &mut BufReader<TcpStream>) -> Option<(String, Vec<u8>)> {
    let (mut path, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return None;
        }
        let line = line.trim_end().to_ascii_lowercase();
        if let Some(post) = line.strip_prefix("post ") {
            path = post.split(' ').next().unwrap().to_owned();
        }
        if let Some(bytes) = line.strip_prefix("content-length:") {
            length = bytes.trim().parse().unwrap();
        }
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    Some((path, body))
}

#[test]
fn an_endpoint_gets_spans_logs_and_metrics_of_the_service_that_the_code_names() {
    let (endpoint, posted) = collector();
    let guard = start(with(&[("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)]).unwrap());
    tracing::dispatcher::with_default(guard.dispatch(), || {
        let _request = tracing::info_span!("order placed", password = "hunter2").entered();
        tracing::info!("the cart is empty");
    });
    let report = guard.shutdown(super::LONG);
    assert!(report.is_complete(), "{report}");

    let posted = posted.lock().unwrap();
    let has = |path: &str, text: &str| {
        let body = posted
            .get(path)
            .unwrap_or_else(|| panic!("nothing came to {path}"));
        body.windows(text.len())
            .any(|window| window == text.as_bytes())
    };
    for path in ["/v1/traces", "/v1/logs", "/v1/metrics"] {
        for text in ["service.name", "orders", "service.version", "1.2.3"] {
            assert!(has(path, text), "{path} has no {text}");
        }
    }
    assert!(has("/v1/traces", "order placed") && has("/v1/traces", "[REDACTED]"));
    assert!(!has("/v1/traces", "hunter2"));
    assert!(has("/v1/logs", "the cart is empty"));
    assert!(has("/v1/metrics", "process.cpu.time"));
}

#[test]
fn a_signal_whose_exporter_is_none_is_not_exported() {
    let (endpoint, posted) = collector();
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
        ("OTEL_METRICS_EXPORTER", "none".to_owned()),
        ("OTEL_LOGS_EXPORTER", "none".to_owned()),
    ];
    let guard = start(with(&variables).unwrap());
    record(&guard);
    assert!(guard.shutdown(super::LONG).is_complete());
    let posted = posted.lock().unwrap();
    assert_eq!(posted.keys().collect::<Vec<_>>(), ["/v1/traces"]);
}
