//! OTLP, asked for by the standard variables.

use std::net::TcpListener;
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
