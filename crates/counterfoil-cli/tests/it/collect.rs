//! The collector as a daemon, from the outside.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::run::{counterfoil, run};

/// A directory with a configuration that says where it listens and that keys are needed.
pub(crate) struct Files(pub(crate) tempfile::TempDir);

impl Files {
    pub(crate) fn new(more: &str) -> Self {
        let files = Self(tempfile::tempdir().unwrap());
        let text = format!(
            "[telemetry]\naddress = \"127.0.0.1:0\"\n[auth]\ntenants = \"tenants.toml\"\nserver_key = \"tenants.key\"\n[listen]\n{more}\n"
        );
        fs::write(files.config(), text).unwrap();
        files
    }

    fn config(&self) -> PathBuf {
        self.0.path().join("collector.toml")
    }

    /// Makes a key and gives its text.
    pub(crate) fn key(&self, tenant: &str, scope: &str) -> String {
        let made = counterfoil()
            .args([
                "tenant", "key", "--tenant", tenant, "--scope", scope, "--config",
            ])
            .arg(self.config())
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let told = String::from_utf8(made.stderr).unwrap();
        let key = String::from_utf8(made.stdout).unwrap().trim().to_owned();
        assert!(
            told.contains(&key[..20]) && !told.contains(&key[..21]),
            "{told}"
        );
        key
    }

    pub(crate) fn start(&self) -> Collecting {
        let log = fs::File::create(self.0.path().join("stderr")).unwrap();
        let mut child = counterfoil()
            .args(["collect", "--config"])
            .arg(self.config())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let address = line
            .strip_prefix("collecting at http://")
            .and_then(|rest| rest.strip_suffix("/\n"))
            .unwrap_or_else(|| panic!("{line:?}, {}", self.log()));
        Collecting {
            address: address.to_owned(),
            child,
            _stdout: stdout,
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.0.path().join("stderr")).unwrap()
    }

    /// Waits until the daemon's log has `what`.
    fn logged(&self, what: &str) {
        while !self.log().contains(what) {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

pub(crate) struct Collecting {
    pub(crate) address: String,
    child: Child,
    _stdout: BufReader<ChildStdout>,
}

impl Collecting {
    pub(crate) fn ask(&self, method: &str, path: &str, key: &str, body: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Bearer {key}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        )
        .unwrap();
        stream.write_all(body).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        (answer[9..12].parse().unwrap(), answer)
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([name, &id]).status().unwrap();
        assert!(sent.success());
    }

    /// Ends it in order, and gives its exit code.
    pub(crate) fn end(mut self) -> Option<i32> {
        self.signal("-TERM");
        self.child.wait().unwrap().code()
    }
}

impl Drop for Collecting {
    fn drop(&mut self) {
        let _ended_already = self.child.kill();
        let _reaped_already = self.child.wait();
    }
}

/// A log that the demo wrote: its chain id as a segment of a path, its verifier key, its lines.
fn produced(directory: &Path) -> (String, String, Vec<u8>) {
    let demo = directory.join("demo");
    let ran = run([
        "demo".as_ref(),
        "--seconds=1".as_ref(),
        "--quiet".as_ref(),
        "--metrics-addr=127.0.0.1:0".as_ref(),
        "--dir".as_ref(),
        demo.as_os_str(),
    ]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let key = fs::read_to_string(demo.join("key.vkey")).unwrap();
    let key = key.trim().to_owned();
    let chain = key.split('+').next().unwrap().replace('/', "%2F");
    let segment = demo.join("audit/segments/00000000000000000001.jsonl");
    (chain, key, fs::read(segment).unwrap())
}

#[test]
fn what_a_collector_acknowledged_verifies_after_it_was_stopped_and_after_it_was_killed() {
    let files = Files::new("address = \"127.0.0.1:0\"");
    let key = files.key("acme", "ingest");
    let (chain, verifier, lines) = produced(files.0.path());
    let path = format!("/v1/audit/{chain}");
    let collecting = files.start();
    let register = format!("{{\"verifier_key\":\"{verifier}\"}}");
    let (status, answer) = collecting.ask("PUT", &path, &key, register.as_bytes());
    assert_eq!(status, 200, "{answer}");
    let (status, answer) = collecting.ask("POST", &path, &key, &lines);
    assert_eq!(status, 200, "{answer}");
    let count = lines.iter().filter(|byte| **byte == b'\n').count();
    assert!(
        answer.contains(&format!("\"acknowledged\":{count}")),
        "{answer}"
    );
    collecting.signal("-KILL");
    drop(collecting);

    let collecting = files.start();
    let (status, answer) = collecting.ask("GET", &path, &key, b"");
    assert_eq!(status, 200, "{answer}");
    assert!(answer.contains(&format!("\"durable\":{count}")), "{answer}");
    assert_eq!(collecting.end(), Some(0), "{}", files.log());
    let kept = files
        .0
        .path()
        .join("counterfoil-data/tenants/acme/chains/demo.counterfoil.dev=leases=1");
    let verified = run([
        "verify".as_ref(),
        kept.as_os_str(),
        "--anchor".as_ref(),
        files.0.path().join("demo/anchor.json").as_os_str(),
    ]);
    assert_eq!(verified.code, Some(0), "{verified:?}");
}

#[test]
fn a_key_that_is_made_while_it_runs_is_taken_and_sighup_reads_the_configuration_anew() {
    let files = Files::new("address = \"127.0.0.1:0\"");
    files.key("acme", "read");
    let collecting = files.start();
    let key = files.key("globex", "read");
    files.logged("the credentials were read anew");
    assert_eq!(collecting.ask("GET", "/v1/chains", &key, b"").0, 200);
    let text = fs::read_to_string(files.config()).unwrap();
    fs::write(
        files.config(),
        text.clone() + "[tenants.globex]\nrequests = 1\n",
    )
    .unwrap();
    collecting.signal("-HUP");
    files.logged("the settings of tenants were read anew");
    fs::write(files.config(), text + "[tenants.globex]\nrequest = 1\n").unwrap();
    collecting.signal("-HUP");
    files.logged("the settings of tenants could not be read anew");
    files.logged("unknown field");
    assert_eq!(collecting.ask("GET", "/v1/chains", &key, b"").0, 200);
    assert_eq!(collecting.end(), Some(0));
}

#[test]
fn names_and_keys_from_outside_forge_no_line_of_the_log_and_are_not_shown() {
    let files = Files::new("address = \"127.0.0.1:0\"");
    let key = files.key("acme", "ingest");
    let collecting = files.start();
    let unknown = format!("{}f", &key[..key.len() - 1]);
    for hostile in [
        "audit.example.com%2Fa%0A2026-01-01T00:00:00Z%20ERROR%20forged%2F1",
        "audit.example.com%2F%1b%5d52%3bc%3bAAAA%07%2F1",
        "audit.example.com%2F%e2%80%ae%2F1",
    ] {
        let path = format!("/v1/audit/{hostile}");
        let (status, answer) = collecting.ask("PUT", &path, &key, b"{\"verifier_key\":null}");
        assert_eq!(status, 400, "{answer}");
        assert_eq!(collecting.ask("POST", &path, &key, b"\x1b[31m\n").0, 400);
        assert_eq!(collecting.ask("POST", &path, &unknown, b"").0, 401);
    }
    assert_eq!(collecting.end(), Some(0));
    let log = files.log();
    assert!(log.contains("a credential was refused"), "{log}");
    assert!(log.lines().all(|line| !line.contains("ERROR")), "{log}");
    assert!(
        !log.contains('\u{1b}') && !log.contains('\u{202e}'),
        "{log:?}"
    );
    assert!(
        !log.contains(&key[21..]) && !log.contains(&unknown[21..]),
        "{log}"
    );
}

#[test]
fn a_port_or_a_directory_that_is_in_use_is_an_error_that_says_so() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let files = Files::new(&format!("address = \"{address}\""));
    files.key("acme", "ingest");
    let ran = run([
        "collect".as_ref(),
        "--config".as_ref(),
        files.config().as_os_str(),
    ]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(
        ran.stderr.contains(&format!("{address}: it is taken")),
        "{ran:?}"
    );

    let files = Files::new("address = \"127.0.0.1:0\"");
    files.key("acme", "ingest");
    let first = files.start();
    let ran = run([
        "collect".as_ref(),
        "--config".as_ref(),
        files.config().as_os_str(),
    ]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("counterfoil-data"), "{ran:?}");
    assert_eq!(first.end(), Some(0));
}
