//! `audit prove`, `audit check` and `audit serve`: the log as a transparency log.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::Duration;

use counterfoil::audit::AuditLog;
use counterfoil::signer::{Ed25519Signer, Ed25519Verifier, Keyring, Signer, VerifierKey};
use counterfoil::{Context, Digest, FabricEvent, LeaseId, ResourceType, WorkloadIdentity};
use counterfoil_merkle::checkpoint::Checkpoint;
use counterfoil_merkle::note::{KeyType, SignedNote};
use counterfoil_merkle::proof::{ProofPlan, verify_consistency};
use counterfoil_merkle::tile::{BundleId, TileId, TileReader, parse_bundle};
use counterfoil_merkle::{Error as MerkleError, leaf_hash, node_hash};

use crate::http::{Answer, ask};
use crate::run::{Ran, counterfoil};

const BASE: &str = "audit.example.com/leases";
const LONG: Duration = Duration::from_secs(30);

/// A signed log that this process writes, and what is kept beside it.
struct Log {
    dir: tempfile::TempDir,
    log: AuditLog,
    key: VerifierKey,
}

impl Log {
    fn new() -> Self {
        Self::signed_by(Ed25519Signer::generate(&format!("{BASE}/1"), getrandom::fill).unwrap())
    }

    fn signed_by(signer: Ed25519Signer) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let key = signer.verifier_key().unwrap().clone();
        let signer: Arc<dyn Signer> = Arc::new(signer);
        let log = AuditLog::builder(dir.path().join("log"), BASE)
            .signer(move |_| Ok(Arc::clone(&signer)))
            .segment_bytes(60_000)
            .open()
            .unwrap();
        let this = Self { dir, log, key };
        this.put("policy", &format!("log {}\nquorum none\n", this.key));
        this
    }

    /// Appends, and publishes a checkpoint over all.
    fn grow(&self, count: u64) -> u64 {
        let context = Context::new(WorkloadIdentity::tenant_only("acme"));
        for lease in 0..count {
            let event = FabricEvent::LeaseExpired {
                resource_type: ResourceType::Mem,
                lease_id: LeaseId(lease),
                node: "node-a".into(),
            };
            let _ = self.log.append_event(&event, &context);
        }
        self.log.anchor_now(LONG).unwrap().seq
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn put(&self, name: &str, text: &str) -> PathBuf {
        fs::write(self.path(name), text).unwrap();
        self.path(name)
    }

    fn line(&self, seq: usize) -> String {
        let mut segments: Vec<PathBuf> = fs::read_dir(self.path("log/segments"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        segments.sort();
        let text: String = segments
            .iter()
            .map(|path| fs::read_to_string(path).unwrap())
            .collect();
        text.lines().nth(seq - 1).unwrap().to_owned()
    }

    fn prove(&self, seq: u64, more: &[&str]) -> Ran {
        let mut command = counterfoil();
        command
            .args(["audit", "prove"])
            .arg(self.path("log"))
            .args(["--seq", &seq.to_string()])
            .args(more);
        command.output().unwrap().into()
    }

    fn check(&self, receipt: &Path, record: &str, policy: &Path, more: &[&str]) -> Ran {
        let mut command = counterfoil();
        command
            .args(["audit", "check"])
            .arg(receipt)
            .args(["--record", record, "--policy"])
            .arg(policy)
            .args(more);
        command.output().unwrap().into()
    }

    fn receipt(&self, seq: u64) -> PathBuf {
        let out = self.path(&format!("{seq}.tlog-proof"));
        let ran = self.prove(seq, &["-o", out.to_str().unwrap()]);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        out
    }
}

#[test]
fn a_receipt_verifies_with_nothing_else_long_after_the_log_is_gone() {
    let log = Log::new();
    log.grow(700);
    let (receipt, line, policy) = (log.receipt(300), log.line(300), log.path("policy"));
    fs::remove_dir_all(log.path("log")).unwrap();
    let ran = log.check(&receipt, &line, &policy, &[]);
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""), "{ran:?}");
    assert!(
        ran.stdout
            .starts_with("VALID: record 300 of audit.example.com/leases/1\n"),
        "{ran:?}"
    );
    // The record from a file, and the verdict as a document.
    let file = log.put("record", &format!("{line}\n"));
    let ran = log.check(
        &receipt,
        file.to_str().unwrap(),
        &policy,
        &["--output", "json"],
    );
    let document = ran.json();
    assert_eq!(ran.code, Some(0));
    assert_eq!(document["schema"], "counterfoil.audit.check");
    assert_eq!(document["verdict"], "VALID");
    assert_eq!(
        (&document["seq"], &document["index"]),
        (&300.into(), &299.into())
    );
}

#[test]
fn every_way_in_which_a_receipt_does_not_fit_has_its_reason_and_exit_code() {
    let log = Log::new();
    log.grow(20);
    let policy = log.path("policy");
    let receipt = log.receipt(7);
    let (line, other) = (log.line(7), log.line(8));
    let changed = line.replacen("node-a", "node-b", 1);
    let stranger = Log::new();
    stranger.grow(20);
    let foreign =
        Log::signed_by(Ed25519Signer::generate(&format!("{BASE}/1"), getrandom::fill).unwrap());
    foreign.grow(20);
    let witness = VerifierKey::new(
        "witness.example.com/w",
        KeyType::Ed25519Cosignature,
        log.key.public_key(),
    )
    .unwrap();
    let asks_witness = log.put(
        "asks-witness",
        &format!("log {}\nwitness w {witness}\nquorum w\n", log.key),
    );
    let cut = {
        let text = fs::read_to_string(&receipt).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        // One hash of the path is exchanged for another.
        let text = text.replacen(lines[2], lines[3], 1);
        log.put("cut.tlog-proof", &text)
    };
    let cases = [
        (&receipt, &other, &policy, "CF-V-SEQ", 1),
        (&receipt, &changed, &policy, "CF-V-HASH", 1),
        (
            &receipt,
            &line[1..].to_owned(),
            &policy,
            "CF-C-UNREADABLE",
            4,
        ),
        (
            &receipt,
            &line.replace("\"v\":1", "\"v\":2"),
            &policy,
            "CF-V-GRAMMAR",
            1,
        ),
        (&cut, &line, &policy, "CF-V-ROOT", 1),
        (&receipt, &foreign.line(7), &policy, "CF-V-ROOT", 1),
        (&receipt, &line, &stranger.path("policy"), "CF-V-KEY", 5),
        (&receipt, &line, &asks_witness, "CF-V-POLICY", 5),
        (
            &receipt,
            &line,
            &policy.with_file_name("none"),
            "CF-C-UNREADABLE",
            4,
        ),
        (&policy, &line, &policy, "CF-C-UNREADABLE", 4),
        (&receipt, &line, &receipt, "CF-C-UNREADABLE", 4),
    ];
    for (receipt, line, policy, code, exit) in cases {
        let ran = log.check(receipt, line, policy, &[]);
        assert_eq!(ran.code, Some(exit), "{code}: {ran:?}");
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(said.contains(code), "{code}: {ran:?}");
    }
}

#[test]
fn what_cannot_be_proved_yet_says_so_and_what_to_do() {
    let log = Log::new();
    let ran = log.prove(1, &[]);
    // Opening anchors nothing by itself.
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(ran.stderr.contains("has no checkpoint"), "{ran:?}");
    let size = log.grow(5);
    let ran = log.prove(size + 1, &[]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(
        ran.stderr.contains("no checkpoint covers record"),
        "{ran:?}"
    );
    assert_eq!(log.prove(0, &[]).code, Some(2));
    let ran = log.prove(1, &[]);
    assert!(
        ran.stdout.starts_with("c2sp.org/tlog-proof@v1\nindex 0\n"),
        "{ran:?}"
    );
    let nowhere = log.path("no/such/x.tlog-proof");
    let ran = log.prove(1, &["-o", nowhere.to_str().unwrap()]);
    assert_eq!(ran.code, Some(4), "{ran:?}");
}

#[test]
fn a_receipt_is_never_written_over_what_exists() {
    let log = Log::new();
    log.grow(9);
    let kept = log.put("kept", "mine");
    let ran = log.prove(7, &["-o", kept.to_str().unwrap()]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(4), ""), "{ran:?}");
    assert!(
        ran.stderr.contains("name a file that does not exist"),
        "{ran:?}"
    );
    assert_eq!(fs::read_to_string(&kept).unwrap(), "mine");
}

/// `audit serve`, which is killed when dropped.
struct Served {
    child: Child,
    address: String,
}

impl Served {
    fn start(log: &Path) -> Self {
        let mut command = counterfoil();
        command.args(["audit", "serve"]).arg(log);
        let mut child = command
            .args(["--addr", "127.0.0.1:0"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let address = line.trim().rsplit_once("http://").unwrap().1;
        Self {
            address: address.trim_end_matches('/').to_owned(),
            child,
        }
    }

    fn get(&self, path: &str) -> Answer {
        ask(&self.address, "GET", path)
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A client of tlog-tiles, which knows the log's key and nothing else.
struct Client<'a> {
    served: &'a Served,
    keys: Keyring,
    origin: String,
}

impl Client<'_> {
    /// The newest checkpoint, whose signature by the log is verified.
    fn checkpoint(&self) -> Checkpoint {
        let answer = self.served.get("/checkpoint");
        assert_eq!(answer.status, 200);
        assert!(
            answer
                .head
                .contains("content-type: text/plain; charset=utf-8")
        );
        let note = SignedNote::parse(std::str::from_utf8(&answer.body).unwrap()).unwrap();
        self.keys.verify_note(&note).unwrap();
        let checkpoint = Checkpoint::parse(note.text()).unwrap();
        assert_eq!(checkpoint.origin(), self.origin);
        checkpoint
    }

    /// A resource, or, where a partial one is gone, the full one in its place.
    fn fetch(&self, partial: &str, full: &str) -> Vec<u8> {
        let mut answer = self.served.get(&format!("/{partial}"));
        if answer.status == 404 {
            answer = self.served.get(&format!("/{full}"));
        }
        assert_eq!(answer.status, 200, "{partial}");
        assert!(
            answer
                .head
                .contains("content-type: application/octet-stream")
        );
        assert!(answer.head.contains("immutable"));
        answer.body
    }

    fn tile(&self, id: TileId) -> Vec<u8> {
        self.fetch(&id.to_string(), &id.full().to_string())
    }

    /// The leaf hashes of the bundles, which are those of the tiles of level 0.
    fn leaves(&self, size: u64) -> Vec<Digest> {
        let mut leaves = Vec::new();
        for index in 0..size.div_ceil(256) {
            let id = BundleId::in_tree(index, size).unwrap();
            let bundle = self.fetch(&id.to_string(), &id.full().to_string());
            let entries = parse_bundle(&bundle, id.width()).unwrap();
            let hashes: Vec<Digest> = entries.iter().map(|entry| leaf_hash(entry)).collect();
            let tile = self.tile(TileId::new(0, index, id.width()).unwrap());
            let told: Vec<u8> = hashes.iter().flat_map(|hash| *hash.as_bytes()).collect();
            assert_eq!(tile, told, "bundle {index}");
            leaves.extend(hashes);
        }
        leaves
    }
}

/// The root by the words of RFC 6962, without tiles.
fn root(leaves: &[Digest]) -> Digest {
    if let [leaf] = leaves {
        return *leaf;
    }
    let left = leaves.len().next_power_of_two() / 2;
    let (left, right) = leaves.split_at(left);
    node_hash(&root(left), &root(right))
}

#[test]
fn a_client_of_tlog_tiles_follows_a_growing_log() {
    let log = Log::new();
    log.grow(3);
    let served = Served::start(&log.path("log"));
    let mut keys = Keyring::new();
    keys.trust(Ed25519Verifier::new(log.key.clone()).unwrap())
        .unwrap();
    let client = Client {
        served: &served,
        keys,
        origin: log.log.chain().to_string(),
    };
    let mut old = client.checkpoint();
    for count in [1, 250, 5, 600, 0] {
        let seq = log.grow(count);
        let new = client.checkpoint();
        assert_eq!(new.size(), seq);
        let mut tiles = TileReader::new(new.size(), |id| Ok::<_, MerkleError>(client.tile(id)));
        let proof = ProofPlan::consistency(old.size(), new.size())
            .unwrap()
            .prove(|node| tiles.node(node))
            .unwrap();
        verify_consistency(old.size(), &old.root(), new.size(), &new.root(), &proof).unwrap();
        let leaves = client.leaves(new.size());
        assert_eq!(root(&leaves), new.root());
        assert_eq!(root(&leaves[..old.size() as usize]), old.root());
        old = new;
    }
}

#[test]
fn what_is_not_published_is_not_served_and_no_path_leads_out_of_the_log() {
    let log = Log::new();
    let size = log.grow(300);
    let beyond = 300 + size;
    log.put("log/secret", "not to be served");
    let served = Served::start(&log.path("log"));
    // Written, and under no checkpoint yet.
    let context = Context::new(WorkloadIdentity::tenant_only("acme"));
    let event = FabricEvent::LeaseExpired {
        resource_type: ResourceType::Mem,
        lease_id: LeaseId(1),
        node: "node-a".into(),
    };
    log.log
        .append_event(&event, &context)
        .wait_durable(LONG)
        .unwrap();
    let unpublished = size % 256 + 1;
    for path in [
        &format!("/tile/0/001.p/{unpublished}"),
        &format!("/tile/entries/001.p/{unpublished}"),
        &format!("/tile/0/{beyond:03}"),
        "/tile/0/001",
        "/tile/entries/001",
        "/tile/9/000",
        "/tile/0/000.p/256",
        "/tile/0/000.p/0",
        "/tile/0/0",
        "/tile/0/../../secret",
        "/tile/0/..%2f..%2fsecret",
        "/secret",
        "/lock",
        "/segments/00000000000000000001.jsonl",
        "/",
        "//checkpoint",
        "/checkpoint/",
    ] {
        let answer = served.get(path);
        assert_eq!(answer.status, 404, "{path}: {answer:?}");
    }
    // A partial tile whose full one is there already, for a client that is behind.
    let answer = served.get("/tile/0/000.p/7");
    assert_eq!((answer.status, answer.body.len()), (200, 7 * 32));
    let answer = ask(&served.address, "HEAD", "/tile/0/000");
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    assert!(answer.head.contains("content-length: 8192"), "{answer:?}");
    let answer = ask(&served.address, "POST", "/checkpoint");
    assert_eq!(answer.status, 405);
    // An address that is taken is named.
    let mut command = counterfoil();
    command.args(["audit", "serve"]).arg(log.path("log"));
    let ran: Ran = command
        .args(["--addr", &served.address])
        .output()
        .unwrap()
        .into();
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("is taken"), "{ran:?}");
}
