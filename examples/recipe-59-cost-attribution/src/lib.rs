//! Recipe 59: cost attribution with accounting tags.
//!
//! **What it is.** A bill made of sealed records: [`VerifiedLog`] reads a log only if it verifies up to an anchored head,
//! [`Ledger`] turns its leases into byte-seconds by tenant, project and tag, [`Reconciliation`] holds them against the metrics of
//! the same run and says what every difference is made of, and [`report`] writes text, CSV and JSON.
//!
//! **Who should depend on it.** Nobody: copy what you need.
//!
//! **Tenant, project, tag.** A record says who pays (`who.tenant`) and what it is booked on (`who.tag`, an
//! [`AccountingTag`](counterfoil::AccountingTag)). The format knows no project: that is a convention of this recipe, by which
//! a tag is `project/rest`, and a tag without a slash is a project of its own.
//!
//! ```
//! use cookbook_recipe_59_cost_attribution::{Period, VerifiedLog, bill, report, simulate};
//!
//! let directory = tempfile::tempdir()?;
//! let day = simulate(directory.path())?;
//! let log = VerifiedLog::open(&day.log, &day.anchor)?;
//! let (bill, _) = bill(&log, Period::ALL)?;
//! assert!(report::csv(&bill).starts_with("tenant,project,tag,resource,"));
//! # Ok::<(), Box<dyn std::error::Error + Send + Sync>>(())
//! ```

use counterfoil::Timestamp;

mod clock;
mod ledger;
mod reconcile;
pub mod report;
mod usage;
mod verified;
mod workload;

pub use ledger::{Bill, Ledger, Period};
pub use reconcile::{Finding, Granted, Reconciliation, RunTotals};
pub use usage::{Account, Usage};
pub use verified::{VerifiedLog, Vouched};
pub use workload::{Day, LEASE_GRANTED, TABLE, simulate};

/// The bill for `period`, and what the log says of its last run, from one reading of the log.
///
/// # Errors
/// When the log is not what was verified.
pub fn bill(log: &VerifiedLog, period: Period) -> Result<(Bill, RunTotals)> {
    let (mut ledger, mut run) = (Ledger::new(period), RunTotals::default());
    let mut sealed_at = Timestamp::default();
    log.each(|record, vouched| {
        if vouched == Vouched::Anchored {
            ledger.take(record);
            sealed_at = record.time();
        }
        run.take(record, vouched);
    })?;
    Ok((ledger.close(log.head(), sealed_at), run))
}

/// Anything that goes wrong in a recipe is told to whoever runs it.
pub type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;
