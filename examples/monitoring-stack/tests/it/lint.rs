//! A copy of a dashboard with one thing broken is found, by the rule for it.

use cookbook_monitoring_stack::{dashboard, lint, root};
use serde_json::{Value, json};

fn whole() -> Value {
    let path = root().join("grafana/dashboards/counterfoil.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The rules that a copy breaks in which the value at a pointer is another.
fn broken(pointer: &str, value: Value) -> Vec<&'static str> {
    let mut copy = whole();
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let parent = copy.pointer_mut(parent).unwrap();
    match parent {
        Value::Object(fields) => drop(fields.insert(key.to_owned(), value)),
        _ => parent[key.parse::<usize>().unwrap()] = value,
    }
    let copy = serde_json::from_value(copy).unwrap();
    lint::dashboard(&copy).iter().map(|it| it.rule).collect()
}

#[test]
fn each_broken_copy_is_found_by_the_rule_for_it() {
    let query = "/panels/1/targets/0/expr";
    let cases = [
        ("uneditable-dashboard", "/editable", json!(true)),
        ("dashboard-title-description", "/description", json!("")),
        ("dashboard-id", "/id", json!(7)),
        ("dashboard-schema", "/schemaVersion", json!(16)),
        (
            "template-datasource-rule",
            "/templating/list/0/name",
            json!("source"),
        ),
        (
            "template-datasource-rule",
            "/templating/list/0/label",
            json!("Source"),
        ),
        (
            "template-datasource-rule",
            "/templating/list/0/query",
            json!("loki"),
        ),
        (
            "template-job-rule",
            "/templating/list/1/name",
            json!("service"),
        ),
        (
            "template-job-rule",
            "/templating/list/1/multi",
            json!(false),
        ),
        (
            "template-job-rule",
            "/templating/list/1/label",
            json!("Service"),
        ),
        (
            "template-job-rule",
            "/templating/list/1/allValue",
            json!(".*"),
        ),
        (
            "template-instance-rule",
            "/templating/list/2/datasource/uid",
            json!("prometheus"),
        ),
        (
            "template-instance-rule",
            "/templating/list/2/type",
            json!("custom"),
        ),
        (
            "template-label-promql-rule",
            "/templating/list/1/query",
            json!("label_values(up{, job)"),
        ),
        (
            "template-on-time-change-reload-rule",
            "/templating/list/1/refresh",
            json!(1),
        ),
        ("panel-unique-id", "/panels/1/id", json!(3)),
        ("panel-grid", "/panels/1/gridPos/w", json!(25)),
        ("panel-overlap", "/panels/2/gridPos/x", json!(0)),
        (
            "panel-datasource-rule",
            "/panels/1/datasource/uid",
            json!("prometheus"),
        ),
        (
            "panel-datasource-rule",
            "/panels/1/targets/0/datasource/uid",
            json!("prometheus"),
        ),
        (
            "panel-title-description-rule",
            "/panels/1/description",
            json!(""),
        ),
        (
            "panel-units-rule",
            "/panels/2/fieldConfig/defaults/unit",
            json!("furlong"),
        ),
        ("panel-no-targets-rule", "/panels/1/targets", json!([])),
        ("target-unique-ref", "/panels/1/targets/0/refId", json!("")),
        ("target-promql-rule", query, json!("sum(up{job=~\"$job\"")),
        (
            "target-promql-rule",
            query,
            json!("up{job=~\"$job\", instance=~\"$node\"}"),
        ),
        (
            "target-promql-rule",
            "/annotations/list/0/expr",
            json!("ALERTS{"),
        ),
        (
            "target-metric-name",
            query,
            json!("{job=~\"$job\", instance=~\"$instance\"}"),
        ),
        (
            "target-job-rule",
            query,
            json!("up{job=\"api\", instance=~\"$instance\"}"),
        ),
        ("target-instance-rule", query, json!("up{job=~\"$job\"}")),
        (
            "target-counter-agg-rule",
            query,
            json!("a_total{job=~\"$job\", instance=~\"$instance\"}"),
        ),
        (
            "target-rate-interval-rule",
            query,
            json!("rate(a_total{job=~\"$job\", instance=~\"$instance\"}[5m])"),
        ),
        (
            "target-rate-interval-rule",
            query,
            json!("rate(a_total{job=~\"$job\", instance=~\"$instance\"}[$__range])"),
        ),
    ];
    for (rule, pointer, value) in cases {
        let found = broken(pointer, value.clone());
        assert!(found.contains(&rule), "{rule} {pointer} {value}: {found:?}");
    }
}

#[test]
fn what_the_rules_allow_is_not_found() {
    let query = "/panels/1/targets/0/expr";
    let allowed = [
        "increase(a_total{job=~\"$job\", instance=~\"$instance\"}[$__range])",
        "sum(rate(a_total{job=~\"${job:regex}\", instance=~\"$instance\"}[$__rate_interval]))",
        "job:a:rate5m{job=~\"$job\"}",
    ];
    for it in allowed {
        assert_eq!(broken(query, json!(it)), Vec::<&str>::new(), "{it}");
    }
}

#[test]
fn two_dashboards_at_one_address_are_found() {
    let folder = dashboard::folder();
    let twice = ["counterfoil.json", "counterfoil.json"];
    let files = twice.map(|name| dashboard::read(&folder.join(name)).unwrap());
    let found = lint::together(&files);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].rule, "unique-uid");
}
