//! A latency spike every five minutes: found in the metrics, explained in the ring, confirmed in the chain, fixed.
//!
//! Three regions of memory on `node-a` are held under leases of 300 s and read 20 times a second. Whoever holds them looks
//! every ten seconds whether a lease is due for renewal, and calls it due at 99 % of its time. The first look past that
//! mark is at 100 %, and then one round trip of the link decides: the renewal lands after the lease has run out, the region
//! has to be leased and filled again, and reads wait for that.
//!
//! Network and workload are a simulation on a [`VirtualClock`], so that a thousand seconds take a moment and each run is
//! the same. The three layers are the real ones, driven through `counterfoil::Observer`: the metrics are scraped, the ring
//! is asked, the audit log is a log on disk whose records were acknowledged as durable before the story went on.

mod clock;
mod investigation;
mod lease_manager;
mod plan;
mod report;
mod run;
mod schedule;
mod scrape;
mod workload;

pub use clock::VirtualClock;
pub use investigation::{Findings, SealedEvent, Turnover};
pub use plan::Plan;
pub use report::tell;
pub use run::run;
pub use scrape::{Latency, Window};
