//! A log and the witnesses that follow it, each on a port of its own on loopback.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use counterfoil_anchor::{Anchor, AnchorStore, Error, MemoryAnchorStore};
use counterfoil_anchor_witness::{
    EvidenceDir, FileWitnessStorage, TreeError, TreeSource, Witness, WitnessService,
    WitnessedAnchorStore,
};
use counterfoil_core::{ChainId, Digest, Head, SystemClock};
use counterfoil_http::Server;
use counterfoil_merkle::checkpoint::Checkpoint;
use counterfoil_merkle::note::SignedNote;
use counterfoil_merkle::policy::Policy;
use counterfoil_merkle::proof::NodeId;
use counterfoil_merkle::{CompactRange, leaf_hash};
use counterfoil_signer::{Ed25519Signer, Signer, sign_checkpoint};
use counterfoil_testkit::block_on;
use tempfile::TempDir;

pub(crate) const CHAIN: &str = "audit.example.com/leases/1";

pub(crate) fn chain() -> ChainId {
    CHAIN.parse().unwrap()
}

/// A log in memory: its leaves, and the key that signs its heads.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    leaves: Arc<Mutex<Vec<Digest>>>,
    signer: Arc<Ed25519Signer>,
}

impl Log {
    /// `history` is what tells this log from another one under the same key.
    pub(crate) fn new(history: &str, size: u64) -> Self {
        let log = Self {
            leaves: Arc::default(),
            signer: Arc::new(Ed25519Signer::from_seed(CHAIN, &[1; 32]).unwrap()),
        };
        log.grow(history, size);
        log
    }

    /// The same leaves, to go on from in another way.
    pub(crate) fn fork(&self) -> Self {
        Self {
            leaves: Arc::new(Mutex::new(self.leaves.lock().unwrap().clone())),
            signer: Arc::clone(&self.signer),
        }
    }

    pub(crate) fn grow(&self, history: &str, by: u64) {
        let mut leaves = self.leaves.lock().unwrap();
        for _ in 0..by {
            let leaf = format!("{history} {}", leaves.len());
            leaves.push(leaf_hash(leaf.as_bytes()));
        }
    }

    pub(crate) fn vkey(&self) -> String {
        self.signer.verifier_key().unwrap().to_string()
    }

    pub(crate) fn root(&self, size: u64) -> Digest {
        let mut tree = CompactRange::new();
        tree.extend(&self.leaves.lock().unwrap()[..size as usize]);
        tree.root()
    }

    pub(crate) fn signed(&self, size: u64) -> SignedNote {
        let checkpoint = Checkpoint::new(CHAIN, size, self.root(size)).unwrap();
        sign_checkpoint(&*self.signer, &checkpoint)
            .unwrap()
            .unwrap()
    }

    pub(crate) fn head(&self, size: u64) -> Head {
        let root = Some(self.root(size));
        let hash = self.leaves.lock().unwrap()[size as usize - 1];
        Head {
            chain: chain(),
            seq: size,
            hash,
            root,
        }
    }

    pub(crate) fn anchor(&self, size: u64) -> Anchor {
        let note = self.signed(size).to_text();
        Anchor::new(self.head(size))
            .unwrap()
            .with_checkpoint(note)
            .unwrap()
    }
}

impl TreeSource for Log {
    fn hashes(&self, size: u64, nodes: &[NodeId]) -> Result<Vec<Digest>, TreeError> {
        let leaves = self.leaves.lock().unwrap();
        let hash = |node: &NodeId| {
            let (first, count) = (node.first_leaf(), 1_u64 << node.level());
            assert!(first + count <= size, "{node} is not in a tree of {size}");
            let mut tree = CompactRange::new();
            tree.extend(&leaves[first as usize..(first + count) as usize]);
            tree.root()
        };
        Ok(nodes.iter().map(hash).collect())
    }
}

/// One witness: its key, its state on disk, and the port that it comes back to.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) name: String,
    seed: u8,
    state: TempDir,
    address: SocketAddr,
    server: Option<Server>,
}

impl Running {
    fn start(name: &str, seed: u8, log_lines: &str) -> Self {
        let mut running = Self {
            name: name.to_owned(),
            seed,
            state: tempfile::tempdir().unwrap(),
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            server: None,
        };
        running.resume(log_lines);
        running
    }

    pub(crate) fn stop(&mut self) {
        self.server.take().unwrap().stop().unwrap();
    }

    pub(crate) fn resume(&mut self, log_lines: &str) {
        let policy = Policy::parse(format!("{log_lines}quorum none\n").as_bytes()).unwrap();
        let storage = FileWitnessStorage::open(self.state.path()).unwrap();
        let witness = Witness::new(self.signer(), &policy, storage, SystemClock::new()).unwrap();
        let server = WitnessService::new(witness, |_| {}).into_server();
        let server = server.start(self.address).unwrap();
        self.address = server.address();
        self.server = Some(server);
    }

    fn signer(&self) -> Arc<Ed25519Signer> {
        Arc::new(Ed25519Signer::from_seed(&self.key_name(), &[self.seed; 32]).unwrap())
    }

    fn key_name(&self) -> String {
        format!("witness.example/{}", self.name)
    }

    fn line(&self) -> String {
        let key = self.signer().verifier_key().unwrap().as_cosigner();
        format!("witness {} {key} http://{}/\n", self.name, self.address)
    }

    pub(crate) fn state(&self) -> &Path {
        self.state.path()
    }
}

/// Three witnesses of one log, of which two have to cosign, and where the log's operator keeps evidence.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) log: Log,
    pub(crate) witnesses: [Running; 3],
    pub(crate) evidence: TempDir,
    pub(crate) inner: Arc<MemoryAnchorStore>,
}

pub(crate) type Store = WitnessedAnchorStore<Arc<MemoryAnchorStore>>;

impl Network {
    pub(crate) fn new(size: u64) -> Self {
        let log = Log::new("true", size);
        let lines = format!("log {}\n", log.vkey());
        Self {
            witnesses: [("w1", 11), ("w2", 12), ("w3", 13)]
                .map(|(name, seed)| Running::start(name, seed, &lines)),
            log,
            evidence: tempfile::tempdir().unwrap(),
            inner: Arc::default(),
        }
    }

    pub(crate) fn log_line(&self) -> String {
        format!("log {}\n", self.log.vkey())
    }

    pub(crate) fn policy(&self) -> Policy {
        let mut text = self.log_line();
        for witness in &self.witnesses {
            text.push_str(&witness.line());
        }
        text.push_str("group teams 2 w1 w2 w3\nquorum teams\n");
        Policy::parse(text.as_bytes()).unwrap()
    }

    pub(crate) fn builder(
        &self,
        log: &Log,
    ) -> counterfoil_anchor_witness::Builder<Arc<MemoryAnchorStore>> {
        let evidence = EvidenceDir::new(self.evidence.path().join("evidence"));
        WitnessedAnchorStore::builder(
            Arc::clone(&self.inner),
            self.policy(),
            log.clone(),
            evidence,
        )
        .deadline(Duration::from_secs(20))
    }

    pub(crate) fn store(&self) -> Store {
        self.builder(&self.log).build().unwrap()
    }
}

/// Advances from whatever is stored to this log's head of that size.
pub(crate) fn advance(store: &Store, log: &Log, size: u64) -> Result<Anchor, Error> {
    let current = block_on(store.load(&chain())).unwrap();
    let expected = current.as_ref().map(Anchor::head);
    block_on(store.advance(&chain(), expected, &log.anchor(size)))
}

/// Names of the keys that signed the checkpoint, in order.
pub(crate) fn signers(anchor: &Anchor) -> Vec<String> {
    let note = SignedNote::parse(anchor.checkpoint().unwrap()).unwrap();
    let lines = note.signatures().iter();
    lines.map(|line| line.name().to_owned()).collect()
}
