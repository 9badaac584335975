//! The C2SP tlog-proof, version 1: a receipt that verifies with nothing else than trusted keys.
//!
//! ```text
//! c2sp.org/tlog-proof@v1
//! index 73894
//! gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
//! …
//!
//! <the signed checkpoint, with the cosignatures of witnesses>
//! ```
//!
//! It binds a leaf to a checkpoint that the log signed and that enough witnesses saw. What the leaf is is the application's:
//! of an audit chain, its hash is the record's hash, and its index the sequence number less one. Files end with
//! [`EXTENSION`]. Specification: <https://c2sp.org/tlog-proof>.

use std::fmt;

use counterfoil_core::Digest;

use crate::checkpoint::Checkpoint;
use crate::note::{Judgement, MAX_NOTE_LEN, NoteSignature, SignedNote};
use crate::policy::{Accepted, CheckpointRejected, Policy};
use crate::proof::{ProofRejected, verify_inclusion};
use crate::{Error, base64_text, decimal, hash_lines};

/// The extension of a proof's file, without a dot.
pub const EXTENSION: &str = "tlog-proof";
/// Most bytes of extra data.
pub const MAX_EXTRA_LEN: usize = 65_536;
/// Longest proof, in bytes: the longest note, and room for the longest path and the most extra data. Read no more of a file.
pub const MAX_TLOG_PROOF_LEN: usize = MAX_NOTE_LEN + MAX_EXTRA_LEN / 3 * 4 + 4_096;

const HEADER: &str = "c2sp.org/tlog-proof@v1";
const PARSE: &str = "parse a tlog-proof";
const MAKE: &str = "make a tlog-proof";

/// That a leaf stands at an index of a log whose checkpoint others have seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlogProof {
    extra: Option<Vec<u8>>,
    index: u64,
    path: Vec<Digest>,
    note: SignedNote,
    checkpoint: Checkpoint,
}

impl TlogProof {
    /// A proof that the leaf at `index`, from 0, is in the tree of the signed checkpoint `note`. Nothing is verified.
    ///
    /// # Errors
    /// When the note's text is no checkpoint, or the path has more hashes than any tree needs.
    pub fn new(index: u64, path: Vec<Digest>, note: SignedNote) -> Result<Self, Error> {
        Self::of_parts(MAKE, None, index, path, note)
    }

    /// Adds data that an application needs beside, such as what the leaf is computed from. Nothing vouches for it.
    ///
    /// # Errors
    /// When there is none, or more than [`MAX_EXTRA_LEN`] bytes.
    pub fn with_extra(self, extra: Vec<u8>) -> Result<Self, Error> {
        check_extra(MAKE, &extra)?;
        Ok(Self {
            extra: Some(extra),
            ..self
        })
    }

    /// Parses a proof. Well-formedness is all that this checks: see [`verify`](Self::verify).
    ///
    /// # Errors
    /// When the text is not exactly what [`to_text`](Self::to_text) would write, or exceeds a limit.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let refuse = |why: &str| Error::invalid(PARSE, why);
        if text.len() > MAX_TLOG_PROOF_LEN {
            return Err(Error::too_large(
                PARSE,
                format!(
                    "it has {} bytes; the limit is {MAX_TLOG_PROOF_LEN}",
                    text.len()
                ),
            ));
        }
        let mut rest = text
            .strip_prefix(HEADER)
            .and_then(|rest| rest.strip_prefix('\n'))
            .ok_or_else(|| refuse("its first line is not c2sp.org/tlog-proof@v1"))?;
        let mut extra = None;
        if let Some(line) = rest.strip_prefix("extra ") {
            let (line, behind) = line
                .split_once('\n')
                .ok_or_else(|| refuse("it ends inside the extra data"))?;
            let bytes = base64_text::decode(line)
                .ok_or_else(|| refuse("the extra data is not padded base64"))?;
            check_extra(PARSE, &bytes)?;
            extra = Some(bytes);
            rest = behind;
        }
        let (index, rest) = rest
            .strip_prefix("index ")
            .and_then(|rest| rest.split_once('\n'))
            .and_then(|(index, rest)| Some((decimal::parse(index)?, rest)))
            .ok_or_else(|| {
                refuse(
                    "an index line, \"index\" and a decimal number without leading zeros, is missing where it belongs",
                )
            })?;
        let (path, note) = hash_lines::parse(PARSE, rest)?;
        Self::of_parts(PARSE, extra, index, path, SignedNote::parse(note)?)
    }

    fn of_parts(
        operation: &'static str,
        extra: Option<Vec<u8>>,
        index: u64,
        path: Vec<Digest>,
        note: SignedNote,
    ) -> Result<Self, Error> {
        hash_lines::check_len(operation, path.len())?;
        let checkpoint = Checkpoint::parse(note.text())?;
        Ok(Self {
            extra,
            index,
            path,
            note,
            checkpoint,
        })
    }

    /// The file's text.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = format!("{HEADER}\n");
        if let Some(extra) = &self.extra {
            out.push_str("extra ");
            base64_text::push(&mut out, extra);
            out.push('\n');
        }
        out.push_str(&format!("index {}\n", self.index));
        hash_lines::push(&mut out, &self.path);
        out.push_str(&self.note.to_text());
        out
    }

    /// The extra data, for which nothing vouches.
    #[must_use]
    pub fn extra(&self) -> Option<&[u8]> {
        self.extra.as_deref()
    }

    /// Index of the leaf, from 0. Of an audit chain: the sequence number less one.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// The inclusion proof.
    #[must_use]
    pub fn path(&self) -> &[Digest] {
        &self.path
    }

    /// The checkpoint with its signatures.
    #[must_use]
    pub const fn note(&self) -> &SignedNote {
        &self.note
    }

    /// The checkpoint. Nothing is known about it until [`verify`](Self::verify) accepts it.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Verifies that `leaf` is in a log that `policy` names, under a checkpoint that its log key signed and its quorum saw.
    ///
    /// `judge` says whether a signature is by a key of the policy, as for [`SignedNote::verify`]; the `Keyring` of
    /// `counterfoil-signer` is made of a policy for this.
    ///
    /// # Errors
    /// At the first step that fails, in the order of the specification.
    pub fn verify(
        &self,
        leaf: &Digest,
        policy: &Policy,
        judge: impl Fn(&str, &NoteSignature) -> Judgement,
    ) -> Result<Accepted, TlogProofRejected> {
        let accepted = policy
            .verify_note(&self.note, judge)
            .map_err(TlogProofRejected::Checkpoint)?;
        verify_inclusion(
            leaf,
            self.index,
            self.checkpoint.size(),
            &self.path,
            &self.checkpoint.root(),
        )
        .map_err(TlogProofRejected::Inclusion)?;
        Ok(accepted)
    }
}

/// Why a well-formed proof proves nothing, by the step that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlogProofRejected {
    /// The checkpoint does not count: its origin, its log signature or its cosignatures.
    Checkpoint(CheckpointRejected),
    /// The checkpoint counts, but this leaf is not at this index of its tree.
    Inclusion(ProofRejected),
}

impl fmt::Display for TlogProofRejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Checkpoint(rejected) => write!(f, "the checkpoint is not accepted: {rejected}"),
            Self::Inclusion(rejected) => write!(
                f,
                "the checkpoint is accepted, but the record is not in its tree at this place: {rejected}"
            ),
        }
    }
}

impl std::error::Error for TlogProofRejected {}

fn check_extra(operation: &'static str, extra: &[u8]) -> Result<(), Error> {
    if extra.is_empty() {
        return Err(Error::invalid(
            operation,
            "the extra data is empty; without any the line is left out",
        ));
    }
    if extra.len() > MAX_EXTRA_LEN {
        return Err(Error::too_large(
            operation,
            format!(
                "the extra data has {} bytes; the limit is {MAX_EXTRA_LEN}",
                extra.len()
            ),
        ));
    }
    Ok(())
}
