//! The records of one tenant, and what can be proved of them.

use std::collections::VecDeque;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use counterfoil::anchor::Anchor;
use counterfoil::audit::tlog::TiledLog;
use counterfoil::audit::verify::{Completeness, Report, Verdict, VerifyOptions, verify_path};
use counterfoil::audit::{AuditRecord, Text};
use counterfoil::signer::{Ed25519Verifier, Keyring, Verifier};
use counterfoil::{Clock as _, Head, SystemClock, Timestamp};
use counterfoil_merkle::leaf_hash;
use counterfoil_merkle::note::VerifierKey;
use counterfoil_merkle::proof::verify_inclusion;
use counterfoil_query::{Next, Source};
use serde_json::Value;

use crate::Result;

/// What is looked at, and on whose behalf.
#[derive(Debug)]
#[non_exhaustive]
pub struct Question<'a> {
    /// The log directory.
    pub log: &'a Path,
    /// A head that somebody kept, for a log that is not signed.
    pub anchor: Option<&'a Anchor>,
    /// The key of the log, which the tenant got another way than with the log.
    pub keys: &'a Keyring,
    /// The tenant, as records name it.
    pub tenant: &'a str,
    /// The newest so many records are shown.
    pub most_rows: usize,
    /// When it is looked.
    pub now: Timestamp,
}

impl<'a> Question<'a> {
    /// A question about a signed log: 1000 rows, now.
    #[must_use]
    pub fn new(log: &'a Path, keys: &'a Keyring, tenant: &'a str) -> Self {
        Self {
            log,
            anchor: None,
            keys,
            tenant,
            most_rows: 1_000,
            now: SystemClock::new().utc(),
        }
    }
}

/// What a tenant may see of a chain.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct View {
    /// The tenant.
    pub tenant: String,
    /// The chain, where the log says which.
    pub chain: Option<String>,
    /// When it was looked.
    pub now: Timestamp,
    /// What `counterfoil verify` says of the whole log.
    pub verdict: Verdict,
    /// Whether everything that was offered to the log is there; `None` where nobody knows.
    pub completeness: Option<Completeness>,
    /// The head that was trusted, if the log verifies up to it.
    pub verified: Option<Head>,
    /// When the record at that head was sealed: so old is what the anchor vouches for.
    pub anchored_at: Option<Timestamp>,
    /// The keys that signed the head; none where it was given.
    pub signed_by: Vec<String>,
    /// Records of the log beyond that head.
    pub tail: u64,
    /// How many records the tenant has.
    pub own: u64,
    /// The newest of them, the oldest first.
    pub rows: Vec<Row>,
}

/// A record of the tenant.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Row {
    /// Number in the chain.
    pub seq: u64,
    /// When it occurred.
    pub time: Timestamp,
    /// What it is about.
    pub kind: String,
    /// How that ended.
    pub outcome: &'static str,
    /// The lease, if it is about one.
    pub lease: Option<u64>,
    /// Node, workload, principal, accounting tag and request, where they are known, under these names.
    pub texts: Vec<(&'static str, String)>,
    /// What else it says.
    pub data: Value,
    /// Its hash.
    pub hash: String,
    /// What can be proved of it.
    pub proof: Proof,
}

/// The proof state of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "a page shows each of them")]
pub enum Proof {
    /// It is in the tree of the trusted head: its inclusion proof was verified.
    Covered {
        /// How many records that head is over.
        size: u64,
        /// Whether a key that the tenant trusts signed the head.
        signed: bool,
    },
    /// It lies beyond the head, in a log that is sound so far.
    NotYetAnchored,
    /// Nothing can be said for it.
    NotVerified {
        /// Why.
        why: String,
    },
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Covered { size, signed: true } => {
                write!(
                    f,
                    "covered by checkpoint of size {size}, inclusion proof verified"
                )
            }
            Self::Covered { size, .. } => {
                write!(
                    f,
                    "covered by the anchored head of size {size}, inclusion proof verified"
                )
            }
            Self::NotYetAnchored => f.write_str("not yet anchored"),
            Self::NotVerified { why } => write!(f, "NOT VERIFIED: {why}"),
        }
    }
}

impl View {
    /// The line that stands over everything.
    #[must_use]
    pub fn line(&self) -> String {
        let tail = self.tail;
        match (&self.verified, self.anchored_at) {
            (Some(head), Some(at)) => {
                format!(
                    "verified to seq {}, anchored at {at}, tail {tail} records",
                    head.seq
                )
            }
            (Some(head), None) => {
                format!(
                    "verified to seq {}, anchored, tail {tail} records",
                    head.seq
                )
            }
            (None, _) => format!("NOT VERIFIED: the log is {}", self.verdict),
        }
    }
}

/// Adds a log's key, as text, to a keyring.
///
/// # Errors
/// When it is no key of Ed25519.
pub(crate) fn trust(keys: &mut Keyring, key: &str) -> Result<()> {
    let key: VerifierKey = key.trim().parse()?;
    Ok(keys.trust(Ed25519Verifier::new(key)?)?)
}

/// Looks at a log on behalf of a tenant. It may be written meanwhile.
///
/// Each row is proved for itself, so a record that is in the tree of the anchored head stays proved whatever became of the others.
///
/// # Errors
/// When the log cannot be read. That it was changed is no error: the view says so.
pub fn look(question: &Question<'_>) -> Result<View> {
    let mut options = VerifyOptions::new();
    options.head = question.anchor.map(Into::into);
    options.keys = question.keys;
    // Rotations of the log's key are followed from the one that the tenant trusts.
    options.key_reader = Some(read_key);
    options.now = question.now;
    let report = verify_path(question.log, &options);

    let log = TiledLog::open(question.log)?;
    let prover = Prover {
        log: &log,
        report: &report,
    };
    let (own, rows) = own_rows(question, &prover)?;
    let verified = report
        .trusted
        .clone()
        .filter(|_| report.verdict == Verdict::Valid);
    let age = report.head_age.unwrap_or(Duration::MAX);
    let age = u64::try_from(age.as_nanos()).ok();
    Ok(View {
        tenant: question.tenant.to_owned(),
        chain: report.end.as_ref().map(|end| end.chain.to_string()),
        now: question.now,
        verdict: report.verdict,
        completeness: report.completeness,
        anchored_at: age
            .and_then(|age| question.now.unix_nanos().checked_sub(age))
            .map(Timestamp::from_unix_nanos),
        signed_by: report.signed_by.clone(),
        tail: report.tail.records,
        verified,
        own,
        rows,
    })
}

fn read_key(key: &VerifierKey) -> Option<Box<dyn Verifier>> {
    Some(Box::new(Ed25519Verifier::new(key.clone()).ok()?))
}

/// How many records the tenant has, and the newest of them.
fn own_rows(question: &Question<'_>, prover: &Prover<'_>) -> Result<(u64, Vec<Row>)> {
    let mut source = Source::open(question.log)?;
    let (mut own, mut newest) = (0, VecDeque::new());
    loop {
        match source.read()? {
            // A name that went by digest or was made erasable is not known to be this tenant's.
            Next::Record(record) if said(record.who().tenant.as_ref()) == Some(question.tenant) => {
                own += 1;
                newest.push_back(record);
                if newest.len() > question.most_rows {
                    newest.pop_front();
                }
            }
            // Of a line that cannot be read nobody knows whose it is; the verdict has it.
            Next::Record(_) | Next::Malformed { .. } => {}
            Next::End | Next::Unfinished { .. } => break,
        }
    }
    Ok((
        own,
        newest
            .iter()
            .map(|record| row(record, prover.prove(record)))
            .collect(),
    ))
}

fn said(text: Option<&Text>) -> Option<&str> {
    text.and_then(Text::as_str)
}

/// Proves records against the trusted head.
struct Prover<'a> {
    log: &'a TiledLog,
    report: &'a Report,
}

impl Prover<'_> {
    fn prove(&self, record: &AuditRecord) -> Proof {
        let not = |why: &str| Proof::NotVerified {
            why: why.to_owned(),
        };
        let Some(head) = &self.report.trusted else {
            return not("there is no head that the tenant trusts");
        };
        if record.chain() != &head.chain {
            return not("it is of another chain than the head");
        }
        if record.seq() > head.seq {
            return match self.report.verdict {
                Verdict::Valid => Proof::NotYetAnchored,
                _ => not("it lies beyond the head of a log that does not verify"),
            };
        }
        let Some(root) = &head.root else {
            return not("the head has no root to prove it against");
        };
        let path = match self.log.inclusion(record.seq(), head.seq, root) {
            Ok(path) => path,
            Err(error) => return not(&error.to_string()),
        };
        // The path belongs to the hash in the tiles. It has to hold for what the record says now.
        match verify_inclusion(
            &leaf_hash(record.body()),
            record.seq() - 1,
            head.seq,
            &path,
            root,
        ) {
            Ok(()) => Proof::Covered {
                size: head.seq,
                signed: !self.report.signed_by.is_empty(),
            },
            Err(_) => not("it is not the record that was sealed at this place"),
        }
    }
}

fn row(record: &AuditRecord, proof: Proof) -> Row {
    let (keys, who) = (record.keys(), record.who());
    let texts = [
        ("node", said(keys.node.as_ref()).map(str::to_owned)),
        ("workload", said(who.workload.as_ref()).map(str::to_owned)),
        ("principal", said(who.principal.as_ref()).map(str::to_owned)),
        ("tag", said(who.tag.as_ref()).map(str::to_owned)),
        ("request", keys.request.as_ref().map(ToString::to_string)),
        ("trace", keys.trace.as_ref().map(ToString::to_string)),
    ];
    Row {
        seq: record.seq(),
        time: record.src().time,
        kind: record.kind().to_string(),
        outcome: record.outcome().as_str(),
        lease: keys.lease.map(|lease| lease.0),
        texts: texts
            .into_iter()
            .filter_map(|(name, text)| Some((name, text?)))
            .collect(),
        data: data(record),
        hash: record.hash().to_string(),
        proof,
    }
}

/// What the record says besides, without what may be another tenant's: the lease that took the place of this one.
fn data(record: &AuditRecord) -> Value {
    let body: Value = serde_json::from_slice(record.body()).unwrap_or_default();
    let mut data = body["event"]["data"].clone();
    if let Some(members) = data.as_object_mut() {
        members.remove("by_lease");
    }
    data
}
