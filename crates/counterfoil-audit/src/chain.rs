//! The sealing core: one owner, one order.

use std::io;
use std::sync::Arc;

use counterfoil_core::{ChainId, Digest, EventWords, Head, Timeline, Timestamp};
use counterfoil_merkle::{CompactRange, leaf_hash};
use counterfoil_signer::{RecordSignature, Signer, sign_record};

use crate::body::encode::{Place, body_into};
use crate::body::fast::{EventPlace, FastLine};
use crate::body::text::hex_into;
use crate::line::line_into;
use crate::record::Prior;
use crate::value::MAX_INTEGER;
use crate::{AuditInput, Error, ErrorKind, Src, SrcId};

/// Leaves that wait for the tree; a power of two, and what one batch of node hashes takes at once.
const BATCH: usize = 256;

/// Seals records one after another: gives each its number, links it to the one before and adds it to the tree.
///
/// It has one owner and no thread, lock or file: the durable log's sealer owns one, and so may whoever wants a chain of
/// their own inline. It appends whole lines to a buffer or a writer; making them durable is the caller's business.
///
/// Times of sealing never decrease: an earlier `now` is sealed as the last one (audit specification §2, `chain.time`).
///
/// ```
/// use counterfoil_audit::{AuditChain, AuditInput, Instance, Lane, Src, SrcId};
/// use counterfoil_core::{Context, FabricEvent, LeaseId, ResourceType, Timestamp, WorkloadIdentity};
///
/// let mut chain = AuditChain::new("audit.example.com/leases/1".parse()?);
/// let now = Timestamp::from_unix_seconds(1_700_000_000);
/// let src = Src { id: SrcId::new(Instance(1), Lane::thread(0)), n: 1, time: now };
/// let event = FabricEvent::LeaseExpired {
///     resource_type: ResourceType::Mem,
///     lease_id: LeaseId(7),
///     node: "node-a".into(),
/// };
/// let context = Context::new(WorkloadIdentity::tenant_only("acme"));
/// let mut lines = Vec::new();
/// let sealed = chain.seal(&mut lines, &AuditInput::from_event(&event, &context, src), now)?;
/// assert_eq!(sealed.seq, 1);
/// assert!(lines.ends_with(b"\"}\n"));
/// assert_eq!(chain.head().map(|head| head.hash), Some(sealed.hash));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct AuditChain {
    id: ChainId,
    seq: u64,
    hash: Digest,
    /// `hash` as the next record's `prev`.
    prev: [u8; 64],
    time: Timestamp,
    tree: CompactRange,
    /// Hashes that are not in the tree yet.
    pending: Vec<Digest>,
    signer: Option<Arc<dyn Signer>>,
    fast: FastLine,
    body: Vec<u8>,
    data: Vec<u8>,
}

/// A record that was sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Its number.
    pub seq: u64,
    /// Its hash.
    pub hash: Digest,
    /// When it was sealed, after clamping.
    pub time: Timestamp,
}

impl AuditChain {
    /// A chain that begins with record 1.
    #[must_use]
    pub fn new(id: ChainId) -> Self {
        Self::at(
            id,
            0,
            Digest::ZERO,
            Timestamp::default(),
            CompactRange::new(),
        )
    }

    /// Goes on behind `head`, whose record was sealed at `time`, with the tree over records 1 to `head.seq`.
    ///
    /// # Errors
    /// When the tree's size is not `head.seq`, or its root is not the head's.
    pub fn resume(head: &Head, time: Timestamp, tree: CompactRange) -> Result<Self, Error> {
        let refuse = |why: String| Err(Error::new(ErrorKind::Corrupt, "resume a chain", why));
        if tree.size() != head.seq {
            return refuse(format!(
                "the tree has {} leaves and the head of {} is record {}",
                tree.size(),
                head.chain,
                head.seq
            ));
        }
        if let Some(root) = head.root
            && root != tree.root()
        {
            return refuse(format!(
                "the root of {} at record {} is {}, and its head says {root}",
                head.chain,
                head.seq,
                tree.root()
            ));
        }
        Ok(Self::at(
            head.chain.clone(),
            head.seq,
            head.hash,
            time,
            tree,
        ))
    }

    fn at(id: ChainId, seq: u64, hash: Digest, time: Timestamp, tree: CompactRange) -> Self {
        Self {
            seq,
            hash,
            prev: hash.to_hex(),
            time,
            tree,
            pending: Vec::with_capacity(BATCH),
            signer: None,
            fast: FastLine::new(id.as_str()),
            id,
            body: Vec::new(),
            data: Vec::new(),
        }
    }

    /// Signs every record. For logs of low rate: a signature takes some 12 µs.
    #[must_use]
    pub fn with_record_signer(mut self, signer: Arc<dyn Signer>) -> Self {
        self.signer = Some(signer);
        self
    }

    /// Signs every record from the next one on with another key.
    pub fn set_record_signer(&mut self, signer: Arc<dyn Signer>) {
        self.signer = Some(signer);
    }

    /// The chain's id.
    #[must_use]
    pub const fn id(&self) -> &ChainId {
        &self.id
    }

    /// The last number given out; 0 before the first record.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// The last record's hash; [`Digest::ZERO`] before the first.
    #[must_use]
    pub const fn hash(&self) -> Digest {
        self.hash
    }

    /// When the last record was sealed.
    #[must_use]
    pub const fn time(&self) -> Timestamp {
        self.time
    }

    /// The head with its root; `None` before the first record.
    pub fn head(&mut self) -> Option<Head> {
        let root = self.tree().root();
        (self.seq > 0).then(|| Head {
            chain: self.id.clone(),
            seq: self.seq,
            hash: self.hash,
            root: Some(root),
        })
    }

    /// The tree over all records.
    pub fn tree(&mut self) -> &CompactRange {
        self.tree.extend(&self.pending);
        self.pending.clear();
        &self.tree
    }

    /// Seals `input` as the next record and appends its line to `out`. On an error nothing was appended and the chain is
    /// where it was.
    ///
    /// # Errors
    /// When a member of the data is outside the bounds of its schema, when the record signer fails, or after 2^53−1 records.
    pub fn seal(
        &mut self,
        out: &mut Vec<u8>,
        input: &AuditInput,
        now: Timestamp,
    ) -> Result<Sealed, Error> {
        let (seq, time) = next(&self.id, self.seq, self.time, now)?;
        let place = Place {
            chain: self.id.as_str(),
            prev: &self.prev,
            seq,
            time,
        };
        self.body.clear();
        body_into(&mut self.body, &mut self.data, &place, input)?;
        let hash = leaf_hash(&self.body);
        let signature = match &self.signer {
            Some(signer) => sign(signer, &hash, place)?,
            None => None,
        };
        hex_into(hash.as_bytes(), &mut self.prev);
        line_into(out, &self.body, &self.prev, signature.as_ref());
        self.advance(seq, hash, time);
        Ok(Sealed { seq, hash, time })
    }

    /// Seals an event of number `n` of lane `src` as the next record, with the same bytes as
    /// [`seal`](Self::seal) of [`AuditInput::from_event`]; `timeline` turns its stamp into a time.
    ///
    /// # Errors
    /// When no encoder made the words, when they hold a name without a number ([`EventWords::is_exact`]) and so no longer
    /// its text, which [`seal`](Self::seal) has, and as [`seal`](Self::seal).
    pub fn seal_event(
        &mut self,
        out: &mut Vec<u8>,
        words: &EventWords,
        src: &SrcId,
        n: u64,
        timeline: &Timeline,
        now: Timestamp,
    ) -> Result<Sealed, Error> {
        if !words.is_exact() {
            return Err(Error::invalid(
                "seal an event",
                "a name in it has no number, so its words do not hold its text; seal it as an input",
            ));
        }
        if self.signer.is_none() && (1..=MAX_INTEGER).contains(&n) {
            let (seq, time) = next(&self.id, self.seq, self.time, now)?;
            let place = EventPlace {
                prev: &self.prev,
                seq,
                time,
                src,
                n,
                src_time: timeline.at(words.ticks()),
            };
            if let Some((hash, digits)) = self.fast.render(words, &place, out) {
                self.prev = digits;
                self.advance(seq, hash, time);
                return Ok(Sealed { seq, hash, time });
            }
        }
        self.seal_words(out, words, src, n, timeline, now)
    }

    /// The general way of [`seal_event`](Self::seal_event).
    fn seal_words(
        &mut self,
        out: &mut Vec<u8>,
        words: &EventWords,
        src: &SrcId,
        n: u64,
        timeline: &Timeline,
        now: Timestamp,
    ) -> Result<Sealed, Error> {
        let Some((event, context)) = words.decode() else {
            return Err(Error::invalid(
                "seal an event",
                "its words were not made by this process's encoder; hand on what the queue gave",
            ));
        };
        let src = Src {
            id: *src,
            n,
            time: timeline.at(words.ticks()),
        };
        self.seal(out, &AuditInput::from_event(&event, &context, src), now)
    }

    /// Seals `input` and writes its line to `writer`, for chains without a log.
    ///
    /// # Errors
    /// As [`seal`](Self::seal); or when writing fails, and then the record counts as sealed: the chain cannot know how much
    /// of the line arrived, so do not go on with it.
    pub fn append(
        &mut self,
        writer: &mut impl io::Write,
        input: &AuditInput,
        now: Timestamp,
    ) -> Result<Sealed, Error> {
        let mut line = Vec::new();
        let sealed = self.seal(&mut line, input, now)?;
        writer.write_all(&line).map_err(|error| {
            Error::new(
                ErrorKind::Io,
                "append a record",
                format!("record {} of {} could not be written", sealed.seq, self.id),
            )
            .with_source(error)
        })?;
        Ok(sealed)
    }

    fn advance(&mut self, seq: u64, hash: Digest, time: Timestamp) {
        self.seq = seq;
        self.hash = hash;
        self.time = time;
        self.pending.push(hash);
        if self.pending.len() == BATCH {
            self.tree();
        }
    }
}

/// Number and time of the record that follows record `seq`, sealed at `time`.
fn next(
    id: &ChainId,
    seq: u64,
    time: Timestamp,
    now: Timestamp,
) -> Result<(u64, Timestamp), Error> {
    if seq >= MAX_INTEGER {
        return Err(Error::invalid(
            "seal a record",
            format!("{id} is full; open its next incarnation"),
        ));
    }
    Ok((seq + 1, time.max(now)))
}

fn sign(
    signer: &dyn Signer,
    hash: &Digest,
    place: Place<'_>,
) -> Result<Option<RecordSignature>, Error> {
    sign_record(signer, hash).map_err(|error| {
        Error::new(
            ErrorKind::Signer,
            "seal a record",
            format!(
                "the record signer failed at record {} of {}",
                place.seq, place.chain
            ),
        )
        .with_source(error)
    })
}

/// The line of one record on its own.
pub(crate) fn seal_line(
    prior: &Prior,
    input: &AuditInput,
    signer: &dyn Signer,
) -> Result<Vec<u8>, Error> {
    let (seq, time) = next(&prior.chain, prior.seq, prior.time, input.src.time)?;
    let place = Place {
        chain: prior.chain.as_str(),
        prev: &prior.hash.to_hex(),
        seq,
        time,
    };
    let mut body = Vec::new();
    body_into(&mut body, &mut Vec::new(), &place, input)?;
    let hash = leaf_hash(&body);
    let signature = sign(signer, &hash, place)?;
    let mut line = Vec::new();
    line_into(&mut line, &body, &hash.to_hex(), signature.as_ref());
    Ok(line)
}
