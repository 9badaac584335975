//! `counterfoil witness serve`: what it cosigned it remembers, whenever it is killed, and what it cannot use it refuses.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use counterfoil::Digest;
use counterfoil::signer::{Ed25519Signer, Signer, sign_checkpoint};
use counterfoil_merkle::checkpoint::Checkpoint;
use counterfoil_merkle::note::SignedNote;
use counterfoil_merkle::proof::ProofPlan;
use counterfoil_merkle::witness::{AddCheckpoint, parse_size};
use counterfoil_merkle::{CompactRange, leaf_hash};
use tempfile::TempDir;

use crate::run::{Ran, counterfoil, run_verify};

const ORIGIN: &str = "audit.example.com/leases/1";
/// SHA-256 of the origin, as monitors ask for it.
const MONITORED: &str =
    "55683c4a35b5313cff43d4f3693b55c02ac58ce15e9c5601131920255fdd223a/checkpoint";

/// A log of numbered leaves, long enough for any test.
struct Log {
    signer: Ed25519Signer,
    leaves: Vec<Digest>,
}

impl Log {
    fn new(history: &str, size: usize) -> Self {
        Self {
            signer: Ed25519Signer::from_seed(ORIGIN, &[1; 32]).unwrap(),
            leaves: (0..size)
                .map(|at| leaf_hash(format!("{history} {at}").as_bytes()))
                .collect(),
        }
    }

    fn root(leaves: &[Digest]) -> Digest {
        let mut tree = CompactRange::new();
        tree.extend(leaves);
        tree.root()
    }

    /// The request to go from one size to a larger one.
    fn request(&self, old: u64, new: u64) -> String {
        let root = Self::root(&self.leaves[..new as usize]);
        let checkpoint = Checkpoint::new(ORIGIN, new, root).unwrap();
        let note = sign_checkpoint(&self.signer, &checkpoint).unwrap().unwrap();
        let plan = ProofPlan::consistency(old, new).unwrap();
        let proof = plan
            .prove(|node| {
                let first = node.first_leaf() as usize;
                let leaves = &self.leaves[first..first + (1 << node.level())];
                Ok::<_, std::convert::Infallible>(Self::root(leaves))
            })
            .unwrap();
        AddCheckpoint::new(old, proof, note).unwrap().to_text()
    }
}

/// A place with a key and a policy that follows the log.
struct Place {
    dir: TempDir,
}

impl Place {
    fn new(log: &Log) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let key = Ed25519Signer::from_seed("witness.example.com", &[2; 32]).unwrap();
        key.save(dir.path().join("key")).unwrap();
        let vkey = log.signer.verifier_key().unwrap();
        fs::write(
            dir.path().join("policy"),
            format!("log {vkey}\nquorum none\n"),
        )
        .unwrap();
        Self { dir }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self) -> Command {
        let mut command = counterfoil();
        command.args(["witness", "serve", "--addr", "127.0.0.1:0"]);
        for option in ["key", "policy", "state"] {
            command.arg(format!("--{option}")).arg(self.path(option));
        }
        command
    }

    fn serve(&self) -> Serving {
        let mut child = self
            .command()
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line.trim_end().rsplit_once("http://").unwrap().1.to_owned();
        Serving { child, address }
    }
}

/// A witness that runs. It is killed when dropped.
struct Serving {
    child: Child,
    address: String,
}

impl Serving {
    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Status and body; `None` when the connection broke off.
fn ask(address: &str, request: &str, body: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    let length = body.len();
    let head = format!(
        "{request} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all((head + body).as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

fn post(address: &str, body: &str) -> Option<(u16, String)> {
    ask(address, "POST /add-checkpoint", body)
}

/// The size that the witness has, as a client finds it out.
fn remembered(address: &str, log: &Log) -> u64 {
    match post(address, &log.request(0, 1)).unwrap() {
        (409, size) => parse_size(&size).unwrap(),
        (200, _) => 1,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_was_cosigned_is_remembered_whenever_the_witness_is_killed() {
    let kills = if std::env::var_os("CI").is_some() {
        20
    } else {
        6
    };
    let log = Log::new("true", 4_000);
    let place = Place::new(&log);
    let acknowledged = AtomicU64::new(0);
    for kill in 0..kills {
        let mut serving = place.serve();
        let size = remembered(&serving.address, &log);
        assert!(
            size >= acknowledged.load(Ordering::SeqCst),
            "it forgot what it cosigned"
        );
        let address = serving.address.clone();
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut old = size;
                // Until the witness is gone.
                while let Some((status, body)) = post(&address, &log.request(old, old + 3)) {
                    assert_eq!(status, 200, "{body}");
                    old += 3;
                    acknowledged.store(old, Ordering::SeqCst);
                }
            });
            // A little later each time; what is hit in between is left to chance.
            let begun = Instant::now();
            let first = acknowledged.load(Ordering::SeqCst);
            while acknowledged.load(Ordering::SeqCst) == first {
                assert!(
                    begun.elapsed() < Duration::from_secs(60),
                    "it cosigns nothing"
                );
                thread::sleep(Duration::from_millis(1));
            }
            thread::sleep(Duration::from_millis(3 * kill));
            serving.kill();
        });
    }
    let serving = place.serve();
    let size = remembered(&serving.address, &log);
    assert!(size >= acknowledged.load(Ordering::SeqCst));
    // What it shows to monitors is that head, signed by the log and by itself.
    let (status, shown) = ask(&serving.address, &format!("GET /{MONITORED}"), "").unwrap();
    assert_eq!(status, 200);
    let note = SignedNote::parse(&shown).unwrap();
    assert_eq!(Checkpoint::parse(note.text()).unwrap().size(), size);
    assert_eq!(note.signatures().len(), 2);
    // And a log that was rolled back meanwhile is refused.
    let rolled_back = post(&serving.address, &log.request(size - 3, size - 1)).unwrap();
    assert_eq!(rolled_back, (409, format!("{size}\n")));
}

#[test]
fn a_split_view_is_told_on_standard_error_with_the_files_that_prove_it() {
    let (log, forged) = (Log::new("true", 9), Log::new("forged", 9));
    let place = Place::new(&log);
    let mut serving = place.serve();
    assert_eq!(post(&serving.address, &log.request(0, 5)).unwrap().0, 200);
    assert_eq!(
        post(&serving.address, &forged.request(5, 5)).unwrap().0,
        422
    );
    let mut told = serving.child.stderr.take().unwrap();
    serving.kill();
    let mut text = String::new();
    told.read_to_string(&mut text).unwrap();
    assert!(text.starts_with(&format!("following {ORIGIN}\n")), "{text}");
    let evidence: Vec<PathBuf> = fs::read_dir(place.path("state/evidence"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(evidence.len(), 2);
    for file in evidence {
        assert!(
            text.contains(&file.display().to_string()),
            "{file:?} in {text}"
        );
    }
}

#[test]
fn a_witness_ends_in_order_when_it_is_asked_to() {
    let place = Place::new(&Log::new("true", 1));
    let mut serving = place.serve();
    let asked = Command::new("kill")
        .args(["-TERM", &serving.child.id().to_string()])
        .status()
        .unwrap();
    assert!(asked.success());
    assert_eq!(serving.child.wait().unwrap().code(), Some(0));
}

#[test]
fn what_cannot_be_used_is_refused_with_what_to_do() {
    let log = Log::new("true", 1);
    let place = Place::new(&log);
    let refused = |prepare: &dyn Fn(&Path), says: &str, code: i32| {
        let place = Place::new(&log);
        prepare(place.dir.path());
        let ran: Ran = place.command().output().unwrap().into();
        assert_eq!(ran.code, Some(code), "{ran:?}");
        assert!(ran.stderr.contains(says), "{says:?} in {ran:?}");
        assert_eq!(ran.stdout, "");
    };
    refused(
        &|dir| fs::remove_file(dir.join("key")).unwrap(),
        "generate a key",
        5,
    );
    refused(
        &|dir| fs::remove_file(dir.join("policy")).unwrap(),
        "cannot read the policy",
        4,
    );
    refused(
        &|dir| fs::write(dir.join("policy"), "quorum none\n").unwrap(),
        "names no log",
        2,
    );
    refused(
        &|dir| fs::write(dir.join("policy"), "log x\n").unwrap(),
        "cannot read the policy",
        4,
    );
    refused(&|dir| fs::write(dir.join("state"), "").unwrap(), "state", 4);
    let own = format!("log {}\nquorum none\n", log.signer.verifier_key().unwrap());
    refused(
        &|dir| {
            fs::remove_file(dir.join("key")).unwrap();
            log.signer.save(dir.join("key")).unwrap();
            fs::write(dir.join("policy"), &own).unwrap();
        },
        "one key has one role",
        2,
    );
    let _first = place.serve();
    let second: Ran = place.command().output().unwrap().into();
    assert_eq!(second.code, Some(2), "{second:?}");
    assert!(second.stderr.contains("another process uses"), "{second:?}");
}

/// The demo's log goes on, and what its witness has not seen is not anchored.
#[test]
fn a_demo_whose_witness_is_away_says_so_and_leaves_its_anchor_where_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let dir = directory.path().join("demo");
    let demo = |more: &[&str]| -> Ran {
        let mut command = counterfoil();
        command.args([
            "demo",
            "--quiet",
            "--seconds",
            "1",
            "--metrics-addr",
            "127.0.0.1:0",
        ]);
        let ran = command.arg("--dir").arg(&dir).args(more).output().unwrap();
        ran.into()
    };
    assert_eq!(demo(&[]).code, Some(0));
    let anchored = fs::read(dir.join("anchor.json")).unwrap();
    let witness = Ed25519Signer::from_seed("witness.example.com", &[2; 32]).unwrap();
    let policy = format!(
        "log {}\nwitness w {} http://127.0.0.1:1\nquorum w\n",
        fs::read_to_string(dir.join("key.vkey")).unwrap().trim_end(),
        witness.verifier_key().unwrap().as_cosigner()
    );
    let file = directory.path().join("policy");
    fs::write(&file, policy).unwrap();
    let file = file.to_str().unwrap();
    let ran = demo(&["--policy", file]);
    assert_eq!(ran.code, Some(5), "{ran:?}");
    for part in ["are not anchored", "the quorum w is not met", "witness w: "] {
        assert!(ran.stderr.contains(part), "{part:?} in {ran:?}");
    }
    assert_eq!(fs::read(dir.join("anchor.json")).unwrap(), anchored);
    // Nor does the anchor before meet the policy: nobody had been asked then.
    let verified = run_verify(
        &dir.join("audit"),
        Some(&dir.join("anchor.json")),
        &["--policy", file],
    );
    assert_eq!(verified.code, Some(5), "{verified:?}");
    assert!(verified.stdout.contains("CF-V-POLICY"), "{verified:?}");
}
