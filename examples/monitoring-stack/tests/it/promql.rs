//! Queries are read as Prometheus and Grafana read them.

use cookbook_monitoring_stack::promql::{expand, parse, selections};
use cookbook_monitoring_stack::{metric_names, names_in};

#[test]
fn every_metric_of_a_query_is_found_and_nothing_else_is() {
    let query = "histogram_quantile(0.99, sum by (le) (rate(a_bucket{x=\"b\"}[5m]))) \
                 / on (job) group_left max_over_time((c - d offset 1h)[10m:1m]) or topk(scalar(e), f) or absent(g)";
    let names: Vec<_> = names_in(query).unwrap().into_iter().collect();
    assert_eq!(names, ["a_bucket", "c", "d", "e", "f", "g"]);
}

#[test]
fn a_selector_knows_its_range_and_the_function_that_is_called_on_it() {
    let query = parse("sum(rate(a[5m])) + max by (x) (b) + increase((c[1h]))").unwrap();
    let found: Vec<_> = selections(&query)
        .into_iter()
        .map(|it| (it.selector.name.clone().unwrap(), it.range, it.function))
        .collect();
    assert_eq!(
        found,
        [
            ("a".to_owned(), Some(300_000), Some("rate")),
            ("b".to_owned(), None, None),
            ("c".to_owned(), Some(3_600_000), Some("increase")),
        ]
    );
}

#[test]
fn grafanas_variables_are_replaced_and_unknown_ones_are_named() {
    let query = "rate(a{job=~\"$job\", pod=~\"${pod:regex}\"}[$__rate_interval])";
    let expanded = expand(query, &["job", "pod"]).unwrap();
    assert!(expanded.starts_with("rate(a{job=~\"$job\", pod=~\"$pod\"}["));
    parse(&expanded).unwrap();
    let error = expand(query, &["job"]).unwrap_err();
    assert!(error.ends_with("there is no variable pod"), "{error}");
    assert!(expand("a{b=\"$\"}", &[]).is_err());
}

#[test]
fn a_query_that_does_not_parse_is_named_in_the_error() {
    let error = names_in("rate(a[5m)").unwrap_err();
    assert!(error.contains("rate(a[5m)"), "{error}");
}

#[test]
fn a_subject_without_files_is_an_error_that_says_where_to_look() {
    let error = metric_names("recipe-0").unwrap_err().to_string();
    assert!(error.contains("recipe-0") && error.contains("prometheus/rules"));
}
