//! One run of wrk, and what it prints.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use crate::group::Outcome;

const CONNECTIONS: &str = "32";

/// What one run came to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub(crate) requests_per_s: f64,
    /// 99 % of the answers came within so many microseconds.
    pub(crate) p99_us: f64,
}

/// Loads the service at `address` from the last core.
pub(super) fn run(address: SocketAddr, length: Duration) -> Outcome<Load> {
    let cores = core_affinity::get_core_ids().unwrap_or_default();
    let core = cores.last().map_or(0, |core| core.id).to_string();
    let output = Command::new("taskset")
        .args(["-c", &core, "wrk", "-t1", "-c", CONNECTIONS, "--latency"])
        .args(["-d", &format!("{}s", length.as_secs())])
        .arg(format!("http://{address}/orders/42"))
        .output()
        .map_err(|error| {
            format!("cannot run taskset and wrk: {error}; install util-linux and wrk")
        })?;
    let text = String::from_utf8(output.stdout)?;
    // Nothing else than answers of the kind that was asked for may be counted.
    if !output.status.success() || text.contains("Socket errors") || text.contains("Non-2xx") {
        let errors = String::from_utf8_lossy(&output.stderr);
        return Err(format!("wrk had errors:\n{text}{errors}").into());
    }
    Ok(Load {
        requests_per_s: value(&text, "Requests/sec:")?.parse()?,
        p99_us: microseconds(value(&text, "99%")?)?,
    })
}

/// What stands behind `label`.
fn value<'a>(text: &'a str, label: &str) -> Outcome<&'a str> {
    let mut lines = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix(label));
    Ok(lines
        .next()
        .ok_or_else(|| format!("wrk says nothing of {label}\n{text}"))?
        .trim())
}

/// A time as wrk writes it: `1.23ms`.
fn microseconds(text: &str) -> Outcome<f64> {
    let (digits, factor) = if let Some(digits) = text.strip_suffix("us") {
        (digits, 1.0)
    } else if let Some(digits) = text.strip_suffix("ms") {
        (digits, 1e3)
    } else {
        (text.trim_end_matches('s'), 1e6)
    };
    Ok(digits.parse::<f64>()? * factor)
}
