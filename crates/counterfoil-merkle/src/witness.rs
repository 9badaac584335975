//! The bodies of the C2SP witness protocol: what a log sends to `add-checkpoint`, and what it gets back.
//!
//! The request is an old size, a consistency proof from there, and a signed checkpoint; [`AddCheckpoint`] builds and strictly
//! parses it. Of the answers, 200 carries signature lines ([`cosignatures_body`], [`parse_cosignatures`]) and 409 the size that
//! the witness has ([`size_body`], [`parse_size`]). The order of the witness's checks and the codes for each are the server's.
//!
//! Specification: <https://c2sp.org/tlog-witness>.
//!
//! ```
//! use counterfoil_merkle::witness::AddCheckpoint;
//! let body = "old 0\n\
//!     \n\
//!     example.com/behind-the-sofa\n\
//!     20852163\n\
//!     CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\
//!     \n\
//!     — example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n";
//! let request = AddCheckpoint::parse(body)?;
//! assert_eq!((request.old_size(), request.checkpoint().size()), (0, 20_852_163));
//! assert_eq!(request.to_text(), body);
//! # Ok::<(), counterfoil_merkle::Error>(())
//! ```

use counterfoil_core::Digest;

use crate::checkpoint::Checkpoint;
use crate::note::{MAX_NOTE_LEN, MAX_SIGNATURES, NoteSignature, SignedNote};
use crate::proof::{ProofRejected, verify_consistency};
use crate::{Error, decimal, hash_lines};

/// The media type of the answer 409.
pub const SIZE_CONTENT_TYPE: &str = "text/x.tlog.size";
/// Longest request, in bytes: the longest note, and room for the longest proof. A server reads no more.
pub const MAX_REQUEST_LEN: usize = MAX_NOTE_LEN + 4_096;
/// Longest answer of a witness, in bytes. A client reads no more.
pub const MAX_RESPONSE_LEN: usize = MAX_NOTE_LEN;

const PARSE: &str = "parse an add-checkpoint request";

/// A request to cosign a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddCheckpoint {
    old_size: u64,
    proof: Vec<Digest>,
    note: SignedNote,
    checkpoint: Checkpoint,
}

impl AddCheckpoint {
    /// A request to go from the size that the witness has, 0 if it has none, to the signed checkpoint `note`.
    ///
    /// # Errors
    /// When the note's text is no checkpoint, its size is below the old one, or the proof has more hashes than the protocol
    /// allows.
    pub fn new(old_size: u64, proof: Vec<Digest>, note: SignedNote) -> Result<Self, Error> {
        let request = Self::of_parts("make an add-checkpoint request", old_size, proof, note)?;
        if request.old_size == 0 && !request.proof.is_empty() {
            return Err(Error::invalid(
                "make an add-checkpoint request",
                "from old size 0 there is nothing to prove: leave the proof empty",
            ));
        }
        Ok(request)
    }

    /// Parses a request's body.
    ///
    /// A proof that does not hold is none of its business, not even one from old size 0: the witness answers 422 to that and
    /// 400 to what is refused here.
    ///
    /// # Errors
    /// When the body breaks a rule of the format, exceeds a limit, or goes back to a smaller size. The kind is
    /// [`Contradictory`](crate::ErrorKind::Contradictory), for the answer 422, when the checkpoint states an impossible root
    /// for size 0.
    pub fn parse(body: &str) -> Result<Self, Error> {
        if body.len() > MAX_REQUEST_LEN {
            return Err(Error::too_large(
                PARSE,
                format!(
                    "it has {} bytes; the limit is {MAX_REQUEST_LEN}",
                    body.len()
                ),
            ));
        }
        let first = body.strip_prefix("old ").and_then(|rest| {
            let (size, rest) = rest.split_once('\n')?;
            Some((decimal::parse(size)?, rest))
        });
        let Some((old_size, rest)) = first else {
            return Err(Error::invalid(
                PARSE,
                "the first line is not \"old\" and a decimal size without leading zeros",
            ));
        };
        let (proof, note) = hash_lines::parse(PARSE, rest)?;
        Self::of_parts(PARSE, old_size, proof, SignedNote::parse(note)?)
    }

    fn of_parts(
        operation: &'static str,
        old_size: u64,
        proof: Vec<Digest>,
        note: SignedNote,
    ) -> Result<Self, Error> {
        hash_lines::check_len(operation, proof.len())?;
        let checkpoint = Checkpoint::parse(note.text())?;
        if old_size > checkpoint.size() {
            return Err(Error::invalid(
                operation,
                format!(
                    "the old size, {old_size}, is above that of the checkpoint, {}",
                    checkpoint.size()
                ),
            ));
        }
        Ok(Self {
            old_size,
            proof,
            note,
            checkpoint,
        })
    }

    /// The body that is sent.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = format!("old {}\n", self.old_size);
        hash_lines::push(&mut out, &self.proof);
        out.push_str(&self.note.to_text());
        out
    }

    /// The size from which the proof goes. A witness answers 409 unless it is the size that it has.
    #[must_use]
    pub const fn old_size(&self) -> u64 {
        self.old_size
    }

    /// The consistency proof.
    #[must_use]
    pub fn proof(&self) -> &[Digest] {
        &self.proof
    }

    /// The checkpoint with its signatures. Nothing is known about them until a key has verified them.
    #[must_use]
    pub const fn note(&self) -> &SignedNote {
        &self.note
    }

    /// The checkpoint.
    #[must_use]
    pub const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// Verifies that the checkpoint's tree begins with the recorded one, whose size is the old size and whose root this is
    /// ([`EMPTY_ROOT`](crate::EMPTY_ROOT) where nothing is recorded).
    ///
    /// # Errors
    /// When it does not follow: the witness answers 422, and keeps the request as evidence if its signature is good.
    pub fn verify_growth(&self, recorded_root: &Digest) -> Result<(), ProofRejected> {
        verify_consistency(
            self.old_size,
            recorded_root,
            self.checkpoint.size(),
            &self.checkpoint.root(),
            &self.proof,
        )
    }
}

/// The body of the answer 200: signature lines.
#[must_use]
pub fn cosignatures_body(signatures: &[NoteSignature]) -> String {
    signatures
        .iter()
        .map(|signature| format!("{signature}\n"))
        .collect()
}

/// Parses the body of the answer 200. The lines count for nothing until they are verified over the checkpoint that was sent;
/// those of unknown keys are ignored.
///
/// # Errors
/// When there is no line, a line is no signature line, or there is more than a note may have.
pub fn parse_cosignatures(body: &str) -> Result<Vec<NoteSignature>, Error> {
    const PARSE: &str = "parse a witness's cosignatures";
    if body.len() > MAX_RESPONSE_LEN {
        return Err(Error::too_large(
            PARSE,
            format!(
                "they have {} bytes; the limit is {MAX_RESPONSE_LEN}",
                body.len()
            ),
        ));
    }
    let lines = body.strip_suffix('\n').ok_or_else(|| {
        Error::invalid(
            PARSE,
            "the last byte is not a line feed; was the answer cut off?",
        )
    })?;
    let count = lines.split('\n').count();
    if count > MAX_SIGNATURES {
        return Err(Error::too_large(
            PARSE,
            format!("there are {count} lines; the limit is {MAX_SIGNATURES}"),
        ));
    }
    crate::note::check_text(PARSE, lines)?;
    lines.split('\n').map(str::parse).collect()
}

/// The body of the answer 409: the size of the newest checkpoint that the witness cosigned for this origin, or 0.
#[must_use]
pub fn size_body(size: u64) -> String {
    format!("{size}\n")
}

/// Parses the body of the answer 409.
///
/// # Errors
/// When it is not a decimal size without leading zeros, and a line feed.
pub fn parse_size(body: &str) -> Result<u64, Error> {
    body.strip_suffix('\n')
        .and_then(decimal::parse)
        .ok_or_else(|| {
            let shown: String = body.chars().take(40).collect();
            Error::invalid(
                "parse a witness's size",
                format!("{shown:?} is not a decimal size and a line feed"),
            )
        })
}
