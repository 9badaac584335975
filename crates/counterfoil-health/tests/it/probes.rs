//! `/livez` and `/readyz`.

use counterfoil_health::{Health, Outcome, Scope};

use crate::{builder, finds, settled};

fn health() -> Health {
    let (builder, _clock) = builder();
    let health = builder
        .check(finds("database", Outcome::unhealthy("password refused")))
        .check(finds("disk", Outcome::degraded("82 % used")))
        .check(finds("cache", Outcome::unhealthy("cold")).degrading())
        .check(finds("loop", Outcome::healthy()).scope(Scope::Both))
        .start()
        .unwrap();
    settled(&health);
    health
}

fn ask(health: &Health, path: &str, query: &str) -> (u16, String) {
    let page = health.page(path, Some(query), None).unwrap();
    assert_eq!(page.content_type, "text/plain; charset=utf-8");
    assert!(page.headers.contains(&("cache-control", "no-store")));
    (page.status, page.body)
}

#[test]
fn a_passing_probe_is_short() {
    assert_eq!(ask(&health(), "/livez", ""), (200, "ok\n".into()));
}

#[test]
fn a_failing_probe_names_its_checks_and_withholds_the_reasons() {
    let (status, body) = ask(&health(), "/readyz", "");
    assert_eq!(status, 503);
    assert_eq!(
        body,
        "[-]database unhealthy: reason withheld\n\
         [+]disk degraded\n\
         [+]cache unhealthy\n\
         [+]loop ok\n\
         readyz check failed\n"
    );
}

#[test]
fn verbose_lists_the_checks_of_a_passing_probe() {
    let expected = (200, "[+]loop ok\nlivez check passed\n".to_owned());
    assert_eq!(ask(&health(), "/livez", "verbose"), expected);
    assert_eq!(ask(&health(), "/livez", "x=1&verbose=true"), expected);
    assert_eq!(ask(&health(), "/livez", "verbose=false").1, "ok\n");
}

#[test]
fn an_excluded_check_does_not_count() {
    let (status, body) = ask(&health(), "/readyz", "exclude=database&verbose");
    assert_eq!(status, 200);
    assert_eq!(
        body,
        "[+]database excluded: ok\n\
         [+]disk degraded\n\
         [+]cache unhealthy\n\
         [+]loop ok\n\
         readyz check passed\n"
    );
}

#[test]
fn a_name_to_exclude_that_matches_nothing_is_counted_and_never_shown() {
    let query = "exclude=%1b[2J&exclude=<script>&exclude=database&verbose";
    let (status, body) = ask(&health(), "/readyz", query);
    assert_eq!(status, 200);
    assert!(
        body.contains("warn: 2 of the excluded names match no check\n"),
        "{body}"
    );
    assert!(!body.contains("script") && !body.contains("[2J"), "{body}");
}

#[test]
fn a_query_without_end_is_read_up_to_its_bound() {
    let many: String = (0..100_000).map(|n| format!("exclude=no-{n}&")).collect();
    let (_, body) = ask(&health(), "/readyz", &(many + "exclude=database"));
    assert!(body.contains("warn: 64 of the excluded names"), "{body}");
}

#[test]
fn draining_fails_readiness_whatever_is_excluded_and_leaves_liveness() {
    let health = health();
    health.drain();
    let (status, body) = ask(&health, "/readyz", "exclude=database&exclude=shutdown");
    assert_eq!(status, 503);
    assert!(body.starts_with("[-]shutdown: draining\n"), "{body}");
    assert_eq!(ask(&health, "/livez", "").0, 200);
}
