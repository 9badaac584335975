//! Headers in and out: the cases of the W3C Trace Context test suite, and our own.

use counterfoil_core::propagation::{Hop, Incoming, Outgoing};
use counterfoil_core::{Context, IdSource, Place, RandomIds, SpanId, TraceId, WorkloadIdentity};
use proptest::prelude::*;

const TRACE: &str = "12345678901234567890123456789012";
const SPAN: &str = "1234567890123456";

fn extract(headers: &[(&str, &str)]) -> Incoming {
    Incoming::extract(headers)
}

fn parent(version_and_rest: &str) -> Option<String> {
    let incoming = extract(&[("traceparent", version_and_rest), ("tracestate", "foo=1")]);
    assert_eq!(
        incoming.trace_state.is_some(),
        incoming.trace_id.is_some(),
        "tracestate goes where traceparent goes"
    );
    let (trace_id, span_id) = (incoming.trace_id?, incoming.parent?);
    Some(format!("{trace_id}-{span_id}-{:02x}", incoming.flags))
}

#[test]
fn a_well_formed_traceparent_is_continued() {
    let kept = format!("{TRACE}-{SPAN}-01");
    for good in [
        format!("00-{TRACE}-{SPAN}-01"),
        format!(" \t00-{TRACE}-{SPAN}-01\t "),
        format!("01-{TRACE}-{SPAN}-01"),
        format!("cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like"),
        format!("cc-{TRACE}-{SPAN}-01-"),
    ] {
        assert_eq!(parent(&good).as_ref(), Some(&kept), "{good:?}");
    }
}

#[test]
fn a_malformed_traceparent_restarts_the_trace_and_drops_the_state() {
    let (zero_trace, zero_span) = ("0".repeat(32), "0".repeat(16));
    for bad in [
        String::new(),
        "traceparent".to_owned(),
        format!("00-{zero_trace}-{SPAN}-01"),
        format!("00-{TRACE}-{zero_span}-01"),
        format!("00-{TRACE}-{SPAN}-0"),
        format!("00-{TRACE}-{SPAN}-01-more"),
        format!("00-{TRACE}-{SPAN}-01."),
        format!("cc-{TRACE}-{SPAN}-01.what"),
        format!("cc-{TRACE}-{SPAN}-01what"),
        format!("ff-{TRACE}-{SPAN}-01"),
        format!(".0-{TRACE}-{SPAN}-01"),
        format!("0-{TRACE}-{SPAN}-01"),
        format!("000-{TRACE}-{SPAN}-01"),
        format!("00-.{}-{SPAN}-01", &TRACE[1..]),
        format!("00-{}-{SPAN}-01", &TRACE[1..]),
        format!("00-{TRACE}-.{}-01", &SPAN[1..]),
        format!("00-{TRACE}-{SPAN}-.0"),
        format!("00-{}-{SPAN}-01", "ABCDEF7890123456789012345678901B"),
        format!("00_{TRACE}_{SPAN}_01"),
        format!("00-{TRACE}-{SPAN}-01,00-{TRACE}-{SPAN}-01"),
    ] {
        assert_eq!(parent(&bad), None, "{bad:?}");
    }
}

#[test]
fn two_traceparents_are_as_good_as_none() {
    let header = format!("00-{TRACE}-{SPAN}-01");
    let incoming = extract(&[("traceparent", &header), ("TraceParent", &header)]);
    assert_eq!(incoming, Incoming::default());
}

#[test]
fn flags_that_nobody_knows_are_not_passed_on() {
    let flags = |flags| extract(&[("traceparent", &format!("00-{TRACE}-{SPAN}-{flags}"))]).flags;
    assert_eq!((flags("ff"), flags("fe"), flags("00")), (3, 2, 0));
}

#[test]
fn several_tracestate_headers_are_joined_in_their_order() {
    let header = format!("00-{TRACE}-{SPAN}-00");
    let state = |lists: &[&str]| {
        let mut headers = vec![("traceparent", header.as_str())];
        headers.extend(lists.iter().map(|list| ("tracestate", *list)));
        extract(&headers).trace_state.map(|it| it.to_string())
    };
    assert_eq!(
        state(&["foo=1,bar=2", "baz=3"]).as_deref(),
        Some("foo=1,bar=2,baz=3")
    );
    assert_eq!(state(&["foo=1", ""]).as_deref(), Some("foo=1"));
    assert_eq!(state(&["foo=1", "foo=1"]), None);
    assert_eq!(state(&["foo=1"; 40]), None);
    assert_eq!(state(&[]), None);
}

#[test]
fn a_tracestate_without_a_traceparent_is_nothing() {
    assert_eq!(extract(&[("tracestate", "foo=1")]), Incoming::default());
}

#[test]
fn the_older_pair_is_taken_where_there_is_no_traceparent() {
    let ids = |trace: &str, span: &str| {
        let incoming = extract(&[("X-Trace-Id", trace), ("X-Span-Id", span)]);
        let text = |it: Option<String>| it.unwrap_or_default();
        (
            text(incoming.trace_id.map(|it| it.to_string())),
            text(incoming.parent.map(|it| it.to_string())),
        )
    };
    let both = |trace: &str, span: &str| (trace.to_owned(), span.to_owned());
    let uuid = "12345678-9012-3456-7890-12345678901A";
    assert_eq!(ids(TRACE, SPAN), both(TRACE, SPAN));
    assert_eq!(
        ids(uuid, "ABCDEF0123456789"),
        both("1234567890123456789012345678901a", "abcdef0123456789")
    );
    assert_eq!(
        ids(SPAN, SPAN),
        both("00000000000000001234567890123456", SPAN)
    );
    assert_eq!(ids(TRACE, "nonsense"), both(TRACE, ""));
    assert_eq!(ids("nonsense", SPAN), both("", ""));
    assert_eq!(ids(&"0".repeat(32), SPAN), both("", ""));
    let header = "00-bad";
    assert_eq!(
        extract(&[("traceparent", header), ("x-trace-id", TRACE)]),
        Incoming::default(),
        "a traceparent, even a bad one, decides"
    );
}

#[test]
fn a_request_id_is_kept_if_it_is_well_formed_and_there_once() {
    let request = |values: &[&str]| {
        let headers: Vec<_> = values.iter().map(|it| ("X-Request-ID", *it)).collect();
        extract(&headers).request.map(|it| it.to_string())
    };
    assert_eq!(request(&["req-42"]).as_deref(), Some("req-42"));
    for bad in [
        "",
        "two words",
        "a\nb",
        "a\u{202e}b",
        "x\u{1b}[31m",
        &"x".repeat(65),
    ] {
        assert_eq!(request(&[bad]), None, "{bad:?}");
    }
    assert_eq!(request(&["a", "a"]), None);
}

/// Says which of both was asked for.
#[derive(Debug)]
struct Fixed;

impl IdSource for Fixed {
    fn trace_id(&self) -> TraceId {
        TraceId::from_bytes(0xaa_u128.to_be_bytes()).unwrap_or_else(|| unreachable!("not zero"))
    }

    fn span_id(&self) -> SpanId {
        SpanId::from_bytes(0xbb_u64.to_be_bytes()).unwrap_or_else(|| unreachable!("not zero"))
    }
}

#[test]
fn a_new_trace_is_sampled_if_the_sampler_says_so_and_gets_a_request_id() {
    for sampled in [true, false] {
        let hop = Incoming::default().start(&Fixed, |_| sampled);
        let expected = format!(
            "00-{}-00000000000000bb-0{}",
            Fixed.trace_id(),
            u8::from(sampled)
        );
        assert_eq!(hop.trace.to_string(), expected);
        assert_eq!((hop.parent, hop.trace_state), (None, None));
        assert_eq!(hop.request.unwrap().as_str(), Fixed.trace_id().to_string());
    }
}

#[test]
fn a_continued_trace_keeps_the_decision_of_its_caller() {
    let incoming = extract(&[("traceparent", &format!("00-{TRACE}-{SPAN}-00"))]);
    let hop = incoming.start(&Fixed, |_| panic!("decided already"));
    assert_eq!(
        hop.trace.to_string(),
        format!("00-{TRACE}-00000000000000bb-00")
    );
    assert_eq!(hop.parent, SPAN.parse().ok());
}

#[test]
fn what_came_in_goes_out_again_one_span_further() {
    let header = format!("00-{TRACE}-{SPAN}-01");
    let headers = [
        ("traceparent", header.as_str()),
        ("tracestate", "a=1"),
        ("x-request-id", "req-1"),
    ];
    let served = extract(&headers).start(&Fixed, |_| false);
    let context = served.context(WorkloadIdentity::tenant_only("acme"));
    let call = Hop::child(Place::of(&context), &RandomIds, |_| false);
    assert_eq!(call.parent, Some(served.trace.span_id));

    let mut out: Vec<(&str, String)> = vec![("Traceparent", "stale".to_owned())];
    Outgoing::of(&call).with_older_pair(true).inject(&mut out);
    let span = call.trace.span_id.to_string();
    assert_eq!(
        out,
        [
            ("traceparent", format!("00-{TRACE}-{span}-01")),
            ("tracestate", "a=1".to_owned()),
            ("x-request-id", "req-1".to_owned()),
            ("x-trace-id", TRACE.to_owned()),
            ("x-span-id", span),
        ]
    );
}

#[test]
fn what_a_request_still_has_of_another_trace_does_not_go_out_beside_ours() {
    let call = Hop::child(None, &RandomIds, |_| true);
    let mut out: Vec<(&str, String)> = ["traceparent", "TraceState", "x-trace-id", "X-Span-Id"]
        .map(|name| (name, "stale".to_owned()))
        .into();
    Outgoing::of(&call).inject(&mut out);
    let names: Vec<_> = out.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["traceparent", "x-request-id"]);
    assert!(out.iter().all(|(_, value)| value != "stale"));
}

#[test]
fn a_context_outside_of_any_trace_sends_nothing() {
    let context = Context::new(WorkloadIdentity::tenant_only("acme"));
    assert!(Outgoing::of_context(&context).is_none());
}

proptest! {
    #[test]
    fn no_header_makes_the_reader_panic_or_lets_anything_but_plain_text_through(
        names in prop::collection::vec(prop::sample::select(vec!["traceparent", "tracestate", "x-request-id", "x-trace-id", "x-span-id"]), 0..8),
        values in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..80), 8),
    ) {
        let headers: Vec<_> = names.into_iter().zip(values).collect();
        let hop = Incoming::extract(&headers).start(&Fixed, |_| true);
        let mut out: Vec<(&str, String)> = Vec::new();
        Outgoing::of(&hop).with_older_pair(true).inject(&mut out);
        for (_, value) in out {
            prop_assert!(!value.is_empty() && value.bytes().all(|b| matches!(b, b' '..=b'~')));
        }
    }

    #[test]
    fn what_is_sent_is_what_is_received(trace: u128, span: u64, flags in 0_u8..4, request in "[A-Za-z0-9._-]{1,64}") {
        prop_assume!(trace != 0 && span != 0);
        let header = format!("00-{trace:032x}-{span:016x}-{flags:02x}");
        let incoming = extract(&[("traceparent", &header), ("x-request-id", &request)]);
        let hop = incoming.clone().start(&Fixed, |_| false);
        let mut out: Vec<(&str, String)> = Vec::new();
        Outgoing::of(&hop).inject(&mut out);
        let again = Incoming::extract(&out);
        prop_assert_eq!(again.trace_id, incoming.trace_id);
        prop_assert_eq!(again.flags, flags);
        prop_assert_eq!(again.request.unwrap().to_string(), request);
    }
}
