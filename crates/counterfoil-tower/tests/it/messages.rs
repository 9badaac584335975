//! Messages that are processed and sent.

use std::sync::Arc;

use counterfoil_core::{Current, WorkloadIdentity};
use counterfoil_tower::{Consumer, ErrorCode, Message, Producer};
use proptest::prelude::*;

use crate::spans::Seen;
use crate::{Bench, TRACE, TRACEPARENT};

counterfoil_tower::error_codes! {
    /// What can go wrong.
    CATALOGUE;
    /// The message is not an order.
    NOT_AN_ORDER: "order.malformed", http 400, grpc 3;
}

fn consumer(bench: &Bench) -> Consumer {
    Consumer::new(&bench.registry, "kafka", "orders")
        .clock(Arc::clone(&bench.clock))
        .ids(Arc::clone(&bench.ids))
}

#[tokio::test]
async fn a_message_has_one_span_that_is_linked_to_its_producer() {
    let (bench, seen) = (Bench::new(), Seen::default());
    let _watching = seen.watch();
    let headers = [
        ("traceparent", TRACEPARENT),
        ("ce_type", "order.created"),
        ("ce_id", "e-1"),
        ("ce_subject", "order/7"),
        ("x-correlation-id", "req-42"),
    ];
    let message = Message::from_headers(&headers);
    let identity = WorkloadIdentity::tenant_only("acme");
    let processed = consumer(&bench)
        .process_for(identity, message, async {
            bench.step(20);
            let context = Current::get().unwrap();
            assert_eq!(context.tenant(), "acme");
            assert_eq!(context.request().unwrap().as_str(), "req-42");
            Ok::<_, ErrorCode>(context.trace().unwrap().to_string())
        })
        .await;
    assert_eq!(
        processed.unwrap(),
        format!("00-{TRACE}-0000000000000001-01")
    );
    let spans = seen.spans();
    assert_eq!(spans.len(), 1);
    let (name, fields) = &spans[0];
    assert_eq!(name, "messaging.process");
    for (key, value) in [
        ("otel.kind", "consumer"),
        ("otel.name", "process orders"),
        ("otel.link", TRACEPARENT),
        ("trace_id", TRACE),
        ("parent_span_id", "b7ad6b7169203331"),
        ("request_id", "req-42"),
        ("correlation_id", "req-42"),
        ("event.type", "order.created"),
        ("event.id", "e-1"),
        ("subject", "order/7"),
        ("messaging.system", "kafka"),
        ("messaging.destination.name", "orders"),
    ] {
        assert_eq!(fields.get(key).map(String::as_str), Some(value), "{key}");
    }
    assert!(!fields.contains_key("otel.status_code"));
    let labels =
        "messaging.destination.name=orders messaging.operation.name=process messaging.system=kafka";
    assert_eq!(
        bench.series("messaging.client.consumed.messages"),
        format!("{labels} 1")
    );
    assert_eq!(
        bench.series("messaging.process.duration"),
        format!("{labels} 1 in 0.020 s")
    );
}

#[tokio::test]
async fn a_message_that_fails_is_counted_by_the_code_of_the_catalogue() {
    let (bench, seen) = (Bench::new(), Seen::default());
    let _watching = seen.watch();
    let consumer = consumer(&bench);
    let failed = consumer
        .process(Message::new(), async { Err::<(), _>(NOT_AN_ORDER) })
        .await;
    assert_eq!(failed, Err(NOT_AN_ORDER));
    drop(consumer.process(Message::new(), async { Ok::<_, ErrorCode>(()) }));
    let series = bench.series("messaging.process.duration");
    let errors: Vec<_> = series
        .lines()
        .filter(|it| !it.contains(" 0 in "))
        .map(|it| it.split(' ').next().unwrap())
        .collect();
    assert_eq!(
        errors,
        ["error.type=cancelled", "error.type=order.malformed"]
    );
    let (_, fields) = &seen.spans()[0];
    assert_eq!(fields["otel.status_code"], "ERROR");
    assert_eq!(fields["error_code"], "order.malformed");
    assert!(
        !fields.contains_key("otel.link"),
        "nobody is known to have sent it"
    );
    assert_eq!(CATALOGUE, [NOT_AN_ORDER]);
}

#[tokio::test]
async fn what_a_producer_sends_is_what_a_consumer_continues() {
    let bench = Bench::new();
    let producer = Producer::new(&bench.registry, "kafka", "orders")
        .clock(Arc::clone(&bench.clock))
        .ids(Arc::clone(&bench.ids))
        .older_pair();
    let incoming = Message::from_headers(&[("traceparent", TRACEPARENT)]);
    let sent = consumer(&bench).process(incoming, async {
        let headers: Vec<(&str, String)> = Vec::new();
        producer
            .send(headers, async |headers| Ok::<_, ErrorCode>(headers))
            .await
    });
    let headers = sent.await.unwrap();
    let keys: Vec<_> = headers.iter().map(|it| it.0).collect();
    assert_eq!(
        keys,
        ["traceparent", "x-request-id", "x-trace-id", "x-span-id"]
    );
    let next = consumer(&bench).process(Message::from_headers(&headers), async {
        let context = Current::get().unwrap();
        Ok::<_, ErrorCode>((*context.trace().unwrap(), *context.request().unwrap()))
    });
    let (trace, request) = next.await.unwrap();
    assert_eq!(trace.trace_id.to_string(), TRACE);
    assert_eq!(request.as_str(), headers[1].1);
    assert_eq!(
        bench.series("messaging.client.sent.messages"),
        "messaging.destination.name=orders messaging.operation.name=send messaging.system=kafka 1"
    );
}

proptest! {
    #[test]
    fn no_header_of_a_message_makes_its_reader_panic_or_lets_control_characters_through(
        headers in prop::collection::vec((prop::sample::select(vec!["ce_type", "ce-id", "ce_subject", "correlation-id", "x-request-id"]), prop::collection::vec(any::<u8>(), 0..300)), 0..8),
    ) {
        let message = format!("{:?}", Message::from_headers(&headers));
        prop_assert!(!message.contains("\\u{") && !message.contains("\\n"), "{message}");
    }
}
