//! What the standard variables ask for.

use std::collections::HashMap;
use std::ffi::OsString;
use std::time::Duration;

use counterfoil_exporter::{Error, ErrorKind, Exporter, Signals};
use counterfoil_exporter_otlp::Config;

fn config(vars: &[(&str, &str)]) -> Result<Config, Error> {
    let vars: HashMap<_, _> = vars
        .iter()
        .map(|(name, value)| (*name, OsString::from(value)))
        .collect();
    Config::from_vars(|name| vars.get(name).cloned())
}

/// Where traces, metrics and logs go, as `Debug` shows it.
fn urls(vars: &[(&str, &str)]) -> [Option<String>; 3] {
    let config = config(vars).unwrap();
    [config.traces(), config.metrics(), config.logs()].map(|target| {
        let shown = format!("{:?}", target?);
        let url = shown.split("url: ").nth(1)?.split(',').next()?;
        Some(url.to_owned())
    })
}

#[test]
fn nothing_is_contacted_unless_a_variable_asks_for_it() {
    for vars in [
        &[][..],
        &[("OTEL_SERVICE_NAME", "checkout")],
        &[("OTEL_EXPORTER_OTLP_HEADERS", "a=b")],
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", "")],
        &[("OTEL_METRICS_EXPORTER", "prometheus")],
        &[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"),
            ("OTEL_SDK_DISABLED", "TRUE"),
        ],
    ] {
        let config = config(vars).unwrap();
        assert!(config.is_empty(), "{vars:?}");
        assert!(config.exporters().unwrap().is_empty());
    }
}

#[test]
fn the_general_endpoint_grows_a_path_and_the_one_of_a_signal_does_not() {
    let [traces, metrics, logs] = urls(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/base/"),
        (
            "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
            "http://logs:9/ingest?key=1",
        ),
    ]);
    assert_eq!(
        traces.as_deref(),
        Some("http://collector:4318/base/v1/traces")
    );
    assert_eq!(
        metrics.as_deref(),
        Some("http://collector:4318/base/v1/metrics")
    );
    assert_eq!(
        logs.as_deref(),
        Some("http://logs:9/ingest"),
        "its query may hold a key"
    );
}

#[test]
fn grpc_takes_the_endpoint_as_it_is_and_a_bare_one_needs_a_word_about_security() {
    let grpc = ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc");
    let bare = ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317");
    let insecure = ("OTEL_EXPORTER_OTLP_INSECURE", "true");
    let [traces, ..] = urls(&[grpc, bare, insecure]);
    assert_eq!(traces.as_deref(), Some("http://collector:4317"));
    if !cfg!(feature = "tls") {
        let error = config(&[grpc, bare]).unwrap_err().to_string();
        assert!(
            error.contains("OTEL_EXPORTER_OTLP_ENDPOINT") && error.contains("`tls`"),
            "{error}"
        );
    }
}

#[test]
fn a_signal_can_be_asked_for_without_an_endpoint_and_refused_with_one() {
    let [traces, metrics, logs] = urls(&[("OTEL_TRACES_EXPORTER", "otlp")]);
    assert_eq!(traces.as_deref(), Some("http://localhost:4318/v1/traces"));
    assert_eq!((metrics, logs), (None, None));
    let [traces, metrics, logs] = urls(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"),
        ("OTEL_METRICS_EXPORTER", "prometheus,none"),
        ("OTEL_LOGS_EXPORTER", "none"),
    ]);
    assert!(traces.is_some());
    assert_eq!((metrics, logs), (None, None));
    let [traces, ..] = urls(&[
        ("OTEL_TRACES_EXPORTER", "otlp"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "grpc"),
    ]);
    assert_eq!(traces.as_deref(), Some("http://localhost:4317"));
}

#[test]
fn settings_of_a_signal_take_precedence() {
    let config = config(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "2500"),
        ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "40"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_EXPORTER_OTLP_LOGS_COMPRESSION", "none"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "5000"),
    ])
    .unwrap();
    let shown = [config.traces(), config.metrics(), config.logs()]
        .map(|target| format!("{:?}", target.unwrap()));
    assert!(shown[0].contains("2.5s") && shown[0].contains("gzip: true"));
    assert!(shown[1].contains("40ms") && shown[1].contains("gzip: true"));
    assert!(shown[2].contains("2.5s") && shown[2].contains("gzip: false"));
    assert_eq!(config.metric_interval(), Duration::from_secs(5));
}

#[test]
fn each_signal_has_an_exporter_of_its_own() {
    let config = config(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318")]).unwrap();
    let exporters = config.exporters().unwrap();
    let signals: Vec<_> = exporters.iter().map(Exporter::signals).collect();
    let as_logs = Signals::LOGS | Signals::EVENTS | Signals::SEALED;
    assert_eq!(signals, [Signals::SPANS, Signals::METRICS, as_logs]);
}

#[test]
fn the_resource_names_the_service_by_the_most_specific_variable() {
    let attributes = (
        "OTEL_RESOURCE_ATTRIBUTES",
        "service.name=a,k8s.pod.name=pod%201,x=1=2",
    );
    let named = config(&[attributes]).unwrap();
    assert_eq!(named.resource().service_name(), "a");
    assert_eq!(named.or_service_name("app").resource().service_name(), "a");
    let named = config(&[attributes, ("OTEL_SERVICE_NAME", "b")]).unwrap();
    assert_eq!(named.resource().service_name(), "b");
    let shown = format!("{:?}", named.resource());
    assert!(
        shown.contains("pod 1") && shown.contains("1=2") && shown.contains("telemetry.sdk.name")
    );
    let unnamed = config(&[]).unwrap();
    assert!(
        unnamed
            .resource()
            .service_name()
            .starts_with("unknown_service")
    );
    assert_eq!(
        unnamed.or_service_name("app").resource().service_name(),
        "app"
    );
}

#[test]
fn a_wrong_value_is_an_error_that_names_the_variable_and_repeats_no_secret() {
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318");
    for (name, value) in [
        ("OTEL_SDK_DISABLED", "s3cret"),
        ("OTEL_TRACES_EXPORTER", "jaeger-s3cret"),
        ("OTEL_TRACES_EXPORTER", "prometheus"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "s3cret"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "ftp://s3cret/"),
        (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "http://user:s3cret@host/",
        ),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://ho st/s3cret"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http:///s3cret"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "s3cret"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "authorization"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "ok=1,=s3cret"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x=s3cret%0d%0aevil: 1"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x=s3cret%ff"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "host=s3cret"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "a b=s3cret"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "0"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/no/such/file"),
        ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/no/such/file"),
        ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta"),
        ("OTEL_RESOURCE_ATTRIBUTES", "s3cret"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "-1"),
    ] {
        let error = config(&[endpoint, (name, value)]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        let shown = format!("{error} {error:?}");
        assert!(error.to_string().contains(name), "{name}={value}: {error}");
        assert!(!shown.contains("s3cret"), "{name}={value}: {shown}");
    }
}

#[test]
fn a_certificate_for_all_endpoints_does_not_keep_one_from_doing_without() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ca.pem");
    std::fs::write(&file, "anything").unwrap();
    let config = config(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", file.to_str().unwrap()),
    ]);
    assert_eq!(config.unwrap().exporters().unwrap().len(), 3);
}

#[test]
fn header_values_are_never_printed() {
    let config = config(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318"),
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "authorization=Bearer%20s3cret, x-key = s3cret",
        ),
    ])
    .unwrap();
    let exporters = config.exporters().unwrap();
    let shown = format!("{config:?} {exporters:?}");
    assert!(shown.contains("authorization") && shown.contains("x-key"));
    assert!(!shown.contains("s3cret"), "{shown}");
}
