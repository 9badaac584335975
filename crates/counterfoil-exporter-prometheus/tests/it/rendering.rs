//! What the text looks like.

use std::sync::Arc;

use counterfoil_core::{Timestamp, names};
use counterfoil_exporter_prometheus::{Format, Renderer};
use counterfoil_metrics::Registry;

use crate::{HELD, LEVEL, SEEN, SIZE, WAIT, registry, trace};

fn render(registry: &Registry) -> String {
    Renderer::new().render(&registry.snapshot(Timestamp::default()))
}

#[test]
fn each_kind_has_its_type_its_derived_name_and_its_samples() {
    let registry = Registry::new();
    let seen = registry.family(&SEEN);
    seen.with(&["plain"]).add(u64::MAX);
    seen.with(&["a \"b\" \\ c\nd"]).add(2);
    registry.instrument(&HELD).add(-3);
    registry.instrument(&LEVEL).set(0.5);
    let wait = registry.family(&WAIT).with(&["red"]);
    for value in [0.001, 0.05, 0.5, 20.0] {
        wait.record(value);
    }
    let expected = r#"# HELP app_held Jobs that are held.
# TYPE app_held gauge
app_held -3
# HELP app_level_ratio How full it is.
# TYPE app_level_ratio gauge
app_level_ratio 0.5
# HELP app_seen_total Jobs that were "seen".
# TYPE app_seen_total counter
app_seen_total{kind="a \"b\" \\ c\nd"} 2
app_seen_total{kind="plain"} 18446744073709551615
# HELP app_wait_seconds How long it took.
# TYPE app_wait_seconds histogram
app_wait_seconds_bucket{colour="red",le="0.001"} 1
app_wait_seconds_bucket{colour="red",le="0.1"} 2
app_wait_seconds_bucket{colour="red",le="10.0"} 3
app_wait_seconds_bucket{colour="red",le="+Inf"} 4
app_wait_seconds_sum{colour="red"} 20.551
app_wait_seconds_count{colour="red"} 4
# HELP counterfoil_metric_source_failed_total Callbacks for observed figures that panicked during a snapshot.
# TYPE counterfoil_metric_source_failed_total counter
counterfoil_metric_source_failed_total 0
"#;
    assert_eq!(render(&registry), expected);
}

#[test]
fn a_renderer_that_is_kept_says_the_same_as_a_new_one_whatever_comes_and_goes() {
    let registry = Registry::builder()
        .idle_limit(std::time::Duration::from_secs(60))
        .build();
    let mut kept = Renderer::new();
    let mut guard = None;
    for round in 0..40_u64 {
        let time = Timestamp::from_unix_nanos((1 + round * 25) * 1_000_000_000);
        registry
            .family(&SEEN)
            .with(&[&(round % 7).to_string()])
            .add(1);
        registry
            .family(&WAIT)
            .with(&[&(round / 3).to_string()])
            .record(0.5);
        match round {
            5 => registry.instrument(&HELD).add(1),
            9 => registry.instrument(&HELD).add(-1),
            12 => guard = Some(registry.observe(|out| out.counter(&names::EVENT_OFFERED, &[], 5))),
            20 => drop(guard.take()),
            _ => {}
        }
        let snapshot = registry.snapshot(time);
        assert_eq!(
            kept.render(&snapshot),
            Renderer::new().render(&snapshot),
            "round {round}"
        );
    }
}

#[test]
fn sealed_records_appear_under_their_aliases_as_well() {
    let registry = Registry::new();
    let _guard = registry.observe(|out| {
        out.counter(&names::AUDIT_RECORD_SEALED, &["lease_expired"], 4);
        out.counter(&names::AUDIT_RECORD_SEALED, &["vault.object_put"], 6);
        let broken = ["audit.example.com/leases/1", "link"];
        out.counter(&names::AUDIT_CHAIN_VERIFICATION_FAILURES, &broken, 1);
    });
    let text = render(&registry);
    for line in [
        "# TYPE counterfoil_audit_records_lease_expired_total counter",
        "counterfoil_audit_records_lease_expired_total 4",
        "counterfoil_audit_record_sealed_total{kind=\"lease_expired\"} 4",
        "counterfoil_audit_record_sealed_total{kind=\"vault.object_put\"} 6",
        "counterfoil_audit_chain_verification_failures_total{chain=\"audit.example.com/leases/1\",reason=\"link\"} 1",
    ] {
        assert!(text.lines().any(|it| it == line), "{line} in\n{text}");
    }
    assert!(!text.contains("records_vault"));
}

counterfoil_core::instruments! {
    /// Names that become the same.
    TWINS: prefix "app.", labels [];

    /// First.
    DOTTED: Counter("app.well.done", "{job}", []);
    /// Second.
    UNDERSCORED: Counter("app.well_done", "{job}", []);
}

#[test]
fn of_two_families_with_the_same_derived_name_one_is_shown_and_a_comment_names_the_other() {
    let registry = Registry::new();
    let (one, two) = (
        registry.instrument(&DOTTED),
        registry.instrument(&UNDERSCORED),
    );
    one.add(1);
    two.add(2);
    let text = render(&registry);
    assert!(text.contains("\napp_well_done_total 1\n"));
    assert!(text.contains(
        "\n# \"app.well_done\" is left out: another metric is called app_well_done_total as well\n"
    ));
    assert_eq!(text.matches("# TYPE app_well_done_total").count(), 1);
    assert_eq!(TWINS.check().len(), 1);
}

#[test]
fn openmetrics_names_counters_without_total_gives_units_and_exemplars_and_ends_with_eof() {
    let registry = registry();
    registry.family(&SEEN).with(&["plain"]).add(3);
    registry.instrument(&LEVEL).set(0.5);
    let wait = registry.family(&WAIT).with(&["red"]);
    wait.record_with(0.05, Some(&trace(1)));
    wait.record_with(20.0, Some(&trace(2)));
    let size = registry.instrument(&SIZE);
    size.record_with(3.0, Some(&trace(3)));
    size.record(0.0);
    let expected = r#"# HELP app_level_ratio How full it is.
# TYPE app_level_ratio gauge
# UNIT app_level_ratio ratio
app_level_ratio 0.5
# HELP app_seen Jobs that were \"seen\".
# TYPE app_seen counter
app_seen_total{kind="plain"} 3
# HELP app_size_bytes How large it is.
# TYPE app_size_bytes histogram
# UNIT app_size_bytes bytes
app_size_bytes_bucket{le="0.0"} 1
app_size_bytes_bucket{le="2.0"} 1
app_size_bytes_bucket{le="4.0"} 2 # {trace_id="00000000000000000000000000000003",span_id="0000000000000003"} 3 1700000000.125
app_size_bytes_bucket{le="+Inf"} 2
app_size_bytes_sum 3
app_size_bytes_count 2
# HELP app_wait_seconds How long it took.
# TYPE app_wait_seconds histogram
# UNIT app_wait_seconds seconds
app_wait_seconds_bucket{colour="red",le="0.001"} 0
app_wait_seconds_bucket{colour="red",le="0.1"} 1 # {trace_id="00000000000000000000000000000001",span_id="0000000000000001"} 0.05 1700000000.125
app_wait_seconds_bucket{colour="red",le="10.0"} 1
app_wait_seconds_bucket{colour="red",le="+Inf"} 2 # {trace_id="00000000000000000000000000000002",span_id="0000000000000002"} 20 1700000000.125
app_wait_seconds_sum{colour="red"} 20.05
app_wait_seconds_count{colour="red"} 2
"#;
    let text =
        Renderer::with_format(Format::OpenMetrics).render(&registry.snapshot(Timestamp::default()));
    let (shown, _) = text
        .split_once("# HELP counterfoil_metric_source_failed ")
        .unwrap();
    assert_eq!(shown, expected);
    assert!(text.ends_with("counterfoil_metric_source_failed_total 0\n# EOF\n"));
    let comments = text.lines().filter(|it| it.starts_with('#'));
    for line in comments {
        let word = line.split(' ').nth(1).unwrap();
        assert!(["HELP", "TYPE", "UNIT", "EOF"].contains(&word), "{line}");
    }
}

#[test]
fn of_a_bucket_with_several_exemplars_the_latest_is_shown() {
    let mut value = counterfoil_core::HistogramValue {
        bounds: [1.0].into(),
        counts: vec![3, 0],
        sum: 1.5,
        over_ceiling: 0,
        refused: 0,
        exemplars: Vec::new(),
    };
    for (value_of, second, number) in [(0.4, 2, 4), (0.5, 9, 5), (0.6, 3, 6)] {
        value.exemplars.push(counterfoil_core::Exemplar {
            value: value_of,
            time: Timestamp::from_unix_seconds(second),
            trace_id: trace(number).trace_id,
            span_id: trace(number).span_id,
        });
    }
    let snapshot = snapshot_of(counterfoil_core::MetricValue::Histogram(value));
    let text = Renderer::with_format(Format::OpenMetrics).render(&snapshot);
    assert!(
        text.contains("span_id=\"0000000000000005\"} 0.5 9.000\n"),
        "{text}"
    );
    assert_eq!(text.matches(" # {").count(), 1);
}

#[test]
fn openmetrics_has_no_sum_where_a_sum_could_fall() {
    let registry = Registry::new();
    let size = registry.instrument(&SIZE);
    size.record(-3.0);
    size.record(8.0);
    let snapshot = registry.snapshot(Timestamp::default());
    let open = Renderer::with_format(Format::OpenMetrics).render(&snapshot);
    let classic = Renderer::new().render(&snapshot);
    assert!(
        classic.contains("app_size_bytes_sum 5\n") && classic.contains("app_size_bytes_count 2\n")
    );
    assert!(!open.contains("app_size_bytes_sum") && !open.contains("app_size_bytes_count"));
    for text in [open, classic] {
        assert!(
            text.contains("app_size_bytes_bucket{le=\"-2.0\"} 1\n"),
            "{text}"
        );
        assert!(
            text.contains("app_size_bytes_bucket{le=\"8.0\"} 2\n"),
            "{text}"
        );
    }
}

fn snapshot_of(value: counterfoil_core::MetricValue) -> counterfoil_core::MetricSnapshot {
    counterfoil_core::MetricSnapshot {
        time: Timestamp::default(),
        families: vec![counterfoil_core::MetricFamily {
            name: "app.x".into(),
            unit: "".into(),
            description: "".into(),
            kind: counterfoil_core::MetricKind::Histogram,
            series: vec![counterfoil_core::Series {
                meta: Arc::default(),
                value,
            }],
        }],
    }
}

#[test]
fn a_kept_renderer_follows_an_exponential_histogram_whose_bounds_grow() {
    let registry = Registry::new();
    let size = registry.instrument(&SIZE);
    for format in Format::ALL {
        let mut kept = Renderer::with_format(format);
        for value in [3.0, 3.5, 100.0, 1e-3, -1.0, 1e300, 0.0, 5e-324] {
            size.record(value);
            let snapshot = registry.snapshot(Timestamp::default());
            let fresh = Renderer::with_format(format).render(&snapshot);
            assert_eq!(kept.render(&snapshot), fresh, "{value}");
        }
    }
}

counterfoil_core::instruments! {
    /// Names of which one is what the other's samples are called.
    SAMPLES: prefix "app.", labels [];

    /// Distribution.
    RUN: Histogram("app.run", "", [], bounds: &[1.0], ceiling: 10.0);
    /// Called like a sample of the distribution.
    RUN_COUNT: Gauge("app.run.count", "", []);
    /// Counter of things.
    BLOCK: Counter("app.block", "{block}", []);
    /// Called like the counter's family in OpenMetrics.
    BLOCK_GAUGE: Gauge("app_block", "", []);
}

#[test]
fn no_two_families_share_the_name_of_a_sample_either() {
    let registry = Registry::new();
    registry.instrument(&RUN).record(0.5);
    registry.instrument(&RUN_COUNT).set(1.0);
    registry.instrument(&BLOCK).add(2);
    registry.instrument(&BLOCK_GAUGE).set(7.0);
    let snapshot = registry.snapshot(Timestamp::default());
    let classic = Renderer::new().render(&snapshot);
    assert!(classic.contains(
        "\n# \"app.run.count\" is left out: another metric is called app_run_count as well\n"
    ));
    assert!(classic.contains("\napp_block_total 2\n") && classic.contains("app_block 7\n"));
    let open = Renderer::with_format(Format::OpenMetrics).render(&snapshot);
    assert_eq!(open.matches("# TYPE app_block ").count(), 1);
    assert_eq!(open.matches("# TYPE app_run").count(), 1);
    assert!(SAMPLES.find("app.run").is_some());
}
