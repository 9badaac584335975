//! The collector keeps the indexes of its chains, and can lose them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::{Extension, Router};
use counterfoil_collector::Collector;
use counterfoil_collector::routes::read;
use counterfoil_query::index::Indexer;
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use crate::ingest::producer::{Produced, unsigned};
use crate::ingest::{builder, caller, register, send, start_again};

/// Enough that the chain is indexed.
const RECORDS: u64 = 33_000;

/// The runs of an index, with their lengths.
fn runs(dir: &Path) -> Vec<(PathBuf, u64)> {
    let entries = fs::read_dir(dir.join("index")).into_iter().flatten();
    entries
        .flatten()
        .map(|entry| (entry.path(), entry.metadata().map_or(0, |it| it.len())))
        .filter(|(path, _)| path.extension().is_some_and(|end| end == "run"))
        .collect()
}

async fn until(mut holds: impl FnMut() -> bool) {
    while !holds() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The read route answers with exactly the line of a lease that one record is about.
async fn is_found(collector: &Collector, log: &Produced, lease: usize) {
    let routes: Router = read::routes(Arc::new(collector.clone())).layer(Extension(caller("acme")));
    let path = format!("/v1/chains/audit.example.com%2Fleases%2F1/records?lease={lease}");
    let request = Request::get(path).body(Body::empty()).unwrap();
    let response = routes.oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let key = format!("\"lease\":\"{lease}\"");
    let expected: Vec<_> = log
        .lines
        .iter()
        .filter(|line| String::from_utf8_lossy(line).contains(&key))
        .collect();
    assert_eq!(expected.len(), 1);
    assert!(body == expected[0], "{}", String::from_utf8_lossy(&body));
}

#[tokio::test]
async fn an_index_that_is_damaged_or_deleted_is_built_again_and_changes_no_answer() {
    let dir = tempfile::tempdir().unwrap();
    let acme = caller("acme");
    let log = unsigned("audit.example.com/leases", RECORDS);
    let collector = builder(dir.path()).start().unwrap();
    register(&collector, &acme, &log);
    send(&collector, &acme, &log, &[log.all()]).await.unwrap();
    let kept = collector.log_dir(&acme, &log.chain).unwrap();
    until(|| !runs(&kept).is_empty()).await;
    for lease in [1, 17_000, 32_999] {
        is_found(&collector, &log, lease).await;
    }
    assert!(collector.stop(Duration::from_secs(30)).finished);
    drop(collector);
    drop(Indexer::open(&kept).expect("nobody holds the index of a collector that was stopped"));

    let whole = runs(&kept);
    let (run, length) = &whole[0];
    fs::write(run, &fs::read(run).unwrap()[..*length as usize / 2]).unwrap();
    let collector = start_again(|| builder(dir.path()));
    is_found(&collector, &log, 17_000).await;
    until(|| {
        runs(&kept)
            .iter()
            .map(|run| run.1)
            .eq(whole.iter().map(|run| run.1))
    })
    .await;
    is_found(&collector, &log, 17_000).await;
    assert!(collector.stop(Duration::from_secs(30)).finished);
    drop(collector);

    fs::remove_dir_all(kept.join("index")).unwrap();
    let collector = start_again(|| builder(dir.path()));
    is_found(&collector, &log, 17_000).await;
    until(|| runs(&kept) == whole).await;
    is_found(&collector, &log, 17_000).await;
    assert!(collector.stop(Duration::from_secs(30)).finished);
}
