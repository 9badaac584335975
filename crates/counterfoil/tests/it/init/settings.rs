//! Environment, command line and code, and which of them counts.

use counterfoil::ErrorKind;
use counterfoil::init::Config;

use super::{config, get, start};

fn with(config: Config, variables: &[(&str, &str)]) -> Result<Config, counterfoil::Error> {
    config.env_from(|name| {
        let found = variables.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| (*value).into())
    })
}

fn refusal(variables: &[(&str, &str)]) -> String {
    let config = with(config(), variables);
    let error = config.and_then(counterfoil::init).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    error.to_string()
}

#[test]
fn the_environment_names_the_service_over_what_the_code_says() {
    let variables = [
        ("OTEL_SERVICE_NAME", "checkout"),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "service.name=no,service.version=9",
        ),
    ];
    let guard = start(with(config(), &variables).unwrap().metrics_port(0));
    let text = get(guard.metrics_address().unwrap(), "/metrics");
    assert!(
        text.contains("service_name=\"checkout\",service_version=\"9\"} 1\n"),
        "{text}"
    );
}

#[test]
fn what_is_said_after_the_environment_counts() {
    let variables = [
        ("OTEL_EXPORTER_PROMETHEUS_PORT", "1"),
        ("OTEL_EXPORTER_PROMETHEUS_HOST", "127.0.0.2"),
    ];
    let guard = start(with(config(), &variables).unwrap().metrics_port(0));
    let address = guard.metrics_address().unwrap();
    assert_eq!(address.ip().to_string(), "127.0.0.2");
    assert_ne!(address.port(), 1);
}

#[test]
fn a_host_of_the_environment_and_a_port_of_the_code_combine_and_the_other_way_round() {
    let address = |variables: &[(&str, &str)]| {
        let code = config().metrics_address(([127, 0, 0, 3], 0).into());
        let guard = start(with(code, variables).unwrap());
        guard.metrics_address().unwrap()
    };
    let by_host = address(&[("OTEL_EXPORTER_PROMETHEUS_HOST", "127.0.0.2")]);
    assert_eq!(by_host.ip().to_string(), "127.0.0.2");
    assert_ne!(by_host.port(), 9464, "the code has asked for any port");
    let by_port = address(&[("OTEL_EXPORTER_PROMETHEUS_PORT", "0")]);
    assert_eq!(by_port.ip().to_string(), "127.0.0.3");
}

#[test]
fn an_empty_variable_stands_for_none() {
    let names = [
        "RUST_LOG",
        "OTEL_SERVICE_NAME",
        "OTEL_EXPORTER_PROMETHEUS_PORT",
    ];
    let guard = start(with(config(), &names.map(|name| (name, ""))).unwrap());
    assert_eq!(guard.metrics_address(), None);
}

#[test]
fn a_wrong_variable_is_named_with_what_it_may_be() {
    let refused = |name, value, hint: &str| {
        let text = refusal(&[(name, value)]);
        assert!(text.contains(name) && text.contains(hint), "{text}");
    };
    refused("RUST_LOG", "my_crate=loud", "info,my_crate=debug");
    refused("RUST_LOG", "Warning", "it is called warn");
    refused("OTEL_EXPORTER_PROMETHEUS_PORT", "70000", "from 0 to 65535");
    refused("OTEL_EXPORTER_PROMETHEUS_HOST", "metrics", "localhost");
    refused("OTEL_TRACES_SAMPLER", "sometimes", "traceidratio");
    refused("OTEL_METRIC_EXPORT_INTERVAL", "0", "milliseconds");
}

#[test]
fn the_sampler_of_the_environment_decides_about_spans() {
    let memory = super::exporters::memory();
    let variables = [
        ("OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
        ("OTEL_TRACES_SAMPLER_ARG", "0.5"),
    ];
    let config = with(config(), &variables).unwrap();
    let guard = start(config.exporter("memory", std::sync::Arc::clone(&memory)));
    assert_eq!(
        guard.head_sampler(),
        counterfoil::trace::HeadSampler::ratio(0.5)
    );
    for _ in 0..1_000 {
        super::record(&guard);
    }
    assert!(guard.shutdown(super::LONG).is_complete());
    let spans = super::exporters::arrived(&memory, counterfoil_exporter::Signals::SPANS);
    assert!((300..700).contains(&spans), "{spans} of 1000");
}

#[cfg(feature = "clap")]
#[test]
fn the_command_line_has_the_last_word() {
    use clap::Parser;
    use counterfoil::init::{Args, MetricsPort};

    #[derive(Debug, Parser)]
    struct Program {
        #[command(flatten)]
        telemetry: Args,
    }

    let variables = [("OTEL_EXPORTER_PROMETHEUS_PORT", "1")];
    let parsed = |arguments: &[&str]| {
        let arguments = ["orders"].iter().chain(arguments);
        Program::try_parse_from(arguments).map(|program| program.telemetry)
    };
    let off = parsed(&["--metrics-port", "off", "--log-format", "json"]).unwrap();
    assert_eq!(off.metrics_port, Some(MetricsPort::Off));
    let guard = start(with(config(), &variables).unwrap().args(&off));
    assert_eq!(guard.metrics_address(), None);
    let any = parsed(&["--metrics-port", "0"]).unwrap();
    let guard = start(with(config(), &variables).unwrap().args(&any));
    assert_ne!(guard.metrics_address().unwrap().port(), 1);
    let error = parsed(&["--metrics-port", "none"]).unwrap_err().to_string();
    assert!(
        error.contains("neither a port from 0 to 65535 nor off"),
        "{error}"
    );
    let error = parsed(&["--log-format", "xml"]).unwrap_err().to_string();
    assert!(error.contains("neither text nor json"), "{error}");
}

#[test]
fn two_exporters_of_one_name_are_refused() {
    let config = config()
        .exporter("Sink", super::exporters::memory())
        .exporter("sink", super::exporters::memory());
    let error = counterfoil::init(config).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(
        error.to_string().contains("give one of them another name"),
        "{error}"
    );
}
