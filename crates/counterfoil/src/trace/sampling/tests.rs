//! Rules and the tail sampler.

use std::collections::HashMap;
use std::time::Duration;

use counterfoil_core::{
    Attribute, SpanEvent, SpanId, SpanKind, SpanRecord, SpanStatus, Ticks, Timestamp, TraceContext,
    TraceId,
};
use proptest::prelude::*;

use super::condition::Condition;
use super::{SamplingRules, TailCounts, TailLimits, TailSampler};

/// A span of the trace with this number; a root where `ends`.
fn span(trace: u128, ends: bool) -> SpanRecord {
    let id = |n: u64| SpanId::from_bytes(n.to_be_bytes()).unwrap();
    SpanRecord {
        trace: TraceContext {
            trace_id: TraceId::from_bytes((trace + 1).to_be_bytes()).unwrap(),
            span_id: id(2),
            flags: 1,
        },
        parent: (!ends).then(|| id(1)),
        parent_is_remote: false,
        trace_state: None,
        request: None,
        name: "job".into(),
        kind: SpanKind::Server,
        start: Timestamp::from_unix_seconds(1),
        end: Timestamp::from_unix_seconds(1),
        status: SpanStatus::Unset,
        attributes: Vec::new(),
        dropped_attributes: 0,
        events: Vec::new(),
        dropped_events: 0,
        links: Vec::new(),
        scope: "here",
    }
}

fn failed(mut span: SpanRecord) -> SpanRecord {
    span.status = SpanStatus::Error("no".into());
    span
}

fn logged(mut span: SpanRecord, level: &'static str) -> SpanRecord {
    span.events.push(SpanEvent {
        time: span.start,
        name: "event".into(),
        attributes: vec![Attribute::new("level", level)],
    });
    span
}

fn lasting(mut span: SpanRecord, ms: u64) -> SpanRecord {
    span.end = Timestamp::from_unix_nanos(span.start.unix_nanos() + ms * 1_000_000);
    span
}

fn with(mut span: SpanRecord, attribute: Attribute) -> SpanRecord {
    span.attributes.push(attribute);
    span
}

fn holds(condition: &str, span: &SpanRecord) -> bool {
    let parsed = Condition::parse(condition).unwrap_or_else(|what| panic!("{condition}: {what}"));
    parsed.holds(span, "treasury")
}

#[test]
fn the_conditions_of_the_usual_rules_hold_for_what_they_name() {
    let plain = span(1, true);
    let errors = "status == 'error' OR level >= 'error'";
    assert!(!holds(errors, &plain));
    assert!(holds(errors, &failed(plain.clone())));
    assert!(holds(errors, &logged(plain.clone(), "ERROR")));
    assert!(!holds(errors, &logged(plain.clone(), "WARN")));
    assert!(holds("duration_ms > 5000", &lasting(plain.clone(), 5_001)));
    assert!(!holds("duration_ms > 5000", &lasting(plain.clone(), 5_000)));
    assert!(holds(
        "service IN ['treasury', 'identity', 'offsec']",
        &plain
    ));
    let other = with(plain.clone(), Attribute::new("service.name", "search"));
    assert!(!holds("service in ['treasury']", &other));
    assert!(holds("true", &plain) && !holds("false", &plain));
}

#[test]
fn and_binds_stronger_than_or_and_not_strongest() {
    let span = with(
        with(
            span(1, true),
            Attribute::new("http.response.status_code", 503_i64),
        ),
        Attribute::new("retry", true),
    );
    assert!(holds("true OR false AND false", &span));
    assert!(!holds("(true OR false) AND false", &span));
    assert!(holds("NOT false AND true", &span));
    assert!(!holds("NOT (false OR true)", &span));
    assert!(holds(
        "http.response.status_code >= 500 and retry == true",
        &span
    ));
    assert!(holds("kind == \"server\" AND name != 'other'", &span));
    assert!(holds("name NOT IN ['x', 'y']", &span));
    assert!(!holds("missing == 'x'", &span) && !holds("missing != 'x'", &span));
}

#[test]
fn what_is_wrong_with_a_condition_is_told_with_its_place() {
    let cases = [
        (
            "",
            "at character 1: expected a name such as status or duration_ms",
        ),
        (
            "status = 'error'",
            "at character 8: found '=', which means nothing here",
        ),
        (
            "status == 'broken'",
            "at character 11: a status is == or != to 'unset', 'ok' or 'error'",
        ),
        (
            "level >= 'loud'",
            "at character 10: a level is 'trace', 'debug', 'info', 'warn' or 'error'",
        ),
        (
            "duration_ms > 'long'",
            "at character 15: duration_ms is compared with a number",
        ),
        (
            "name > 'a'",
            "at character 8: only numbers and levels have an order",
        ),
        ("service IN 'treasury'", "at character 12: expected ["),
        ("(true", "at character 6: expected )"),
        ("true true", "at character 6: expected AND, OR or the end"),
        (
            "name == 'open",
            "at character 9: found a text that is not closed",
        ),
        (
            "duration_ms > 1x",
            "at character 15: found \"1x\", which is no number",
        ),
        (
            "name == ",
            "at character 9: expected a 'text', a number, true or false",
        ),
    ];
    for (condition, what) in cases {
        assert_eq!(
            Condition::parse(condition).unwrap_err(),
            what,
            "{condition}"
        );
    }
    let deep = format!("{}true", "NOT ".repeat(40));
    assert!(
        Condition::parse(&deep)
            .unwrap_err()
            .contains("nested deeper")
    );
}

#[test]
fn what_is_wrong_with_rules_is_told_with_the_rule() {
    let cases = [
        ("[", "the sampling rules are no JSON"),
        ("{}", "the member \"sampling_rules\" is missing or no list"),
        (
            r#"{"sampling_rules":[{"name":"a","condition":"true","rate":1.5}]}"#,
            "sampling rule 1: the rate of \"a\" is no number from 0 to 1",
        ),
        (
            r#"{"sampling_rules":[{"name":"a","rate":1}]}"#,
            "sampling rule 1: the member \"condition\" is missing or no text",
        ),
        (
            r#"{"sampling_rules":[{"name":"a","condition":"true","rate":1},{"name":"b","condition":"(","rate":1}]}"#,
            "sampling rule 2: the condition of \"b\", at character 2: expected a name such as status or duration_ms",
        ),
    ];
    for (json, what) in cases {
        let error = SamplingRules::from_json(json).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("cannot read sampling rules: {what}")
        );
    }
    let many = r#"{"name":"a","condition":"true","rate":1},"#.repeat(65);
    let many = format!(r#"{{"sampling_rules":[{}]}}"#, many.trim_end_matches(','));
    assert!(SamplingRules::from_json(&many).is_err());
}

fn sampler(ratio: f64, limits: TailLimits) -> TailSampler {
    TailSampler::new(SamplingRules::errors_slow_and(100, ratio)).limits(limits)
}

fn sums_up(counts: TailCounts) -> bool {
    counts.offered == counts.kept + counts.dropped + counts.evicted + counts.held
}

#[test]
fn the_first_rule_that_holds_decides_and_rates_go_by_the_trace_id() {
    let rules = SamplingRules::from_json(
        r#"{"sampling_rules":[
            {"name":"never","condition":"noise == true","rate":0},
            {"name":"errors","condition":"status == 'error'","rate":1}]}"#,
    )
    .unwrap();
    let mut tail = TailSampler::new(rules);
    let noise = with(failed(span(1, true)), Attribute::new("noise", true));
    tail.offer(noise, Ticks(0));
    tail.offer(failed(span(2, true)), Ticks(0));
    tail.offer(span(3, true), Ticks(0));
    let kept = tail.take(9);
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].trace.trace_id, span(2, true).trace.trace_id);
}

#[test]
fn a_trace_whose_root_does_not_come_is_decided_after_the_timeout() {
    let mut tail = sampler(0.0, TailLimits::default());
    tail.offer(failed(span(1, false)), Ticks(0));
    // The first rule is the one about errors: nothing that comes yet can change it.
    assert_eq!(tail.take(9).len(), 1);
    tail.offer(lasting(span(2, false), 500), Ticks(0));
    let timeout = TailLimits::default().timeout.as_nanos() as u64;
    tail.expire(Ticks(timeout - 1));
    assert_eq!((tail.take(9).len(), tail.counts().held), (0, 1));
    tail.expire(Ticks(timeout));
    assert_eq!((tail.take(9).len(), tail.counts().held), (1, 0));
}

#[test]
fn late_spans_follow_the_decision_as_long_as_it_is_remembered() {
    let limits = TailLimits {
        remembered: 1,
        ..TailLimits::default()
    };
    let mut tail = sampler(0.0, limits);
    tail.offer(span(1, true), Ticks(0));
    tail.offer(failed(span(1, false)), Ticks(0));
    assert_eq!((tail.counts().dropped, tail.take(9).len()), (2, 0));
    tail.offer(failed(span(2, true)), Ticks(0));
    tail.offer(span(2, false), Ticks(0));
    assert_eq!(tail.take(9).len(), 2);
    // The decision about the first trace is forgotten by now, so it begins anew.
    tail.offer(failed(span(1, false)), Ticks(0));
    assert_eq!(tail.take(9).len(), 1);
}

#[test]
fn when_a_bound_is_reached_the_oldest_goes_unless_a_rule_keeps_it() {
    let limits = TailLimits {
        traces: 2,
        ..TailLimits::default()
    };
    let mut tail = sampler(0.0, limits);
    tail.offer(lasting(span(1, false), 500), Ticks(0));
    tail.offer(span(2, false), Ticks(0));
    tail.offer(span(3, false), Ticks(0));
    assert_eq!(tail.take(9).len(), 1, "the slow one was kept");
    tail.offer(span(4, false), Ticks(0));
    assert_eq!((tail.counts().evicted, tail.counts().held), (1, 2));
    // What was evicted is not condemned: its error is kept.
    tail.offer(failed(span(2, true)), Ticks(0));
    assert_eq!(tail.take(9).len(), 1);
    assert!(sums_up(tail.counts()));
}

/// What a property test does with a sampler.
#[derive(Clone, Debug)]
enum Step {
    Offer {
        trace: u128,
        ends: bool,
        fails: bool,
        slow: bool,
    },
    Wait(u64),
    Take(usize),
    DecideAll,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let flags = (
        0..12_u128,
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.1),
        prop::bool::weighted(0.1),
    );
    let offer = flags.prop_map(|(trace, ends, fails, slow)| Step::Offer {
        trace: trace << 50,
        ends,
        fails,
        slow,
    });
    let step = prop_oneof![
        20 => offer,
        2 => (0..20_u64).prop_map(Step::Wait),
        2 => (0..8_usize).prop_map(Step::Take),
        1 => Just(Step::DecideAll),
    ];
    prop::collection::vec(step, 0..200)
}

/// Texts that look like conditions, and some that do not.
fn conditions() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "status", "level", "==", ">=", "'error'", "(", ")", "NOT", "AND", "OR", "IN", "[", "]",
        ",", "true", "5", "-", "'", "\u{202e}", "é",
    ]);
    let words = prop::collection::vec(word, 0..40).prop_map(|words| words.join(" "));
    prop_oneof![words, ".{0,200}"]
}

proptest! {
    #[test]
    fn any_text_is_a_condition_or_refused_with_its_place(text in conditions()) {
        match Condition::parse(&text) {
            Ok(condition) => {
                condition.holds(&span(1, true), "here");
            }
            Err(what) => prop_assert!(what.starts_with("at character "), "{}", what),
        }
    }

    #[test]
    fn every_span_is_kept_dropped_evicted_or_held(
        steps in steps(),
        traces in 1..6_usize,
        spans in 1..12_usize,
        remembered in 0..6_usize,
        ratio in 0.0..=1.0_f64,
    ) {
        let limits = TailLimits {
            traces,
            spans,
            remembered,
            timeout: Duration::from_nanos(30),
        };
        let mut tail = sampler(ratio, limits);
        let (mut now, mut offered, mut taken) = (0, 0, 0);
        for step in steps {
            match step {
                Step::Offer { trace, ends, fails, slow } => {
                    let mut span = span(trace, ends);
                    if fails { span = failed(span); }
                    if slow { span = lasting(span, 101); }
                    tail.offer(span, Ticks(now));
                    offered += 1;
                }
                Step::Wait(ns) => {
                    now += ns;
                    tail.expire(Ticks(now));
                }
                Step::Take(max) => taken += tail.take(max).len() as u64,
                Step::DecideAll => {
                    tail.decide_all();
                    prop_assert_eq!(tail.counts().held, 0);
                }
            }
            let counts = tail.counts();
            prop_assert!(sums_up(counts), "{:?}", counts);
            prop_assert_eq!(counts.offered, offered);
            prop_assert_eq!(counts.kept, taken + tail.ready() as u64);
            prop_assert!(counts.held <= spans as u64);
            prop_assert!(tail.open_traces() <= traces);
        }
    }

    #[test]
    fn a_trace_is_kept_whole_when_it_failed_or_was_slow_and_otherwise_not_at_all(
        steps in steps(),
    ) {
        let mut tail = sampler(0.0, TailLimits::default());
        let mut spans: HashMap<u128, (u64, bool)> = HashMap::new();
        for step in steps {
            let Step::Offer { trace, fails, slow, .. } = step else { continue };
            let mut span = span(trace, false);
            if fails { span = failed(span); }
            if slow { span = lasting(span, 101); }
            tail.offer(span, Ticks(0));
            let entry = spans.entry(trace).or_default();
            *entry = (entry.0 + 1, entry.1 || fails || slow);
        }
        tail.decide_all();
        let wanted: u64 = spans.values().filter(|(_, keep)| *keep).map(|(many, _)| many).sum();
        prop_assert_eq!(tail.counts().kept, wanted);
        prop_assert_eq!(tail.counts().evicted, 0);
        prop_assert_eq!(tail.take(usize::MAX).len() as u64, wanted);
    }
}
