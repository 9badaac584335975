//! A copy of the compose file, the Dockerfile or the collector's configuration with one thing broken is found.

use std::fs;

use cookbook_monitoring_stack::compose::{Compose, check_dockerfile, path};
use cookbook_monitoring_stack::{collector, root, scrape};

/// What is found in a copy of a file of the stack in which `from` is replaced by `to`.
fn broken(file: &str, from: &str, to: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(file)).unwrap();
    assert!(text.contains(from), "{file} has no {from}");
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy.yaml");
    fs::write(&copy, text.replacen(from, to, 1)).unwrap();
    match file {
        "prometheus/prometheus.yml" => {
            scrape::check(&copy, &Compose::read(&path()).unwrap()).unwrap()
        }
        "compose.yaml" => Compose::read(&copy).unwrap().check(&root()),
        _ => collector::check(&copy).unwrap(),
    }
}

#[test]
fn each_broken_copy_of_the_compose_file_is_found() {
    let cases = [
        (
            "prom/prometheus:v3.14.0",
            "prom/prometheus",
            "has no version",
        ),
        (
            "prom/prometheus:v3.14.0",
            "prom/prometheus:latest",
            "has no version",
        ),
        (
            "\"127.0.0.1:9090:9090\"",
            "\"9090:9090\"",
            "is not on 127.0.0.1",
        ),
        (
            "./loki/loki.yaml:",
            "./loki/lokki.yaml:",
            "there is no ./loki/lokki.yaml",
        ),
        ("loki.yaml:ro", "loki.yaml", "can be written to"),
        ("- loki:/loki", "- lokki:/loki", "there is no volume lokki"),
        ("mem_limit: 1g", "cpu_shares: 1", "its memory has no limit"),
        ("loki: {condition", "lokki: {condition", "depends on lokki"),
        (
            "[platform-keys,",
            "[platform-keyz,",
            "no config or secret platform-keyz",
        ),
        (
            "{environment: PLATFORM_KEYS}",
            "{}",
            "neither a file nor a variable",
        ),
        (
            "bin/platform-api",
            "bin/platform-app",
            "no program of a recipe",
        ),
        (
            "monitoring-stack/Dockerfile",
            "monitoring-stack/Dockerfil",
            "there is no",
        ),
        (
            "    healthcheck:\n      <<: *health\n      test: [CMD, /tempo",
            "    x-healthcheck:\n      <<: *health\n      test: [CMD, /tempo",
            "nothing finds that out",
        ),
    ];
    for (from, to, expected) in cases {
        let found = broken("compose.yaml", from, to);
        let seen = found.iter().any(|it| it.contains(expected));
        assert!(seen, "{from} -> {to}: {found:?}");
    }
}

#[test]
fn what_is_no_compose_file_is_an_error_that_names_it() {
    let error = Compose::read(&path().with_extension("yml")).unwrap_err();
    assert!(error.to_string().contains("compose.yml"), "{error}");
}

#[test]
fn an_image_of_a_dockerfile_without_a_version_is_found() {
    let found =
        check_dockerfile("FROM --platform=linux/amd64 rust AS build\nFROM debian:12.12-slim\n");
    assert_eq!(found, ["the image rust has no version"]);
}

#[test]
fn each_broken_copy_of_the_collectors_configuration_is_found() {
    let cases = [
        (
            "authenticator: bearertokenauth/recipe-25",
            "authenticator: bearertokenauth/recipe-31",
            "does not ask for bearertokenauth/recipe-25",
        ),
        (
            "        auth: {authenticator: bearertokenauth/local}\n",
            "",
            "does not ask for",
        ),
        (
            "receivers: [otlp/recipe-31]",
            "receivers: [otlp/recipe-25]",
            "came in elsewhere",
        ),
        (
            "[memory_limiter, batch/recipe-31]",
            "[batch/recipe-31]",
            "begin with memory_limiter",
        ),
        (
            "batch/recipe-31]",
            "batch/recipe-25]",
            "does not batch for itself",
        ),
        (
            "X-Scope-OrgID: recipe-42",
            "X-Scope-OrgID: recipe-25",
            "under another name",
        ),
        ("queue_size: 200, ", "", "has no bound"),
        (
            "block_on_overflow: false",
            "block_on_overflow: true",
            "has no bound, or waits",
        ),
        (
            "exporters: [otlp_http/loki-local]",
            "exporters: [otlp_http/loki]",
            "not both there",
        ),
    ];
    for (from, to, expected) in cases {
        let found = broken("otel-collector/config.yaml", from, to);
        let seen = found.iter().any(|it| it.contains(expected));
        assert!(seen, "{from} -> {to}: {found:?}");
    }
}

#[test]
fn a_target_that_is_no_service_and_a_process_that_is_not_scraped_are_found() {
    let found = broken(
        "prometheus/prometheus.yml",
        "'platform-api:9442'",
        "'platform-app:9442'",
    );
    assert_eq!(
        found,
        [
            "it scrapes platform-app:9442, which is no service",
            "it does not scrape platform-api:9442"
        ]
    );
}
