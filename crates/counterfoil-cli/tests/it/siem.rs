//! The rules for SIEMs and the page about them: Prometheus takes them, they fire, and every metric in them is one of ours.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use counterfoil::audit::AuditEventKind;
use counterfoil::names::{PROMETHEUS_ALIASES, TABLES};
use counterfoil_testkit::programs;

fn operating(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../docs/operating")
        .join(name)
}

fn promtool(args: &[&str]) {
    let ran = Command::new("promtool")
        .args(args)
        .current_dir(operating(""))
        .output()
        .unwrap();
    assert!(ran.status.success(), "{ran:?}");
}

#[test]
fn prometheus_takes_the_rules() {
    if !programs::is_missing("promtool") {
        promtool(&["check", "rules", "siem-rules.yml"]);
    }
}

#[test]
fn the_rules_fire_on_what_they_are_for_and_on_nothing_else() {
    if !programs::is_missing("promtool") {
        promtool(&["test", "rules", "siem-rules-test.yml"]);
    }
}

#[test]
fn every_rule_has_a_test() {
    let rules = fs::read_to_string(operating("siem-rules.yml")).unwrap();
    let tests = fs::read_to_string(operating("siem-rules-test.yml")).unwrap();
    let alerts: Vec<_> = rules
        .lines()
        .filter_map(|line| line.trim().strip_prefix("- alert: "))
        .collect();
    assert!(!alerts.is_empty());
    for alert in alerts {
        assert!(
            tests.contains(&format!("alertname: {alert}\n")),
            "{alert} has no test"
        );
    }
}

/// The names under which a scrape can show our metrics.
fn ours() -> BTreeSet<String> {
    let instruments = TABLES.iter().flat_map(|table| table.instruments);
    let mut names: BTreeSet<String> = instruments.map(|it| it.prometheus_name()).collect();
    for (_, alias) in PROMETHEUS_ALIASES {
        for kind in AuditEventKind::CLOSED {
            names.insert(alias.replace("<kind>", kind.as_str()));
        }
    }
    names
}

/// Words that begin as our metrics do and are not followed by a `<` for whatever comes there.
fn metrics(text: &str) -> BTreeSet<&str> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.match_indices("counterfoil_")
        .filter(|(at, _)| !text[..*at].ends_with(word))
        .map(|(at, _)| {
            let rest = &text[at..];
            rest.split_once(|c| !word(c)).map_or(rest, |(name, _)| name)
        })
        .filter(|name| !name.ends_with('_'))
        .collect()
}

#[test]
fn every_metric_of_the_rules_and_their_page_is_one_of_ours() {
    let ours = ours();
    for file in [
        "siem-rules.yml",
        "siem-rules-test.yml",
        "siem-vocabulary.md",
    ] {
        let text = fs::read_to_string(operating(file)).unwrap();
        let named = metrics(&text);
        assert!(named.len() > 5, "{file}: {named:?}");
        for name in named {
            assert!(
                ours.contains(name),
                "{file} names {name}, which nothing shows"
            );
        }
    }
}

#[test]
fn the_page_has_each_kind_that_is_about_a_lease_or_the_log() {
    let page = fs::read_to_string(operating("siem-vocabulary.md")).unwrap();
    for kind in AuditEventKind::CLOSED {
        let name = kind.as_str();
        // Producers come and go with their log, epochs with time, and receipts are counted where they are made.
        if name.starts_with("obs_") || name.starts_with("producer_") || name == "epoch_started" {
            continue;
        }
        assert!(
            page.contains(&format!("`counterfoil_audit_records_{name}_total`")),
            "the page does not say what {name} counts"
        );
    }
}
