//! The same calls counted by us and by metrics-exporter-prometheus: both pages say the same.

use counterfoil_core::Timestamp;
use counterfoil_exporter_prometheus::Renderer;
use counterfoil_metrics::Registry;
use metrics::{Key, Label, Level, Metadata, Recorder, Unit};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
use proptest::prelude::*;

use crate::parsed::Parsed;

const METADATA: Metadata<'static> = Metadata::new("oracle", Level::INFO, None);
const BOUNDS: [f64; 4] = [0.000_001, 0.005, 1.0, 2_500_000.0];

/// A call through the facade.
#[derive(Clone, Debug)]
enum Call {
    Count(u64),
    Set(f64),
    Record(f64),
}

/// What one recorder was told, as text of both.
fn pages(calls: &[(String, Vec<Label>, Call)]) -> [String; 2] {
    let mut builder = Registry::builder();
    for (name, ..) in calls {
        builder = builder
            .bounds(format!("{name}_time"), &BOUNDS, None)
            .unwrap();
    }
    let ours = builder.build();
    let theirs = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_time".into()), &BOUNDS)
        .unwrap()
        .with_recommended_naming(true)
        .build_recorder();
    tell(&ours, calls);
    tell(&theirs, calls);
    let text = Renderer::new().render(&ours.snapshot(Timestamp::default()));
    let of_the_calls = text
        .lines()
        .filter(|it| !it.contains("counterfoil_metric_source_failed_total"));
    let text: Vec<_> = of_the_calls.collect();
    [text.join("\n"), theirs.handle().render()]
}

fn tell(recorder: &impl Recorder, calls: &[(String, Vec<Label>, Call)]) {
    for (name, labels, call) in calls {
        let key = |suffix: &str| Key::from_parts(format!("{name}{suffix}"), labels.clone());
        match call {
            Call::Count(n) => {
                let key = key("_seen");
                let unit = Some(Unit::Count);
                recorder.describe_counter(
                    key.name().to_owned().into(),
                    unit,
                    "What was seen.".into(),
                );
                recorder.register_counter(&key, &METADATA).increment(*n);
            }
            Call::Set(value) => {
                let key = key("_level");
                let unit = Some(Unit::Bytes);
                recorder.describe_gauge(key.name().to_owned().into(), unit, "How full.".into());
                recorder.register_gauge(&key, &METADATA).set(*value);
            }
            Call::Record(value) => {
                let key = key("_time");
                let unit = Some(Unit::Seconds);
                recorder.describe_histogram(key.name().to_owned().into(), unit, "How long.".into());
                recorder.register_histogram(&key, &METADATA).record(*value);
            }
        }
    }
}

fn any_call() -> impl Strategy<Value = (String, Vec<Label>, Call)> {
    let call = prop_oneof![
        (0..1_000_000_u64).prop_map(Call::Count),
        prop::num::f64::NORMAL.prop_map(Call::Set),
        // Whole thousandths and bounds, which both add up without rounding differently.
        prop::sample::select(vec![
            0.000_001,
            0.005,
            0.25,
            1.0,
            1.5,
            2_500_000.0,
            3_000_000.0
        ])
        .prop_map(Call::Record),
    ];
    // Their escaping takes a backslash for the beginning of an escape, so values have none here; nor have they e-mail
    // addresses or keys like `pwd`, which are redacted here.
    let keys = prop::sample::select(vec!["kind", "colour", "in_house", "k9"]);
    let labels = prop::collection::btree_map(keys, "[^\\\\@]{0,8}", 0..3).prop_map(|labels| {
        let labels = labels.into_iter();
        labels.map(|(key, value)| Label::new(key, value)).collect()
    });
    ("[a-z]{1,3}(_[a-z]{1,3})?", labels, call)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_same_calls_give_pages_that_say_the_same(calls in prop::collection::vec(any_call(), 1..24)) {
        let [ours, theirs] = pages(&calls).map(|it| Parsed::of(&it));
        prop_assert_eq!(&ours.types, &theirs.types);
        prop_assert_eq!(&ours.help, &theirs.help);
        let ids = |page: &Parsed| page.samples.keys().cloned().collect::<Vec<_>>();
        prop_assert_eq!(ids(&ours), ids(&theirs));
        for (id, value) in &ours.samples {
            let other = theirs.samples[id];
            let close = (value - other).abs() <= 1e-9 * value.abs();
            prop_assert!(close || *value == other, "{id:?}: {value} and {other}");
        }
    }
}

/// Why their helpers are not used for label values: two of them become one (ADR 17).
#[test]
fn our_escaping_keeps_apart_what_theirs_makes_the_same() {
    use metrics_exporter_prometheus::formatting::sanitize_label_value;
    let values = ["a\\b", "a\\\\b"];
    assert_eq!(
        sanitize_label_value(values[0]),
        sanitize_label_value(values[1])
    );
    let registry = Registry::new();
    for (value, count) in values.into_iter().zip([1, 2]) {
        registry.family(&crate::SEEN).with(&[value]).add(count);
    }
    let page = Parsed::of(&Renderer::new().render(&registry.snapshot(Timestamp::default())));
    for (value, count) in values.into_iter().zip([1.0, 2.0]) {
        assert_eq!(
            page.value("app_seen_total", &[("kind", value)]),
            Some(count)
        );
    }
}

#[test]
fn names_and_keys_that_need_no_cleaning_pass_both_unchanged() {
    use metrics_exporter_prometheus::formatting::{sanitize_label_key, sanitize_metric_name};
    for name in ["a", "a_b:c9", "_x"] {
        let ours =
            counterfoil_core::names::prometheus_name(name, "", counterfoil_core::MetricKind::Gauge);
        assert_eq!(
            (ours.as_str(), sanitize_metric_name(name).as_str()),
            (name, name)
        );
    }
    for key in ["a", "a_b9", "_x"] {
        let ours = counterfoil_core::names::prometheus_label(key);
        assert_eq!(
            (ours.as_str(), sanitize_label_key(key).as_str()),
            (key, key)
        );
    }
}
