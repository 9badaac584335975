//! Rules without tests, and rules that Prometheus does not take, are found.

use std::fs;
use std::path::PathBuf;

use cookbook_monitoring_stack::{promtool, rules};
use counterfoil_testkit::programs;
use tempfile::TempDir;

const ALERT: &str =
    "groups: [{name: a, rules: [{alert: A, expr: up == 0, labels: {severity: critical},
  annotations: {summary: s, description: d}}]}]\n";

const TESTS: &str = "rule_files: [rules.yml]
tests:
- interval: 1m
  input_series: [{series: 'up{job=\"x\"}', values: '1 0'}]
  alert_rule_test:
  - {eval_time: 0m, alertname: A, exp_alerts: []}
  - eval_time: 1m
    alertname: A
    exp_alerts: [{exp_labels: {job: x, severity: critical}, exp_annotations: {summary: s, description: d}}]
";

/// A folder with these rules and tests.
fn folder(rules: &str, tests: &str) -> (TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let [a, b] = ["rules.yml", "tests.yml"].map(|name| folder.path().join(name));
    fs::write(&a, rules).unwrap();
    fs::write(&b, tests).unwrap();
    (folder, a, b)
}

#[test]
fn an_alert_needs_a_test_in_which_it_fires_and_one_in_which_it_stays_quiet() {
    let quiet = "  - {eval_time: 0m, alertname: A, exp_alerts: []}\n";
    let fires = &TESTS[TESTS.find("  - eval_time").unwrap()..];
    let cases = [
        (ALERT.to_owned(), TESTS.to_owned(), ""),
        (ALERT.to_owned(), TESTS.replace(quiet, ""), "stays quiet"),
        (
            ALERT.to_owned(),
            TESTS.replace(fires, ""),
            "in which it fires",
        ),
        (
            ALERT.replace("critical", "bad"),
            TESTS.to_owned(),
            "severity",
        ),
        (
            ALERT.replace("description", "about"),
            TESTS.to_owned(),
            "description",
        ),
    ];
    for (rules, tests, expected) in cases {
        let (_folder, rules, tests) = folder(&rules, &tests);
        let found = rules::untested(&rules, &tests).unwrap();
        match expected {
            "" => assert!(found.is_empty(), "{found:?}"),
            _ => assert!(found.len() == 1 && found[0].contains(expected), "{found:?}"),
        }
    }
}

#[test]
fn what_prometheus_does_not_take_and_a_test_that_fails_are_said() {
    if programs::is_missing("promtool") {
        return;
    }
    let (_folder, rules, tests) = folder(ALERT, TESTS);
    promtool::check_rules(&rules).unwrap();
    promtool::test_rules(&tests).unwrap();
    fs::write(&rules, ALERT.replace("up == 0", "up ==")).unwrap();
    let said = promtool::check_rules(&rules).unwrap_err().to_string();
    assert!(said.contains("rules.yml"), "{said}");
    fs::write(&rules, ALERT.replace("up == 0", "up == 2")).unwrap();
    let said = promtool::test_rules(&tests).unwrap_err().to_string();
    assert!(said.contains("FAILED"), "{said}");
    let config = rules.with_file_name("prometheus.yml");
    fs::write(&config, "rule_files: [missing.yml]\n").unwrap();
    let said = promtool::check_config(&config).unwrap_err().to_string();
    assert!(said.contains("missing.yml"), "{said}");
}
