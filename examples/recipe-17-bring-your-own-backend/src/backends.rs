//! Which backends this deployment uses: the one place that changes.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use counterfoil_anchor::{AnchorStore, MemoryAnchorStore};
use counterfoil_exporter::{Exporter, MemoryExporter};

use crate::{Daemon, JournalAnchorStore, Origin, Result, SyslogExporter};

/// A quarter of a gigabyte is a year of one log that is anchored every minute.
const JOURNAL_BYTES: u64 = 256 << 20;
/// What an exporter in memory keeps.
const KEPT: usize = 10_000;
const PATIENCE: Duration = Duration::from_secs(5);
/// The private enterprise number for documentation: put yours here.
const ENTERPRISE: u32 = 32_473;

/// Where heads are kept, and where telemetry goes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Backends {
    /// Keeps the heads of the logs.
    pub anchors: Arc<dyn AnchorStore>,
    /// Sends what it takes.
    pub exporter: Arc<dyn Exporter>,
}

/// The backends that two words of a configuration name.
///
/// | `anchors` | is |
/// |---|---|
/// | `memory` | `MemoryAnchorStore`: for tests |
/// | `journal:PATH` | [`JournalAnchorStore`] in that file |
///
/// | `exporter` | is |
/// |---|---|
/// | `memory` | `MemoryExporter`: for tests |
/// | `syslog+tcp://ADDRESS:PORT` | [`SyslogExporter`] to a daemon's TCP port |
/// | `syslog+unix:PATH` | [`SyslogExporter`] to a datagram socket such as `/dev/log` |
///
/// # Errors
/// When a word names no backend, or the journal cannot be opened.
pub fn backends(anchors: &str, exporter: &str) -> Result<Backends> {
    let store: Arc<dyn AnchorStore> = match anchors.split_once(':') {
        None if anchors == "memory" => Arc::new(MemoryAnchorStore::new()),
        Some(("journal", path)) => Arc::new(JournalAnchorStore::open(path, JOURNAL_BYTES)?),
        _ => {
            return Err(
                format!("no anchor store goes by {anchors:?}; say memory or journal:PATH").into(),
            );
        }
    };
    let exporter: Arc<dyn Exporter> = match exporter.split_once(':') {
        None if exporter == "memory" => Arc::new(MemoryExporter::new(KEPT)),
        Some(("syslog+tcp", address)) => {
            let address = address.trim_start_matches("//").parse().map_err(|error| {
                format!("{exporter:?} names no address and port ({error}); say syslog+tcp://127.0.0.1:601")
            })?;
            Arc::new(syslog(Daemon::Tcp(address)))
        }
        Some(("syslog+unix", path)) => Arc::new(syslog(Daemon::Unix(PathBuf::from(path)))),
        _ => {
            return Err(format!(
                "no exporter goes by {exporter:?}; say memory, syslog+tcp://ADDRESS:PORT or syslog+unix:PATH"
            )
            .into());
        }
    };
    Ok(Backends {
        anchors: store,
        exporter,
    })
}

fn syslog(daemon: Daemon) -> SyslogExporter {
    // What the kernel calls this host; a daemon puts in what it knows where we say nothing.
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let origin = Origin::new(host.trim(), "recipe-17", std::process::id(), ENTERPRISE);
    SyslogExporter::new(daemon, origin, PATIENCE)
}
