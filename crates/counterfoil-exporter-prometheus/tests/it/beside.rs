//! An application's own `PrometheusHandle` beside our registry, in one page.

use counterfoil_core::Timestamp;
use counterfoil_exporter_prometheus::{Format, Renderer, ScrapeServer};
use counterfoil_metrics::Registry;
use metrics::with_local_recorder;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};

use crate::SEEN;
use crate::parsed::Parsed;
use crate::server::{any_port, ask};

/// What an application counts with the other library.
fn application() -> PrometheusRecorder {
    let recorder = PrometheusBuilder::new()
        .set_buckets(&[0.1, 1.0])
        .unwrap()
        .build_recorder();
    with_local_recorder(&recorder, || {
        metrics::describe_counter!("shop_orders_total", "Orders \"placed\" so far.");
        metrics::counter!("shop_orders_total", "kind" => "a \"b\" {c} \n").increment(7);
        metrics::counter!("shop_hits").increment(2);
        metrics::gauge!("shop_stock").set(1.5);
        metrics::histogram!("shop_wait").record(0.5);
        metrics::counter!("app_seen_total", "kind" => "theirs").increment(99);
        metrics::gauge!("app_seen").set(4.0);
    });
    recorder
}

fn ours() -> Registry {
    let registry = Registry::new();
    registry.family(&SEEN).with(&["ours"]).add(3);
    registry
}

#[test]
fn both_are_served_in_one_page_and_of_two_with_the_same_name_ours_is() {
    let (registry, handle) = (ours(), application().handle());
    let server = ScrapeServer::builder(move || registry.snapshot(Timestamp::default()))
        .beside(move || handle.render())
        .start(any_port())
        .unwrap();
    let request = "GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    let answer = ask(server.address(), request);
    let (_, page) = answer.split_once("\r\n\r\n").unwrap();
    let comment = "# app_seen_total of another page is left out: another metric is called app_seen_total as well\n";
    assert!(page.contains(comment), "{page}");
    let page = Parsed::of(&page.replace(comment, ""));
    assert_eq!(page.value("app_seen_total", &[("kind", "ours")]), Some(3.0));
    assert_eq!(page.value("app_seen_total", &[("kind", "theirs")]), None);
    assert_eq!(page.value("app_seen", &[]), Some(4.0));
    assert_eq!(
        page.value("shop_orders_total", &[("kind", "a \"b\" {c} \n")]),
        Some(7.0)
    );
    assert_eq!(page.value("shop_hits", &[]), Some(2.0));
    assert_eq!(page.value("shop_wait_bucket", &[("le", "1")]), Some(1.0));
    assert_eq!(page.value("shop_wait_count", &[]), Some(1.0));
    assert_eq!(page.types["shop_wait"], "histogram");
    assert_eq!(page.help["shop_orders_total"], "Orders \"placed\" so far.");
}

#[test]
fn in_openmetrics_foreign_counters_are_renamed_never_and_called_unknown_where_they_must() {
    let page = application().handle().render();
    let snapshot = ours().snapshot(Timestamp::default());
    let text = Renderer::with_format(Format::OpenMetrics).render_beside(&snapshot, &page);
    for lines in [
        "# TYPE shop_hits unknown\nshop_hits 2\n",
        "# HELP shop_orders Orders \\\"placed\\\" so far.\n# TYPE shop_orders counter\nshop_orders_total{kind=\"a \\\"b\\\" {c} \\n\"} 7\n",
        "# TYPE shop_stock gauge\nshop_stock 1.5\n",
        "# TYPE app_seen counter\napp_seen_total{kind=\"ours\"} 3\n",
    ] {
        assert!(text.contains(lines), "{lines} in\n{text}");
    }
    assert!(
        !text.contains("theirs") && !text.contains("app_seen 4"),
        "{text}"
    );
    assert_eq!(text.matches("# EOF\n").count(), 1);
    assert!(text.ends_with("# EOF\n"));
}

#[test]
fn what_is_not_in_the_format_is_left_out_and_counted() {
    let page = "\
# a comment
# TYPE good gauge
good{a=\"x\"} 1 1700000000125
good 2
good{a=\"\\q\"} 3
good{a=\"unfinished} 4
good {b=\"y\"} 5
9bad 6
good six
good 7 8 9
# TYPE nonsense sort
# EOF
# TYPE empty counter
untyped_one 1e3
";
    let snapshot = Registry::new().snapshot(Timestamp::default());
    let classic = Renderer::new().render_beside(&snapshot, page);
    let expected = "\
# TYPE good gauge
good{a=\"x\"} 1 1700000000125
good 2
good{b=\"y\"} 5
# TYPE untyped_one untyped
untyped_one 1e3
# lines of another page that cannot be read: 6
";
    assert!(classic.ends_with(expected), "{classic}");
    let open = Renderer::with_format(Format::OpenMetrics).render_beside(&snapshot, page);
    assert!(
        open.contains("\ngood{a=\"x\"} 1 1700000000.125\n"),
        "{open}"
    );
    assert!(
        open.ends_with("# TYPE untyped_one unknown\nuntyped_one 1e3\n# EOF\n"),
        "{open}"
    );
}

#[test]
fn two_families_of_a_neighbour_that_openmetrics_calls_alike_do_not_both_appear() {
    let page = "# TYPE foo gauge\nfoo 1\n# TYPE foo_total counter\nfoo_total 2\n";
    let snapshot = Registry::new().snapshot(Timestamp::default());
    let classic = Renderer::new().render_beside(&snapshot, page);
    assert!(classic.ends_with(page), "{classic}");
    let open = Renderer::with_format(Format::OpenMetrics).render_beside(&snapshot, page);
    assert!(open.ends_with("# TYPE foo gauge\nfoo 1\n# EOF\n"), "{open}");
}
