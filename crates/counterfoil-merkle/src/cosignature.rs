//! The C2SP cosignature, version 1: a witness's signature line under a checkpoint, with the time at which it saw it.
//!
//! It states that at that time the largest consistent tree that the witness had seen for this origin had this root. The line
//! has the form of every note signature; its bytes are a time and an Ed25519 signature over
//!
//! ```text
//! cosignature/v1
//! time 1679315147
//! <the checkpoint's text>
//! ```
//!
//! Keys are of type 0x04 ([`KeyType::Ed25519Cosignature`](crate::note::KeyType)). Lines of type 0x06 (ML-DSA-44) are kept in a
//! note and ignored, as those of every key that nobody here knows. Specification: <https://c2sp.org/tlog-cosignature>.
//!
//! ```
//! use counterfoil_merkle::cosignature::{Cosignature, message};
//!
//! let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
//! let to_sign = message(text, 1_679_315_147);
//! assert!(to_sign.starts_with("cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n"));
//!
//! // What comes out of the signer goes behind the time, into the line.
//! let cosignature = Cosignature::new(1_679_315_147, [7; 64])?;
//! assert_eq!(Cosignature::from_bytes(&cosignature.to_bytes())?, cosignature);
//! # Ok::<(), counterfoil_merkle::Error>(())
//! ```

use crate::Error;

/// Latest time that a cosignature may have, in seconds of the Unix epoch.
pub const MAX_TIME: u64 = i64::MAX as u64;

const TIME_LEN: usize = 8;
const SIGNATURE_LEN: usize = 64;

/// What the signature line of a witness holds behind the key id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cosignature {
    time: u64,
    signature: [u8; SIGNATURE_LEN],
}

impl Cosignature {
    /// Length of [`to_bytes`](Self::to_bytes).
    pub const LEN: usize = TIME_LEN + SIGNATURE_LEN;

    /// A time, in seconds of the Unix epoch, and the Ed25519 signature over [`message`].
    ///
    /// # Errors
    /// When the time is above [`MAX_TIME`], or 0: a witness that states no time states nothing, and the witness protocol
    /// forbids it.
    pub fn new(time: u64, signature: [u8; SIGNATURE_LEN]) -> Result<Self, Error> {
        if time == 0 || time > MAX_TIME {
            return Err(Error::invalid(
                "use a cosignature",
                format!("the time {time} is not between 1 and 2^63 - 1 seconds"),
            ));
        }
        Ok(Self { time, signature })
    }

    /// Reads the bytes of a [`NoteSignature`](crate::note::NoteSignature).
    ///
    /// # Errors
    /// When there are not exactly 72, or the time is none.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let parts = bytes
            .split_first_chunk::<TIME_LEN>()
            .and_then(|(time, signature)| Some((time, signature.try_into().ok()?)));
        let Some((time, signature)) = parts else {
            return Err(Error::invalid(
                "parse a cosignature",
                format!("it has {} bytes instead of {}", bytes.len(), Self::LEN),
            ));
        };
        Self::new(u64::from_be_bytes(*time), signature)
    }

    /// The bytes for a [`NoteSignature`](crate::note::NoteSignature): the time, big-endian, and the signature.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[..TIME_LEN].copy_from_slice(&self.time.to_be_bytes());
        bytes[TIME_LEN..].copy_from_slice(&self.signature);
        bytes
    }

    /// When the witness made it, by its own clock, in seconds of the Unix epoch. To be believed once the signature is verified.
    #[must_use]
    pub const fn time(&self) -> u64 {
        self.time
    }

    /// The Ed25519 signature over [`message`].
    #[must_use]
    pub const fn signature(&self) -> &[u8; SIGNATURE_LEN] {
        &self.signature
    }
}

/// The bytes that a witness signs: the domain, the time, and the text of the checkpoint with its final line feed.
///
/// A witness signs no text that it has not parsed as a [`Checkpoint`](crate::checkpoint::Checkpoint).
#[must_use]
pub fn message(text: &str, time: u64) -> String {
    format!("cosignature/v1\ntime {time}\n{text}")
}
