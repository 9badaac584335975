//! Objects come, expire and wait.

use std::path::Path;

use counterfoil_testkit::FakeClock;

use super::*;
use crate::keeper::RETENTION;

fn open(directory: &Path, clock: &Arc<FakeClock>) -> Store {
    let clock: Arc<dyn Clock> = Arc::<FakeClock>::clone(clock);
    Store::open(directory, 100, false, clock).unwrap()
}

fn about(kind: &str, ttl: Option<Duration>) -> About {
    About {
        kind: kind.to_owned(),
        ttl,
        ..About::default()
    }
}

#[tokio::test]
async fn a_snapshot_is_removed_when_its_thirty_days_are_over_and_nothing_else_is() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), Arc::new(FakeClock::new()));
    let store = open(directory.path(), &clock);
    let put = |text, kind, ttl| store.put(Bytes::from_static(text), about(kind, ttl), None);
    let (snapshot, _) = put(b"metrics", "metric-snapshot", Some(RETENTION))
        .await
        .unwrap();
    let (note, _) = put(b"note", "note", None).await.unwrap();

    clock.step(RETENTION - Duration::from_secs(1));
    assert_eq!(store.collect().await.unwrap(), 0);
    assert!(store.get(snapshot).await.is_ok());

    clock.step(Duration::from_secs(1));
    let gone = store.get(snapshot).await.unwrap_err();
    assert_eq!(gone.code(), UNKNOWN_OBJECT, "gone before it is removed");
    assert_eq!(store.collect().await.unwrap(), 1);
    assert_eq!(store.get(note).await.unwrap(), "note");
    let figures = store.figures().await.unwrap();
    assert_eq!((figures.objects, figures.used), (1, 4));
    let name = snapshot.to_string();
    let file = directory.path().join("objects").join(&name[..2]).join(name);
    assert!(!file.exists());
}

#[tokio::test]
async fn a_file_that_cannot_be_removed_takes_no_room_and_holds_up_no_other() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), Arc::new(FakeClock::new()));
    let store = open(directory.path(), &clock);
    let put = |text| {
        let about = about("note", Some(Duration::from_secs(1)));
        store.put(Bytes::from_static(text), about, None)
    };
    let (first, _) = put(b"first").await.unwrap();
    put(b"second").await.unwrap();
    let name = first.to_string();
    let file = directory.path().join("objects").join(&name[..2]).join(name);
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir_all(file.join("in-the-way")).unwrap();

    clock.step(Duration::from_secs(1));
    assert_eq!(store.collect().await.unwrap(), 2);
    let figures = store.figures().await.unwrap();
    assert_eq!((figures.objects, figures.used), (0, 0));
}

#[tokio::test]
async fn settling_an_object_that_is_gone_leaves_a_later_one_in_the_queue() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), Arc::new(FakeClock::new()));
    let store = open(directory.path(), &clock);
    let put = |text, ttl| {
        let ttl = Some(Duration::from_secs(ttl));
        store.put(
            Bytes::from_static(text),
            about("note", ttl),
            Some(Vec::new()),
        )
    };
    put(b"first", 1).await.unwrap();
    let first = store.pending(1).await.unwrap().remove(0);
    clock.step(Duration::from_secs(1));
    assert_eq!(store.collect().await.unwrap(), 1);

    put(b"second", 60).await.unwrap();
    store.settle(first.number).await.unwrap();
    assert_eq!(store.figures().await.unwrap().pending, 1);
}

#[tokio::test]
async fn an_object_that_is_put_again_stays_for_the_longer_of_both_times() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), Arc::new(FakeClock::new()));
    let store = open(directory.path(), &clock);
    for (seconds, is_new) in [(10, true), (60, false), (20, false)] {
        let ttl = Some(Duration::from_secs(seconds));
        let put = store.put(Bytes::from_static(b"a"), about("note", ttl), None);
        assert_eq!(put.await.unwrap().1, is_new);
    }
    clock.step(Duration::from_secs(59));
    assert_eq!(store.collect().await.unwrap(), 0);
    clock.step(Duration::from_secs(1));
    assert_eq!(store.collect().await.unwrap(), 1);
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_takes_no_room() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), Arc::new(FakeClock::new()));
    let store = open(directory.path(), &clock);
    let put = |bytes: Vec<u8>| store.put(bytes.into(), about("note", None), None);
    put(vec![1; 60]).await.unwrap();
    assert_eq!(put(vec![2; 41]).await.unwrap_err().code(), FULL);
    put(vec![3; 40]).await.unwrap();
    let figures = store.figures().await.unwrap();
    assert_eq!((figures.used, figures.available()), (100, 0));
}

#[tokio::test]
async fn what_waits_for_the_peer_waits_on_after_a_restart_with_its_trace() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), Arc::new(FakeClock::new()));
    let headers = vec![("traceparent".to_owned(), "00-01-02-01".to_owned())];
    let store = open(directory.path(), &clock);
    let put = store.put(
        Bytes::from_static(b"a"),
        about("note", None),
        Some(headers.clone()),
    );
    let (address, _) = put.await.unwrap();
    drop(store);

    let store = open(directory.path(), &clock);
    clock.step(Duration::from_secs(301));
    let figures = store.figures().await.unwrap();
    assert_eq!(
        (figures.pending, figures.lag),
        (1, Duration::from_secs(301))
    );
    let pending = store.pending(1).await.unwrap().remove(0);
    assert_eq!((pending.address, pending.headers), (address, headers));
    store.settle(pending.number).await.unwrap();
    assert_eq!(store.figures().await.unwrap().pending, 0);
}

#[tokio::test]
async fn an_object_whose_time_has_come_is_a_new_one_when_it_is_put_again() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), Arc::new(FakeClock::new()));
    let store = open(directory.path(), &clock);
    let put = |kind, ttl| store.put(Bytes::from_static(b"a"), about(kind, ttl), Some(Vec::new()));
    put("draft", Some(Duration::from_secs(10))).await.unwrap();
    let first = store.pending(1).await.unwrap().remove(0);
    store.settle(first.number).await.unwrap();

    clock.step(Duration::from_secs(10));
    let (address, is_new) = put("note", None).await.unwrap();
    assert!(is_new);
    let entry = store.entry(address).await.unwrap().unwrap();
    assert_eq!((&*entry.kind, entry.expires), ("note", None));
    let figures = store.figures().await.unwrap();
    assert_eq!((figures.objects, figures.used, figures.pending), (1, 1, 1));
    assert_eq!(store.collect().await.unwrap(), 0);
    assert_eq!(store.get(address).await.unwrap(), "a");
}

#[tokio::test]
async fn the_peer_hears_of_a_longer_life_and_of_no_shorter_one() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), Arc::new(FakeClock::new()));
    let store = open(directory.path(), &clock);
    for (seconds, pending) in [(10, 1), (5, 1), (60, 2)] {
        let ttl = Some(Duration::from_secs(seconds));
        let put = store.put(
            Bytes::from_static(b"a"),
            about("note", ttl),
            Some(Vec::new()),
        );
        put.await.unwrap();
        assert_eq!(store.figures().await.unwrap().pending, pending);
    }
}
