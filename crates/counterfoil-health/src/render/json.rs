//! `/health`, for programs.

use std::fmt::Write;
use std::time::Duration;

use counterfoil_core::json::push_string;

use crate::{CheckReport, Figure, Page, RecentError, Report};

/// `/health`: everything in one JSON document, with status 503 when the whole is unhealthy or unknown.
///
/// The document is `counterfoil.health` in version 1. A version keeps its keys and their meaning; new keys may be added.
///
/// | key | form |
/// |---|---|
/// | `schema`, `schema_version` | `"counterfoil.health"`, 1 |
/// | `status` | `healthy`, `degraded`, `unknown` or `unhealthy`: the worst effect of a check |
/// | `live`, `ready`, `draining` | what `/livez` and `/readyz` say, and whether the service is shutting down |
/// | `service`, `version` | as the registry was told |
/// | `time` | RFC 3339 with nine digits |
/// | `uptime_seconds` | number |
/// | `checks` | array of objects, in the order of registration |
/// | `checks[].name`, `.status` | the check, and one of the four words |
/// | `checks[].cause` | `answered`, `timed_out`, `panicked`, `pending` or `stale` |
/// | `checks[].critical` | whether the whole fails when it fails |
/// | `checks[].probes` | array with `livez`, `readyz`, both or neither |
/// | `checks[].message` | string or null |
/// | `checks[].age_seconds`, `.duration_seconds` | number, or null before the first result |
/// | `checks[].runs`, `.failures`, `.timeouts` | whole numbers since the check was registered |
/// | `checks[].figures`, `aggregates` | object: name of the figure to `{"value": number or null, "unit": string}` |
/// | `recent_errors` | array, the newest first, of `{"time", "source", "message", "count"}` |
#[must_use]
pub fn health(report: &Report) -> Page {
    let status = report.status();
    let mut out = String::from("{\"schema\":\"counterfoil.health\",\"schema_version\":1");
    text(&mut out, ",\"status\":", status.as_str());
    append(
        &mut out,
        format_args!(
            ",\"live\":{},\"ready\":{},\"draining\":{}",
            report.is_live(),
            report.is_ready(),
            report.draining
        ),
    );
    text(&mut out, ",\"service\":", &report.service);
    text(&mut out, ",\"version\":", &report.version);
    append(&mut out, format_args!(",\"time\":\"{}\"", report.time));
    seconds(&mut out, ",\"uptime_seconds\":", Some(report.uptime));
    array(&mut out, ",\"checks\":", &report.checks, check);
    figures(&mut out, ",\"aggregates\":", &report.aggregates);
    array(
        &mut out,
        ",\"recent_errors\":",
        &report.recent_errors,
        error,
    );
    out.push_str("}\n");
    Page::new(status.is_serving(), Page::JSON, out)
}

fn check(out: &mut String, check: &CheckReport) {
    text(out, "{\"name\":", &check.name);
    text(out, ",\"status\":", check.status.as_str());
    text(out, ",\"cause\":", check.cause.as_str());
    append(out, format_args!(",\"critical\":{}", check.critical));
    out.push_str(
        match (check.scope.is_liveness(), check.scope.is_readiness()) {
            (true, true) => ",\"probes\":[\"livez\",\"readyz\"]",
            (true, false) => ",\"probes\":[\"livez\"]",
            (false, true) => ",\"probes\":[\"readyz\"]",
            (false, false) => ",\"probes\":[]",
        },
    );
    match &check.message {
        Some(message) => text(out, ",\"message\":", message),
        None => out.push_str(",\"message\":null"),
    }
    seconds(out, ",\"age_seconds\":", check.age);
    seconds(out, ",\"duration_seconds\":", check.duration);
    append(
        out,
        format_args!(
            ",\"runs\":{},\"failures\":{},\"timeouts\":{}",
            check.runs, check.failures, check.timeouts
        ),
    );
    figures(out, ",\"figures\":", &check.figures);
    out.push('}');
}

fn error(out: &mut String, error: &RecentError) {
    append(out, format_args!("{{\"time\":\"{}\"", error.time));
    text(out, ",\"source\":", &error.source);
    text(out, ",\"message\":", &error.message);
    append(out, format_args!(",\"count\":{}}}", error.count));
}

fn figures(out: &mut String, key: &str, figures: &[Figure]) {
    append(out, format_args!("{key}{{"));
    for (at, figure) in figures.iter().enumerate() {
        out.push_str(if at == 0 { "" } else { "," });
        push_string(out, figure.name);
        out.push_str(":{\"value\":");
        number(out, figure.value);
        text(out, ",\"unit\":", figure.unit);
        out.push('}');
    }
    out.push('}');
}

fn array<T>(out: &mut String, key: &str, items: &[T], push: impl Fn(&mut String, &T)) {
    append(out, format_args!("{key}["));
    for (at, item) in items.iter().enumerate() {
        out.push_str(if at == 0 { "" } else { "," });
        push(out, item);
    }
    out.push(']');
}

fn text(out: &mut String, key: &str, text: &str) {
    out.push_str(key);
    push_string(out, text);
}

fn seconds(out: &mut String, key: &str, time: Option<Duration>) {
    out.push_str(key);
    number(out, time.map_or(f64::NAN, |time| time.as_secs_f64()));
}

/// JSON has no number for what is not finite.
fn number(out: &mut String, value: f64) {
    if value.is_finite() {
        append(out, format_args!("{value}"));
    } else {
        out.push_str("null");
    }
}

fn append(out: &mut String, text: std::fmt::Arguments<'_>) {
    // A string takes everything that is written to it.
    let _always_ok = out.write_fmt(text);
}
