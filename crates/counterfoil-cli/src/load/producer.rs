//! One chain of a load: seals lease records, and knows what of it was acknowledged.

use std::collections::VecDeque;

use counterfoil::audit::{AuditChain, Instance, Lane, SrcId};
use counterfoil::signer::{Ed25519Signer, Ed25519Verifier, Keyring, Signer, sign_checkpoint};
use counterfoil::{
    ChainId, Clock as _, Context, Digest, EventWords, FabricEvent, Head, LeaseId, Name,
    ResourceType, SpanId, SystemClock, Timeline, TraceContext, TraceId, WorkloadIdentity,
};
use counterfoil_merkle::checkpoint::Checkpoint;

use super::batch::Batch;
use crate::failure::{Code, Exit, Failure, chain};

/// Records between two checkpoints of a chain, at least.
const BETWEEN_CHECKPOINTS: u64 = 4_096;
/// Records in the life of a lease: it is taken, renewed and given back.
const LIFE: u64 = 3;
/// Bytes that a line may take, to make room once.
const LINE: usize = 640;

/// A producer's chain, with the batches that were sealed before they are due.
pub(super) struct Producer {
    chain: AuditChain,
    signer: Ed25519Signer,
    src: SrcId,
    clock: SystemClock,
    context: Context,
    node: Name,
    /// Number of the chain among those of the run; part of its leases' numbers.
    number: u64,
    signed: u64,
    ahead: VecDeque<Batch>,
    /// Head up to which everything was acknowledged; nothing yet at number 0.
    pub(super) acknowledged: (u64, Digest),
    /// Why nothing more is sent of it.
    pub(super) ended: Option<Ended>,
}

/// Why a chain ended before the run.
#[derive(Clone, Debug)]
pub(super) enum Ended {
    /// The collector refused it for good.
    Refused(String),
    /// For as long as patience lasted, no answer came or no room: what came instead the last time.
    Unanswered(String),
    /// The collector contradicts what it acknowledged or what was sent.
    Contradicted(String),
}

impl Producer {
    /// Chain `id`, the run's `number`th, whose heads are signed by a key made of `seed`.
    pub(super) fn new(id: ChainId, number: u64, seed: &[u8; 32]) -> Result<Self, Failure> {
        let signer = Ed25519Signer::from_seed(id.as_str(), seed).map_err(|error| {
            Failure::new(
                Exit::Policy,
                format!("cannot make a key: {}", chain(&error)),
            )
            .with_code(Code::Key)
        })?;
        let identity = WorkloadIdentity::tenant_only("load").with_workload("counterfoil-load");
        Ok(Self {
            chain: AuditChain::new(id),
            signer,
            src: SrcId::new(Instance(number + 1), Lane::thread(0)),
            clock: SystemClock::new(),
            context: Context::new(identity),
            node: Name::new(&format!("node-{}", number % 16)),
            number,
            signed: 0,
            ahead: VecDeque::new(),
            acknowledged: (0, Digest::ZERO),
            ended: None,
        })
    }

    pub(super) fn id(&self) -> &ChainId {
        self.chain.id()
    }

    /// The key that the chain is registered with.
    pub(super) fn verifier_key(&self) -> String {
        self.signer
            .verifier_key()
            .map_or_else(String::new, ToString::to_string)
    }

    /// The key ring that judges the chain's heads.
    pub(super) fn keys(&self) -> Option<Keyring> {
        let mut keys = Keyring::new();
        let key = self.signer.verifier_key()?.clone();
        keys.trust(Ed25519Verifier::new(key).ok()?).ok()?;
        Some(keys)
    }

    /// The head up to which everything was acknowledged.
    pub(super) fn acknowledged_head(&self) -> Option<Head> {
        let (seq, hash) = self.acknowledged;
        (seq > 0).then(|| Head {
            chain: self.id().clone(),
            seq,
            hash,
            root: None,
        })
    }

    /// Seals a batch of `records` before it is due, and says how many bytes it takes.
    pub(super) fn seal_ahead(&mut self, records: u64) -> Result<usize, Failure> {
        let batch = self.seal(records)?;
        let bytes = batch.lines.len();
        self.ahead.push_back(batch);
        Ok(bytes)
    }

    /// A batch that was sealed before, if there is one.
    pub(super) fn sealed(&mut self) -> Option<Batch> {
        self.ahead.pop_front()
    }

    /// Seals a batch of `records`, with a checkpoint behind it when one is due.
    pub(super) fn seal(&mut self, records: u64) -> Result<Batch, Failure> {
        let timeline = Timeline::read(&self.clock);
        let now = timeline.utc();
        let first = self.chain.seq() + 1;
        let mut lines = Vec::with_capacity(records as usize * LINE);
        for _ in 0..records {
            let n = self.chain.seq() + 1;
            let words = self.event(n);
            self.chain
                .seal_event(&mut lines, &words, &self.src, n, &timeline, now)
                .map_err(|error| unsealable(&error))?;
        }
        if self.chain.seq() >= self.signed + BETWEEN_CHECKPOINTS {
            self.signed = self.chain.seq();
            self.checkpoint(&mut lines)?;
        }
        Ok(Batch {
            lines,
            first,
            last: self.chain.seq(),
            hash: self.chain.hash(),
        })
    }

    /// The event of record `n`: every lease has a life of three records and a request and a trace of its own.
    fn event(&mut self, n: u64) -> EventWords {
        let life = (n - 1) / LIFE;
        let lease = self.number << 40 | life;
        if (n - 1).is_multiple_of(LIFE) {
            self.context = self.context_of(lease);
        }
        let (resource_type, lease_id, node) =
            (ResourceType::Mem, LeaseId(lease), self.node.clone());
        let event = match (n - 1) % LIFE {
            0 => FabricEvent::LeaseAcquired {
                resource_type,
                lease_id,
                node,
                bytes: 4_096,
            },
            1 => FabricEvent::LeaseRenewed {
                resource_type,
                lease_id,
                node,
                ttl_ms: 30_000,
            },
            _ => FabricEvent::LeaseReleased {
                resource_type,
                lease_id,
                node,
            },
        };
        EventWords::encode(&event, &self.context, self.clock.ticks())
    }

    /// A request and a trace of the lease's own, as a service has them.
    fn context_of(&self, lease: u64) -> Context {
        let context = Context::new(self.context.identity().clone());
        let spread = lease.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let wide = u128::from(lease + 1) << 64 | u128::from(spread);
        let ids = TraceId::from_bytes(wide.to_be_bytes())
            .zip(SpanId::from_bytes((lease + 1).to_be_bytes()));
        let Some((trace_id, span_id)) = ids else {
            return context;
        };
        let trace = TraceContext {
            trace_id,
            span_id,
            flags: 1,
        };
        context.with_trace(trace).with_request(trace_id.into())
    }

    fn checkpoint(&mut self, lines: &mut Vec<u8>) -> Result<(), Failure> {
        let (size, root) = (self.chain.seq(), self.chain.tree().root());
        let checkpoint =
            Checkpoint::new(self.id().as_str(), size, root).map_err(|error| unsealable(&error))?;
        let note =
            sign_checkpoint(&self.signer, &checkpoint).map_err(|error| unsealable(&error))?;
        if let Some(note) = note {
            let line = serde_json::json!({ "checkpoint": note.to_text() });
            lines.extend_from_slice(line.to_string().as_bytes());
            lines.push(b'\n');
        }
        Ok(())
    }
}

fn unsealable(error: &dyn std::error::Error) -> Failure {
    let sentence = format!(
        "cannot seal a record: {}; this is a defect, please report it",
        chain(error)
    );
    Failure::new(Exit::Contradiction, sentence)
}
