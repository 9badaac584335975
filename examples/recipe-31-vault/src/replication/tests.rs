//! A queue for a peer that refuses some of it.

use std::path::Path;

use axum::extract::{Path as Of, State as With};
use axum::http::StatusCode;
use axum::routing::{get, put};
use counterfoil::{Clock, Sensitive};
use counterfoil_testkit::FakeClock;
use parking_lot::Mutex;
use zeroize::Zeroizing;

use super::*;
use crate::store::{About, Figures};

/// More than are given at once.
const REFUSED: usize = AT_ONCE as usize + 1;

/// A peer that answers with `status` where it is told to refuse, and what it has taken.
struct Refusing {
    address: std::net::SocketAddr,
    taken: Arc<Mutex<Vec<String>>>,
}

impl Refusing {
    async fn start(status: StatusCode, refused: Vec<String>) -> Self {
        let taken = Arc::new(Mutex::new(Vec::new()));
        let take = move |With(taken): With<Arc<Mutex<Vec<String>>>>, Of(address): Of<String>| {
            let is_refused = refused.contains(&address);
            async move {
                if is_refused {
                    return status;
                }
                taken.lock().push(address);
                StatusCode::CREATED
            }
        };
        let router = axum::Router::new()
            .route("/v1/peer", get(async || StatusCode::OK))
            .route("/v1/replicas/{address}", put(take))
            .with_state(Arc::clone(&taken));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await;
        let listener = listener.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, taken }
    }
}

/// A store with this many objects that wait, and their addresses, the oldest first.
async fn queue(directory: &Path, clock: &Arc<FakeClock>, objects: usize) -> (Store, Vec<String>) {
    let clock: Arc<dyn Clock> = Arc::<FakeClock>::clone(clock);
    let store = Store::open(directory, 1 << 20, false, clock).unwrap();
    let mut addresses = Vec::new();
    for at in 0..objects {
        let put = store.put(at.to_string().into(), About::default(), Some(Vec::new()));
        addresses.push(put.await.unwrap().0.to_string());
    }
    (store, addresses)
}

fn replication(store: &Store, clock: &Arc<FakeClock>, peer: &Refusing) -> Replication {
    let observer = Observer::builder().build().unwrap();
    let registry = observer.registry();
    let key = Sensitive::new(Zeroizing::new("key".to_owned()));
    let url = format!("http://{}", peer.address).parse().unwrap();
    Replication {
        store: store.clone(),
        peer: Peer::new(&url, &key, registry).unwrap(),
        state: Arc::new(State::new(Arc::<FakeClock>::clone(clock), true)),
        metrics: Arc::new(Metrics::new(registry)),
        kind: "vault.object_set_aside".parse().unwrap(),
        observer,
        put: Arc::default(),
        interval: Duration::from_millis(10),
    }
}

/// Replicates until it is so.
async fn replicate_until(replication: Replication, is_so: impl Fn(&Figures) -> bool) {
    let store = replication.store.clone();
    let registry = replication.observer.registry().clone();
    let running = tokio::spawn(replication.run(registry));
    let so = async {
        while !is_so(&store.figures().await.unwrap()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let came = tokio::time::timeout(Duration::from_secs(60), so).await;
    running.abort();
    came.expect("it did not come to be");
}

#[tokio::test]
async fn objects_that_cannot_be_read_are_set_aside_and_the_others_go_on() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), Arc::new(FakeClock::new()));
    let (store, addresses) = queue(directory.path(), &clock, REFUSED + 1).await;
    for (at, address) in addresses[..REFUSED].iter().enumerate() {
        let file = directory.path().join("objects").join(&address[..2]);
        match at {
            0 => std::fs::remove_file(file.join(address)).unwrap(),
            _ => std::fs::write(file.join(address), "changed").unwrap(),
        }
    }
    let peer = Refusing::start(StatusCode::OK, Vec::new()).await;
    let all_but_one = |it: &Figures| it.pending == REFUSED as u64 && it.set_aside == it.pending;
    replicate_until(replication(&store, &clock, &peer), all_but_one).await;
    assert_eq!(*peer.taken.lock(), addresses[REFUSED..]);

    // Who puts one of them again restores its file, and it follows; the others are tried again when their time is over.
    assert!(store.pending(AT_ONCE).await.unwrap().is_empty());
    let put = store.put("0".into(), About::default(), Some(Vec::new()));
    put.await.unwrap();
    let one_fewer = |it: &Figures| it.pending == REFUSED as u64 - 1;
    replicate_until(replication(&store, &clock, &peer), one_fewer).await;
    assert_eq!(peer.taken.lock().last(), addresses.first());
    clock.step(FIRST_ASIDE);
    let again = store.pending(AT_ONCE).await.unwrap();
    assert!(again.iter().all(|it| it.set_aside == 1), "{again:?}");
    assert_eq!(again.len(), AT_ONCE as usize);
}

#[tokio::test]
async fn objects_that_the_peer_does_not_take_are_set_aside_and_the_others_go_on() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), Arc::new(FakeClock::new()));
    let (store, addresses) = queue(directory.path(), &clock, REFUSED + 1).await;
    let refused = addresses[..REFUSED].to_vec();
    let peer = Refusing::start(StatusCode::UNPROCESSABLE_ENTITY, refused).await;
    let all_but_one = |it: &Figures| it.pending == REFUSED as u64 && it.set_aside == it.pending;
    replicate_until(replication(&store, &clock, &peer), all_but_one).await;
    assert_eq!(*peer.taken.lock(), addresses[REFUSED..]);
}

#[tokio::test]
async fn objects_that_the_peer_fails_at_go_behind_the_others() {
    let (directory, clock) = (tempfile::tempdir().unwrap(), Arc::new(FakeClock::new()));
    let (store, addresses) = queue(directory.path(), &clock, REFUSED + 1).await;
    let refused = addresses[..REFUSED].to_vec();
    // The queue is in the order of time.
    clock.step(Duration::from_secs(1));
    let peer = Refusing::start(StatusCode::INSUFFICIENT_STORAGE, refused).await;
    let all_but_one = |it: &Figures| it.pending == REFUSED as u64;
    replicate_until(replication(&store, &clock, &peer), all_but_one).await;
    assert_eq!(*peer.taken.lock(), addresses[REFUSED..]);
    assert_eq!(store.figures().await.unwrap().set_aside, 0);
}

#[test]
fn the_pause_doubles_up_to_half_a_minute() {
    let pauses = [0, 1, 2, 6, 7, 99].map(|times| doubled(FIRST_PAUSE, times, LONGEST_PAUSE));
    let pauses = pauses.map(|pause| pause.as_millis());
    assert_eq!(pauses, [250, 500, 1000, 16_000, 30_000, 30_000]);
}
