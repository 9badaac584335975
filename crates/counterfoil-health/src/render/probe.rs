//! `/livez` and `/readyz`, for machines that ask every few seconds.

use crate::{CheckReport, Page, Query, Report, Status};

/// `/livez`: 503 when a check of liveness is unhealthy in effect, so that the process is started anew.
///
/// A short word, or with `?verbose` a line for each check, in the form that Kubernetes has made usual. Reasons are not given:
/// a probe's answer is often open to everybody. `/health` has them.
#[must_use]
pub fn livez(report: &Report, query: &Query) -> Page {
    let lets_pass = |status| status != Status::Unhealthy;
    probe("livez", report.of_liveness(), query, lets_pass, false)
}

/// `/readyz`: 503 while the service is draining, and when a check of readiness is unhealthy or unknown in effect.
///
/// Its form is that of [`livez`]. Draining cannot be excluded.
#[must_use]
pub fn readyz(report: &Report, query: &Query) -> Page {
    let of_readiness = report.of_readiness();
    let draining = report.draining;
    probe("readyz", of_readiness, query, Status::is_serving, draining)
}

fn probe<'a>(
    name: &str,
    checks: impl Iterator<Item = &'a CheckReport>,
    query: &Query,
    lets_pass: impl Fn(Status) -> bool,
    draining: bool,
) -> Page {
    let mut lines = String::new();
    let mut passes = !draining;
    let mut excluded = 0;
    if draining {
        lines.push_str("[-]shutdown: draining\n");
    }
    for check in checks {
        let line = if query.excludes(&check.name) {
            excluded += 1;
            format!("[+]{} excluded: ok\n", check.name)
        } else if lets_pass(check.effect()) {
            format!("[+]{} {}\n", check.name, word(check.status))
        } else {
            passes = false;
            format!("[-]{} {}: reason withheld\n", check.name, check.status)
        };
        lines.push_str(&line);
    }
    let unmatched = query.excluded() - excluded;
    if unmatched > 0 {
        lines.push_str(&format!(
            "warn: {unmatched} of the excluded names match no check\n"
        ));
    }
    let verdict = if passes { "passed" } else { "failed" };
    let body = match (query.verbose, passes) {
        // A failed probe says which check it was, asked or not.
        (true, _) | (_, false) => format!("{lines}{name} check {verdict}\n"),
        (false, true) => "ok\n".to_owned(),
    };
    Page::new(passes, Page::TEXT, body)
}

const fn word(status: Status) -> &'static str {
    match status {
        Status::Healthy => "ok",
        other => other.as_str(),
    }
}
