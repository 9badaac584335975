//! The log of the collector's own chain, which outlives a full disk.

use std::fmt;
use std::time::Duration;

use counterfoil::audit::{AuditInput, AuditLog, AuditLogBuilder, Error, Figures, LogState};
use counterfoil::{ChainId, Head};
use parking_lot::RwLock;

/// How long a log that has failed may take to end; its threads have ended by themselves.
const END: Duration = Duration::from_secs(1);

/// An [`AuditLog`] that is opened anew when it has failed. It stops for good when it can neither write a segment nor replace it; the
/// collector goes on, so its own log has to come back once there is room.
pub(crate) struct MetaLog {
    prepare: Box<dyn Fn() -> AuditLogBuilder + Send + Sync>,
    chain: ChainId,
    log: RwLock<AuditLog>,
}

impl MetaLog {
    /// Opens the log that `prepare` describes; one that is damaged goes on as its next incarnation.
    pub(crate) fn open(
        prepare: impl Fn() -> AuditLogBuilder + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let log = prepare().open_or_restart()?;
        Ok(Self {
            prepare: Box::new(prepare),
            chain: log.chain().clone(),
            log: RwLock::new(log),
        })
    }

    /// The chain, which stays the same when the log is opened anew.
    pub(crate) const fn chain(&self) -> &ChainId {
        &self.chain
    }

    pub(crate) fn head(&self) -> Option<Head> {
        self.log.read().head()
    }

    pub(crate) fn figures(&self) -> Figures {
        self.log.read().figures()
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.figures().state == LogState::Failed
    }

    /// Queues a record.
    pub(crate) fn append(&self, input: AuditInput) -> Result<(), Error> {
        self.log.read().append(input).queued().map(drop)
    }

    /// Opens the log anew if it has failed.
    pub(crate) fn revive(&self) -> Result<(), Error> {
        if !self.has_failed() {
            return Ok(());
        }
        let mut log = self.log.write();
        // It holds the lock on the directory until its threads have ended.
        log.close(END);
        *log = (self.prepare)().open()?;
        drop(log);
        tracing::info!(chain = %self.chain, "the collector's own log works again");
        Ok(())
    }

    /// Closes the log; whether all of it became durable in time.
    pub(crate) fn close(&self, patience: Duration) -> bool {
        self.log.read().close(patience).finished
    }
}

impl fmt::Debug for MetaLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetaLog")
            .field("chain", &self.chain)
            .finish_non_exhaustive()
    }
}
