//! Logs to tamper with: what a writer would have made, line by line, with everything that a verifier may be given.

use std::sync::Arc;

use counterfoil_audit::verify::{GivenHead, Reason, Report, VerifyOptions, verify_reader};
use counterfoil_audit::{
    Access, AccessAction, AuditChain, AuditEventData, AuditInput, CloseReason, ConfigChanged,
    ExtensionKind, HashAlgorithm, Instance, Keys, Lane, LanePositions, LeaseAllocated,
    LeaseRenewed, LogClosed, LogOpened, LossReason, Metadata, Object, OperationFailed, Outcome,
    ProducerClosed, ProducerOpened, RecordsLost, Retention, SigningMode, Src, SrcId, Unclean,
    Value, Who,
};
use counterfoil_core::{FabricError, Head, LeaseId, OpType, ResourceType, Timestamp};
use counterfoil_merkle::checkpoint::Checkpoint;
use counterfoil_merkle::note::VerifierKey;
use counterfoil_signer::{
    Ed25519Signer, Ed25519Verifier, Keyring, Signer, Verifier, sign_checkpoint,
};
use counterfoil_testkit::SeededRng;

pub(crate) const ID: &str = "audit.example.com/tamper/1";
pub(crate) const OTHER_ID: &str = "audit.example.com/other/1";

/// What is signed, and whether the log says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A chain without records about itself.
    Bare,
    /// A bare chain of which every record is signed.
    BareSigned,
    Unsigned,
    Checkpoints,
    Records,
}

pub(crate) const EVERY_KIND: [Kind; 5] = [
    Kind::Bare,
    Kind::BareSigned,
    Kind::Unsigned,
    Kind::Checkpoints,
    Kind::Records,
];

impl Kind {
    pub(crate) const fn is_bare(self) -> bool {
        matches!(self, Self::Bare | Self::BareSigned)
    }

    pub(crate) const fn signs_records(self) -> bool {
        matches!(self, Self::BareSigned | Self::Records)
    }

    const fn signs_checkpoints(self) -> bool {
        matches!(self, Self::Checkpoints | Self::Records)
    }

    fn mode(self) -> SigningMode {
        match self {
            Self::Bare | Self::BareSigned | Self::Unsigned => SigningMode::None,
            Self::Checkpoints => SigningMode::Checkpoint,
            Self::Records => SigningMode::Record,
        }
    }
}

/// How a log is made. The same recipe makes the same log.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recipe {
    pub(crate) id: &'static str,
    pub(crate) kind: Kind,
    /// Records in all; at least four unless the chain is bare.
    pub(crate) records: usize,
    /// What the records say; two seeds make two histories.
    pub(crate) seed: u64,
    /// Which keys sign.
    pub(crate) key_seed: u8,
    /// How often the log is opened; all but the last opening may end in a crash.
    pub(crate) openings: u64,
}

impl Recipe {
    pub(crate) const fn new(kind: Kind, records: usize) -> Self {
        Self {
            id: ID,
            kind,
            records,
            seed: 1,
            key_seed: 7,
            openings: 1,
        }
    }

    pub(crate) fn log_key(&self) -> Ed25519Signer {
        Ed25519Signer::from_seed(self.id, &[self.key_seed; 32]).unwrap()
    }

    pub(crate) fn record_key(&self) -> Ed25519Signer {
        Ed25519Signer::from_seed(&format!("{}/record", self.id), &[self.key_seed + 100; 32])
            .unwrap()
    }

    pub(crate) fn make(self) -> Subject {
        Writer::new(self).run()
    }
}

/// A whole log.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    pub(crate) recipe: Recipe,
    pub(crate) lines: Vec<Vec<u8>>,
    /// The head after each record.
    pub(crate) heads: Vec<Head>,
}

impl Subject {
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.lines.concat()
    }

    pub(crate) fn len(&self) -> u64 {
        self.lines.len() as u64
    }

    /// The signed note over the first `size` records.
    pub(crate) fn checkpoint(&self, size: u64) -> String {
        self.signed_by(&self.recipe.log_key(), size)
    }

    pub(crate) fn signed_by(&self, key: &dyn Signer, size: u64) -> String {
        let root = self.head(size).root.unwrap();
        let checkpoint = Checkpoint::new(self.recipe.id, size, root).unwrap();
        let note = sign_checkpoint(key, &checkpoint).unwrap().unwrap();
        note.to_text()
    }

    pub(crate) fn head(&self, size: u64) -> Head {
        self.heads[size as usize - 1].clone()
    }

    /// What somebody kept after `size` records: the head, and the checkpoint where the log signs any.
    pub(crate) fn anchor(&self, size: u64) -> GivenHead {
        GivenHead {
            head: self.head(size),
            checkpoint: self
                .recipe
                .kind
                .signs_checkpoints()
                .then(|| self.checkpoint(size)),
        }
    }

    /// The keys that a careful auditor holds of this log.
    pub(crate) fn keys(&self) -> Keyring {
        let mut keys = Keyring::new();
        if self.recipe.kind.signs_checkpoints() {
            trust(&mut keys, &self.recipe.log_key());
        }
        if self.recipe.kind.signs_records() {
            trust(&mut keys, &self.recipe.record_key());
        }
        keys
    }

    /// The verdict on `log` of who keeps this log's last head and keys.
    pub(crate) fn judge(&self, log: &[u8]) -> Report {
        judge(log, Some(self.anchor(self.len())), &self.keys())
    }

    /// The verdict of who kept nothing.
    pub(crate) fn judge_alone(&self, log: &[u8]) -> Report {
        judge(log, None, &Keyring::new())
    }
}

pub(crate) fn vkey(signer: &dyn Signer) -> String {
    signer.verifier_key().unwrap().to_string()
}

pub(crate) fn trust(keys: &mut Keyring, signer: &dyn Signer) {
    keys.trust(vkey(signer).parse::<Ed25519Verifier>().unwrap())
        .unwrap();
}

/// Understands the keys that a log names, as the command does.
pub(crate) fn key_reader(key: &VerifierKey) -> Option<Box<dyn Verifier>> {
    let verifier = Ed25519Verifier::new(key.clone()).ok()?;
    Some(Box::new(verifier))
}

pub(crate) fn options(head: Option<GivenHead>, keys: &Keyring) -> VerifyOptions<'_> {
    let mut options = VerifyOptions::new();
    options.head = head;
    options.keys = keys;
    options.key_reader = Some(key_reader);
    options.now = Timestamp::from_unix_seconds(1_800_000_000);
    options
}

pub(crate) fn judge(log: &[u8], head: Option<GivenHead>, keys: &Keyring) -> Report {
    verify_reader(log, "log.jsonl", &options(head, keys))
}

/// What a verification is expected to answer: the exit code, and the failure that it names first.
pub(crate) type Expected = (u8, Option<(Reason, u64)>);

pub(crate) const VALID: Expected = (0, None);

pub(crate) const fn tampered(reason: Reason, position: u64) -> Expected {
    (1, Some((reason, position)))
}

pub(crate) const fn absent(position: u64) -> Expected {
    (3, Some((Reason::Absent, position)))
}

/// Holds a report against what was expected; `what` says which damage it was.
#[track_caller]
pub(crate) fn assert_found(what: &str, report: &Report, expected: Expected) {
    let first = report.failures.first();
    let found = first.map(|failure| (failure.reason, failure.position.unwrap_or(0)));
    assert_eq!((report.exit_code(), found), expected, "{what}: {report}");
}

/// Seals a log record by record.
struct Writer {
    recipe: Recipe,
    chain: AuditChain,
    rng: SeededRng,
    lines: Vec<Vec<u8>>,
    heads: Vec<Head>,
    instance: Instance,
    /// The last number of the sealer's lane, and of each other.
    sealed: u64,
    offered: [u64; 3],
    second: u64,
    /// Whether the last opening ended in order.
    closed: bool,
}

impl Writer {
    fn new(recipe: Recipe) -> Self {
        let chain = AuditChain::new(recipe.id.parse().unwrap());
        Self {
            chain: if recipe.kind.signs_records() {
                chain.with_record_signer(Arc::new(recipe.record_key()))
            } else {
                chain
            },
            rng: SeededRng::new(recipe.seed),
            recipe,
            lines: Vec::new(),
            heads: Vec::new(),
            instance: Instance(0xa1),
            sealed: 0,
            offered: [0; 3],
            second: 1_700_000_000,
            closed: true,
        }
    }

    fn run(mut self) -> Subject {
        let openings = if self.recipe.kind.is_bare() {
            1
        } else {
            self.recipe.openings
        };
        for opening in 1..=openings {
            let upto = self.recipe.records * opening as usize / openings as usize;
            self.opening(upto, opening == openings);
        }
        Subject {
            recipe: self.recipe,
            lines: self.lines,
            heads: self.heads,
        }
    }

    fn opening(&mut self, upto: usize, last: bool) {
        let bare = self.recipe.kind.is_bare();
        let closes = !bare && (last || self.rng.below(2) == 0);
        if !bare {
            self.open();
        }
        while self.lines.len() + 2 * usize::from(closes) < upto {
            if !bare && self.rng.below(12) == 0 {
                self.some_record_of_the_log();
            } else {
                self.event();
            }
        }
        if closes {
            self.close();
        }
        self.closed = closes;
    }

    fn open(&mut self) {
        let before = (!self.lines.is_empty()).then(|| (self.instance, self.positions()));
        let unclean = before.clone().filter(|_| !self.closed);
        if before.is_some() {
            self.instance.0 += 1;
            (self.sealed, self.offered) = (0, [0; 3]);
        }
        self.about_the_log(self.opened(unclean));
        let instance = self.instance;
        let (predecessor, last_known) = before.unzip();
        self.about_the_log(AuditEventData::ProducerOpened(ProducerOpened {
            instance,
            last_known,
            predecessor,
        }));
    }

    /// The last number of every lane of this opening.
    fn positions(&self) -> LanePositions {
        [
            (Lane::sealer(), self.sealed),
            (Lane::thread(0), self.offered[0]),
            (Lane::thread(1), self.offered[1]),
            (Lane::shared(), self.offered[2]),
        ]
        .into()
    }

    fn opened(&self, unclean: Option<(Instance, LanePositions)>) -> AuditEventData {
        let kind = self.recipe.kind;
        let mut keys = Vec::new();
        if kind.signs_checkpoints() {
            keys.push(vkey(&self.recipe.log_key()));
        }
        if kind.signs_records() {
            keys.push(vkey(&self.recipe.record_key()));
        }
        AuditEventData::LogOpened(LogOpened {
            anchor_interval_ms: 1_000,
            anchor_interval_records: 256,
            anchored_seq: None,
            epoch_ms: None,
            hash: HashAlgorithm::Sha256,
            keys,
            mode: kind.mode(),
            resumed_seq: self.lines.len() as u64,
            retention: Retention {
                max_age_s: None,
                max_bytes: None,
            },
            software: "test".into(),
            unclean: unclean.map(|(instance, lanes)| Unclean {
                bound_records: None,
                instance,
                lanes,
            }),
            unsealed_max: None,
        })
    }

    fn some_record_of_the_log(&mut self) {
        let data = match self.rng.below(3) {
            0 => AuditEventData::Access(Access {
                action: AccessAction::Export,
                count: 1 + self.rng.below(9),
                first_seq: Some(1),
                last_seq: Some(self.lines.len() as u64),
                reader: "svc-siem".into(),
            }),
            1 => AuditEventData::ConfigChanged(ConfigChanged {
                key: "demo.rate".into(),
                new_value: Some(self.rng.below(1_000).to_string().as_str().into()),
                old_value: None,
            }),
            _ => {
                let lane = self.rng.below(3) as usize;
                let first_n = self.offered[lane] + 1;
                self.offered[lane] += 1 + self.rng.below(5);
                AuditEventData::RecordsLost(RecordsLost {
                    first_n,
                    last_n: self.offered[lane],
                    reason: LossReason::QueueFull,
                    src: self.src(lane).id,
                })
            }
        };
        self.about_the_log(data);
    }

    fn event(&mut self) {
        let lane = self.rng.below(3) as usize;
        self.offered[lane] += 1;
        let (resource, meta) = (ResourceType::Mem, Metadata::new());
        let data = match self.rng.below(4) {
            0 => AuditEventData::LeaseAllocated(LeaseAllocated {
                bytes: self.rng.next_u64(),
                meta,
                resource,
                ttl_ms: None,
            }),
            1 => AuditEventData::LeaseRenewed(LeaseRenewed {
                bytes: None,
                meta,
                resource,
                ttl_ms: Some(self.rng.below(100_000)),
            }),
            2 => AuditEventData::OperationFailed(OperationFailed {
                bytes: Some(4_096),
                detail: Some("node \"b\"\tgone\u{2028}J*\u{1f4a5}".into()),
                elapsed_ns: Some(self.rng.below(1_000_000)),
                error: FabricError::Internal,
                meta,
                op: OpType::Write,
                resource: Some(resource),
            }),
            _ => self.extension(),
        };
        let input = AuditInput {
            data,
            outcome: Outcome::Success,
            keys: Keys {
                lease: Some(LeaseId(self.rng.below(100))),
                node: Some("node-a".into()),
                ..Keys::default()
            },
            src: self.src(lane),
            who: Who {
                tenant: Some("acme".into()),
                ..Who::nobody()
            },
        };
        self.seal(&input);
    }

    fn extension(&mut self) -> AuditEventData {
        let mut inner = Object::new();
        inner
            .insert("deep", Value::Array(vec![true.into()]))
            .unwrap();
        let mut object = Object::new();
        object.insert("inner", Value::Object(inner)).unwrap();
        let number = i64::try_from(self.rng.below(1 << 53)).unwrap();
        object.insert("number", Value::Integer(-number)).unwrap();
        let kind = ExtensionKind::new(&"vault.object_put".into()).unwrap();
        AuditEventData::Extension(kind, object)
    }

    fn close(&mut self) {
        let mut lanes = self.positions();
        lanes.insert(Lane::sealer(), self.sealed + 2);
        let instance = self.instance;
        self.about_the_log(AuditEventData::ProducerClosed(ProducerClosed {
            instance,
            lanes,
            more: false,
        }));
        let records = self.lines.len() as u64 + 1;
        self.about_the_log(AuditEventData::LogClosed(LogClosed {
            reason: CloseReason::Shutdown,
            records,
        }));
    }

    fn src(&self, lane: usize) -> Src {
        let name = [Lane::thread(0), Lane::thread(1), Lane::shared()][lane];
        Src {
            id: SrcId::new(self.instance, name),
            n: self.offered[lane],
            time: Timestamp::from_unix_seconds(self.second),
        }
    }

    fn about_the_log(&mut self, data: AuditEventData) {
        self.sealed += 1;
        let src = Src {
            id: SrcId::new(self.instance, Lane::sealer()),
            n: self.sealed,
            time: Timestamp::from_unix_seconds(self.second),
        };
        self.seal(&AuditInput::new(data, src));
    }

    fn seal(&mut self, input: &AuditInput) {
        self.second += self.rng.below(3);
        let mut line = Vec::new();
        self.chain
            .seal(&mut line, input, Timestamp::from_unix_seconds(self.second))
            .unwrap();
        self.lines.push(line);
        self.heads.push(self.chain.head().unwrap());
    }
}
