//! Spans and log records.

use std::time::Duration;

use counterfoil::trace::{self, Limits};
use counterfoil::{Attribute, Current, Severity, SpanKind, SpanRecord, SpanStatus, TraceContext};
use tracing::{Level, debug, error, info, info_span, span};

use super::support::{builder, client_span, run, server_span};
use crate::support::context;

/// The spans that are recorded while `f` runs, in the order in which they end.
fn recorded(f: impl FnOnce()) -> Vec<SpanRecord> {
    run(builder().0.spans(64), f).0.drain_spans(64)
}

#[test]
fn a_span_takes_its_ids_and_its_kind_from_its_fields() {
    let spans = recorded(|| {
        server_span("01").in_scope(|| info_span!("inner").in_scope(|| ()));
    });
    let [inner, outer] = &spans[..] else {
        panic!("{spans:?}");
    };
    let trace: TraceContext = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01"
        .parse()
        .unwrap();
    assert_eq!(outer.trace, trace);
    assert_eq!(outer.parent.unwrap().to_string(), "b7ad6b7169203331");
    assert!(outer.parent_is_remote);
    assert_eq!(
        (outer.kind, &*outer.name),
        (SpanKind::Server, "GET /users/{id}")
    );
    assert_eq!(
        outer.attributes,
        [Attribute::new("http.route", "/users/{id}")]
    );
    assert_eq!(outer.scope, "it::tracing::support");

    assert_eq!(inner.trace.trace_id, trace.trace_id);
    assert_eq!(inner.parent, Some(trace.span_id));
    assert!(!inner.parent_is_remote && inner.trace.is_sampled());
    assert_ne!(inner.trace.span_id, trace.span_id);
    assert_eq!(inner.request.unwrap().as_str(), "req-7");
}

#[test]
fn a_call_belongs_to_the_span_around_it() {
    let spans = recorded(|| {
        server_span("01").in_scope(|| info_span!("inner").in_scope(|| drop(client_span())));
        drop(client_span());
    });
    let [within, inner, server, alone] = &spans[..] else {
        panic!("{spans:?}");
    };
    assert_eq!(within.parent, Some(inner.trace.span_id));
    assert!(!within.parent_is_remote);
    assert_eq!(alone.parent, Some(server.trace.span_id));
}

#[test]
fn a_span_without_one_around_it_is_the_child_of_the_current_context_or_begins_a_trace() {
    let spans = recorded(|| {
        {
            let _entered = Current::enter(context());
            drop(info_span!("child"));
        }
        drop(info_span!("first"));
        drop(info_span!("second"));
        drop(info_span!(parent: None, "third"));
    });
    let trace = *context().trace().unwrap();
    assert_eq!(spans[0].trace.trace_id, trace.trace_id);
    assert_eq!(spans[0].parent, Some(trace.span_id));
    assert_eq!(spans[0].request, context().request().copied());
    let roots: std::collections::HashSet<_> =
        spans[1..].iter().map(|span| span.trace.trace_id).collect();
    assert_eq!(roots.len(), 3);
    assert!(
        spans[1..]
            .iter()
            .all(|span| span.parent.is_none() && span.trace.is_sampled())
    );
}

#[test]
fn the_current_place_is_that_of_the_innermost_span_and_comes_back() {
    run(builder().0, || {
        let before = Current::enter(context());
        let of_context = *context().trace().unwrap();
        assert_eq!(trace::current(), Some(of_context));
        let outer = server_span("01");
        let entered = outer.clone().entered();
        let of_outer = trace::current().unwrap();
        assert_eq!(of_outer.span_id.to_string(), "00f067aa0ba902b7");
        let inner = info_span!("inner").entered();
        assert_eq!(trace::current().unwrap().trace_id, of_outer.trace_id);
        assert_ne!(trace::current(), Some(of_outer));
        // Guards may end in any order.
        drop(entered);
        assert_ne!(trace::current(), Some(of_outer));
        drop(inner);
        assert_eq!(trace::current(), Some(of_context));
        drop(before);
        assert_eq!(trace::current(), None);
    });
}

#[test]
fn a_task_has_its_place_on_whichever_thread_it_runs_and_none_is_left_behind() {
    use tracing::Instrument;
    use tracing::instrument::WithSubscriber;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(3)
        .build()
        .unwrap();
    let tasks: Vec<_> = (0..32)
        .map(|n| {
            let (_, task) = run(builder().0, || {
                let span = info_span!("task", n);
                let task = async move {
                    let before = trace::current().unwrap();
                    for _ in 0..20 {
                        tokio::task::yield_now().await;
                        assert_eq!(trace::current(), Some(before));
                    }
                    before.trace_id
                };
                task.instrument(span).with_current_subscriber()
            });
            runtime.spawn(task)
        })
        .collect();
    let ids: std::collections::HashSet<_> = tasks
        .into_iter()
        .map(|task| runtime.block_on(task).unwrap())
        .collect();
    assert_eq!(ids.len(), 32);
    let left = (0..32).map(|_| runtime.spawn(async { trace::current() }));
    let left: Vec<_> = left.collect();
    for task in left {
        assert_eq!(runtime.block_on(task).unwrap(), None);
    }
}

#[test]
fn a_status_that_is_recorded_later_counts() {
    let spans = recorded(|| {
        let failed = server_span("01");
        failed.record("otel.status_code", "ERROR");
        failed.record("otel.status_message", "the cache is gone");
        failed.record("late", 5);
        drop(failed);
        let well = server_span("01");
        well.record("otel.status_code", "OK");
        well.in_scope(|| error!("survived"));
        drop(well);
        server_span("01").in_scope(|| error!("did not survive"));
        drop(server_span("01"));
    });
    let statuses: Vec<_> = spans.iter().map(|span| span.status.clone()).collect();
    assert_eq!(
        statuses,
        [
            SpanStatus::Error("the cache is gone".into()),
            SpanStatus::Ok,
            SpanStatus::Error("did not survive".into()),
            SpanStatus::Unset,
        ]
    );
    assert_eq!(spans[0].attributes[1], Attribute::new("late", 5_i64));
}

#[test]
fn times_are_those_of_the_clock() {
    let (builder, clock) = builder();
    let (pipeline, ()) = run(builder.spans(8), || {
        let span = info_span!("job");
        clock.step(Duration::from_millis(3));
        span.in_scope(|| info!(n = 1, "half way"));
        clock.step(Duration::from_millis(4));
    });
    clock.step(Duration::from_secs(60));
    let span = &pipeline.drain_spans(8)[0];
    assert_eq!(span.start.to_string(), "2026-01-01T00:00:00.000000000Z");
    assert_eq!(span.end.to_string(), "2026-01-01T00:00:00.007000000Z");
    let event = &span.events[0];
    assert_eq!(event.time.to_string(), "2026-01-01T00:00:00.003000000Z");
    assert_eq!(event.name, "half way");
    assert_eq!(
        event.attributes,
        [Attribute::new("n", 1_i64), Attribute::new("level", "INFO")]
    );
}

#[test]
fn what_a_span_follows_from_becomes_a_link() {
    let spans = recorded(|| {
        let producer = info_span!(parent: None, "produce");
        let consumer = info_span!(parent: None, "consume");
        consumer.follows_from(&producer);
        drop(consumer);
    });
    let [consumer, producer] = &spans[..] else {
        panic!("{spans:?}");
    };
    assert_eq!(consumer.links, [producer.trace]);
    assert_ne!(consumer.trace.trace_id, producer.trace.trace_id);
}

#[test]
fn a_producer_elsewhere_becomes_a_link_by_its_traceparent() {
    let (one, two) = (
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01",
    );
    let spans = recorded(|| {
        let span = info_span!("process", otel.link = one);
        span.record("otel.link", two);
        span.record("otel.link", "nonsense");
    });
    let links: Vec<_> = spans[0].links.iter().map(ToString::to_string).collect();
    assert_eq!(links, [one, two]);
    assert!(spans[0].attributes.is_empty());
}

#[test]
fn text_beyond_the_budget_of_a_span_is_left_out_and_counted() {
    let mut limits = Limits::default();
    limits.bytes = 10;
    let (pipeline, ()) = run(builder().0.limits(limits).spans(8).log_records(8), || {
        let span = info_span!("job", a = "123456", b = "1234567", c = 1);
        span.record("a", "1");
        span.in_scope(|| {
            info!("abc");
            info!("abcdefg");
            info!(x = "1234567", y = "1234567", "");
        });
    });
    let span = &pipeline.drain_spans(8)[0];
    let (a, c) = (Attribute::new("a", "1"), Attribute::new("c", 1_i64));
    assert_eq!(
        (&span.attributes[..], span.dropped_attributes),
        (&[a, c][..], 1)
    );
    assert_eq!((span.events.len(), span.dropped_events), (1, 2));
    let record = &pipeline.drain_logs(8)[2];
    assert_eq!((record.attributes.len(), record.dropped_attributes), (1, 1));
}

#[test]
fn what_exceeds_a_limit_is_counted() {
    let mut limits = Limits::default();
    (limits.fields, limits.events, limits.text) = (2, 1, 8);
    let (pipeline, ()) = run(builder().0.limits(limits).spans(8), || {
        let span = info_span!("job", a = 1, b = "long enough", c = 3, d = 4);
        span.in_scope(|| {
            info!("one");
            info!("two");
            info!("three");
        });
    });
    let span = &pipeline.drain_spans(8)[0];
    let (a, b) = (Attribute::new("a", 1_i64), Attribute::new("b", "long eno…"));
    assert_eq!(span.attributes, [a, b]);
    assert_eq!(span.dropped_attributes, 2);
    assert_eq!((span.events.len(), span.dropped_events), (1, 2));
}

#[test]
fn a_full_queue_drops_the_newest_and_counts_them() {
    let (pipeline, ()) = run(builder().0.spans(3).log_records(2), || {
        for n in 0..5 {
            drop(info_span!("job", n));
            info!(n, "logged");
        }
    });
    let counts = pipeline.counts();
    assert_eq!(
        (
            counts.spans.offered,
            counts.spans.waiting,
            counts.spans.dropped
        ),
        (5, 3, 2)
    );
    assert_eq!(pipeline.drain_spans(2).len(), 2);
    assert_eq!(pipeline.drain_spans(2).len(), 1);
    assert_eq!(pipeline.drain_logs(9).len(), 2);
    let counts = pipeline.counts();
    assert_eq!((counts.spans.taken, counts.spans.waiting), (3, 0));
    assert_eq!((counts.records.offered, counts.records.taken), (5, 2));
    assert_eq!(counts.records.dropped, 3);
}

#[test]
fn counts_are_exact_when_threads_offer_and_a_drain_takes() {
    let pipeline = builder().0.spans(16).log_records(16).build();
    let mut taken = (0, 0);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let pipeline = &pipeline;
                scope.spawn(move || {
                    use tracing_subscriber::layer::SubscriberExt;
                    let subscriber = tracing_subscriber::registry().with(pipeline.layer());
                    tracing::subscriber::with_default(subscriber, || {
                        for n in 0..1_000 {
                            info_span!("job", n).in_scope(|| info!("in it"));
                        }
                    });
                })
            })
            .collect();
        while threads.iter().any(|thread| !thread.is_finished()) {
            taken.0 += pipeline.drain_spans(8).len() as u64;
            taken.1 += pipeline.drain_logs(8).len() as u64;
        }
    });
    taken.0 += pipeline.drain_spans(99).len() as u64;
    taken.1 += pipeline.drain_logs(99).len() as u64;
    let counts = pipeline.counts();
    assert_eq!(taken.0 + counts.spans.dropped, 4_000);
    assert_eq!(taken.1 + counts.records.dropped, 4_000);
    assert_eq!((counts.spans.taken, counts.records.taken), taken);
}

#[test]
fn an_event_becomes_a_log_record_in_its_span() {
    let (pipeline, ()) = run(builder().0.log_records(8), || {
        server_span("01").in_scope(|| error!(size = 5, "cache is full"));
        debug!(counterfoil.event = "vault.object_put", "stored");
        span!(Level::INFO, "no event");
    });
    let logs = pipeline.drain_logs(8);
    assert_eq!(logs.len(), 2);
    let log = &logs[0];
    assert_eq!(
        (log.severity, log.body.as_str()),
        (Severity::Error, "cache is full")
    );
    assert_eq!(log.attributes, [Attribute::new("size", 5_i64)]);
    assert_eq!(log.trace.unwrap().span_id.to_string(), "00f067aa0ba902b7");
    assert_eq!(log.request.unwrap().as_str(), "req-7");
    assert_eq!(
        (log.event_name.as_deref(), &*log.scope),
        (None, module_path!())
    );
    assert_eq!(logs[1].event_name.as_deref(), Some("vault.object_put"));
    assert_eq!(logs[1].trace, None);
}

#[cfg(feature = "metrics")]
#[test]
fn every_name_of_the_pipeline_is_exported_with_what_it_counts() {
    use counterfoil::MetricValue;
    let registry = counterfoil::metrics::Registry::new();
    let (pipeline, ()) = run(builder().0.spans(1).log_records(1), || {
        for _ in 0..3 {
            info_span!("job").in_scope(|| info!("in it"));
        }
    });
    let _shown = pipeline.observe(&registry);
    let snapshot = registry.snapshot(counterfoil::Timestamp::default());
    let value = |name: &str| {
        let mut families = snapshot.families.iter();
        let family = families.find(|family| &*family.name == name);
        family.map(|family| family.series[0].value.clone())
    };
    for row in counterfoil::names::TABLE.instruments {
        let ours = ["counterfoil.log.", "counterfoil.span."];
        assert!(
            value(row.name).is_some() || !ours.iter().any(|prefix| row.name.starts_with(prefix)),
            "{} is in the table and nobody feeds it",
            row.name
        );
    }
    for (name, total) in [
        ("counterfoil.span.offered", 3),
        ("counterfoil.span.dropped", 2),
        ("counterfoil.log.record.offered", 3),
        ("counterfoil.log.record.dropped", 2),
    ] {
        let shown = value(name).unwrap();
        assert!(
            matches!(shown, MetricValue::Counter(it) if it == total),
            "{name}: {shown:?}"
        );
    }
}
