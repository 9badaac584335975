//! The process of a Prometheus: its folder, its address and what it says.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use tempfile::TempDir;

/// How many of the last lines are kept for a failure.
const LINES: usize = 20;

#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    address: SocketAddr,
    said: Said,
    /// Its configuration and data, removed with it.
    _folder: TempDir,
}

#[derive(Clone, Debug, Default)]
struct Said(Arc<Mutex<VecDeque<String>>>);

impl Process {
    /// Starts it, and waits for the address that it says it listens at.
    pub(super) fn start(configuration: &str, exemplars: bool) -> Self {
        let folder = TempDir::new().unwrap();
        let config = folder.path().join("prometheus.yml");
        std::fs::write(&config, configuration).unwrap();
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().display()))
            .arg("--web.listen-address=127.0.0.1:0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        if exemplars {
            command.arg("--enable-feature=exemplar-storage");
        }
        let mut child = command.spawn().unwrap();
        let said = Said::default();
        let (found, address) = mpsc::channel();
        let log = child.stderr.take().unwrap();
        let lines = said.clone();
        thread::spawn(move || lines.follow(log, &found));
        // It ends when there is something that it does not take, and then its log does.
        let Ok(address) = address.recv() else {
            child.wait().unwrap();
            panic!("Prometheus ended at its start:\n{}", said.lines());
        };
        Self {
            child,
            address,
            said,
            _folder: folder,
        }
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its last lines.
    pub(super) fn said(&self) -> String {
        self.said.lines()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // If it has ended already there is nothing to end.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Said {
    /// Reads a log to its end, and sends the address in it.
    fn follow(self, log: ChildStderr, found: &mpsc::Sender<SocketAddr>) {
        for line in BufReader::new(log).lines().map_while(Result::ok) {
            if let Some(address) = listening_at(&line) {
                // Only the first is waited for.
                found.send(address).ok();
            }
            let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if lines.len() == LINES {
                lines.pop_front();
            }
            lines.push_back(line);
        }
    }

    fn lines(&self) -> String {
        let lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(|line| format!("{line}\n")).collect()
    }
}

fn listening_at(line: &str) -> Option<SocketAddr> {
    let (_, address) = line
        .split_once("address=")
        .filter(|_| line.contains("Listening on"))?;
    address.trim().trim_matches('"').parse().ok()
}
