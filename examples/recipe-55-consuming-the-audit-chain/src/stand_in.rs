//! A collector and a producer in this process, so that recipe and tests need neither elsewhere.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use counterfoil::audit::AuditLog;
use counterfoil::health::Health;
use counterfoil::signer::{Ed25519Signer, Signer};
use counterfoil::{
    ChainId, Clock, Context, FabricEvent, LeaseId, Name, Observer, ResourceType, SystemClock,
    WorkloadIdentity,
};
use counterfoil_collector::config::Config;
use counterfoil_collector::daemon::Daemon;
use counterfoil_exporter_collector::{Client, checkpoint_line};
use tokio::sync::oneshot;

use crate::{Feed, Result};

const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes of one upload; a line fits.
const UPLOAD: usize = 1 << 20;

/// `counterfoil collect` on a thread, without credentials and on the loopback interface.
#[derive(Debug)]
pub struct InProcess {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl InProcess {
    /// Starts it on `data` at a free port.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(data: &Path) -> Result<Self> {
        Self::start_at(data, SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// Starts it at this address: where it was before it was stopped.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start_at(data: &Path, address: SocketAddr) -> Result<Self> {
        let mut config = Config::default();
        config.listen.address = address;
        config.intake.data = data.to_owned();
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = mpsc::channel();
        let thread = thread::spawn(move || {
            let told = tell.clone();
            if let Err(error) = serve(config, tell, stopped) {
                // Nobody listens any more once it has started.
                let _nobody = told.send(Err(error.to_string()));
            }
        });
        Ok(Self {
            address: told.recv()??,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same as a URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Stops it in order.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _panicked = thread.join();
        }
    }
}

impl Drop for InProcess {
    fn drop(&mut self) {
        self.end();
    }
}

fn serve(
    config: Config,
    tell: mpsc::Sender<Result<SocketAddr, String>>,
    stopped: oneshot::Receiver<()>,
) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let observer = Observer::builder().build()?;
    let health = Health::builder("collector", env!("CARGO_PKG_VERSION")).start()?;
    runtime.block_on(async {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let daemon = Daemon::bind(config, clock)?;
        let collector = daemon.start_collector(observer.registry())?;
        tell.send(Ok(daemon.address()))?;
        let stop = async {
            let _dropped_is_stopped_too = stopped.await;
        };
        daemon.serve(&collector, &health, &observer, stop).await;
        collector.stop(PATIENCE);
        Ok(())
    })
}

/// A service whose leases run out now and then, and that ships its log.
#[derive(Debug)]
pub struct Producer {
    log: AuditLog,
    chain: ChainId,
    key: String,
    segments: PathBuf,
}

impl Producer {
    /// A signed log in `directory`.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn new(directory: &Path, name: &str) -> Result<Self> {
        let signer = Arc::new(Ed25519Signer::generate(
            &format!("{name}/1"),
            getrandom::fill,
        )?);
        let key = signer.verifier_key().ok_or("it has a key")?.to_string();
        let log = AuditLog::builder(directory, name)
            .signer(move |_| Ok(Arc::clone(&signer) as Arc<dyn Signer>))
            .anchor_interval(Duration::from_secs(3_600))
            .open()?;
        Ok(Self {
            segments: directory.join("segments"),
            chain: format!("{name}/1").parse()?,
            log,
            key,
        })
    }

    /// The chain.
    #[must_use]
    pub const fn chain(&self) -> &ChainId {
        &self.chain
    }

    /// The key of the log, for whoever verifies it.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Seals a lease that is granted and runs out.
    ///
    /// # Errors
    /// When it does not become durable.
    pub fn lose(&self, lease: u64) -> Result<()> {
        let acme = Context::new(WorkloadIdentity::tenant_only("acme"));
        let (resource_type, lease_id, node) =
            (ResourceType::Mem, LeaseId(lease), Name::new("node-a"));
        let granted = FabricEvent::LeaseAcquired {
            resource_type,
            lease_id,
            node: node.clone(),
            bytes: 4096,
        };
        let expired = FabricEvent::LeaseExpired {
            resource_type,
            lease_id,
            node,
        };
        let _with_the_next_one = self.log.append_event(&granted, &acme);
        Ok(self
            .log
            .append_event(&expired, &acme)
            .wait_durable(PATIENCE)?)
    }

    /// Signs what was sealed so far, sends it to the collector at `url`, and waits until that serves the checkpoint, as `feed` shows
    /// it: a collector publishes checkpoints soon after it has taken them.
    ///
    /// # Errors
    /// When it cannot be anchored, or the collector does not take it.
    pub fn sign_and_ship(&self, url: &str, feed: &impl Feed) -> Result<()> {
        let size = self.log.anchor_now(PATIENCE)?.seq;
        self.ship(url)?;
        let until = Instant::now() + PATIENCE;
        // The size is the second line of a checkpoint.
        let covers = |note: String| note.lines().nth(1) == Some(&size.to_string());
        while !feed.checkpoint()?.is_some_and(covers) {
            if Instant::now() > until {
                return Err(format!(
                    "the collector does not publish the checkpoint of size {size}"
                )
                .into());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Sends everything to the collector at `url`: what it has already it passes over. A service leaves this to the exporter of
    /// `counterfoil-exporter-collector`, which keeps a cursor.
    ///
    /// # Errors
    /// When the collector does not take it.
    pub fn ship(&self, url: &str) -> Result<()> {
        let (client, chain) = (Client::builder(url).build()?, &self.chain);
        client.register(chain, Some(&self.key))?;
        let mut lines = Vec::new();
        let mut segments: Vec<_> = fs::read_dir(&self.segments)?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_>>()?;
        segments.sort();
        for segment in segments {
            lines.extend(fs::read(segment)?);
        }
        let mut rest = &lines[..];
        while !rest.is_empty() {
            let some = &rest[..rest.len().min(UPLOAD)];
            let end = some
                .iter()
                .rposition(|byte| *byte == b'\n')
                .ok_or("a line has no end")?;
            client.upload(chain, &rest[..=end])?;
            rest = &rest[end + 1..];
        }
        let checkpoint = self.segments.with_file_name("checkpoint");
        if let Ok(note) = fs::read_to_string(checkpoint) {
            client.upload(chain, &checkpoint_line(&note))?;
        }
        Ok(())
    }
}
