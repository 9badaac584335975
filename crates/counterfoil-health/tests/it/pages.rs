//! `/health`, and which path is answered with what.

use std::time::Duration;

use counterfoil_health::{Figure, Health, Outcome, Scope, Status};
use serde_json::{Value, json};

use crate::{builder, eventually, finds, settled};

fn document(health: &Health) -> (u16, Value) {
    let page = health.page("/health", None, None).unwrap();
    assert_eq!(page.content_type, "application/json");
    (page.status, serde_json::from_str(&page.body).unwrap())
}

#[test]
fn the_document_says_everything_in_its_documented_form() {
    let (builder, clock) = builder();
    let disk = Outcome::degraded("82 % used")
        .with(Figure::new("used", 0.82, "1"))
        .with(Figure::new("available", f64::NAN, "By"));
    let health = builder
        .check(finds("disk", disk).interval(Duration::from_secs(60)))
        .check(
            finds("loop", Outcome::healthy())
                .scope(Scope::Both)
                .degrading(),
        )
        .start()
        .unwrap();
    settled(&health);
    clock.step(Duration::from_millis(1_500));
    health.record_error("import", "no space");
    let (status, document) = document(&health);
    assert_eq!(status, 200);
    assert_eq!(
        document,
        json!({
            "schema": "counterfoil.health",
            "schema_version": 1,
            "status": "degraded",
            "live": true,
            "ready": true,
            "draining": false,
            "service": "orders",
            "version": "1.2.3",
            "time": "2026-01-01T00:00:01.500000000Z",
            "uptime_seconds": 1.5,
            "checks": [
                {
                    "name": "disk",
                    "status": "degraded",
                    "cause": "answered",
                    "critical": true,
                    "probes": ["readyz"],
                    "message": "82 % used",
                    "age_seconds": 1.5,
                    "duration_seconds": 0,
                    "runs": 1,
                    "failures": 0,
                    "timeouts": 0,
                    "figures": {
                        "used": {"value": 0.82, "unit": "1"},
                        "available": {"value": null, "unit": "By"}
                    }
                },
                {
                    "name": "loop",
                    "status": "healthy",
                    "cause": "answered",
                    "critical": false,
                    "probes": ["livez", "readyz"],
                    "message": null,
                    "age_seconds": 1.5,
                    "duration_seconds": 0,
                    "runs": 1,
                    "failures": 0,
                    "timeouts": 0,
                    "figures": {}
                }
            ],
            "aggregates": {},
            "recent_errors": [
                {
                    "time": "2026-01-01T00:00:01.500000000Z",
                    "source": "import",
                    "message": "no space",
                    "count": 1
                }
            ]
        })
    );
}

#[test]
fn the_code_follows_the_status_of_the_whole() {
    let code_of = |outcome: Outcome| {
        let (builder, _clock) = builder();
        let health = builder.check(finds("it", outcome)).start().unwrap();
        settled(&health);
        let (code, document) = document(&health);
        (code, document["status"].as_str().unwrap().to_owned())
    };
    assert_eq!(code_of(Outcome::healthy()), (200, "healthy".into()));
    assert_eq!(
        code_of(Outcome::degraded("a bit")),
        (200, "degraded".into())
    );
    assert_eq!(code_of(Outcome::unknown("dark")), (503, "unknown".into()));
    assert_eq!(
        code_of(Outcome::unhealthy("down")),
        (503, "unhealthy".into())
    );
}

#[test]
fn text_that_could_deceive_is_escaped_in_the_document() {
    let (builder, _clock) = builder();
    let health = builder
        .check(finds("it", Outcome::unhealthy("a\"b\n\u{1b}[2J\u{202e}")))
        .start()
        .unwrap();
    settled(&health);
    let page = health.page("/health", None, None).unwrap();
    assert!(
        page.body.contains(r#""a\"b\u000a\u001b[2J\u202e""#),
        "{}",
        page.body
    );
    assert_eq!(page.body.lines().count(), 1);
}

#[test]
fn figures_beyond_the_bound_are_left_out() {
    let names = [
        "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q",
    ];
    let figures = names.map(|name| Figure::new(name, 1.0, "1"));
    let outcome = Outcome::healthy().with_all(figures);
    let (builder, _clock) = builder();
    let health = builder.check(finds("it", outcome)).start().unwrap();
    let check = eventually(&health, "it", |check| check.status == Status::Healthy);
    assert_eq!(check.figures.len(), Outcome::MAX_FIGURES);
}

#[test]
fn every_path_has_a_page_and_no_other() {
    let (builder, _clock) = builder();
    let health = builder.start().unwrap();
    for path in Health::PATHS {
        let page = health.page(path, None, None).unwrap();
        assert_eq!(page.status, 200, "{path}");
        assert!(
            page.headers
                .contains(&("x-content-type-options", "nosniff"))
        );
    }
    for path in ["/", "", "/live", "/health/", "/metrics"] {
        assert_eq!(health.page(path, None, None), None, "{path}");
    }
}
