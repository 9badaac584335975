//! When and how a request ends.

use std::convert::Infallible;
use std::future::pending;
use std::pin::Pin;
use std::task::{Context, Poll};

use counterfoil_core::Current;
use http::{Method, Request, Response, header};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty, Full};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::Bench;

/// A body that gives what it is told, and knows nothing beforehand.
struct Frames(std::vec::IntoIter<Result<Frame<&'static [u8]>, &'static str>>);

impl Frames {
    fn new(frames: Vec<Result<Frame<&'static [u8]>, &'static str>>) -> Self {
        Self(frames.into_iter())
    }
}

impl Body for Frames {
    type Data = &'static [u8];
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        assert!(
            Current::get().is_some(),
            "a body is read in the context of its request"
        );
        Poll::Ready(self.0.next())
    }
}

fn data(bytes: &'static [u8]) -> Result<Frame<&'static [u8]>, &'static str> {
    Ok(Frame::data(bytes))
}

fn get() -> Request<()> {
    Request::new(())
}

/// The series of a `GET` without a route.
fn series(status: &str, error: &str, rest: &str) -> String {
    let error = if error.is_empty() {
        String::new()
    } else {
        format!("error.type={error} ")
    };
    let status = if status.is_empty() {
        String::new()
    } else {
        format!("http.response.status_code={status} ")
    };
    format!("{error}http.request.method=GET {status}http.route=_UNMATCHED url.scheme=http {rest}")
}

const IN_FLIGHT: &str = "http.request.method=GET http.route=_UNMATCHED url.scheme=http 1";
const DONE: &str = "http.request.method=GET http.route=_UNMATCHED url.scheme=http 0";

#[tokio::test]
async fn a_request_lasts_until_the_last_frame_of_its_answer() {
    let bench = Bench::new();
    let service = service_fn(async |_: Request<()>| {
        bench.step(100);
        Ok::<_, Infallible>(Response::new(Frames::new(vec![data(b"one"), data(b"two")])))
    });
    let response = bench
        .server()
        .http()
        .layer(service)
        .oneshot(get())
        .await
        .unwrap();
    let mut body = response.into_body();
    for _ in 0..2 {
        bench.step(50);
        body.frame().await.unwrap().unwrap();
        assert_eq!(
            (bench.requests(), bench.active()),
            (String::new(), IN_FLIGHT.into())
        );
    }
    bench.step(50);
    assert!(body.frame().await.is_none());
    assert_eq!(bench.requests(), series("200", "", "1 in 0.250 s"));
    bench.step(50);
    drop(body);
    assert_eq!(bench.requests(), series("200", "", "1 in 0.250 s"));
    assert_eq!(bench.active(), DONE);
}

#[tokio::test]
async fn a_declared_length_is_an_end_as_well() {
    let bench = Bench::new();
    let service = service_fn(async |_: Request<()>| {
        let mut response = Response::new(Frames::new(vec![data(b"12"), data(b"345"), data(b"")]));
        response
            .headers_mut()
            .insert(header::CONTENT_LENGTH, 5.into());
        Ok::<_, Infallible>(response)
    });
    let response = bench
        .server()
        .http()
        .layer(service)
        .oneshot(get())
        .await
        .unwrap();
    let mut body = response.into_body();
    body.frame().await.unwrap().unwrap();
    assert_eq!(bench.active(), IN_FLIGHT);
    body.frame().await.unwrap().unwrap();
    assert_eq!(
        bench.requests(),
        series("200", "", "1 in 0.000 s"),
        "and hyper drops it here"
    );
}

#[tokio::test]
async fn an_answer_without_a_body_ends_with_its_head() {
    let bench = Bench::new();
    let mut service = bench
        .server()
        .http()
        .layer(service_fn(async |request: Request<()>| {
            let mut response = Response::new(Frames::new(vec![data(b"never sent")]));
            *response.status_mut() = match request.uri().path() {
                "/none" => http::StatusCode::NO_CONTENT,
                "/same" => http::StatusCode::NOT_MODIFIED,
                "/up" => http::StatusCode::SWITCHING_PROTOCOLS,
                _ => http::StatusCode::OK,
            };
            Ok::<_, Infallible>(response)
        }));
    let ask = |method: Method, path: &str| {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .body(())
            .unwrap();
        service.call(request)
    };
    let futures: Vec<_> = [
        (Method::GET, "/none"),
        (Method::GET, "/same"),
        (Method::GET, "/up"),
        (Method::HEAD, "/"),
        (Method::CONNECT, "/"),
    ]
    .map(|(method, path)| (method, path))
    .into_iter()
    .map({
        let mut ask = ask;
        move |(method, path)| ask(method, path)
    })
    .collect();
    let mut kept = Vec::new();
    for future in futures {
        kept.push(future.await.unwrap());
    }
    let active = bench.active();
    assert!(active.lines().all(|line| line.ends_with(" 0")), "{active}");
    let requests = bench.requests();
    assert_eq!(requests.lines().count(), 5, "{requests}");
    assert!(!requests.contains("cancelled"), "{requests}");
}

#[tokio::test]
async fn an_empty_and_a_whole_body_are_known_at_once() {
    let bench = Bench::new();
    let empty = service_fn(async |_: Request<()>| {
        Ok::<_, Infallible>(Response::new(Empty::<&[u8]>::new()))
    });
    let _response = bench
        .server()
        .http()
        .layer(empty)
        .oneshot(get())
        .await
        .unwrap();
    assert_eq!(bench.active(), DONE);
    let whole = service_fn(async |_: Request<()>| {
        Ok::<_, Infallible>(Response::new(Full::new(&b"all"[..])))
    });
    let response = bench
        .server()
        .http()
        .layer(whole)
        .oneshot(get())
        .await
        .unwrap();
    let mut body = response.into_body();
    body.frame().await.unwrap().unwrap();
    assert_eq!(
        bench.requests(),
        series("200", "", "2 in 0.000 s"),
        "both before they are dropped"
    );
}

#[tokio::test]
async fn a_request_that_nobody_waits_for_is_cancelled() {
    let bench = Bench::new();
    let seen_on_drop = std::sync::Arc::new(std::sync::Mutex::new(None));
    struct OnDrop(std::sync::Arc<std::sync::Mutex<Option<bool>>>);
    impl Drop for OnDrop {
        fn drop(&mut self) {
            if let Ok(mut seen) = self.0.lock() {
                *seen = Some(Current::get().is_some());
            }
        }
    }
    let seen = std::sync::Arc::clone(&seen_on_drop);
    let hangs = service_fn(move |_: Request<()>| {
        let guard = OnDrop(std::sync::Arc::clone(&seen));
        async move {
            let _guard = guard;
            pending::<Result<Response<Frames>, Infallible>>().await
        }
    });
    let mut future = Box::pin(bench.server().http().layer(hangs).oneshot(get()));
    assert!(futures_poll(future.as_mut()).is_pending());
    assert_eq!(bench.active(), IN_FLIGHT);
    bench.step(70);
    drop(future);
    assert_eq!(bench.active(), DONE);
    assert_eq!(bench.requests(), series("", "cancelled", "1 in 0.070 s"));
    assert_eq!(
        *seen_on_drop.lock().unwrap(),
        Some(true),
        "destructors run in the request's context"
    );
}

fn futures_poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(std::task::Waker::noop()))
}

#[tokio::test]
async fn an_answer_that_nobody_reads_to_its_end_is_cancelled() {
    let bench = Bench::new();
    let service = service_fn(async |_: Request<()>| {
        Ok::<_, Infallible>(Response::new(Frames::new(vec![data(b"one"), data(b"two")])))
    });
    let mut response = bench
        .server()
        .http()
        .layer(service)
        .oneshot(get())
        .await
        .unwrap();
    response.body_mut().frame().await.unwrap().unwrap();
    drop(response);
    assert_eq!(bench.requests(), series("200", "cancelled", "1 in 0.000 s"));
    assert_eq!(bench.active(), DONE);
}

#[tokio::test]
async fn a_body_that_breaks_off_is_a_failure() {
    let bench = Bench::new();
    let service = service_fn(async |_: Request<()>| {
        Ok::<_, Infallible>(Response::new(Frames::new(vec![
            data(b"one"),
            Err("disk gone"),
        ])))
    });
    let response = bench
        .server()
        .http()
        .layer(service)
        .oneshot(get())
        .await
        .unwrap();
    assert!(response.into_body().collect().await.is_err());
    assert_eq!(
        bench.requests(),
        series("200", "response_body", "1 in 0.000 s")
    );
}

#[tokio::test]
async fn an_error_instead_of_an_answer_is_a_failure_and_is_passed_on() {
    let bench = Bench::new();
    let service = service_fn(async |_: Request<()>| Err::<Response<Frames>, _>("refused"));
    let error = bench
        .server()
        .http()
        .layer(service)
        .oneshot(get())
        .await
        .unwrap_err();
    assert_eq!(error, "refused");
    assert_eq!(bench.requests(), series("", "_OTHER", "1 in 0.000 s"));
}

#[tokio::test]
async fn a_panic_is_counted_wherever_it_comes() {
    let bench = Bench::new();
    let layer = bench.server().http();
    let in_call = layer.layer(service_fn(|_: Request<()>| {
        if true {
            panic!("in call");
        }
        std::future::ready(Ok::<_, Infallible>(Response::new(Frames::new(Vec::new()))))
    }));
    let in_future = layer.layer(service_fn(async |_: Request<()>| {
        tokio::task::yield_now().await;
        if true {
            panic!("in the future");
        }
        Ok::<_, Infallible>(Response::new(Frames::new(Vec::new())))
    }));
    assert!(
        tokio::spawn(async { in_call.oneshot(get()).await.map(drop) })
            .await
            .unwrap_err()
            .is_panic()
    );
    assert!(
        tokio::spawn(async { in_future.oneshot(get()).await.map(drop) })
            .await
            .unwrap_err()
            .is_panic()
    );
    assert_eq!(bench.requests(), series("", "panic", "2 in 0.000 s"));

    struct Panics;
    impl Body for Panics {
        type Data = &'static [u8];
        type Error = Infallible;

        fn poll_frame(
            self: Pin<&mut Self>,
            _cx: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Self::Data>, Infallible>>> {
            panic!("in the body");
        }
    }
    let in_body = layer.layer(service_fn(async |_: Request<()>| {
        Ok::<_, Infallible>(Response::new(Panics))
    }));
    let response = in_body.oneshot(get()).await.unwrap();
    assert!(
        tokio::spawn(response.into_body().collect())
            .await
            .unwrap_err()
            .is_panic()
    );
    assert_eq!(
        bench.requests(),
        [
            series("", "panic", "2 in 0.000 s"),
            series("200", "panic", "1 in 0.000 s")
        ]
        .iter()
        .rev()
        .cloned()
        .collect::<Vec<_>>()
        .join("\n")
    );
    assert_eq!(bench.active(), DONE);
    assert!(Current::get().is_none(), "no context stays behind");
}
