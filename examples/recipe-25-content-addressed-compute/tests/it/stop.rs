//! How the server comes to its end.

use std::pin::pin;
use std::time::Duration;

use cookbook_recipe_25_content_addressed_compute::{Functions, Limits};
use tokio::net::TcpStream;

use crate::bench::Bench;
use crate::bounds::unread;

#[tokio::test(flavor = "multi_thread")]
async fn connections_without_a_call_do_not_hold_up_the_stop() {
    let bench = Bench::new().await;
    let _silent = TcpStream::connect(bench.address).await.unwrap();
    // Says that it speaks HTTP/2, with empty settings, and answers no ping.
    let deaf = TcpStream::connect(bench.address).await.unwrap();
    deaf.writable().await.unwrap();
    deaf.try_write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        .unwrap();
    // Both were accepted once a later connection is served.
    drop(bench.raw().await);
    bench.leaf("a").await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_lost_its_call_does_not_hold_up_the_stop() {
    let limits = Limits {
        patience: Duration::from_secs(1),
        ..Limits::default()
    };
    let bench = Bench::with(Functions::standard(), limits).await;
    let _unread = unread(&bench).await;
    bench
        .until("deriva.rpc", "method=get,status=error", 1.0)
        .await;
    bench.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_whose_caller_is_gone_is_made_before_the_server_has_stopped() {
    let bench = Bench::new().await;
    let store = rusqlite::Connection::open(bench.data.path().join("store.sqlite")).unwrap();
    store.execute_batch("BEGIN IMMEDIATE").unwrap();
    let sealed = async {
        while bench.sealed("deriva.leaf_put").is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        put = bench.put_leaf("a") => panic!("nobody let go of the lock: {put:?}"),
        () = sealed => {}
    }
    let cancelled = "method=put_leaf,status=cancelled";
    bench.until("deriva.rpc", cancelled, 1.0).await;

    let address = bench.address;
    let mut stopped = pin!(bench.stop());
    let closed = async {
        while TcpStream::connect(address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        // Time for one that does not wait for the change; one that does is not held up by it.
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    tokio::select! {
        _ = &mut stopped => panic!("it stopped before the change was made"),
        () = closed => {}
    }
    store.execute_batch("COMMIT").unwrap();
    let _data = stopped.await;
    let leaves = store.query_row("SELECT count(*) FROM leaves", [], |row| {
        row.get::<_, u32>(0)
    });
    assert_eq!(leaves.unwrap(), 1);
}
