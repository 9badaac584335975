//! An observer with an audit log of its own, and what its log holds.

use std::path::{Path, PathBuf};
use std::time::Duration;

use counterfoil::audit::AuditLog;
use counterfoil::{Clock, Context, Observer, SystemClock, WorkloadIdentity};

/// How long a test waits for what takes milliseconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Bench {
    pub(crate) observer: Observer,
    directory: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with_clock(SystemClock::new())
    }

    pub(crate) fn with_clock(clock: impl Clock) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let log = AuditLog::builder(Self::log_dir(directory.path()), "audit.example.com/test");
        let log = log.clock(clock).open().unwrap();
        Self {
            observer: Observer::builder().audit(log).build().unwrap(),
            directory,
        }
    }

    fn log_dir(directory: &Path) -> PathBuf {
        directory.join("audit")
    }

    /// Closes the log and reads the bodies of its records, as JSON, those of the log about itself left out.
    pub(crate) fn sealed(&self) -> Vec<serde_json::Value> {
        let report = self.observer.close(PATIENCE).unwrap();
        assert!(report.finished, "{report:?}");
        let mut bodies = Vec::new();
        let segments = Self::log_dir(self.directory.path()).join("segments");
        let mut files: Vec<_> = std::fs::read_dir(segments)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        files.sort();
        for file in files {
            for line in std::fs::read_to_string(file).unwrap().lines() {
                let record: serde_json::Value = serde_json::from_str(line).unwrap();
                bodies.push(record["body"].clone());
            }
        }
        bodies.retain(|body| !body["src"]["id"].as_str().unwrap().ends_with("/sealer"));
        bodies
    }
}

pub(crate) fn context() -> Context {
    Context::new(WorkloadIdentity::tenant_only("acme").with_workload("train"))
        .with_trace(
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
                .parse()
                .unwrap(),
        )
        .with_request("req-1".parse().unwrap())
}
