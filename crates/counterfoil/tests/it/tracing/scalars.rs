//! Every Unicode scalar value through every sink, the way that code logs it.

use counterfoil::json::{is_deceptive, push_event, push_log, push_span};
use counterfoil::trace::LogFormat;
use counterfoil::{AttributeValue, Observer};
use tracing::{info, info_span, warn};

use super::support::{Page, builder, run};

fn texts() -> impl Iterator<Item = String> {
    let all: Vec<char> = ('\0'..=char::MAX).collect();
    let texts: Vec<_> = all
        .chunks(512)
        .map(|chunk| chunk.iter().collect())
        .collect();
    texts.into_iter()
}

/// A span and an event with `text` wherever a variable can stand.
fn log(text: &str) {
    let span = info_span!("span", otel.name = text, str = text, debug = ?text, display = %text);
    span.in_scope(|| info!(str = text, debug = ?text, display = %text, "{text}"));
}

fn assert_harmless(line: &str) {
    let bad = line.chars().find(|c| c.is_control() || is_deceptive(*c));
    assert_eq!(bad, None, "{line}");
}

#[test]
fn a_line_stays_one_line_and_harmless_whatever_is_logged() {
    for format in [LogFormat::Text, LogFormat::Json] {
        for text in texts() {
            let page = Page::default();
            let mut limits = counterfoil::trace::Limits::default();
            limits.line = 1 << 20;
            let lines = page.lines(format).span_close(true);
            run(builder().0.limits(limits).log_lines(lines), || log(&text));
            let written = page.text();
            assert_eq!(written.matches('\n').count(), 2, "{written}");
            written.lines().for_each(assert_harmless);
            if format == LogFormat::Json {
                let event = &page.json()[0];
                assert_eq!(event["message"], text);
                assert_eq!(event["fields"]["str"], text);
                assert_eq!(event["fields"]["display"], text);
                assert_eq!(event["spans"][0]["name"], text);
            }
        }
    }
}

#[test]
fn a_record_carries_what_was_logged_unchanged_and_its_line_of_json_is_harmless() {
    for text in texts() {
        let (pipeline, ()) = run(builder().0.spans(8).log_records(8), || log(&text));
        let value = AttributeValue::from(text.clone());
        let record = &pipeline.drain_logs(1)[0];
        assert_eq!(record.body, text);
        assert_eq!(record.attributes[0].value, value);
        assert_eq!(record.attributes[2].value, value);
        let span = &pipeline.drain_spans(1)[0];
        assert_eq!((&*span.name, &*span.events[0].name), (&*text, &*text));
        assert_eq!(span.attributes[0].value, value);
        let mut out = String::new();
        push_log(&mut out, record);
        push_span(&mut out, span);
        assert_harmless(&out);
    }
}

#[test]
fn the_ring_takes_no_kind_but_a_well_formed_one_and_shows_nodes_harmlessly() {
    for text in texts() {
        let observer = Observer::builder().build().unwrap();
        let (pipeline, ()) = run(builder().0.ring(&observer), || {
            warn!(counterfoil.event = text, counterfoil.node = text, "{text}");
        });
        assert_eq!(pipeline.counts().misnamed, 1);
        let event = &observer.events().snapshot().into_events()[0];
        assert_eq!(event.event.kind_name(), "warn.it_tracing_scalars");
        let mut out = String::new();
        push_event(&mut out, event, None);
        assert_harmless(&out);
    }
}

#[test]
fn names_of_fields_and_spans_are_escaped_too() {
    for format in [LogFormat::Text, LogFormat::Json] {
        let page = Page::default();
        run(builder().0.log_lines(page.lines(format)), || {
            info_span!("a\u{1b}[2Jspan", "f\u{202e}ield" = 1)
                .in_scope(|| info!("f\nield" = 1, "hello"));
        });
        let written = page.text();
        assert_eq!(written.matches('\n').count(), 1, "{written}");
        written.lines().for_each(assert_harmless);
    }
}
