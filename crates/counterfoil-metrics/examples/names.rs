//! Lints the table of our telemetry names and checks, or writes, the reference page that is generated from it.
//!
//! ```text
//! cargo run -p counterfoil-metrics --example names -- --check docs/reference/metrics.md
//! cargo run -p counterfoil-metrics --example names -- --bless docs/reference/metrics.md
//! ```
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for the terminal"
)]

use std::process::ExitCode;
use std::{env, fs};

use counterfoil_core::names::{HTTP, MESSAGING, RPC, TABLE, TABLES, TOKIO};

const INTRODUCTION: &str = "\
# Metrics

What Counterfoil measures of itself and of the lease fabric. This page is generated from the table in
`crates/counterfoil-core/src/names.rs`; after a change there, run
`cargo run -p counterfoil-metrics --example names -- --bless docs/reference/metrics.md`.

Durations are in seconds and sizes in bytes. Prometheus names are derived from the OpenTelemetry ones. Label values come
from closed sets, except those of `metric` (names of metrics), `method` (of a service's own), `exporter` (as configured), `kind` (kinds of audit records) and `witness` (names in a policy); a family with more label
sets than the registry allows has a series `{overflow=\"true\"}` for the rest.

Requests, calls and messages are measured by the layers and adapters of `counterfoil-tower`, under the names of OpenTelemetry's
conventions: `http.route` is a template or `_UNMATCHED`, what clients may make up is `_OTHER` unless it is known, and `error.type` is
a status, a code of the application's catalogue, `cancelled`, `panic`, `response_body` or `_OTHER`.

The process and tokio's runtime are measured by `counterfoil::init`; the process under the names that every Prometheus client
library uses.

";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments[..] {
        ["--check", path] => lint().and_then(|()| check(path)),
        ["--bless", path] => lint().and_then(|()| bless(path)),
        _ => Err("give --check FILE or --bless FILE".into()),
    };
    match outcome {
        Ok(done) => {
            println!("{done}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

fn lint() -> Result<(), String> {
    let violations = [TABLE, HTTP, RPC, MESSAGING, TOKIO]
        .map(|table| table.check())
        .concat();
    let violations: Vec<_> = violations.iter().map(ToString::to_string).collect();
    if violations.is_empty() {
        Ok(())
    } else {
        Err(violations.join("\n"))
    }
}

fn page() -> String {
    let tables: Vec<_> = TABLES.iter().map(|table| table.to_markdown()).collect();
    format!("{INTRODUCTION}{}", tables.join("\n"))
}

fn check(path: &str) -> Result<String, String> {
    let found = fs::read_to_string(path).map_err(|error| format!("cannot read {path}: {error}"))?;
    if found == page() {
        Ok(format!("{path} says what the table says"))
    } else {
        Err(format!(
            "{path} is stale; write it anew with: cargo run -p counterfoil-metrics --example names -- --bless {path}"
        ))
    }
}

fn bless(path: &str) -> Result<String, String> {
    fs::write(path, page()).map_err(|error| format!("cannot write {path}: {error}"))?;
    Ok(format!("wrote {path}"))
}
