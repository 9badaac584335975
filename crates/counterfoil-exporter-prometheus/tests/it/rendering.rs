//! What the text looks like.

use counterfoil_core::{Timestamp, names};
use counterfoil_exporter_prometheus::Renderer;
use counterfoil_metrics::Registry;

use crate::{HELD, LEVEL, SEEN, WAIT};

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
# HELP app_seen_total Jobs that were seen.
# TYPE app_seen_total counter
app_seen_total{kind="a \"b\" \\ c\nd"} 2
app_seen_total{kind="plain"} 18446744073709551615
# HELP app_wait_seconds How long it took.
# TYPE app_wait_seconds histogram
app_wait_seconds_bucket{colour="red",le="0.001"} 1
app_wait_seconds_bucket{colour="red",le="0.1"} 2
app_wait_seconds_bucket{colour="red",le="10"} 3
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
        out.counter(&names::AUDIT_VERIFICATION_FAILED, &[], 1);
    });
    let text = render(&registry);
    for line in [
        "# TYPE counterfoil_audit_records_lease_expired_total counter",
        "counterfoil_audit_records_lease_expired_total 4",
        "counterfoil_audit_record_sealed_total{kind=\"lease_expired\"} 4",
        "counterfoil_audit_record_sealed_total{kind=\"vault.object_put\"} 6",
        "counterfoil_audit_chain_verification_failures_total 1",
        "counterfoil_audit_verification_failed_total 1",
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
