//! The anchor: a head that somebody keeps.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use counterfoil_core::{Digest, Head};

use crate::Error;

/// Largest sequence number that every JSON library reads exactly (audit specification §1).
const MAX_SEQ: u64 = (1 << 53) - 1;
const MAKE: &str = "make an anchor";

/// The head of a log, with the signed checkpoint over it if there is one: the content of `anchor.json`
/// (audit specification §5).
///
/// Whatever is present agrees: the checkpoint's origin, size and root are the head's. Its signatures are not checked here;
/// they are between the log and its verifier.
///
/// ```
/// use counterfoil_anchor::Anchor;
/// use counterfoil_core::{Digest, Head};
/// let head = Head {
///     chain: "audit.example.com/leases/1".parse()?,
///     seq: 7,
///     hash: Digest::from_bytes([0xab; 32]),
///     root: None,
/// };
/// let text = format!("audit.example.com/leases/1\n7\n{}=\n", "A".repeat(43));
/// let checkpoint = format!("{text}\n— audit.example.com/leases/1 AAAAAAA=\n");
/// let anchor = Anchor::new(head)?.with_checkpoint(checkpoint)?;
/// assert_eq!(anchor.head().seq, 7);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    head: Head,
    checkpoint: Option<String>,
}

impl Anchor {
    /// Longest checkpoint, signatures included, in bytes: the limit of a signed note.
    pub const MAX_CHECKPOINT_LEN: usize = 1_000_000;

    /// An anchor without a checkpoint.
    ///
    /// # Errors
    /// When the head's `seq` is 0 or above 2^53 − 1.
    pub fn new(head: Head) -> Result<Self, Error> {
        if (1..=MAX_SEQ).contains(&head.seq) {
            return Ok(Self {
                head,
                checkpoint: None,
            });
        }
        Err(Error::invalid(
            MAKE,
            format!(
                "seq {} of {} is not between 1 and 2^53 - 1",
                head.seq, head.chain
            ),
        ))
    }

    /// Adds the signed checkpoint over this head, signatures included.
    ///
    /// # Errors
    /// When its origin, size or root is not the head's, or it does not have the form of a signed note: a text, an empty line,
    /// and one or more lines of em dash, name and signature, without control characters. Whether the signatures are base64
    /// is not looked at.
    pub fn with_checkpoint(mut self, note: impl Into<String>) -> Result<Self, Error> {
        let note = note.into();
        check_agreement(&self.head, &note).map_err(|why| Error::invalid(MAKE, why))?;
        self.checkpoint = Some(note);
        Ok(self)
    }

    /// The head.
    #[must_use]
    pub const fn head(&self) -> &Head {
        &self.head
    }

    /// The signed checkpoint, byte for byte as it was signed.
    #[must_use]
    pub fn checkpoint(&self) -> Option<&str> {
        self.checkpoint.as_deref()
    }

    /// Whether this anchor says all that `offered` says: the same head, and the same checkpoint with every signature line that
    /// `offered` has. It may have further signature lines, such as cosignatures.
    #[must_use]
    pub fn covers(&self, offered: &Self) -> bool {
        if self.head != offered.head {
            return false;
        }
        let (Some(ours), Some(theirs)) = (self.checkpoint(), offered.checkpoint()) else {
            return self.checkpoint == offered.checkpoint;
        };
        // Both have the form of a signed note, or they were no anchors.
        let split = |note| str::rsplit_once(note, "\n\n").unwrap_or((note, ""));
        let ((ours, our_lines), (theirs, their_lines)) = (split(ours), split(theirs));
        let has = |line: &str| our_lines.split_terminator('\n').any(|ours| ours == line);
        ours == theirs && their_lines.split_terminator('\n').all(has)
    }
}

/// Compares the three lines that open a checkpoint with the head; an `Err` says what differs.
///
/// Beyond that only the form of the note is looked at. `counterfoil-merkle` parses notes in full, and this crate stays below
/// it.
fn check_agreement(head: &Head, note: &str) -> Result<(), String> {
    let mut lines = signed_text(note)?.split_terminator('\n');
    let (Some(origin), Some(size), Some(root)) = (lines.next(), lines.next(), lines.next()) else {
        return Err("the checkpoint has fewer than three lines".to_owned());
    };
    if origin != head.chain.as_str() {
        return Err(format!(
            "the checkpoint is of {origin:?}, and the head of {}",
            head.chain
        ));
    }
    if size != head.seq.to_string() {
        return Err(format!(
            "the checkpoint has size {size:?}, and the head seq {}",
            head.seq
        ));
    }
    let root = STANDARD
        .decode(root)
        .ok()
        .and_then(|bytes| <[u8; Digest::LEN]>::try_from(bytes).ok())
        .map(Digest::from_bytes)
        .ok_or_else(|| {
            format!("the checkpoint's root {root:?} is not 32 bytes of padded base64")
        })?;
    match head.root {
        Some(expected) if expected != root => Err(format!(
            "the checkpoint has the root {root}, and the head {expected}"
        )),
        _ => Ok(()),
    }
}

/// The lines of a signed note above its signatures; an `Err` says why it is no signed note.
fn signed_text(note: &str) -> Result<&str, String> {
    if note.len() > Anchor::MAX_CHECKPOINT_LEN {
        return Err(format!(
            "the checkpoint has {} bytes; the limit is {}",
            note.len(),
            Anchor::MAX_CHECKPOINT_LEN
        ));
    }
    if let Some(byte) = note.bytes().find(|byte| *byte < 0x20 && *byte != b'\n') {
        return Err(format!(
            "the checkpoint has the control character 0x{byte:02x}"
        ));
    }
    let lines = note
        .strip_suffix('\n')
        .ok_or("the checkpoint has no line feed at its end; was it cut off?")?;
    let (text, signatures) = lines
        .rsplit_once("\n\n")
        .ok_or("the checkpoint has no empty line above its signatures; is it signed at all?")?;
    match signatures.split('\n').find(|line| !is_signature(line)) {
        None => Ok(text),
        Some(line) => Err(format!(
            "the checkpoint's line {line:?} is no signature; one looks like \"\u{2014} name base64\""
        )),
    }
}

fn is_signature(line: &str) -> bool {
    line.strip_prefix("\u{2014} ")
        .and_then(|rest| rest.split_once(' '))
        .is_some_and(|(name, signature)| !name.is_empty() && !signature.is_empty())
}
