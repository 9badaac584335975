//! Log lines.

use std::io::Read;
use std::time::Duration;

use counterfoil::trace::{Colour, Limits, LogFormat, LogLines, LogWriter, Pipeline};
use counterfoil::{Current, REDACTED};
use serde_json::json;
use tracing::{error, info, info_span, warn};

use super::support::{Page, builder, run};
use crate::support::context;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SPAN: &str = "b7ad6b7169203331";

/// What is written in `format` while `f` runs.
fn written(format: LogFormat, f: impl FnOnce()) -> Page {
    let page = Page::default();
    run(builder().0.log_lines(page.lines(format)), f);
    page
}

fn request() -> tracing::Span {
    info_span!(
        "request",
        trace_id = TRACE,
        span_id = SPAN,
        request_id = "req-7",
        http.route = "/users/{id}"
    )
}

#[test]
fn a_text_line_says_when_how_bad_where_and_what() {
    let page = written(LogFormat::Text, || {
        request().in_scope(|| warn!(size = 5, path = "/tmp/x", full = true, "cache is full"));
        info!("alone");
    });
    let text = page.text().replace(module_path!(), "here");
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(
        lines,
        [
            "2026-01-01T00:00:00.000000000Z  WARN trace_id=0af7651916cd43dd8448eb211c80319c \
             span_id=b7ad6b7169203331 request_id=req-7 here: request{http.route=\"/users/{id}\"}: \
             cache is full size=5 path=\"/tmp/x\" full=true",
            "2026-01-01T00:00:00.000000000Z  INFO here: alone",
        ]
    );
}

#[test]
fn a_json_line_is_one_object_with_keys_in_a_stable_order() {
    let page = written(LogFormat::Json, || {
        request().in_scope(|| {
            info_span!("inner", step = 2_u64)
                .in_scope(|| warn!(size = 5, ratio = 0.5, bad = f64::NAN, "cache is full"));
        });
    });
    let text = page.text().replace(module_path!(), "here");
    let inner = &page.json()[0]["span_id"];
    assert_eq!(
        text,
        format!(
            "{{\"time\":\"2026-01-01T00:00:00.000000000Z\",\"level\":\"WARN\",\"target\":\"here\",\
             \"trace_id\":\"{TRACE}\",\"span_id\":{inner},\"request_id\":\"req-7\",\
             \"spans\":[{{\"name\":\"request\",\"fields\":{{\"http.route\":\"/users/{{id}}\"}}}},\
             {{\"name\":\"inner\",\"fields\":{{\"step\":2}}}}],\"message\":\"cache is full\",\
             \"fields\":{{\"size\":5,\"ratio\":0.5,\"bad\":\"NaN\"}}}}\n"
        )
    );
}

#[test]
fn outside_of_spans_a_line_bears_the_ids_of_the_current_context() {
    let page = written(LogFormat::Json, || {
        let _entered = Current::enter(context());
        info!("hello");
    });
    let line = &page.json()[0];
    assert_eq!(line["trace_id"], TRACE);
    assert_eq!(line["span_id"], SPAN);
    assert_eq!(line["request_id"], "req-1");
}

#[test]
fn the_request_of_the_current_context_is_stamped_also_where_there_is_no_trace() {
    use counterfoil::{Context, WorkloadIdentity};
    let page = written(LogFormat::Json, || {
        let context = Context::new(WorkloadIdentity::tenant_only("acme"));
        let _entered = Current::enter(context.with_request("req-3".parse().unwrap()));
        info!("outside of spans");
        info_span!("inner").in_scope(|| info!("within one"));
    });
    let lines = page.json();
    assert_eq!(
        (&lines[0]["request_id"], lines[0].get("trace_id")),
        (&json!("req-3"), None)
    );
    assert_eq!(lines[1]["request_id"], "req-3");
    assert!(lines[1]["trace_id"].is_string());
}

#[test]
fn a_span_that_is_entered_within_itself_is_busy_once() {
    let page = Page::default();
    let (builder, clock) = builder();
    run(
        builder.log_lines(page.lines(LogFormat::Json).span_close(true)),
        || {
            let span = info_span!("job");
            span.in_scope(|| span.in_scope(|| clock.step(Duration::from_nanos(30))));
        },
    );
    let fields = &page.json()[0]["fields"];
    assert_eq!(fields, &json!({"busy_ns": 30, "idle_ns": 0}));
}

#[test]
fn an_error_is_written_with_its_causes() {
    #[derive(Debug)]
    struct Outer(std::num::ParseIntError);
    impl std::fmt::Display for Outer {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("cannot read the port")
        }
    }
    impl std::error::Error for Outer {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&self.0)
        }
    }
    let outer = Outer("http".parse::<u16>().unwrap_err());
    let page = written(LogFormat::Json, || {
        error!(
            error = &outer as &(dyn std::error::Error + 'static),
            "cannot start"
        );
    });
    assert_eq!(
        page.json()[0]["fields"]["error"],
        "cannot read the port: invalid digit found in string"
    );
}

#[test]
fn a_message_cannot_pretend_to_be_more_than_a_message() {
    let page = written(LogFormat::Text, || {
        info!("x\n2026-01-01T00:00:00.000000000Z ERROR forged");
        info!("user=root admin=true");
        info!(user = "a\" admin=\"true", "login");
    });
    let text = page.text();
    let lines: Vec<_> = text
        .lines()
        .map(|line| line.rsplit(module_path!()).next().unwrap())
        .collect();
    assert_eq!(
        lines,
        [
            ": x\\n2026-01-01T00:00:00.000000000Z ERROR forged",
            ": \"user=root admin=true\"",
            ": login user=\"a\\\" admin=\\\"true\"",
        ]
    );
}

#[test]
fn a_long_line_is_cut_and_says_so() {
    for format in [LogFormat::Text, LogFormat::Json] {
        let page = Page::default();
        let mut limits = Limits::default();
        limits.line = 2_048;
        limits.text = 100_000;
        let builder = builder().0.limits(limits).log_lines(page.lines(format));
        run(builder, || {
            let nasty = "\u{202e}".repeat(10_000);
            let outer = info_span!("outer", field = %nasty, another = %nasty);
            outer.in_scope(|| info!(one = %nasty, two = 2, "message {nasty}"));
        });
        let text = page.text();
        assert!(text.len() <= 2_048, "{format}: {} bytes", text.len());
        match format {
            LogFormat::Json => {
                let line = &page.json()[0];
                assert_eq!(line["cut"], true);
                assert!(
                    line["message"]
                        .as_str()
                        .unwrap()
                        .starts_with("message \u{202e}")
                );
            }
            _ => assert!(text.ends_with(" cut=true\n"), "{text}"),
        }
    }
}

#[test]
fn fields_beyond_the_limit_are_counted() {
    let page = Page::default();
    let mut limits = Limits::default();
    limits.fields = 2;
    let builder = builder().0.limits(limits);
    run(builder.log_lines(page.lines(LogFormat::Json)), || {
        info!(a = 1, b = 2, c = 3, d = 4, "many");
    });
    let line = &page.json()[0];
    assert_eq!(line["fields"], json!({"a": 1, "b": 2}));
    assert_eq!(line["dropped_fields"], 2);
}

#[test]
fn the_end_of_a_span_is_a_line_with_its_timing() {
    let page = Page::default();
    let (builder, clock) = builder();
    run(
        builder.log_lines(page.lines(LogFormat::Json).span_close(true)),
        || {
            let span = info_span!("job", n = 1);
            clock.step(Duration::from_nanos(5));
            span.in_scope(|| clock.step(Duration::from_nanos(30)));
            span.in_scope(|| clock.step(Duration::from_nanos(3)));
            clock.step(Duration::from_nanos(2));
        },
    );
    let line = &page.json()[0];
    assert_eq!(line["message"], "close");
    assert_eq!(line["fields"], json!({"busy_ns": 33, "idle_ns": 7}));
    assert_eq!(line["spans"], json!([{"name": "job", "fields": {"n": 1}}]));
}

#[test]
fn secrets_are_redacted_unless_told_otherwise_by_key_and_by_shape_wherever_they_stand() {
    for format in [LogFormat::Text, LogFormat::Json] {
        let page = Page::default();
        let lines = page.lines(format).span_close(true);
        run(Pipeline::builder().log_lines(lines), || {
            let span = info_span!(
                "request",
                query = "password=s3cret-1",
                otel.name = "GET /?access_token=s3cret-2",
                api_key = "s3cret-3",
            );
            span.in_scope(|| {
                info!(
                    password = "s3cret-4",
                    pin = 1,
                    "Authorization: Bearer s3cret-5"
                );
                info!(client_secret = 987_654_321, error = ?Err::<(), _>("password=s3cret-6"), "n");
            });
        });
        let text = page.text();
        assert!(
            !text.contains("s3cret") && !text.contains("987654321"),
            "{text}"
        );
        assert!(text.matches(REDACTED).count() >= 13, "{text}");
    }
}

#[test]
fn text_is_coloured_when_asked_and_never_in_json() {
    for (format, colour, coloured) in [
        (LogFormat::Text, Colour::Always, true),
        (LogFormat::Text, Colour::Auto, false),
        (LogFormat::Text, Colour::Never, false),
        (LogFormat::Json, Colour::Always, false),
    ] {
        let page = Page::default();
        run(
            builder().0.log_lines(page.lines(format).colour(colour)),
            || info!("hello"),
        );
        assert_eq!(
            page.text().contains('\u{1b}'),
            coloured,
            "{format} {colour:?}"
        );
    }
}

#[test]
fn an_event_within_the_handling_of_another_is_left_out() {
    struct Talkative;
    impl std::fmt::Debug for Talkative {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            info!("from within");
            f.write_str("talkative")
        }
    }
    let page = Page::default();
    run(builder().0.log_lines(page.lines(LogFormat::Json)), || {
        info!(field = ?Talkative, "outer");
    });
    let lines = page.json();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["fields"]["field"], "talkative");
}

#[test]
fn a_reader_that_stops_costs_lines_and_no_waiting_and_the_loss_is_told() {
    let (mut reader, writer) = std::io::pipe().unwrap();
    let writer = LogWriter::descriptor(writer).patience(Duration::from_millis(1));
    let (pipeline, ()) = run(
        builder()
            .0
            .log_lines(LogLines::new(LogFormat::Json, writer)),
        || {
            let long = "x".repeat(2_000);
            // More than any pipe holds, and nobody reads.
            for n in 0..200 {
                info!(n, "{long}");
            }
            let mut drained = vec![0; 1 << 20];
            let _some = reader.read(&mut drained).unwrap();
            info!("reading again");
        },
    );
    let counts = pipeline.counts().lines;
    assert_eq!(counts.written + counts.lost, 201);
    assert!(counts.lost > 50, "{counts:?}");
    drop(pipeline);
    let mut rest = String::new();
    reader.read_to_string(&mut rest).unwrap();
    let told = format!("{} log lines before this one are lost", counts.lost);
    assert!(rest.contains(&told), "{rest}");
    assert!(rest.contains("reading again"), "{rest}");
}
