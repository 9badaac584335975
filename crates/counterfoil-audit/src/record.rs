//! A record: its exact line, and typed access to what the line says.

use std::ops::Range;

use counterfoil_core::{ChainId, Digest, Head, LeaseId, SealedLine, Timestamp};
use counterfoil_merkle::leaf_hash;
use counterfoil_signer::{RecordSignature, Signer};

use crate::body::scan::Bad;
use crate::body::tree;
use crate::body::view::{BodyReader, BodyView, typed, untyped};
use crate::chain::seal_line;
use crate::line::LineView;
use crate::{
    AuditEventData, AuditEventKind, AuditInput, Error, Keys, Object, Outcome, Src, SrcId, Who,
};

/// A sealed record. Its bytes are kept as they are; everything else is read from them.
///
/// Reading checks the form of line and body strictly and does *not* compare the hash: a record that was changed is still
/// readable, and [`verify_chain`](crate::verify_chain) says which one it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    line: Vec<u8>,
    body: Range<usize>,
    data: Range<usize>,
    chain: ChainId,
    seq: u64,
    prev: Digest,
    hash: Digest,
    time: Timestamp,
    kind: AuditEventKind,
    outcome: Outcome,
    keys: Keys,
    src: Src,
    who: Who,
    signature: Option<RecordSignature>,
}

/// The record that a new one follows, as far as the new one needs to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prior {
    /// The chain.
    pub chain: ChainId,
    /// Number of the last record; 0 before the first.
    pub seq: u64,
    /// Hash of the last record; zero before the first.
    pub hash: Digest,
    /// When the last record was sealed.
    pub time: Timestamp,
}

impl Prior {
    /// Before the first record of `chain`.
    #[must_use]
    pub fn genesis(chain: ChainId) -> Self {
        Self {
            chain,
            seq: 0,
            hash: Digest::ZERO,
            time: Timestamp::default(),
        }
    }

    /// Behind a head that an anchor kept. It does not say when its record was sealed, so nothing is clamped.
    #[must_use]
    pub fn after(head: Head) -> Self {
        Self {
            chain: head.chain,
            seq: head.seq,
            hash: head.hash,
            time: Timestamp::default(),
        }
    }
}

impl From<&AuditRecord> for Prior {
    fn from(record: &AuditRecord) -> Self {
        Self {
            chain: record.chain.clone(),
            seq: record.seq,
            hash: record.hash,
            time: record.time,
        }
    }
}

/// Seals `input` as the record that follows `prior`, at the time at which it happened (or at that of the record before, if
/// that is later). For bare chains, where the caller keeps the records and the head; a log does this in its sealer.
///
/// # Errors
/// When a member of the data is outside the bounds of its schema, when `signer` has a key and cannot sign, or after 2^53−1
/// records.
pub fn assemble_record(
    prior: &Prior,
    input: &AuditInput,
    signer: &dyn Signer,
) -> Result<AuditRecord, Error> {
    let line = seal_line(prior, input, signer)?;
    AuditRecord::parse(&line)
}

impl AuditRecord {
    /// Reads a line, with its line feed.
    ///
    /// # Errors
    /// When line or body do not follow the grammar of the audit specification; the message names the byte and what should
    /// stand there.
    pub fn parse(line: &[u8]) -> Result<Self, Error> {
        Self::read(line).map_err(|bad| {
            Error::invalid(
                "read a record",
                format!("byte {} should be {}", bad.at, bad.expected),
            )
        })
    }

    fn read(bytes: &[u8]) -> Result<Self, Bad> {
        let line = LineView::parse(bytes)?;
        if let Err(error) = std::str::from_utf8(bytes) {
            return Err(Bad {
                at: error.valid_up_to(),
                expected: "valid UTF-8",
            });
        }
        // The body's place in the line: `{"body":` is 8 bytes.
        let start = 8;
        let within = |bad: Bad| Bad {
            at: bad.at + start,
            ..bad
        };
        let view = BodyReader::default().read(line.body).map_err(within)?;
        let bad = |at, expected| Bad { at, expected };
        let hash = Digest::from_hex(line.hash).ok_or_else(|| {
            bad(
                start + line.body.len() + 9,
                "64 lower-case hexadecimal digits",
            )
        })?;
        let signature = line
            .signature
            .map(|view| view.to_signature().ok_or_else(|| bad(0, "a signature")))
            .transpose()?;
        let data = start + (view.data.as_ptr() as usize - line.body.as_ptr() as usize);
        Self::from_view(&view, hash).map(|parts| Self {
            line: bytes.to_vec(),
            body: start..start + line.body.len(),
            data: data..data + view.data.len(),
            signature,
            ..parts
        })
    }

    /// The typed parts; the reader has checked each of them.
    fn from_view(view: &BodyView<'_>, hash: Digest) -> Result<Self, Bad> {
        const CHECKED: Bad = Bad {
            at: 0,
            expected: "a body",
        };
        let str = |bytes| std::str::from_utf8(bytes).ok();
        let who = view.who();
        let record = || {
            Some(Self {
                line: Vec::new(),
                body: 0..0,
                data: 0..0,
                chain: ChainId::new(str(view.chain.id)?).ok()?,
                seq: view.chain.seq,
                prev: Digest::from_hex(view.chain.prev)?,
                hash,
                time: Timestamp::from_text(view.chain.time)?,
                kind: str(view.kind)?.parse().ok()?,
                outcome: view.outcome,
                keys: Keys {
                    lease: view.keys.lease.map(LeaseId),
                    node: view.keys.node.map(tree::text),
                    request: parse(view.keys.request)?,
                    span: parse(view.keys.span.map(<[u8; 16]>::as_slice))?,
                    trace: parse(view.keys.trace.map(<[u8; 32]>::as_slice))?,
                },
                src: Src {
                    id: SrcId::from_text(view.src_id)?,
                    n: view.n,
                    time: Timestamp::from_text(view.src_time)?,
                },
                who: Who {
                    from: who.from.map(tree::text),
                    principal: who.principal.map(tree::text),
                    tag: who.tag.map(tree::text),
                    tenant: who.tenant.map(tree::text),
                    workload: who.workload.map(tree::text),
                },
                signature: None,
            })
        };
        record().ok_or(CHECKED)
    }

    /// The line, with its line feed.
    #[must_use]
    pub fn line(&self) -> &[u8] {
        &self.line
    }

    /// The bytes that were hashed.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.line[self.body.clone()]
    }

    /// The chain.
    #[must_use]
    pub const fn chain(&self) -> &ChainId {
        &self.chain
    }

    /// Number in the chain, from 1.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// Hash of the record before, as this one states it.
    #[must_use]
    pub const fn prev(&self) -> Digest {
        self.prev
    }

    /// This record's hash, as the line states it; see [`is_intact`](Self::is_intact).
    #[must_use]
    pub const fn hash(&self) -> Digest {
        self.hash
    }

    /// Whether the stated hash is that of the body.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        leaf_hash(self.body()) == self.hash
    }

    /// When it was sealed.
    #[must_use]
    pub const fn time(&self) -> Timestamp {
        self.time
    }

    /// What it is about.
    #[must_use]
    pub const fn kind(&self) -> &AuditEventKind {
        &self.kind
    }

    /// How that ended.
    #[must_use]
    pub const fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// What it shares with metrics, events and traces.
    #[must_use]
    pub const fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Where it comes from.
    #[must_use]
    pub const fn src(&self) -> &Src {
        &self.src
    }

    /// On whose behalf.
    #[must_use]
    pub const fn who(&self) -> &Who {
        &self.who
    }

    /// The signature in the line.
    #[must_use]
    pub const fn signature(&self) -> Option<&RecordSignature> {
        self.signature.as_ref()
    }

    /// What it says, typed by its kind.
    ///
    /// # Errors
    /// When the data does not have the members of its kind: the format judges them strictly only in records of the log about
    /// itself. [`untyped_data`](Self::untyped_data) reads them all.
    pub fn data(&self) -> Result<AuditEventData, Error> {
        typed(&self.kind, &self.line[self.data.clone()]).map_err(|why| {
            Error::invalid(
                "type the data of a record",
                format!("record {} of kind {}: {why}", self.seq, self.kind),
            )
        })
    }

    /// What it says, as it stands; a stand-in for the whole data is the member with the empty key.
    #[must_use]
    pub fn untyped_data(&self) -> Object {
        untyped(&self.line[self.data.clone()])
    }

    /// The head of the chain that ends with this record; its root is unknown here.
    #[must_use]
    pub fn head(&self) -> Head {
        Head {
            chain: self.chain.clone(),
            seq: self.seq,
            hash: self.hash,
            root: None,
        }
    }

    /// The line, for exporters.
    #[must_use]
    pub fn to_sealed_line(&self) -> SealedLine {
        SealedLine {
            seq: self.seq,
            hash: self.hash,
            bytes: self.line.clone(),
        }
    }
}

/// A member that may be absent; `None` when it is there and does not parse.
#[expect(clippy::option_option, reason = "absent and wrong are two things")]
fn parse<T: std::str::FromStr>(text: Option<&[u8]>) -> Option<Option<T>> {
    match text {
        None => Some(None),
        Some(text) => std::str::from_utf8(text).ok()?.parse().ok().map(Some),
    }
}
