//! What a run of the workload consists of.

use std::time::Duration;

/// The figures of a run. Change one and run it again: that is what they are for.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Plan {
    /// A lease is due for renewal once this much of its time is over, in percent.
    pub renew_at_percent: u32,
    /// For how long a lease is granted.
    pub ttl: Duration,
    /// How often the holder looks whether a lease is due.
    pub look_every: Duration,
    /// How long a message takes from the holder to the lease manager, and an answer back.
    pub one_way: Duration,
    /// How long it takes to fill a region that was leased anew.
    pub refill: Duration,
    /// How many regions are held. The first has lease 7.
    pub regions: usize,
    /// How often a region is read; the regions take turns.
    pub read_every: Duration,
    /// How many bytes a read fetches.
    pub read_bytes: u64,
    /// How often the metrics are scraped.
    pub scrape_every: Duration,
    /// How much virtual time the run takes.
    pub length: Duration,
}

impl Plan {
    /// The workload of the story, with leases renewed at this much of their time.
    #[must_use]
    pub const fn renewing_at(percent: u32) -> Self {
        Self {
            renew_at_percent: percent,
            ttl: Duration::from_secs(300),
            look_every: Duration::from_secs(10),
            one_way: Duration::from_millis(35),
            refill: Duration::from_millis(600),
            regions: 3,
            read_every: Duration::from_millis(50),
            read_bytes: 4096,
            scrape_every: Duration::from_secs(10),
            length: Duration::from_secs(1_000),
        }
    }

    /// After how long a lease is due.
    pub(crate) fn renew_after(&self) -> Duration {
        self.ttl * self.renew_at_percent / 100
    }

    /// When the regions are leased and filled for the first time.
    pub(crate) fn first_read(&self) -> Duration {
        2 * self.one_way + self.refill + self.read_every
    }

    /// Ids of the leases, by region.
    pub(crate) const fn lease_of(region: usize) -> u64 {
        7 + region as u64
    }
}
