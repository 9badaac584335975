//! The HTTP interface against its own OpenAPI document, by what schemathesis makes up.

use std::path::Path;
use std::process::Command;

use axum::extract::Request;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use counterfoil_collector::body::BodyLimits;
use counterfoil_collector::routes::{closed, ingest, read};
use counterfoil_collector::server::{Server, ServerLimits};
use counterfoil_collector::{Reason, Refusal, openapi};

use crate::ingest::producer::signed;
use crate::ingest::{builder, caller, register, send};

const SECRET: &str = "Bearer of-the-test";

/// What the door does, with one key.
async fn authenticate(mut request: Request, next: Next) -> Response {
    let key = request.headers().get("authorization");
    if key.is_none_or(|key| key != SECRET) {
        return Refusal::new(Reason::Unauthenticated, "no valid key").into_response();
    }
    request.extensions_mut().insert(caller("acme"));
    next.run(request).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_one_that_the_document_allows() {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/python/bin/st");
    if counterfoil_testkit::programs::is_missing(&program.to_string_lossy()) {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let collector = builder(dir.path()).start().unwrap();
    let log = signed("audit.example.com/leases", 300);
    register(&collector, &caller("acme"), &log);
    send(&collector, &caller("acme"), &log, &log.lines)
        .await
        .unwrap();
    let guarded = ingest(collector.clone(), BodyLimits::default())
        .merge(read::routes(std::sync::Arc::new(collector.clone())))
        .layer(middleware::from_fn(authenticate));
    let routes = closed(guarded.merge(openapi::routes()));
    let server = Server::bind(
        "127.0.0.1:0".parse().unwrap(),
        ServerLimits::default(),
        None,
    );
    let server = server.unwrap();
    let url = format!("http://{}/v1/openapi.json", server.address());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(server.serve(routes, async {
        stopped.await.ok();
    }));
    let asking = dir.path().to_owned();
    let ran = tokio::task::spawn_blocking(move || {
        Command::new(program)
            .args(["run", &url, "--header", &format!("Authorization: {SECRET}")])
            .args(["--checks", "all", "--phases", "examples,coverage,fuzzing"])
            // Answers to made-up chains are 404, so what is right by the document need not be taken.
            .args([
                "--exclude-checks",
                "positive_data_acceptance,ensure_resource_availability",
            ])
            // So many that it ends by itself: what is asked must not depend on how fast the machine is.
            .args(["--max-examples", "25", "--seed", "1"])
            .args(["--warnings", "off", "--no-color", "--continue-on-failure"])
            .env(
                "SCHEMATHESIS_HOOKS",
                concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schemathesis_hooks.py"),
            )
            .current_dir(asking)
            .output()
            .unwrap()
    });
    let ran = ran.await.unwrap();
    stop.send(()).unwrap();
    serving.await.unwrap();
    assert!(
        ran.status.success(),
        "{}{}",
        String::from_utf8_lossy(&ran.stdout),
        String::from_utf8_lossy(&ran.stderr)
    );
    collector.stop(std::time::Duration::from_secs(30));
}
