//! What the tests of both protocols share.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use counterfoil_core::{Digest, SealedLine};
use counterfoil_exporter::{Batch, Pacer};
use counterfoil_exporter_otlp::{OtlpExporter, Resource, Target};

/// An exporter with the same target for each signal, by `to` from the path of the signal.
pub(crate) fn exporter(to: impl Fn(&str) -> Target) -> OtlpExporter {
    let builder = OtlpExporter::builder(Resource::new("test"));
    builder
        .traces(to("v1/traces"))
        .metrics(to("v1/metrics"))
        .logs(to("v1/logs"))
        .build()
        .unwrap()
}

/// Sealed lines of these numbers.
pub(crate) fn lines(seqs: impl IntoIterator<Item = u64>) -> Batch {
    let line = |seq| SealedLine {
        seq,
        hash: Digest::ZERO,
        bytes: format!("{{\"seq\":{seq}}}\n").into_bytes(),
    };
    seqs.into_iter().map(line).collect::<Vec<_>>().into()
}

/// An address at which nobody listens.
pub(crate) fn nobody() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

pub(crate) fn in_a_minute() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

/// Notes the delays and does not sleep.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes(pub(crate) Arc<Mutex<Vec<Duration>>>);

impl Pacer for Notes {
    fn fraction(&self) -> f64 {
        1.0
    }

    fn sleep(&self, duration: Duration) {
        self.0.lock().unwrap().push(duration);
    }
}
