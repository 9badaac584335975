//! The processes of the platform as children of another one, each on ports that the system chose, for the tour.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::Value;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// How long a process may take until it serves.
const PATIENCE: Duration = Duration::from_secs(60);

/// A process that runs, and its log so far. Dropped it is killed.
#[derive(Debug)]
pub struct Running {
    child: Child,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
    /// Where it serves; the worker serves nothing.
    pub address: Option<SocketAddr>,
    /// Where its metrics, health and events are.
    pub metrics: SocketAddr,
    /// Where its audit log is.
    pub data: PathBuf,
}

/// How a process ended, and all that it logged.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code.
    pub status: ExitStatus,
    /// Its log.
    pub log: String,
}

impl Running {
    /// Starts `program`, which keeps its audit log in `data`, with further arguments and variables, and waits until it serves.
    ///
    /// # Errors
    /// When it cannot be started, or ends before it serves; the message has its log.
    pub fn start(program: &Path, data: &Path, add: impl FnOnce(&mut Command)) -> Outcome<Self> {
        let mut command = Command::new(program);
        command
            .args(["--metrics-port", "0", "--log-format", "json", "--data"])
            .arg(data)
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        add(&mut command);
        let mut child = command
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", program.display()))?;
        let stderr = child.stderr.take().ok_or("the log is a pipe")?;
        let (serving, served) = channel();
        let log = Arc::<Mutex<String>>::default();
        let kept = Arc::clone(&log);
        let reader = std::thread::spawn(move || keep(stderr, &kept, serving));
        let mut running = Self {
            child,
            log,
            reader: Some(reader),
            address: None,
            metrics: SocketAddr::from(([127, 0, 0, 1], 0)),
            data: data.to_owned(),
        };
        let line: Value = served.recv_timeout(PATIENCE).map_err(|_| {
            format!(
                "{} does not serve; it logged:\n{}",
                program.display(),
                running.log()
            )
        })?;
        let address = |field: &str| line["fields"][field].as_str()?.parse().ok();
        running.address = address("address");
        running.metrics = address("metrics").ok_or("it does not say where its metrics are")?;
        Ok(running)
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.log.lock().clone()
    }

    /// Sends SIGTERM and waits for the end.
    ///
    /// # Errors
    /// When there is no such process any more.
    pub fn terminate(mut self) -> Outcome<Ended> {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").arg(id).status()?;
        if !sent.success() {
            return Err("the process is gone".into());
        }
        let status = self.child.wait()?;
        if let Some(reader) = self.reader.take() {
            reader
                .join()
                .map_err(|_| "the log could not be read to its end")?;
        }
        Ok(Ended {
            status,
            log: self.log(),
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Keeps the lines of a log, and passes on the one that says where the process serves.
fn keep(stderr: ChildStderr, log: &Mutex<String>, serving: Sender<Value>) {
    let mut serving = Some(serving);
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        let mut log = log.lock();
        log.push_str(&line);
        log.push('\n');
        drop(log);
        let said = serde_json::from_str::<Value>(&line).unwrap_or_default();
        let ready = said["message"]
            .as_str()
            .is_some_and(|it| it.ends_with("until SIGTERM"));
        if ready && let Some(serving) = serving.take() {
            serving.send(said).ok();
        }
    }
}
