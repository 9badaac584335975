//! Our own exporters and wrappers keep the contract.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use counterfoil_exporter::{
    Batch, Exporter, FanOut, JsonLinesExporter, Limit, MemoryExporter, Retry, RetryPolicy, Signals,
};
use counterfoil_testkit::exporter::{Refusing, conformance, failing};

/// Bytes that a test still sees when an exporter has them.
#[derive(Clone, Debug, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn json_lines() -> (JsonLinesExporter<Shared>, impl Fn() -> usize) {
    let out = Shared::default();
    let arrived = out.clone();
    let count = move || {
        arrived
            .0
            .lock()
            .unwrap()
            .iter()
            .filter(|byte| **byte == b'\n')
            .count()
    };
    (JsonLinesExporter::new(out), count)
}

fn memory(signals: Signals) -> (Arc<MemoryExporter>, impl Fn() -> usize) {
    let memory = Arc::new(MemoryExporter::new(1_000).with_signals(signals));
    let arrived = Arc::clone(&memory);
    (memory, move || {
        arrived.batches().iter().map(Batch::len).sum()
    })
}

#[test]
fn the_json_lines_exporter_conforms_by_value_boxed_and_shared() {
    conformance(json_lines);
    conformance(|| {
        let (exporter, arrived) = json_lines();
        (Box::new(exporter) as Box<dyn Exporter>, arrived)
    });
    conformance(|| {
        let (exporter, arrived) = json_lines();
        (Arc::new(exporter) as Arc<dyn Exporter>, arrived)
    });
}

#[test]
fn the_memory_exporter_conforms_boxed_and_shared_whatever_it_takes() {
    for signals in [
        Signals::ALL,
        Signals::EVENTS,
        Signals::METRICS | Signals::SEALED,
    ] {
        conformance(|| memory(signals));
        conformance(|| {
            let (exporter, arrived) = memory(signals);
            (Box::new(exporter) as Box<dyn Exporter>, arrived)
        });
    }
}

#[test]
fn the_wrappers_conform() {
    conformance(|| {
        let (exporter, arrived) = memory(Signals::ALL);
        (Retry::new(exporter, RetryPolicy::new()), arrived)
    });
    conformance(|| {
        let (exporter, arrived) = memory(Signals::EVENTS | Signals::SEALED);
        (Limit::new(exporter, 1_000).unwrap(), arrived)
    });
    conformance(|| {
        let (exporter, arrived) = memory(Signals::EVENTS);
        (FanOut::new().and(exporter), arrived)
    });
}

/// A disk without room.
#[derive(Debug)]
struct Full;

impl Write for Full {
    fn write(&mut self, _bytes: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn ours_tell_when_the_destination_refuses() {
    failing(|| Refusing);
    failing(|| JsonLinesExporter::new(Full));
    failing(|| JsonLinesExporter::new(io::BufWriter::new(Full)));
    failing(|| Retry::new(Refusing, RetryPolicy::new()));
    failing(|| Limit::new(Refusing, 1_000).unwrap());
    failing(|| FanOut::new().and(Limit::new(Refusing, 1_000).unwrap()));
}
