//! What becomes of requests to the web front, whoever makes them.

use counterfoil_testkit::service::records;

use crate::front::Front;
use crate::platform::{ACME, Platform};

#[test]
fn a_form_is_followed_by_one_trace_from_the_web_front_to_the_worker() {
    let platform = Platform::start();
    let front = Front::of(&platform);
    let (cookie, token) = front.session(ACME);
    let form = format!("token={token}&idempotency_key=k1&project=default&mebibytes=1&node=");
    let made = front.ask("/allocations", Some(&form), &[("cookie", &cookie)]);
    assert_eq!(
        made.location.as_deref(),
        Some("/allocations?done=requested")
    );
    let trace = made.trace;
    assert_eq!(trace.len(), 32);
    let again = front.ask("/allocations", Some(&form), &[("cookie", &cookie)]);
    assert_eq!(
        again.status, 303,
        "the same form once more is the same request"
    );

    let (_, listed) = platform.ask("GET", "/v1/allocations", "", &[]);
    let allocations = listed["allocations"].as_array().unwrap();
    assert_eq!(allocations.len(), 1, "{listed}");
    platform.wait_for(allocations[0]["id"].as_str().unwrap(), "active");

    let ring = front.web.page(&format!("/events?trace_id={trace}"));
    assert!(ring.contains("platform.web_request"), "{ring}");

    let web = front.web.terminate();
    let (mut ended, collector, _directory) = platform.stop();
    ended.push(web);
    for process in &ended {
        assert!(process.status.success(), "{}", process.log);
        assert!(process.log.contains("nothing was lost"), "{}", process.log);
        assert!(process.log.contains(&trace), "{}", process.log);
        let records = records(&process.data);
        let record = records.lines().find(|line| line.contains(&trace));
        let record = record.unwrap_or_else(|| panic!("no record has the trace:\n{records}"));
        assert!(record.contains("\"tenant\":\"acme\""), "{record}");
        assert!(!process.log.contains(ACME) && !records.contains(ACME));
    }
    let received = collector.received();
    let spans = received.spans().filter(|span| {
        let hex = span.trace_id.iter().map(|byte| format!("{byte:02x}"));
        hex.collect::<String>() == trace
    });
    let names: Vec<_> = spans.map(|span| span.name.as_str()).collect();
    for wanted in [
        "POST /allocations",
        "web.allocation.create record",
        "web.allocation.create apply",
        "POST",
        "POST /v1/allocations",
        "process node_tasks",
    ] {
        assert!(names.contains(&wanted), "{wanted} is not among {names:?}");
    }
}

#[test]
fn a_form_of_another_site_or_of_another_session_does_nothing() {
    let platform = Platform::without_worker();
    let front = Front::of(&platform);
    let (cookie, token) = front.session(ACME);
    let (_, other) = front.session(ACME);
    let fields = "idempotency_key=k1&project=default&mebibytes=1&node=";
    let own = format!("token={token}&{fields}");
    let cases = [
        (
            own.clone(),
            vec![("cookie", &*cookie), ("sec-fetch-site", "cross-site")],
            403,
            "web.cross_site",
        ),
        (
            own.clone(),
            vec![("cookie", &*cookie), ("origin", "https://example.org")],
            403,
            "web.cross_site",
        ),
        (
            format!("token={other}&{fields}"),
            vec![("cookie", &*cookie)],
            403,
            "web.form_expired",
        ),
        (
            fields.to_owned(),
            vec![("cookie", &*cookie)],
            400,
            "request.malformed",
        ),
        (
            format!("{own}&mebibytes=2"),
            vec![("cookie", &*cookie)],
            400,
            "request.malformed",
        ),
        (
            own.replace("mebibytes=1", "mebibytes=x"),
            vec![("cookie", &*cookie)],
            422,
            "allocation.size_out_of_range",
        ),
        (
            "x".repeat(20_000),
            vec![("cookie", &*cookie)],
            413,
            "request.too_large",
        ),
    ];
    for (form, headers, status, code) in cases {
        let page = front.ask("/allocations", Some(&form), &headers);
        assert_eq!(page.status, status, "{page:?}");
        assert!(page.text.contains(code), "{page:?}");
        assert!(page.text.contains("Request <code>"), "{page:?}");
    }
    let page = front.ask("/allocations", Some(&own), &[]);
    assert_eq!(page.location.as_deref(), Some("/sign-in"));
    let (_, page) = platform.ask("GET", "/v1/allocations", "", &[]);
    assert_eq!(page["allocations"], serde_json::json!([]));
}

#[test]
fn whoever_signs_out_is_out_and_a_key_that_nobody_knows_does_not_let_in() {
    let platform = Platform::without_worker();
    let front = Front::of(&platform);
    let refused = front.ask("/sign-in", Some("key=nobody-knows-this-key"), &[]);
    assert_eq!(refused.status, 401);
    assert!(refused.text.contains("auth.unauthenticated"), "{refused:?}");
    assert!(!refused.text.contains("nobody-knows-this-key"));

    let (cookie, token) = front.session(ACME);
    let headers = [("cookie", cookie.as_str())];
    let out = front.ask("/sign-out", Some(&format!("token={token}")), &headers);
    assert_eq!(out.location.as_deref(), Some("/sign-in"));
    let page = front.ask("/allocations", None, &headers);
    assert_eq!(page.location.as_deref(), Some("/sign-in"));
    let json = front.ask("/admin/ops/overview.json", None, &headers);
    assert_eq!(json.status, 401);
    assert!(
        json.text.contains("\"error_code\":\"web.signed_out\""),
        "{json:?}"
    );
}

#[test]
fn older_allocations_are_a_page_away() {
    let platform = Platform::without_worker();
    let made: Vec<_> = (0..51)
        .map(|_| platform.create(r#"{"bytes": 4096}"#))
        .collect();
    let front = Front::of(&platform);
    let (cookie, _) = front.session(ACME);
    let page = |path: &str| front.ask(path, None, &[("cookie", &cookie)]).text;
    let newest = page("/allocations");
    assert!(newest.contains(&made[50]) && !newest.contains(&made[0]));
    let older = format!("/allocations?before={}", made[1]);
    assert!(newest.contains(&format!("href=\"{older}\"")), "{newest}");
    let older = page(&older);
    assert!(older.contains(&made[0]) && !older.contains("Older"));
}

#[test]
fn errors_are_pages_with_their_code() {
    let front = Front::start("http://127.0.0.1:1", |_| ());
    let cases = [
        ("/nowhere", None, 404, "request.not_found"),
        ("/sign-out", None, 405, "request.method_not_allowed"),
        (
            "/sign-in",
            Some("key=some-key-or-other"),
            502,
            "web.api_unreachable",
        ),
    ];
    for (path, form, status, code) in cases {
        let page = front.ask(path, form, &[]);
        assert_eq!(page.status, status, "{page:?}");
        assert!(page.text.contains(code), "{page:?}");
        assert!(
            page.text.contains(&format!("<code>{}</code>", page.trace)),
            "{page:?}"
        );
    }
}
