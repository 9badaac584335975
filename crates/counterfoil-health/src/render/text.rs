//! The status page for terminals: at most 80 columns.

use std::fmt::Write;

use super::amount::{Amount, Span};
use super::escape::Plain;
use crate::{CheckReport, Figure, Page, Report};

const WIDTH: usize = 80;

/// The status page as plain text in at most 80 columns, for `curl`. Its code is that of `/health`.
#[must_use]
pub fn status_text(report: &Report) -> Page {
    let status = report.status();
    let mut out = String::new();
    let who = format!("{} {}", report.service, report.version);
    wrapped(&mut out, "", &who);
    line(&mut out, format_args!("{} {status}", status.icon()));
    let yes_no = |is: bool| if is { "yes" } else { "no" };
    let draining = if report.draining { ", draining" } else { "" };
    line(
        &mut out,
        format_args!(
            "live: {}  ready: {}{draining}  up: {}",
            yes_no(report.is_live()),
            yes_no(report.is_ready()),
            Span(report.uptime)
        ),
    );
    line(&mut out, format_args!("{}", report.time));
    if !report.checks.is_empty() {
        line(&mut out, format_args!("\nchecks"));
    }
    for it in &report.checks {
        check(&mut out, it);
    }
    if !report.aggregates.is_empty() {
        line(&mut out, format_args!("\naggregates"));
        figures(&mut out, &report.aggregates);
    }
    if !report.recent_errors.is_empty() {
        line(&mut out, format_args!("\nrecent errors"));
    }
    for error in &report.recent_errors {
        let often = match error.count {
            1 => String::new(),
            count => format!(", {count} times in a row"),
        };
        line(&mut out, format_args!("  {}{often}", error.time));
        wrapped(
            &mut out,
            "    ",
            &format!("{}: {}", error.source, error.message),
        );
    }
    Page::new(status.is_serving(), Page::TEXT, out)
}

fn check(out: &mut String, check: &CheckReport) {
    let status = check.status;
    let noncritical = if check.critical { "" } else { ", not critical" };
    let age = check.age.map(|age| format!(", {} ago", Span(age)));
    let took = check.duration.map(|took| format!(", took {}", Span(took)));
    let head = format!(
        "{} {status}  {}{noncritical}{}{}",
        status.icon(),
        check.name,
        age.unwrap_or_default(),
        took.unwrap_or_default(),
    );
    wrapped(out, "  ", &head);
    if let Some(message) = &check.message {
        wrapped(out, "      ", message);
    }
    figures(out, &check.figures);
}

fn figures(out: &mut String, figures: &[Figure]) {
    for figure in figures {
        let shown = format!("{}: {}", figure.name, Amount(figure));
        wrapped(out, "      ", &shown);
    }
}

/// `text`, escaped, behind `indent`, broken at spaces and, where a word is longer than a line, within it.
fn wrapped(out: &mut String, indent: &str, text: &str) {
    let text = Plain(text).to_string();
    let room = WIDTH - indent.len();
    let mut used = 0;
    out.push_str(indent);
    for word in text.split(' ') {
        if used > 0 && used + 1 + word.chars().count() > room {
            out.push('\n');
            out.push_str(indent);
            used = 0;
        } else if used > 0 {
            out.push(' ');
            used += 1;
        }
        for c in word.chars() {
            if used == room {
                out.push('\n');
                out.push_str(indent);
                used = 0;
            }
            out.push(c);
            used += 1;
        }
    }
    out.push('\n');
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // A string takes everything that is written to it.
    let _always_ok = out.write_fmt(text);
    out.push('\n');
}
