//! Every check that needs no Docker, one after the other.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::compose::{self, Compose};
use crate::{Error, collector, dashboard, lint, promtool, read, rules, scrape};

/// A check of a file, and what it found wrong.
#[derive(Debug)]
#[non_exhaustive]
pub struct Check {
    /// The file.
    pub file: PathBuf,
    /// What was checked.
    pub what: &'static str,
    /// What is wrong; nothing if all is well.
    pub found: Vec<String>,
}

/// Checks everything.
#[must_use]
pub fn all() -> Vec<Check> {
    let mut checks = Vec::new();
    compose(&mut checks);
    prometheus(&mut checks);
    dashboards(&mut checks);
    yaml(&mut checks);
    checks
}

fn compose(checks: &mut Vec<Check>) {
    let path = compose::path();
    let found = Compose::read(&path).map(|it| it.check(&read::root()));
    note(
        checks,
        &path,
        "images, ports, mounts, dependencies, limits",
        found,
    );
    let dockerfile = read::root().join("Dockerfile");
    let found = read::text(&dockerfile).map(|it| compose::check_dockerfile(&it));
    note(checks, &dockerfile, "images are pinned", found);
    let config = read::root().join("otel-collector/config.yaml");
    let found = collector::check(&config);
    note(
        checks,
        &config,
        "each tenant has pipelines of its own",
        found,
    );
}

fn prometheus(checks: &mut Vec<Check>) {
    let config = read::root().join("prometheus/prometheus.yml");
    let said = said(promtool::check_config(&config));
    note(checks, &config, "promtool check config", Ok(said));
    let compose = Compose::read(&compose::path());
    let found = compose.and_then(|it| scrape::check(&config, &it));
    note(checks, &config, "scrapes what the compose file runs", found);
    for rules in listed(checks, &rules::folder(), "yml") {
        let tests = rules::tests(&rules);
        let found = said_all([promtool::check_rules(&rules), promtool::test_rules(&tests)]);
        note(
            checks,
            &rules,
            "promtool check rules, test rules",
            Ok(found),
        );
        let found = rules::untested(&rules, &tests);
        note(
            checks,
            &rules,
            "each alert fires and stays quiet in a test",
            found,
        );
    }
}

fn dashboards(checks: &mut Vec<Check>) {
    let mut files = Vec::new();
    for path in listed(checks, &dashboard::folder(), "json") {
        let found = dashboard::read(&path).map(|file| {
            let found = lint::dashboard(&file.dashboard);
            files.push(file);
            texts(&found)
        });
        note(checks, &path, "linter's rules, layout, queries", found);
    }
    let found = texts(&lint::together(&files));
    note(
        checks,
        &dashboard::folder(),
        "each has a uid of its own",
        Ok(found),
    );
}

/// Files that are only known to parse: their programs are not at hand.
fn yaml(checks: &mut Vec<Check>) {
    let files = [
        "loki/loki.yaml",
        "tempo/tempo.yaml",
        "grafana/provisioning/datasources/datasources.yaml",
        "grafana/provisioning/dashboards/dashboards.yaml",
    ];
    for file in files {
        let path = read::root().join(file);
        let found = read::yaml::<Value>(&path).map(|_| Vec::new());
        note(checks, &path, "is YAML", found);
    }
}

/// The files of a folder; that they cannot be listed is a failed check of it.
fn listed(checks: &mut Vec<Check>, folder: &Path, extension: &str) -> Vec<PathBuf> {
    read::files(folder, extension).unwrap_or_else(|error| {
        note(checks, folder, "is there", Err(error));
        Vec::new()
    })
}

fn note(
    checks: &mut Vec<Check>,
    file: &Path,
    what: &'static str,
    found: Result<Vec<String>, Error>,
) {
    checks.push(Check {
        file: file.to_owned(),
        what,
        found: found.unwrap_or_else(|error| vec![error.to_string()]),
    });
}

fn texts(findings: &[lint::Finding]) -> Vec<String> {
    findings.iter().map(ToString::to_string).collect()
}

fn said(result: Result<(), Error>) -> Vec<String> {
    said_all([result])
}

fn said_all(results: impl IntoIterator<Item = Result<(), Error>>) -> Vec<String> {
    let errors = results.into_iter().filter_map(Result::err);
    errors.map(|error| error.to_string()).collect()
}
