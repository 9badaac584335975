//! Limits of tenants: who is over them is told when to come back, keeps what was taken, and holds nobody else up.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use counterfoil_collector::Scope;
use counterfoil_collector::body::{BodyLimits, broken};
use counterfoil_collector::limits::{Rates, TenantLimits};
use counterfoil_collector::routes::{authenticated, closed, limited};
use counterfoil_collector::server::ServerLimits;
use counterfoil_testkit::FakeClock;
use http_body_util::BodyExt as _;
use tokio::sync::Semaphore;

use super::keys::Tenants;
use super::serving::{Answer, Serving};

/// A route that takes what it gets, as the collector does: a refusal says how many bytes and lines came before it.
async fn take(request: Request) -> Response {
    let mut body = request.into_body();
    let mut taken = Vec::new();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => taken.extend_from_slice(&frame.into_data().unwrap()),
            Err(error) => {
                let mut refusal = broken(&error);
                refusal.acknowledged = Some(taken.iter().filter(|it| **it == b'\n').count() as u64);
                assert!(taken.is_empty() || taken.ends_with(b"\n"), "whole lines");
                return refusal.into_response();
            }
        }
    }
    format!("{} bytes", taken.len()).into_response()
}

struct Limited {
    serving: Serving,
    clock: Arc<FakeClock>,
    acme: String,
    globex: String,
}

impl Limited {
    /// Acme is limited to `rates`, globex is not.
    fn start(rates: Rates, routes: Router) -> Self {
        let tenants = Tenants::new();
        let acme = tenants.key("acme", Scope::Ingest, |_| {});
        let globex = tenants.key("globex", Scope::Ingest, |_| {});
        let clock = Arc::clone(&tenants.clock);
        let limits = TenantLimits::new(Arc::clone(&clock) as Arc<_>, move |tenant| {
            match tenant.as_str() {
                "acme" => rates,
                _ => Rates::default(),
            }
        });
        let routes = limited(routes, Arc::new(limits), BodyLimits::default());
        let router = closed(authenticated(routes, tenants.authority()));
        Self {
            serving: Serving::start(router, ServerLimits::default(), None),
            clock,
            acme,
            globex,
        }
    }

    fn post(&self, key: &str, body: &str) -> Answer {
        self.serving.client().ask(&request(key, body))
    }
}

fn request(key: &str, body: &str) -> String {
    format!(
        "POST /take HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn routes() -> Router {
    Router::new().route("/take", post(take))
}

#[test]
fn records_over_the_rate_are_refused_behind_whole_lines_and_taken_later() {
    let mut rates = Rates::default();
    rates.records = NonZeroU32::new(10);
    let limited = Limited::start(rates, routes());
    let answer = limited.post(&limited.acme, &"record\n".repeat(25));
    assert_eq!(answer.status, 429, "{answer:?}");
    assert!(
        answer.body.contains("\"code\":\"rate_limited\""),
        "{answer:?}"
    );
    assert!(answer.body.contains("\"acknowledged\":10"), "{answer:?}");
    assert!(answer.head.contains("retry-after: 1\r\n"), "{answer:?}");
    let neighbour = limited.post(&limited.globex, &"record\n".repeat(25));
    assert_eq!(neighbour.status, 200, "{neighbour:?}");
    limited.clock.step(Duration::from_secs(1));
    assert_eq!(
        limited.post(&limited.acme, &"record\n".repeat(10)).status,
        200
    );
    assert_eq!(limited.post(&limited.acme, "record\n").status, 429);
}

#[test]
fn bytes_over_the_rate_are_refused_before_the_body_is_read() {
    let mut rates = Rates::default();
    rates.bytes = Some(64 << 10);
    let limited = Limited::start(rates, routes());
    let body = format!("{}\n", "x".repeat((64 << 10) - 1));
    assert_eq!(limited.post(&limited.acme, &body[64..]).status, 200);
    let announced = format!(
        "POST /take HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: 1000000\r\nexpect: 100-continue\r\n\r\n",
        limited.acme
    );
    assert_eq!(limited.serving.client().ask(&announced).status, 429);
    limited.clock.step(Duration::from_secs(1));
    assert_eq!(limited.post(&limited.acme, &body[64..]).status, 200);
}

#[test]
fn requests_at_once_are_counted_and_given_back() {
    let mut rates = Rates::default();
    rates.requests = 1;
    let (inside, go) = (Arc::new(Semaphore::new(0)), Arc::new(Semaphore::new(0)));
    let (told, wait) = (Arc::clone(&inside), Arc::clone(&go));
    let hold = async move || {
        told.add_permits(1);
        wait.acquire().await.unwrap().forget();
        "held"
    };
    let limited = Limited::start(rates, routes().route("/hold", post(hold)));
    let mut first = limited.serving.client();
    first.send(
        request(&limited.acme, "")
            .replace("/take", "/hold")
            .as_bytes(),
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async { inside.acquire().await.unwrap().forget() });
    let answer = limited.post(&limited.acme, "x\n");
    assert_eq!(answer.status, 429, "{answer:?}");
    assert!(answer.head.contains("retry-after: 1\r\n"), "{answer:?}");
    assert_eq!(limited.post(&limited.globex, "x\n").status, 200);
    go.add_permits(1);
    assert_eq!(first.answer().body, "held");
    while limited.post(&limited.acme, "x\n").status != 200 {}
}

#[test]
fn a_compressed_body_is_charged_for_what_it_becomes() {
    use std::io::Write as _;
    let mut rates = Rates::default();
    rates.records = NonZeroU32::new(10);
    let limited = Limited::start(rates, routes());
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all("record\n".repeat(25).as_bytes()).unwrap();
    let gzip = gzip.finish().unwrap();
    let mut client = limited.serving.client();
    client.send(
        format!(
            "POST /take HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n",
            limited.acme,
            gzip.len()
        )
        .as_bytes(),
    );
    client.send(&gzip);
    let answer = client.answer();
    assert_eq!(answer.status, 429, "{answer:?}");
    assert!(answer.body.contains("\"acknowledged\":10"), "{answer:?}");
}
