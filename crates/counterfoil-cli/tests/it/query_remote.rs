//! `counterfoil audit query --url` of a collector that runs.

use std::fs;
use std::io::{self, BufRead, BufReader, Read as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

use crate::collect::{Collecting, Files};
use crate::run::{Copied, Ran, counterfoil, sample_log};

/// The demo's log, and a collector that may keep it for the tenant acme.
struct Kept {
    files: Files,
    log: Copied,
    chain: String,
    lines: Vec<Vec<u8>>,
    ingest: String,
    read: String,
}

impl Kept {
    fn new() -> Self {
        let files = Files::new("address = \"127.0.0.1:0\"");
        let log = sample_log().copy();
        let text: Vec<u8> = log
            .segments()
            .iter()
            .flat_map(|segment| fs::read(segment).unwrap())
            .collect();
        let key = fs::read_to_string(log.path("key.vkey")).unwrap();
        Self {
            ingest: files.key("acme", "ingest"),
            read: files.key("acme", "read"),
            files,
            log,
            chain: key.split('+').next().unwrap().to_owned(),
            lines: text
                .split_inclusive(|byte| *byte == b'\n')
                .map(<[u8]>::to_vec)
                .collect(),
        }
    }

    /// Registers the chain and uploads lines from one index to before another.
    fn upload(&self, collecting: &Collecting, from: usize, to: usize) {
        let path = format!("/v1/audit/{}", self.chain.replace('/', "%2F"));
        let key = fs::read_to_string(self.log.path("key.vkey")).unwrap();
        let register = format!("{{\"verifier_key\":\"{}\"}}", key.trim());
        let (status, answer) = collecting.ask("PUT", &path, &self.ingest, register.as_bytes());
        assert_eq!(status, 200, "{answer}");
        let lines = self.lines[from..to].concat();
        let (status, answer) = collecting.ask("POST", &path, &self.ingest, &lines);
        assert_eq!(status, 200, "{answer}");
        let acknowledged = format!("\"acknowledged\":{to}");
        assert!(answer.contains(&acknowledged), "{answer}");
    }

    /// A collector that keeps the whole log.
    fn start(&self) -> Collecting {
        let collecting = self.files.start();
        self.upload(&collecting, 0, self.lines.len());
        collecting
    }

    fn query_log(&self, args: &[&str]) -> Ran {
        let mut command = counterfoil();
        command.args(["audit", "query"]).arg(self.log.path("audit"));
        command.args(args).output().unwrap().into()
    }
}

fn query(address: &str, key: &str, args: &[&str]) -> Ran {
    asking(address, key).args(args).output().unwrap().into()
}

fn asking(address: &str, key: &str) -> Command {
    let mut command = counterfoil();
    command
        .args(["audit", "query", "--url", &format!("http://{address}")])
        .env("COUNTERFOIL_KEY", key);
    command
}

#[test]
fn a_collector_answers_as_the_log_itself_does() {
    let kept = Kept::new();
    let collecting = kept.start();
    let sample: Value = kept
        .lines
        .iter()
        .map(|line| serde_json::from_slice::<Value>(line).unwrap())
        .find(|record| record["body"]["event"]["kind"] == "lease_released")
        .expect("a lease was released");
    let said = |pointer: &str| sample.pointer(pointer).unwrap().as_str().unwrap();
    let time = said("/body/src/time");
    let questions: [&[&str]; 13] = [
        &[],
        &["--lease", said("/body/keys/lease")],
        &["--node", said("/body/keys/node")],
        &["--trace", said("/body/keys/trace")],
        &["--request", said("/body/keys/request")],
        &["--tenant", said("/body/who/tenant")],
        &["--kind", "lease_expired", "--kind", "lease_released"],
        &["--since", time],
        &["--until", time],
        &["--since", time, "--until", time],
        &["--seq", "7"],
        &["--outcome", "failure"],
        &["--limit", "5"],
    ];
    for question in questions {
        for form in ["text", "jsonl", "csv"] {
            let args = [question, &["--output", form]].concat();
            let (here, there) = (
                kept.query_log(&args),
                query(&collecting.address, &kept.read, &args),
            );
            assert_eq!(
                (there.code, there.stderr.as_str()),
                (Some(0), ""),
                "{args:?}"
            );
            assert!(there.stdout.lines().count() > 0, "{args:?} finds nothing");
            assert!(there.stdout == here.stdout, "{args:?} is not the same");
        }
    }
    let all = query(&collecting.address, &kept.read, &["--output", "jsonl"]);
    assert!(all.stdout.as_bytes() == kept.lines.concat());
    assert_eq!(collecting.end(), Some(0));
}

#[test]
fn only_a_key_of_the_tenant_that_may_read_is_answered() {
    let kept = Kept::new();
    let globex = kept.files.key("globex", "read");
    let unknown = Files::new("address = \"127.0.0.1:0\"").key("acme", "read");
    let collecting = kept.start();
    let of_chain = ["--chain", kept.chain.as_str(), "--output", "jsonl"];

    let others = query(&collecting.address, &globex, &[]);
    assert_eq!((others.code, others.stdout.as_str()), (Some(0), ""));
    let named = query(&collecting.address, &globex, &of_chain);
    assert_eq!((named.code, named.stdout.as_str()), (Some(4), ""));
    assert!(named.stderr.contains("not_found"), "{named:?}");

    for (key, why) in [
        (unknown.as_str(), "unauthenticated"),
        (&kept.ingest, "forbidden"),
    ] {
        let ran = query(&collecting.address, key, &of_chain);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(5), ""), "{ran:?}");
        assert!(ran.stderr.contains(why), "{ran:?}");
        assert!(!ran.stderr.contains(&key[21..]), "{ran:?}");
    }
    let without = query(&collecting.address, "", &of_chain);
    assert_eq!(without.code, Some(5), "{without:?}");
    assert!(without.stderr.contains("COUNTERFOIL_KEY"), "{without:?}");

    let file = kept.log.path("read.key");
    fs::write(&file, format!("{}\n", kept.read)).unwrap();
    let by_file = asking(&collecting.address, &globex)
        .args(of_chain)
        .arg("--key-file")
        .arg(&file)
        .output()
        .unwrap();
    assert!(by_file.stdout == kept.lines.concat());
    assert_eq!(collecting.end(), Some(0));
}

#[test]
fn a_key_goes_in_clear_to_another_host_only_where_that_is_allowed() {
    let kept = Kept::new();
    let collecting = kept.start();
    let port = collecting.address.rsplit(':').next().unwrap();
    // This host as well, and no loopback address.
    let address = format!("0.0.0.0:{port}");
    let limit = ["--limit", "1", "--output", "jsonl"];
    let refused = query(&address, &kept.read, &limit);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""));
    assert!(
        refused.stderr.contains("plain http") && refused.stderr.contains("--plaintext"),
        "{refused:?}"
    );
    let allowed = query(
        &address,
        &kept.read,
        &[&limit[..], &["--plaintext"]].concat(),
    );
    assert_eq!(allowed.stdout.as_bytes(), kept.lines[0], "{allowed:?}");

    let load: Ran = counterfoil()
        .args(["load", "--records", "1", "--chains", "1", "--url"])
        .arg(format!("http://{address}"))
        .env("COUNTERFOIL_KEY", &kept.ingest)
        .output()
        .unwrap()
        .into();
    assert_eq!(load.code, Some(2), "{load:?}");
    assert!(load.stderr.contains("plain http"), "{load:?}");

    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let direct = asking(&collecting.address, &kept.read)
        .args(limit)
        .env("HTTP_PROXY", &proxy)
        .env("ALL_PROXY", &proxy)
        .output()
        .unwrap();
    assert_eq!(direct.stdout, kept.lines[0], "{direct:?}");
    assert_eq!(collecting.end(), Some(0));
}

#[test]
fn who_follows_sees_what_is_uploaded_goes_on_after_a_crash_and_ends_in_order() {
    let kept = Kept::new();
    let (one, two, all) = (kept.lines.len() / 3, kept.lines.len() / 2, kept.lines.len());
    let collecting = kept.files.start();
    kept.upload(&collecting, 0, one);
    let relay = Relay::start(&collecting.address);
    let mut child = asking(&relay.address, &kept.read)
        .args(["--follow", "--output", "jsonl", "--chain", &kept.chain])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut records = BufReader::new(child.stdout.take().unwrap());
    let mut notes = BufReader::new(child.stderr.take().unwrap());
    let mut sees = |from: usize, to: usize| {
        for line in &kept.lines[from..to] {
            let mut read = Vec::new();
            records.read_until(b'\n', &mut read).unwrap();
            assert!(read == *line, "{}", String::from_utf8_lossy(&read));
        }
    };
    sees(0, one);
    kept.upload(&collecting, one, two);
    sees(one, two);

    collecting.signal("-KILL");
    drop(collecting);
    let mut note = String::new();
    notes.read_line(&mut note).unwrap();
    assert!(note.contains("asking again"), "{note}");
    let collecting = kept.files.start();
    relay.to(&collecting.address);
    kept.upload(&collecting, two, all);
    sees(two, all);

    let id = child.id().to_string();
    let sent = Command::new("kill").args(["-INT", &id]).status().unwrap();
    assert!(sent.success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let mut rest = Vec::new();
    records.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"");
    assert_eq!(collecting.end(), Some(0));
}

/// An address that stays while collectors come and go behind it.
struct Relay {
    address: String,
    target: Arc<Mutex<String>>,
}

impl Relay {
    fn start(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let target = Arc::new(Mutex::new(target.to_owned()));
        let current = Arc::clone(&target);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let target = current.lock().unwrap().clone();
                // Without a collector the connection is closed.
                if let Ok(server) = TcpStream::connect(target) {
                    pipe(client.try_clone().unwrap(), server.try_clone().unwrap());
                    pipe(server, client);
                }
            }
        });
        Self { address, target }
    }

    fn to(&self, target: &str) {
        target.clone_into(&mut self.target.lock().unwrap());
    }
}

fn pipe(mut from: TcpStream, mut to: TcpStream) {
    thread::spawn(move || {
        let _either_end_may_break = io::copy(&mut from, &mut to);
        let _closed_already = to.shutdown(Shutdown::Both);
    });
}
