//! One run of the workload under observation.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use counterfoil::Observer;
use counterfoil::audit::AuditLog;
use counterfoil::events::EventRingBuffer;

use super::workload::Workload;
use super::{Findings, Plan, VirtualClock};
use crate::{Backends, Result, backends};

/// The log of the story: its chain has `/1` behind that.
const LOG: &str = "cookbook.example.com/recipe-15-story";
/// The wall clock of a simulation moves between two readings of it, and nobody has set it.
const NO_CLOCK_STEP: Duration = Duration::from_secs(86_400);
/// How long closing may take, in real time.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs the workload with `directory` for the audit log (`audit`) and the backends, and asks the three layers about it.
///
/// # Errors
/// When the directory cannot be used or holds a log already, or a record does not become durable.
pub fn run(plan: &Plan, directory: &Path) -> Result<Findings> {
    std::fs::create_dir_all(directory)?;
    let clock = Arc::new(VirtualClock::new());
    let Backends { anchor, signer } = backends(directory, &format!("{LOG}/1"))?;
    let log_directory = directory.join("audit");
    if log_directory.exists() {
        let found = log_directory.display();
        return Err(
            format!("{found} holds the log of an earlier run; name another directory").into(),
        );
    }
    let log = AuditLog::builder(&log_directory, LOG)
        .clock(Arc::clone(&clock))
        .anchor_store(Arc::clone(&anchor))
        .signer(move |_| Ok(Arc::clone(&signer)))
        .clock_step(NO_CLOCK_STEP)
        .open()?;
    let events = EventRingBuffer::builder()
        .clock(Arc::clone(&clock))
        .build()?;
    let observer = Observer::builder()
        .clock(Arc::clone(&clock))
        .events(events)
        .audit(log)
        .build()?;

    let windows = Workload::new(plan, &clock, observer.clone()).run()?;
    close(&observer)?;
    Findings::gather(windows, &observer, &log_directory, &*anchor)
}

fn close(observer: &Observer) -> Result<()> {
    match observer.close(PATIENCE) {
        Some(report) if report.finished => Ok(()),
        other => Err(format!("the audit log did not close in order: {other:?}").into()),
    }
}
