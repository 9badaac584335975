//! Starting: what is opened, in which order, and the threads.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};

use counterfoil::ChainId;
use counterfoil::anchor::{AnchorStore, FileAnchorStore};
use counterfoil::audit::{AuditLog, ErrorKind as AuditErrorKind};
use counterfoil::signer::Signer;
use crossbeam_channel::{Receiver, Sender, unbounded};
use parking_lot::{Mutex, RwLock};
use tokio::sync::Semaphore;

use crate::collector::builder::{CollectorBuilder, MakeSigner};
use crate::collector::chain::Chain;
use crate::collector::data_dir::{DataDir, chain_dir};
use crate::collector::figures::Figures;
use crate::collector::heads::{HeadFiles, Heads};
use crate::collector::io_threads::{self, Io};
use crate::collector::job::Job;
use crate::collector::keys::load_or_make;
use crate::collector::meta::Meta;
use crate::collector::meta_log::MetaLog;
use crate::collector::shared::Shared;
use crate::collector::space::Space;
use crate::collector::{Collector, configuration, housekeeping, worker};
use crate::indexing::Indexing;
use crate::storage::FileStorage;
use crate::{Catalogue, Error, ErrorKind, FileCatalogue, SegmentStorage};

/// The threads of a collector, to be waited for.
#[derive(Debug)]
pub(crate) struct Threads {
    pub(crate) workers: Vec<JoinHandle<()>>,
    pub(crate) io: Vec<JoinHandle<()>>,
    pub(crate) housekeeper: Option<(Sender<()>, JoinHandle<()>)>,
    pub(crate) indexing: Option<Indexing>,
}

/// Finds the anchor of a chain once the collector is there to ask.
type Later = Arc<OnceLock<std::sync::Weak<Shared>>>;

pub(crate) fn start(mut builder: CollectorBuilder) -> Result<Collector, Error> {
    let data = DataDir::open(&builder.data)?;
    let (figures, guard) = Figures::new(&builder.registry);
    let (digest, changes) = configuration::keep(&data.configuration(), &settings_of(&builder))?;
    let witness = witness(&data, &mut builder)?;
    let meta = Meta::new(open_meta(&data, &mut builder)?);
    let later = Later::default();
    let heads: Arc<dyn AnchorStore> = match builder.heads.take() {
        Some(store) => store,
        None => Arc::new(HeadFiles::new(anchor_paths(Arc::clone(&later)))),
    };
    let catalogue: Arc<dyn Catalogue> = match builder.catalogue.take() {
        Some(catalogue) => catalogue,
        None => Arc::new(FileCatalogue::open(data.catalogue())?),
    };
    let storage: Arc<dyn SegmentStorage> = match builder.storage.take() {
        Some(storage) => storage,
        None => Arc::new(
            FileStorage::new(data.root())
                .file_system(Arc::clone(&builder.files))
                .clock(Arc::clone(&builder.clock)),
        ),
    };
    let entries = catalogue.entries()?;
    let (workers, jobs): (Vec<_>, Vec<_>) = (0..builder.workers).map(|_| unbounded()).unzip();
    let (io, work) = unbounded();
    let root = data.root().to_owned();
    let free = builder
        .free
        .take()
        .unwrap_or_else(|| Box::new(move || free_bytes(&root)));
    let shared = Arc::new(Shared {
        data,
        limits: builder.limits,
        settings: builder.settings.clone(),
        storage,
        catalogue,
        heads: Heads::new(heads, Arc::clone(&figures)),
        meta,
        figures,
        witness,
        clock: Arc::clone(&builder.clock),
        space: Space::new(free, builder.reserve),
        on_refusal: builder.on_refusal.take(),
        chains: RwLock::default(),
        registering: Mutex::default(),
        tenants: Mutex::default(),
        room: Arc::new(Semaphore::new(builder.limits.in_flight)),
        busy_since: workers.iter().map(|_| AtomicU64::new(0)).collect(),
        workers_left: AtomicUsize::new(workers.len()),
        workers,
        io,
        io_threads: builder.io_threads,
        stopping: AtomicBool::new(false),
    });
    // Set once, here.
    later.set(Arc::downgrade(&shared)).ok();
    for entry in entries {
        shared.add(entry);
    }
    shared.meta.started(shared.chains.read().len() as u64);
    shared.meta.configured(&digest, &changes);
    let threads = threads(&shared, &builder, jobs, work)?;
    open_all(&shared);
    Ok(Collector::new(shared, builder.registry, guard, threads))
}

/// Has every chain opened, in the background: what is wrong with one shows at the start and not with the first record.
fn open_all(shared: &Shared) {
    for chain in shared.chains.read().values() {
        let (reply, _) = tokio::sync::oneshot::channel();
        // The workers are there.
        shared
            .give(chain.worker, Job::Open(Arc::clone(chain), reply))
            .ok();
    }
}

fn threads(
    shared: &Arc<Shared>,
    builder: &CollectorBuilder,
    jobs: Vec<Receiver<Job>>,
    work: Receiver<Io>,
) -> Result<Threads, Error> {
    let mut workers = Vec::new();
    for (jobs, number) in jobs.into_iter().zip(0..) {
        let shared = Arc::clone(shared);
        workers.push(spawn(format!("cf-worker-{number}"), move || {
            worker::run(&shared, number, &jobs);
        })?);
    }
    let mut io = Vec::new();
    for number in 0..builder.io_threads {
        let (shared, work) = (Arc::clone(shared), work.clone());
        io.push(spawn(format!("cf-io-{number}"), move || {
            io_threads::run(&shared, &work);
        })?);
    }
    let (stop, stopped) = unbounded();
    let plan = housekeeping::Plan {
        heads: builder.head_interval,
        meta: builder.meta_interval,
        retention: builder.retention_interval,
    };
    let keeping = Arc::clone(shared);
    let housekeeper = spawn("cf-housekeeper".into(), move || {
        housekeeping::run(&keeping, plan, &stopped);
    })?;
    Ok(Threads {
        workers,
        io,
        housekeeper: Some((stop, housekeeper)),
        indexing: Some(indexing(shared)?),
    })
}

fn indexing(shared: &Arc<Shared>) -> Result<Indexing, Error> {
    let shared = Arc::downgrade(shared);
    let durable = move || {
        let Some(shared) = shared.upgrade() else {
            return Vec::new();
        };
        let chains = shared.chains.read();
        let durable = |chain: &Arc<Chain>| {
            let directory = shared.storage.directory(&chain.entry);
            (directory, chain.acknowledged())
        };
        chains.values().map(durable).collect()
    };
    Indexing::start(durable)
        .map_err(|error| Error::io("start the collector", "no thread could be started", error))
}

fn spawn(name: String, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Error> {
    thread::Builder::new()
        .name(name)
        .spawn(run)
        .map_err(|error| Error::io("start the collector", "no thread could be started", error))
}

fn anchor_paths(later: Later) -> impl Fn(&ChainId) -> Option<PathBuf> + Send + Sync + 'static {
    move |id| {
        let shared = later.get()?.upgrade()?;
        let chain = shared.chain(id)?;
        let dir = chain_dir(shared.root(), &chain.entry.tenant, id);
        Some(dir.join("anchor.json"))
    }
}

fn witness(
    data: &DataDir,
    builder: &mut CollectorBuilder,
) -> Result<Option<Arc<dyn Signer>>, Error> {
    if let Some(witness) = builder.witness.take() {
        return Ok(Some(witness));
    }
    let path = data.keys()?.join("witness");
    load_or_make(&path, &format!("{}/witness", builder.name)).map(Some)
}

/// The collector's own log; one that is damaged is set aside and goes on as its next incarnation, which says so.
fn open_meta(data: &DataDir, builder: &mut CollectorBuilder) -> Result<MetaLog, Error> {
    let failed = |error: &dyn std::error::Error| {
        Error::new(
            ErrorKind::Corrupt,
            "open the collector's own log",
            error.to_string(),
        )
    };
    let anchors = FileAnchorStore::open(data.meta_anchor()).map_err(|error| failed(&error))?;
    let anchors: Arc<dyn AnchorStore> = Arc::new(anchors);
    let keys = data.keys()?;
    let signer: Arc<MakeSigner> = builder.meta_signer.take().unwrap_or_else(|| {
        Arc::new(move |chain: &ChainId| {
            let path = keys.join(format!("meta-{}", chain.incarnation()));
            load_or_make(&path, chain.as_str()).map_err(Into::into)
        })
    });
    let (dir, base, clock) = (data.meta(), builder.meta_base(), Arc::clone(&builder.clock));
    MetaLog::open(move || {
        let signer = Arc::clone(&signer);
        AuditLog::builder(&dir, &base)
            .clock(Arc::clone(&clock))
            .signer(move |chain| signer(chain))
            .anchor_store(Arc::clone(&anchors))
    })
    .map_err(|error| match error.kind() {
        // The collector before may let go of its own log a moment after the directory.
        AuditErrorKind::Conflict => Error::new(
            ErrorKind::Locked,
            "open the collector's own log",
            error.to_string(),
        ),
        _ => failed(&error),
    })
}

/// What is in force, for the meta-chain.
fn settings_of(builder: &CollectorBuilder) -> BTreeMap<String, String> {
    let mut all = builder.configuration.clone();
    let limits = &builder.limits;
    let own = [
        ("collector.name", builder.name.clone()),
        ("collector.workers", builder.workers.to_string()),
        ("collector.io_threads", builder.io_threads.to_string()),
        ("collector.in_flight_bytes", limits.in_flight.to_string()),
        (
            "collector.in_flight_bytes_per_tenant",
            limits.in_flight_per_tenant.to_string(),
        ),
        ("collector.disk_reserve_bytes", builder.reserve.to_string()),
        (
            "collector.quarantine_lines",
            limits.quarantine.lines.to_string(),
        ),
        (
            "collector.quarantine_bytes",
            limits.quarantine.bytes.to_string(),
        ),
    ];
    all.extend(own.map(|(key, value)| (key.to_owned(), value)));
    all
}

/// Bytes that an ordinary user can still write.
fn free_bytes(root: &std::path::Path) -> std::io::Result<u64> {
    let found = rustix::fs::statvfs(root)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}
