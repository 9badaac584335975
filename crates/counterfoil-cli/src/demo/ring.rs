//! The events of the ring, written to a file and counted by kind on the way.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufWriter;
use std::sync::{Arc, Mutex, PoisonError};

use counterfoil::events::{Error, EventSink, JsonEventSink};
use counterfoil::{Event, Redactor};

/// Counts per kind what a [`JsonEventSink`] accepted.
#[derive(Debug)]
pub(crate) struct CountingSink {
    file: JsonEventSink<BufWriter<File>>,
    counts: Mutex<BTreeMap<String, u64>>,
}

impl CountingSink {
    pub(crate) fn new(file: File) -> Arc<Self> {
        Arc::new(Self {
            file: JsonEventSink::new(BufWriter::new(file)).with_redact(Redactor::new()),
            counts: Mutex::default(),
        })
    }

    /// How many events of this kind were written.
    pub(crate) fn count(&self, kind: &str) -> u64 {
        self.counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(kind)
            .copied()
            .unwrap_or(0)
    }
}

impl EventSink for CountingSink {
    fn accept(&self, event: &Event) -> Result<(), Error> {
        self.file.accept(event)?;
        let kind = event.event.kind_name();
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        match counts.get_mut(kind) {
            Some(count) => *count += 1,
            None => drop(counts.insert(kind.to_owned(), 1)),
        }
        Ok(())
    }

    fn flush(&self) -> Result<(), Error> {
        self.file.flush()
    }
}
