//! How a collector is to work.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use counterfoil::anchor::AnchorStore;
use counterfoil::audit::{FileSystem, StdFiles};
use counterfoil::metrics::Registry;
use counterfoil::signer::Signer;
use counterfoil::{ChainId, Clock, SystemClock};

use crate::collector::quarantine::QuarantineLimits;
use crate::collector::shared::{Limits, OnRefusal, RefusedLine};
use crate::collector::{Collector, start};
use crate::tenant_settings::SettingsOf;
use crate::{Catalogue, Error, ErrorKind, SegmentStorage, TenantName, TenantSettings};

/// What a closure that makes signers may answer.
pub(crate) type Made = Result<Arc<dyn Signer>, Box<dyn std::error::Error + Send + Sync>>;

pub(crate) type MakeSigner = dyn Fn(&ChainId) -> Made + Send + Sync;

/// Everything about a collector that can be chosen, with defaults for all of it. Made by [`Collector::builder`].
#[must_use = "a collector is started by `start`"]
pub struct CollectorBuilder {
    pub(crate) data: PathBuf,
    pub(crate) name: String,
    pub(crate) workers: usize,
    pub(crate) io_threads: usize,
    pub(crate) limits: Limits,
    pub(crate) reserve: u64,
    pub(crate) free: Option<Box<dyn Fn() -> io::Result<u64> + Send + Sync>>,
    pub(crate) head_interval: Duration,
    pub(crate) meta_interval: Duration,
    pub(crate) retention_interval: Duration,
    pub(crate) settings: SettingsOf,
    pub(crate) files: Arc<dyn FileSystem>,
    pub(crate) storage: Option<Arc<dyn SegmentStorage>>,
    pub(crate) catalogue: Option<Arc<dyn Catalogue>>,
    pub(crate) heads: Option<Arc<dyn AnchorStore>>,
    pub(crate) witness: Option<Arc<dyn Signer>>,
    pub(crate) meta_signer: Option<Arc<MakeSigner>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) registry: Registry,
    pub(crate) on_refusal: Option<Box<OnRefusal>>,
    pub(crate) configuration: BTreeMap<String, String>,
}

impl CollectorBuilder {
    pub(crate) fn new(data: PathBuf, name: String) -> Self {
        Self {
            data,
            name,
            workers: thread::available_parallelism().map_or(1, usize::from),
            io_threads: 16,
            limits: Limits {
                in_flight: 64 << 20,
                in_flight_per_tenant: 16 << 20,
                patience: Duration::from_secs(10),
                retry: Duration::from_secs(1),
                quarantine: QuarantineLimits {
                    lines: 100,
                    bytes: 4 << 20,
                    forks: 100,
                },
            },
            reserve: 64 << 20,
            free: None,
            head_interval: Duration::from_secs(5),
            meta_interval: Duration::from_secs(10),
            retention_interval: Duration::from_secs(60),
            settings: SettingsOf::new(|_| TenantSettings::default()),
            files: Arc::new(StdFiles),
            storage: None,
            catalogue: None,
            heads: None,
            witness: None,
            meta_signer: None,
            clock: Arc::new(SystemClock::new()),
            registry: Registry::new(),
            on_refusal: None,
            configuration: BTreeMap::new(),
        }
    }

    /// Threads that verify and write; one per core by default, from 1 to 256.
    pub const fn workers(mut self, threads: usize) -> Self {
        self.workers = threads;
        self
    }

    /// Threads that sync, and so most syncs under way at once; 16 by default, from 1 to 256.
    pub const fn io_threads(mut self, threads: usize) -> Self {
        self.io_threads = threads;
        self
    }

    /// Most bytes of records that are taken and not yet answered for, of all tenants together and of one: 64 MiB and 16 MiB by default,
    /// each at least 1 MiB.
    ///
    /// This is what bounds the memory of taking records in. Beside it there is the line that each open upload is in the middle of
    /// (at most 128 KiB), and what each open chain needs to be verified (some 10 KiB, and 300 bytes for each lane that it ever had).
    pub const fn in_flight_bytes(mut self, of_all: usize, of_one_tenant: usize) -> Self {
        self.limits.in_flight = of_all;
        self.limits.in_flight_per_tenant = of_one_tenant;
        self
    }

    /// How long a push waits for room before it is refused as overloaded; 10 s by default.
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.limits.patience = patience;
        self
    }

    /// How long a chain whose storage failed is left alone before it is opened again; 1 s by default.
    pub const fn retry_interval(mut self, interval: Duration) -> Self {
        self.limits.retry = interval;
        self
    }

    /// Free bytes of the data directory's disk below which records are refused as if it were full; 64 MiB by default.
    pub const fn disk_reserve(mut self, bytes: u64) -> Self {
        self.reserve = bytes;
        self
    }

    /// Where free bytes are asked for, instead of the file system of the data directory.
    pub fn free_space(
        mut self,
        free: impl Fn() -> io::Result<u64> + Send + Sync + 'static,
    ) -> Self {
        self.free = Some(Box::new(free));
        self
    }

    /// What is kept of the lines that a chain is refused: the last so many, up to so many bytes; 100 and 4 MiB by default. Of forks the
    /// first 100 of each chain are kept beside that, and never let go.
    pub const fn quarantine(mut self, lines: usize, bytes: u64) -> Self {
        self.limits.quarantine.lines = lines;
        self.limits.quarantine.bytes = bytes;
        self
    }

    /// How long the head of a chain may wait to be kept outside of it; 5 s by default.
    pub const fn head_interval(mut self, interval: Duration) -> Self {
        self.head_interval = interval;
        self
    }

    /// How long heads, refusals and accesses are coalesced before they are sealed into the meta-chain; 10 s by default.
    pub const fn meta_interval(mut self, interval: Duration) -> Self {
        self.meta_interval = interval;
        self
    }

    /// How often retention is applied; a minute by default.
    pub const fn retention_interval(mut self, interval: Duration) -> Self {
        self.retention_interval = interval;
        self
    }

    /// What each tenant may; asked whenever it matters, so the answer may change. Without it every tenant may register any free name
    /// and nothing is let go.
    pub fn tenant_settings(
        mut self,
        find: impl Fn(&TenantName) -> TenantSettings + Send + Sync + 'static,
    ) -> Self {
        self.settings = SettingsOf::new(find);
        self
    }

    /// The files that records are kept in; the operating system's by default.
    pub fn file_system(mut self, files: Arc<dyn FileSystem>) -> Self {
        self.files = files;
        self
    }

    /// Where records are kept; in the data directory by default.
    pub fn storage(mut self, storage: Arc<dyn SegmentStorage>) -> Self {
        self.storage = Some(storage);
        self
    }

    /// Where registrations are kept; in the data directory by default.
    pub fn catalogue(mut self, catalogue: Arc<dyn Catalogue>) -> Self {
        self.catalogue = Some(catalogue);
        self
    }

    /// Where the heads of chains are kept; in an `anchor.json` beside each chain by default. A store on another machine shows what the
    /// loss of this one's disk took.
    pub fn heads(mut self, store: Arc<dyn AnchorStore>) -> Self {
        self.heads = Some(store);
        self
    }

    /// Who cosigns checkpoints: a key for this and nothing else. By default a key in `keys/witness` of the data directory, named
    /// `<name>/witness`, which is made when it is not there.
    pub fn witness(mut self, signer: Arc<dyn Signer>) -> Self {
        self.witness = Some(signer);
        self
    }

    /// Who signs the collector's own chain, whose id the closure is given. By default a key in `keys` of the data directory, made when
    /// it is not there.
    pub fn meta_signer(
        mut self,
        signer: impl Fn(&ChainId) -> Made + Send + Sync + 'static,
    ) -> Self {
        self.meta_signer = Some(Arc::new(signer));
        self
    }

    /// Where time comes from; [`SystemClock`] by default.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// The registry that shows the collector's figures; one of its own by default ([`Collector::registry`]).
    pub fn registry(mut self, registry: Registry) -> Self {
        self.registry = registry;
        self
    }

    /// Called for each line that does not fit its chain, on a thread of the collector: it should hand on and return.
    pub fn on_refusal(mut self, hook: impl Fn(&RefusedLine<'_>) + Send + Sync + 'static) -> Self {
        self.on_refusal = Some(Box::new(hook));
        self
    }

    /// A setting of the daemon around this collector, for the meta-chain: each start seals a digest of all settings, and what changed
    /// since the last one. Never a secret.
    pub fn setting(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.configuration.insert(key.into(), value.into());
        self
    }

    /// Opens the data directory, creating it where there is none, and starts to work. Chains are opened in the
    /// background.
    ///
    /// # Errors
    /// [`InvalidConfig`](ErrorKind::InvalidConfig) for a setting out of range or a name that gives no chain id;
    /// [`Locked`](ErrorKind::Locked) when another collector works in the directory; [`Corrupt`](ErrorKind::Corrupt) when catalogue or
    /// meta-chain are damaged; [`Credential`](ErrorKind::Credential) for a key that cannot be used; [`Io`](ErrorKind::Io) and
    /// [`Full`](ErrorKind::Full).
    pub fn start(self) -> Result<Collector, Error> {
        self.check()?;
        start::start(self)
    }

    /// The id of the collector's own chain, without incarnation.
    pub(crate) fn meta_base(&self) -> String {
        format!("{}/meta", self.name)
    }

    fn check(&self) -> Result<(), Error> {
        let refuse = |why: String| {
            Err(Error::new(
                ErrorKind::InvalidConfig,
                "start the collector",
                why,
            ))
        };
        if let Err(error) = ChainId::first(&self.meta_base()) {
            return refuse(format!(
                "{error}; name the collector by a DNS name with a dot, such as collector.example.com"
            ));
        }
        let checks = [
            (
                (1..=256).contains(&self.workers),
                "workers has to be from 1 to 256",
            ),
            (
                (1..=256).contains(&self.io_threads),
                "io_threads has to be from 1 to 256",
            ),
            (
                (1 << 20..=1 << 31).contains(&self.limits.in_flight)
                    && (1 << 20..=1 << 31).contains(&self.limits.in_flight_per_tenant),
                "in_flight_bytes has to be from 1 MiB to 2 GiB",
            ),
            (
                self.limits.quarantine.lines > 0,
                "quarantine has to hold a line at least",
            ),
        ];
        match checks.into_iter().find(|(holds, _)| !holds) {
            None => Ok(()),
            Some((_, why)) => refuse(why.to_owned()),
        }
    }
}

impl fmt::Debug for CollectorBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CollectorBuilder")
            .field("data", &self.data)
            .field("name", &self.name)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}
