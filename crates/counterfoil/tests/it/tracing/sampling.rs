//! Which spans are recorded and kept.

use std::time::Duration;

use counterfoil::trace::{self, HeadSampler, SamplingRules, TailSampler};
use counterfoil::{Context, Current, WorkloadIdentity};
use tracing::{error, info_span};

use super::support::{builder, client_span, run, server_span};

#[test]
fn the_head_sampler_decides_at_the_root_and_the_parent_below_it() {
    let builder = builder().0.head_sampler(HeadSampler::ratio(0.0));
    let (pipeline, ()) = run(builder.spans(64), || {
        // A trace that begins here is not sampled, nor is what belongs to it.
        info_span!("root").in_scope(|| {
            assert!(!trace::current().unwrap().is_sampled());
            drop(info_span!("below"));
        });
        // Parents elsewhere decide for themselves.
        drop(server_span("01"));
        drop(server_span("00"));
        let sampled = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let here = Context::new(WorkloadIdentity::tenant_only("acme"))
            .with_trace(sampled.parse().unwrap());
        let _entered = Current::enter(here);
        drop(info_span!("child"));
    });
    let names: Vec<_> = pipeline
        .drain_spans(64)
        .into_iter()
        .map(|span| span.name)
        .collect();
    assert_eq!(names, ["GET /users/{id}", "child"]);
}

#[test]
fn what_was_decided_about_a_trace_holds_for_the_calls_in_it() {
    let builder = builder().0.head_sampler(HeadSampler::ratio(0.0));
    let (pipeline, ()) = run(builder.spans(64), || {
        let root = info_span!(
            "request",
            trace_id = "0af7651916cd43dd8448eb211c80319c",
            span_id = "00f067aa0ba902b7",
            trace_flags = 1,
            otel.kind = "server",
        );
        root.in_scope(|| drop(client_span()));
    });
    assert_eq!(pipeline.counts().spans.offered, 0);
}

#[test]
fn the_tail_sampler_keeps_whole_traces_with_errors_and_slow_ones() {
    let (builder, clock) = builder();
    let sampler = TailSampler::new(SamplingRules::errors_slow_and(100, 0.0));
    let (pipeline, ()) = run(builder.spans(64).tail_sampler(sampler), || {
        info_span!("fine").in_scope(|| drop(info_span!("fine.inner")));
        info_span!("failed").in_scope(|| info_span!("failed.inner").in_scope(|| error!("no")));
        let slow = info_span!("slow");
        slow.in_scope(|| drop(info_span!("slow.inner")));
        clock.step(Duration::from_millis(101));
        drop(slow);
    });
    let mut names: Vec<_> = pipeline
        .drain_spans(64)
        .into_iter()
        .map(|span| span.name)
        .collect();
    names.sort();
    assert_eq!(names, ["failed", "failed.inner", "slow", "slow.inner"]);
    let counts = pipeline.counts().tail;
    assert_eq!((counts.offered, counts.kept, counts.dropped), (6, 4, 2));
}

#[test]
fn flushing_decides_about_traces_that_have_not_ended() {
    let sampler = TailSampler::new(SamplingRules::errors_slow_and(100, 1.0));
    let (pipeline, open) = run(builder().0.spans(64).tail_sampler(sampler), || {
        let root = info_span!("root");
        root.in_scope(|| drop(info_span!("inner")));
        root
    });
    assert!(pipeline.drain_spans(64).is_empty());
    assert_eq!(pipeline.counts().tail.held, 1);
    pipeline.flush();
    assert_eq!(pipeline.drain_spans(64).len(), 1);
    drop(open);
}

#[test]
fn a_drain_ends_although_spans_come_in_faster_than_they_are_dropped() {
    use std::sync::atomic::{AtomicBool, Ordering};
    use tracing_subscriber::layer::SubscriberExt;
    let sampler = TailSampler::new(SamplingRules::errors_slow_and(100, 0.0));
    let pipeline = builder().0.spans(64).tail_sampler(sampler).build();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let subscriber = tracing_subscriber::registry().with(pipeline.layer());
                tracing::subscriber::with_default(subscriber, || {
                    while !done.load(Ordering::Relaxed) {
                        drop(info_span!("job"));
                    }
                });
            });
        }
        for _ in 0..100 {
            assert!(pipeline.drain_spans(8).is_empty());
        }
        pipeline.flush();
        done.store(true, Ordering::Relaxed);
    });
    pipeline.flush();
    let (counts, spans) = (pipeline.counts().tail, pipeline.counts().spans);
    assert_eq!(counts.offered, counts.dropped);
    assert_eq!((counts.offered, spans.waiting), (spans.taken, 0));
}
