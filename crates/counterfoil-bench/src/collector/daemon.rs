//! The collector as a process of its own.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::group::Outcome;

/// Bytes that the daemon may hold of what is not yet stored, of all and of one tenant, as it is configured here; the defaults are lower.
pub(super) const BOUND: u64 = 256 << 20;

/// The command of the same build: the step of `xtask` builds it beside this program.
pub(super) fn binary() -> Outcome<PathBuf> {
    let path = std::env::current_exe()?.with_file_name("counterfoil");
    if path.is_file() {
        return Ok(path);
    }
    Err(format!(
        "{} is not there; use cargo xtask bench collector",
        path.display()
    )
    .into())
}

/// A running collector with data of its own, ended when it is dropped.
pub(super) struct Daemon {
    child: Child,
    dir: TempDir,
    url: String,
}

impl Daemon {
    /// Starts it at a free port, without limits of tenants.
    pub(super) fn start() -> Outcome<Self> {
        let dir = tempfile::tempdir()?;
        let config = dir.path().join("collector.toml");
        fs::write(
            &config,
            format!(
                "[listen]\naddress = \"127.0.0.1:0\"\n[telemetry]\nenabled = false\n[intake]\ndata = \"data\"\nmemory = \"{BOUND}\"\n\
                 memory_per_tenant = \"{BOUND}\"\n"
            ),
        )?;
        let mut child = Command::new(binary()?)
            .args(["collect", "--config"])
            .arg(&config)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut said = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut said)?;
        }
        let url = said
            .trim()
            .strip_prefix("collecting at ")
            .map(str::to_owned);
        let mut daemon = Self {
            child,
            dir,
            url: String::new(),
        };
        daemon.url = url.ok_or("the collector did not start")?;
        Ok(daemon)
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn data(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Its largest resident memory so far, in bytes.
    pub(super) fn peak(&self) -> Outcome<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
        Ok(kilobytes.ok_or("the system does not say how much memory it took")? * 1_024.0)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It may have ended by itself, and then there is nothing to end.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
