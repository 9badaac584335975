//! Exporters that misbehave, each in its way.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use counterfoil_exporter::{Batch, Error, Exporter, MemoryExporter, Signals};

/// Keeps everything, for whoever holds a clone.
pub(crate) fn memory() -> Arc<MemoryExporter> {
    Arc::new(MemoryExporter::new(1_000_000))
}

/// How many items of this signal have arrived.
pub(crate) fn arrived(memory: &MemoryExporter, signal: Signals) -> usize {
    let batches = memory.batches();
    let of_it = batches.iter().filter(|batch| batch.signal() == signal);
    of_it.map(Batch::len).sum()
}

/// Does not come back from any call as long as the other end is kept.
#[derive(Debug)]
pub(crate) struct Stuck(Mutex<Receiver<()>>);

impl Stuck {
    pub(crate) fn new() -> (Self, Sender<()>) {
        let (keep, released) = channel();
        (Self(Mutex::new(released)), keep)
    }
}

impl Exporter for Stuck {
    fn signals(&self) -> Signals {
        Signals::ALL
    }

    fn export(&self, _batch: Batch) -> Result<(), Error> {
        // Fails when the test is over.
        let _released = self.0.lock().unwrap().recv();
        Ok(())
    }

    fn flush(&self, _deadline: Instant) -> Result<(), Error> {
        Ok(())
    }
}

/// Panics in every call.
#[derive(Debug)]
pub(crate) struct Panics;

impl Exporter for Panics {
    fn signals(&self) -> Signals {
        Signals::ALL
    }

    fn export(&self, _batch: Batch) -> Result<(), Error> {
        panic!("the exporter panics")
    }

    fn flush(&self, _deadline: Instant) -> Result<(), Error> {
        panic!("the exporter panics")
    }
}
