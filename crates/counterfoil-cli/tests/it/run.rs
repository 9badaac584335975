//! Running the binary.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::sync::OnceLock;
use std::thread::JoinHandle;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;

/// The binary under test, without colours and without anything from the tester's terminal.
pub(crate) fn counterfoil() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_counterfoil"));
    command
        .env_remove("CLICOLOR_FORCE")
        .env("NO_COLOR", "1")
        .stdin(Stdio::null());
    command
}

/// A finished run.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).expect("standard output is UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("standard error is UTF-8"),
        }
    }
}

impl Ran {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }
}

pub(crate) fn run<I: AsRef<std::ffi::OsStr>>(args: impl IntoIterator<Item = I>) -> Ran {
    counterfoil()
        .args(args)
        .output()
        .expect("the binary runs")
        .into()
}

/// A demo that runs beside the test. Killed when dropped, so that a failing test leaves nothing behind.
#[derive(Debug)]
pub(crate) struct Demo {
    pub(crate) child: Child,
    /// `127.0.0.1:<port>` of /metrics and /health.
    pub(crate) address: String,
    rest: Option<JoinHandle<String>>,
}

impl Demo {
    /// Starts a demo in `dir` on a free port and waits until it says where its metrics are.
    pub(crate) fn start(dir: &Path, args: &[&str]) -> Self {
        let mut child = counterfoil()
            .args(["demo", "--metrics-addr", "127.0.0.1:0", "--dir"])
            .arg(dir)
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut stderr = BufReader::new(child.stderr.take().expect("standard error is piped"));
        let address = address_of(&mut stderr);
        // Standard error has to be read to the end, or the demo would be held up by a full pipe.
        let rest = std::thread::spawn(move || {
            let mut text = String::new();
            let _closed = stderr.read_to_string(&mut text);
            text
        });
        Self {
            child,
            address,
            rest: Some(rest),
        }
    }

    /// The first document on standard output, while the demo may still be serving.
    pub(crate) fn totals(&mut self) -> Value {
        let stdout = self
            .child
            .stdout
            .as_mut()
            .expect("standard output is piped");
        let mut documents = serde_json::Deserializer::from_reader(stdout).into_iter::<Value>();
        documents
            .next()
            .expect("the demo prints its totals")
            .expect("they are JSON")
    }

    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.child.id().to_string())
            .status();
        assert!(status.expect("kill runs").success());
    }

    /// Waits for the end.
    pub(crate) fn finish(mut self) -> Ran {
        let mut stdout = String::new();
        self.child
            .stdout
            .take()
            .expect("standard output is piped")
            .read_to_string(&mut stdout)
            .expect("it is UTF-8");
        let code = self.child.wait().expect("the child is ours").code();
        let stderr = self
            .rest
            .take()
            .expect("finish is called once")
            .join()
            .expect("the reader does not panic");
        Ran {
            code,
            stdout,
            stderr,
        }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _reaped_already = self.child.wait();
    }
}

fn address_of(stderr: &mut BufReader<ChildStderr>) -> String {
    let mut seen = String::new();
    loop {
        let mut line = String::new();
        let read = stderr
            .read_line(&mut line)
            .expect("standard error is UTF-8");
        assert!(read > 0, "the demo ended before it served anything: {seen}");
        if let Some((_, rest)) = line.split_once("http://") {
            return rest
                .split('/')
                .next()
                .expect("split gives at least one part")
                .to_owned();
        }
        seen.push_str(&line);
    }
}

/// A log of this build's demo, made once and copied by every test that needs one to look at or to damage. Runners that give
/// each test a process share it through the target directory.
pub(crate) fn sample_log() -> &'static SampleLog {
    static SAMPLE: OnceLock<SampleLog> = OnceLock::new();
    SAMPLE.get_or_init(|| {
        let binary = fs::metadata(env!("CARGO_BIN_EXE_counterfoil")).expect("the binary is there");
        let built = binary
            .modified()
            .expect("files have a time")
            .duration_since(UNIX_EPOCH);
        let name = format!(
            "sample-{}-{}",
            binary.len(),
            built.expect("it was built after 1970").as_nanos()
        );
        let shared = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let lock =
            File::create(shared.join("sample.lock")).expect("the target directory can be written");
        lock.lock().expect("files can be locked");
        let dir = shared.join(name);
        if !dir.exists() {
            forget_samples_of_other_builds(shared);
            let making = tempfile::tempdir_in(shared).expect("a directory can be made");
            let demo: Ran = counterfoil()
                .args([
                    "demo",
                    "--seconds",
                    "2",
                    "--quiet",
                    "--metrics-addr",
                    "127.0.0.1:0",
                    "--output",
                    "json",
                    "--dir",
                ])
                .arg(making.path())
                .output()
                .expect("the binary runs")
                .into();
            assert_eq!(demo.code, Some(0), "{demo:?}");
            fs::write(making.path().join("totals.json"), &demo.stdout).expect("it can be written");
            fs::rename(making.keep(), &dir).expect("a directory can be renamed");
        }
        let totals = fs::read_to_string(dir.join("totals.json")).expect("the sample is whole");
        SampleLog {
            dir,
            totals: serde_json::from_str(&totals).expect("the totals are JSON"),
        }
    })
}

/// Removes what builds of an hour ago and before have left.
fn forget_samples_of_other_builds(shared: &Path) {
    for entry in fs::read_dir(shared).expect("it can be listed").flatten() {
        let age = entry
            .metadata()
            .and_then(|metadata| metadata.modified())
            .map(|time| time.elapsed().unwrap_or_default());
        let is_sample = entry.file_name().to_string_lossy().starts_with("sample-");
        if is_sample && age.is_ok_and(|age| age > Duration::from_secs(3_600)) {
            let _kept_for_the_next_time = fs::remove_dir_all(entry.path());
        }
    }
}

#[derive(Debug)]
pub(crate) struct SampleLog {
    dir: PathBuf,
    pub(crate) totals: Value,
}

impl SampleLog {
    pub(crate) fn copy(&self) -> Copied {
        let to = tempfile::tempdir().expect("a temporary directory");
        copy_tree(&self.dir, to.path());
        Copied { to }
    }
}

/// A copy of the demo's directory that a test may damage.
#[derive(Debug)]
pub(crate) struct Copied {
    to: tempfile::TempDir,
}

impl Copied {
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.to.path().join(name)
    }

    /// The segments, in order.
    pub(crate) fn segments(&self) -> Vec<PathBuf> {
        let mut segments: Vec<_> = fs::read_dir(self.path("audit/segments"))
            .expect("a log has segments")
            .map(|entry| entry.unwrap().path())
            .collect();
        segments.sort();
        segments
    }

    /// `verify` on the copy with the copy's anchor.
    pub(crate) fn verify(&self, more: &[&str]) -> Ran {
        run_verify(&self.path("audit"), Some(&self.path("anchor.json")), more)
    }
}

pub(crate) fn run_verify(log: &Path, anchor: Option<&Path>, more: &[&str]) -> Ran {
    let mut command = counterfoil();
    command.arg("verify").arg(log).args(more);
    if let Some(anchor) = anchor {
        command.arg("--anchor").arg(anchor);
    }
    command.output().expect("the binary runs").into()
}

fn copy_tree(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("the directory is there") {
        let entry = entry.expect("it can be listed");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("it has a type").is_dir() {
            fs::create_dir_all(&target).expect("a directory can be made");
            copy_tree(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).expect("a file can be copied");
        }
    }
}
