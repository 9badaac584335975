//! Taking records in.

mod full;
mod http;
mod incarnations;
mod meta;
mod overload;
pub(crate) mod producer;
mod refusals;
mod restarts;
mod retention;
mod taking;
mod whose;

use std::time::Duration;

use bytes::Bytes;
use counterfoil_collector::{
    Ack, Caller, Collector, CollectorBuilder, ErrorKind, Refusal, Scope, Scopes,
};

use producer::Produced;

pub(crate) fn caller(tenant: &str) -> Caller {
    let scopes: Scopes = [Scope::Ingest, Scope::Read, Scope::Verify]
        .into_iter()
        .collect();
    Caller::new(tenant.parse().unwrap(), scopes, format!("cfk_{tenant}"))
}

pub(crate) fn builder(dir: &std::path::Path) -> CollectorBuilder {
    Collector::builder(dir, "collector.example.com")
        .workers(2)
        .io_threads(4)
        .retry_interval(Duration::from_millis(1))
}

pub(crate) async fn send(
    collector: &Collector,
    caller: &Caller,
    log: &Produced,
    chunks: &[Bytes],
) -> Result<Ack, Refusal> {
    let mut upload = collector.upload(caller, &log.chain)?;
    for chunk in chunks {
        upload.push(chunk.clone()).await?;
    }
    upload.finish().await
}

pub(crate) fn register(collector: &Collector, caller: &Caller, log: &Produced) {
    collector
        .register(caller, &log.chain, log.key.clone())
        .unwrap();
}

/// Starts once the collector before has let go of the directory, as a daemon does that is started anew.
pub(crate) fn start_again(make: impl Fn() -> CollectorBuilder) -> Collector {
    loop {
        match make().start() {
            Ok(collector) => return collector,
            Err(error) if error.kind() == ErrorKind::Locked => std::thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    }
}
