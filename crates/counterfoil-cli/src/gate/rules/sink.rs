//! What goes out passes the redactor.

use crate::gate::finding::Finding;
use crate::gate::rules::Rule;
use crate::gate::source::Form;
use crate::gate::workspace::File;

const PRINTS: &[&str] = &["dbg", "eprint", "eprintln", "print", "println"];

/// Ways to send logs, spans or metrics past `init`.
const SUBSCRIBERS: &[&str] = &[
    "env_logger::Builder::new",
    "env_logger::builder",
    "env_logger::init",
    "fern::Dispatch::new",
    "flexi_logger::Logger",
    "log::set_boxed_logger",
    "log::set_logger",
    "metrics_exporter_prometheus::PrometheusBuilder::new",
    "opentelemetry_otlp::LogExporter",
    "opentelemetry_otlp::MetricExporter",
    "opentelemetry_otlp::SpanExporter",
    "simple_logger::SimpleLogger::new",
    "tracing_appender::non_blocking",
    "tracing_subscriber::FmtSubscriber",
    "tracing_subscriber::fmt",
];

/// Macros that print.
pub(super) fn prints(file: &File, found: &mut Vec<Finding>) {
    for mention in &file.source.mentions {
        let is_print = |path: &String| PRINTS.contains(&path.trim_start_matches("std::"));
        if let Form::Macro { .. } = mention.form
            && let Some(path) = mention.paths.iter().find(|it| is_print(it))
        {
            let message = format!("{path}! writes past the redactor");
            found.push(Finding::of(Rule::Print, file, mention, message));
        }
    }
}

/// Subscribers, loggers and exporters that are set up by hand.
pub(super) fn subscribers(file: &File, found: &mut Vec<Finding>) {
    for mention in &file.source.mentions {
        if mention.form != Form::Call {
            continue;
        }
        let known = |path: &&String| {
            SUBSCRIBERS.iter().any(|it| {
                path.strip_prefix(it)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
            })
        };
        if let Some(path) = mention.paths.iter().find(known) {
            let message = format!("{path} is a sink of its own, past the redactor");
            found.push(Finding::of(Rule::Subscriber, file, mention, message));
        }
    }
}

/// Implementations of our contracts for sinks in files that do not name the redactor.
pub(super) fn exporters(file: &File, found: &mut Vec<Finding>) {
    let redacts = |path: &str| {
        path.rsplit("::")
            .next()
            .is_some_and(|last| matches!(last, "Redact" | "Redacting" | "Redactor"))
    };
    if file.source.names(redacts) {
        return;
    }
    for it in &file.source.impls {
        let of_ours = |path: &&String| {
            path.starts_with("counterfoil")
                && (path.ends_with("::Exporter") || path.ends_with("::EventSink"))
        };
        if let Some(path) = it.of.iter().find(of_ours) {
            let message = format!("{path} is implemented in a file that names no redactor");
            found.push(Finding::new(Rule::Exporter, file, it.at, message));
        }
    }
}
