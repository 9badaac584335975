//! Health checks (`counterfoil-health`), and the built-in ones.
//!
//! | check | degraded | unhealthy |
//! |---|---|---|
//! | [`disk_space`] | 80 % of the file system is used, or of its inodes | 95 % |
//! | [`audit_writable`] | a segment was poisoned; no sync has ended for 2 s while records wait | the log was closed or failed; 10 s |
//! | [`audit_anchor`] | durable records have waited for an anchor for 3 min, or anchoring fails | 10 min |
//! | [`audit_queue`] | a queue is half full; entries were refused or dropped since the last look | it is 90 % full |
//! | [`exporter_lag`] | nothing was delivered for 1 min while something waits; something was lost since the last look | 5 min |
//! | [`key_available`] | the key needs a second to sign, or there is none | it cannot sign; 5 s |
//! | [`clock_steps`] | the wall clock stepped by a second in the last ten minutes | by a minute |
//!
//! The limits are those of the constants `…_LIMITS`; each check takes others. A check comes as a [`Registration`], whose name,
//! interval and weight may be changed before it is registered.
//!
//! ```
//! # #[cfg(all(feature = "audit", feature = "metrics"))] {
//! use counterfoil::audit::AuditLog;
//! use counterfoil::health::{self, Health};
//! use counterfoil::Observer;
//!
//! # let directory = tempfile::tempdir()?;
//! let log = AuditLog::builder(directory.path().join("audit"), "audit.example.com/orders").open()?;
//! let health = Health::builder("orders", "1.2.3")
//!     .checks(health::of_audit_log(&log))
//!     .start()?;
//! let observer = Observer::builder().audit(log).health(&health).build()?;
//! assert_eq!(health.page("/livez", None, None).map(|page| page.status), Some(200));
//! # drop(observer);
//! # }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(feature = "metrics")]
mod aggregates;
#[cfg(feature = "audit")]
mod anchor;
mod clock;
mod disk;
mod exporter;
#[cfg(feature = "audit")]
mod key;
mod limits;
#[cfg(feature = "audit")]
mod queue;
#[cfg(feature = "audit")]
mod writable;

pub use counterfoil_health::*;

#[cfg(feature = "metrics")]
pub use aggregates::operations;
#[cfg(feature = "audit")]
pub use anchor::{ANCHOR_LIMITS, audit_anchor};
pub use clock::{CLOCK_LIMITS, clock_steps};
pub use disk::{DISK_LIMITS, disk_space};
pub use exporter::{EXPORTER_LIMITS, ExporterFigures, exporter_lag};
#[cfg(feature = "audit")]
pub use key::{KEY_LIMITS, key_available};
pub use limits::Limits;
#[cfg(feature = "audit")]
pub use queue::{QUEUE_LIMITS, audit_queue};
#[cfg(feature = "audit")]
pub use writable::{WRITABLE_LIMITS, audit_writable, audit_writable_now};

/// What there is to check of an audit log, with the usual limits: its disk, whether it writes, its queues, its anchor, and the
/// clock that it stamps with. The checks do not keep the log open.
#[cfg(feature = "audit")]
#[must_use]
pub fn of_audit_log(log: &counterfoil_audit::AuditLog) -> Vec<Registration> {
    vec![
        disk_space("audit-disk", log.directory(), DISK_LIMITS),
        audit_writable(log, WRITABLE_LIMITS),
        audit_queue(log, QUEUE_LIMITS),
        audit_anchor(log, ANCHOR_LIMITS),
        clock_steps(std::sync::Arc::clone(log.clock()), CLOCK_LIMITS),
    ]
}
