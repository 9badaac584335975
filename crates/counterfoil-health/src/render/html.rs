//! The status page for browsers.

use std::fmt::Write;

use super::amount::{Amount, Span};
use super::escape::Html;
use crate::{CheckReport, Figure, Page, RecentError, Report, Status};

/// The page's own style, and nothing from elsewhere. The hash in [`POLICY`] is of these bytes.
const STYLE: &str = include_str!("status.css");

/// Nothing may be loaded, run, framed or sent; the one style is named by its hash.
const POLICY: &str = "default-src 'none'; style-src 'sha256-II/vZlcqcZV56qsM9QdEhvpYhWwffVAzTpGjBFz5RBQ='; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The status page as one HTML file without script and without anything from elsewhere; a strict content security policy
/// comes with it. Its code is that of `/health`.
#[must_use]
pub fn status_html(report: &Report) -> Page {
    let status = report.status();
    let mut out = String::with_capacity(8 << 10);
    let (service, version) = (Html(&report.service), Html(&report.version));
    append(
        &mut out,
        format_args!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>{status}: {service}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<main>\n\
             <h1>{service} <small>{version}</small></h1>\n"
        ),
    );
    append(
        &mut out,
        format_args!("<p class=\"whole\">{}</p>\n", Badge(status)),
    );
    summary(&mut out, report);
    section(&mut out, "Checks", &report.checks, check);
    figures_of_service(&mut out, &report.aggregates);
    section(&mut out, "Recent errors", &report.recent_errors, error);
    out.push_str("</main>\n</body>\n</html>\n");
    Page::new(status.is_serving(), Page::HTML, out)
        .with_header("content-security-policy", POLICY)
        .with_header("referrer-policy", "no-referrer")
}

fn summary(out: &mut String, report: &Report) {
    let yes_no = |is: bool| if is { "yes" } else { "no" };
    let ready = match (report.is_ready(), report.draining) {
        (_, true) => "no, draining",
        (is_ready, false) => yes_no(is_ready),
    };
    append(
        out,
        format_args!(
            "<dl>\n{}{}{}{}</dl>\n",
            Pair("ready", ready),
            Pair("live", yes_no(report.is_live())),
            Pair("up", &Span(report.uptime).to_string()),
            Pair("read at", &report.time.to_string()),
        ),
    );
}

fn section<T>(out: &mut String, title: &str, items: &[T], push: impl Fn(&mut String, &T)) {
    if items.is_empty() {
        return;
    }
    append(out, format_args!("<h2>{title}</h2>\n<ul>\n"));
    for item in items {
        push(out, item);
    }
    out.push_str("</ul>\n");
}

fn check(out: &mut String, check: &CheckReport) {
    append(
        out,
        format_args!(
            "<li>\n<h3>{} {}</h3>\n",
            Badge(check.status),
            Html(&check.name)
        ),
    );
    if let Some(message) = &check.message {
        append(out, format_args!("<p>{}</p>\n", Html(message)));
    }
    out.push_str("<dl>\n");
    figures(out, &check.figures);
    let probes = match (check.scope.is_liveness(), check.scope.is_readiness()) {
        (true, true) => "livez, readyz",
        (true, false) => "livez",
        (false, true) => "readyz",
        (false, false) => "none",
    };
    let critical = if check.critical { "yes" } else { "no" };
    let span = |time: Option<_>| time.map_or_else(|| "never".into(), |it| Span(it).to_string());
    append(
        out,
        format_args!(
            "{}{}{}{}</dl>\n</li>\n",
            Pair("probes", probes),
            Pair("critical", critical),
            Pair("last result, age", &span(check.age)),
            Pair("last call took", &span(check.duration)),
        ),
    );
}

fn figures_of_service(out: &mut String, aggregates: &[Figure]) {
    if !aggregates.is_empty() {
        out.push_str("<h2>Aggregates</h2>\n<dl>\n");
        figures(out, aggregates);
        out.push_str("</dl>\n");
    }
}

fn figures(out: &mut String, figures: &[Figure]) {
    for figure in figures {
        let name = figure.name.replace('_', " ");
        append(
            out,
            format_args!("{}", Pair(&name, &Amount(figure).to_string())),
        );
    }
}

fn error(out: &mut String, error: &RecentError) {
    append(
        out,
        format_args!(
            "<li>\n<h3>{}</h3>\n<p>{}</p>\n<dl>\n{}{}</dl>\n</li>\n",
            Html(&error.source),
            Html(&error.message),
            Pair("last at", &error.time.to_string()),
            Pair("times in a row", &error.count.to_string()),
        ),
    );
}

/// A status as mark and word; the mark is not read out.
struct Badge(Status);

impl std::fmt::Display for Badge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (icon, word) = (self.0.icon(), self.0.as_str());
        write!(
            f,
            "<span class=\"badge {word}\"><span aria-hidden=\"true\">{icon}</span> {word}</span>"
        )
    }
}

/// A term and what there is to say about it, both as text.
struct Pair<'a>(&'a str, &'a str);

impl std::fmt::Display for Pair<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (term, text) = (Html(self.0), Html(self.1));
        writeln!(f, "<div><dt>{term}</dt><dd>{text}</dd></div>")
    }
}

fn append(out: &mut String, text: std::fmt::Arguments<'_>) {
    // A string takes everything that is written to it.
    let _always_ok = out.write_fmt(text);
}
