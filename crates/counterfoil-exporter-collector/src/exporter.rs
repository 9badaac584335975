//! A collector as a destination like the others.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use counterfoil_core::{ChainId, SealedLine};
use counterfoil_exporter::{
    Batch, Error as ExportError, ErrorKind as ExportErrorKind, Exporter, Signals,
};

use crate::delivery::Delivery;
use crate::{Client, Error, ErrorKind};

const EXPORT: &str = "export sealed lines to a collector";

/// Most bytes of one request before it is compressed.
const MAX_REQUEST: usize = 1 << 20;

/// Sends batches of sealed lines of one chain: one call, one attempt, nothing held back. Register the chain before.
///
/// It is given lines and does not fetch them: where whoever drives it forgets one, the collector refuses all that follow. A service
/// takes the [`Shipper`](crate::Shipper), which follows the log itself; this is for pipelines that have lines in hand.
#[derive(Debug)]
pub struct CollectorExporter {
    chain: ChainId,
    delivery: Mutex<Delivery>,
}

impl CollectorExporter {
    /// An exporter of `chain`. With `cursor`, that file says over restarts how far the collector has acknowledged.
    ///
    /// # Errors
    /// [`ErrorKind::Io`] when the cursor cannot be read.
    pub fn new(client: Client, chain: ChainId, cursor: Option<PathBuf>) -> Result<Self, Error> {
        let delivery = Delivery::new(client, chain.clone(), cursor)?;
        Ok(Self {
            chain,
            delivery: Mutex::new(delivery),
        })
    }

    /// The chain.
    #[must_use]
    pub const fn chain(&self) -> &ChainId {
        &self.chain
    }

    /// The last record that the collector has acknowledged, 0 before the first: where whoever reads the log goes on.
    #[must_use]
    pub fn acknowledged(&self) -> u64 {
        let delivery = self.delivery.lock().unwrap_or_else(PoisonError::into_inner);
        delivery.acknowledged().map_or(0, |(seq, _)| seq)
    }
}

impl Exporter for CollectorExporter {
    fn signals(&self) -> Signals {
        Signals::SEALED
    }

    fn export(&self, batch: Batch) -> Result<(), ExportError> {
        let Batch::Sealed(lines) = &batch else {
            return Err(batch.unsupported(self.signals()));
        };
        let mut delivery = self.delivery.lock().unwrap_or_else(PoisonError::into_inner);
        let mut sent = 0;
        while sent < lines.len() {
            let next = &lines[sent..];
            let next = &next[..fitting(next)];
            let taken = match delivery.lines(next) {
                Ok(upto) => next.iter().filter(|line| line.seq <= upto).count(),
                Err(error) => {
                    let upto = error.refusal().and_then(|refusal| refusal.acknowledged);
                    let taken = next.iter().filter(|line| Some(line.seq) <= upto).count();
                    let rest = batch.without_first(sent + taken);
                    return Err(of_export(error).with_part(0, Some(rest)));
                }
            };
            sent += taken;
        }
        Ok(())
    }

    fn flush(&self, _deadline: Instant) -> Result<(), ExportError> {
        Ok(())
    }
}

/// How many lines from the beginning fit into a request; one at least.
fn fitting(lines: &[SealedLine]) -> usize {
    fitting_into(lines, MAX_REQUEST)
}

/// The same for a request of at most `room` bytes.
pub(crate) fn fitting_into(lines: &[SealedLine], room: usize) -> usize {
    let mut size = 0;
    let fits = |line: &&SealedLine| {
        size += line.bytes.len();
        size <= room
    };
    lines.iter().take_while(fits).count().max(1)
}

fn of_export(error: Error) -> ExportError {
    let kind = match error.kind() {
        ErrorKind::Timeout => ExportErrorKind::Timeout,
        ErrorKind::Unreachable => ExportErrorKind::Unavailable,
        ErrorKind::Refused if error.is_retryable() => ExportErrorKind::Unavailable,
        ErrorKind::Protocol => ExportErrorKind::Protocol,
        ErrorKind::Io => ExportErrorKind::Io,
        ErrorKind::InvalidConfig => ExportErrorKind::InvalidConfig,
        ErrorKind::Refused | ErrorKind::Fork => ExportErrorKind::Rejected,
    };
    let wait = error.refusal().and_then(|refusal| refusal.retry_after);
    let made = ExportError::new(kind, EXPORT, error.to_string()).with_source(error);
    match wait {
        Some(wait) => made.with_retry_after(wait),
        None => made,
    }
}
