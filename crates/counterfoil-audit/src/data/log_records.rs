//! Data of the records of the log about itself. A verifier reads these, so reading refuses what the schemas refuse.

use std::collections::BTreeMap;

use counterfoil_core::{ChainId, Digest, Timestamp};

use super::closed::{
    AccessAction, ChainRestartReason, CloseReason, HashAlgorithm, KeyRole, LossReason,
    PayloadDigest, RecoveryReason, RetentionReason, SigningMode,
};
use super::codec::{
    Checked, Closed, Count, Displayed, Flag, FreeText, Grammar, Hash, I64Text, Lanes, List,
    NamedDigest, Nested, Opt, Position, Time, U64Text, data_struct,
};
use crate::{Instance, Lane, SrcId, Text};

/// Positions of lanes: lane to `n`, at most [`MAX_LANES`] of them in one record.
pub type LanePositions = BTreeMap<Lane, u64>;

/// Most lanes that one record names.
pub const MAX_LANES: usize = 1_024;

data_struct! {
    /// The log was opened: the policy in force from this record on.
    LogOpened where LogOpened::rule {
        /// Longest time between two anchors, in milliseconds; 0 = no limit.
        anchor_interval_ms: u64 => Count,
        /// Most records between two anchors; 0 = no limit.
        anchor_interval_records: u64 => Count,
        /// Where the anchor that was found stood.
        anchored_seq: Option<u64> => Opt<Position>,
        /// Length of a key epoch, in milliseconds.
        epoch_ms: Option<u64> => Opt<Position>,
        /// What records are hashed with.
        hash: HashAlgorithm => Closed,
        /// C2SP verifier keys that may sign for this log; empty in mode `none`.
        keys: Vec<String> => List<Checked<VerifierKey>, 0, 16>,
        /// What is signed.
        mode: SigningMode => Closed,
        /// Where the log that was found ended; 0 for a new chain.
        resumed_seq: u64 => Count,
        /// What may be pruned.
        retention: Retention => Nested,
        /// Name and version of the writer.
        software: Text => FreeText,
        /// After an unclean end: what may be missing.
        unclean: Option<Unclean> => Opt<Nested>,
        /// Most records that can be offered and not yet durable at any moment of this opening.
        unsealed_max: Option<u64> => Opt<Position>,
    }
}

impl LogOpened {
    fn rule(&self) -> Result<(), &'static str> {
        if (self.mode == SigningMode::None) == self.keys.is_empty() {
            Ok(())
        } else {
            Err("consistent: keys are listed exactly when something is signed")
        }
    }
}

data_struct! {
    /// What may be pruned; nothing when both are absent.
    Retention {
        /// Longest age, in seconds.
        max_age_s: Option<u64> => Opt<Position>,
        /// Most bytes.
        max_bytes: Option<u64> => Opt<U64Text>,
    }
}

data_struct! {
    /// What an opening that did not end in order may have lost.
    Unclean {
        /// Most records that may be missing; `None` = no bound is known.
        bound_records: Option<u64> => Opt<Count>,
        /// Whose records.
        instance: Instance => Displayed,
        /// The last `n` sealed of each of its lanes.
        lanes: LanePositions => Lanes,
    }
}

data_struct! {
    /// The log was closed in order.
    LogClosed {
        /// Why.
        reason: CloseReason => Closed,
        /// Records sealed in this opening, this one included.
        records: u64 => Position,
    }
}

data_struct! {
    /// This chain follows another one whose end is named.
    ChainRestarted where ChainRestarted::rule {
        /// More about it.
        detail: Option<Text> => Opt<FreeText>,
        /// Hash of the last record vouched for; zero with `old_seq` 0.
        old_hash: Digest => Hash,
        /// The chain before.
        old_id: ChainId => Displayed,
        /// Sequence number of that record; 0 when none is known.
        old_seq: u64 => Count,
        /// Why.
        reason: ChainRestartReason => Closed,
    }
}

impl ChainRestarted {
    fn rule(&self) -> Result<(), &'static str> {
        if self.old_seq > 0 || self.old_hash == Digest::ZERO {
            Ok(())
        } else {
            Err("consistent: old_seq 0 goes with a zero old_hash")
        }
    }
}

data_struct! {
    /// Bytes after the durable mark were moved to quarantine.
    TailRecovered {
        /// Bytes moved.
        bytes: u64 => U64Text,
        /// Digest of the file in quarantine.
        digest: PayloadDigest => NamedDigest,
        /// Name of the file in quarantine.
        file: String => Checked<FileName>,
        /// Number that the first line moved should have had.
        first_seq: u64 => Position,
        /// Line feeds moved.
        lines: u64 => Count,
        /// What was wrong with the first line moved.
        reason: RecoveryReason => Closed,
    }
}

data_struct! {
    /// The wall clock moved against the monotonic clock.
    ClockStepped {
        /// `to` minus the time expected, in nanoseconds.
        delta_ns: i64 => I64Text,
        /// Wall-clock time expected.
        from: Timestamp => Time,
        /// Wall-clock time read.
        to: Timestamp => Time,
    }
}

data_struct! {
    /// A setting of the log or its application changed.
    ConfigChanged {
        /// Name of the setting: `[a-z][a-z0-9_.-]{0,127}`.
        key: String => Checked<SettingName>,
        /// The value from now on; absent when the setting was removed.
        new_value: Option<Text> => Opt<FreeText>,
        /// The value before; absent when the setting was not there.
        old_value: Option<Text> => Opt<FreeText>,
    }
}

data_struct! {
    /// A signing key was replaced; the new one counts from the next record on.
    KeyRotated {
        /// The key from now on, as a C2SP verifier key.
        new_key: String => Checked<VerifierKey>,
        /// The key before.
        old_key: String => Checked<VerifierKey>,
        /// Why.
        reason: Option<Text> => Opt<FreeText>,
        /// Which key.
        role: KeyRole => Closed,
    }
}

data_struct! {
    /// A key epoch began.
    EpochStarted {
        /// Number of the epoch.
        epoch: u64 => Position,
        /// Verifier key of the epoch.
        key: String => Checked<VerifierKey>,
        /// Root over records 1 to `size`.
        root: Digest => Hash,
        /// Signature by the key of the epoch before, in base64.
        signature: String => Checked<Signature>,
        /// Sequence number of the record before this one.
        size: u64 => Position,
    }
}

data_struct! {
    /// Openings were destroyed.
    Erased {
        /// Which.
        items: Vec<ErasedItem> => List<Nested, 1, 256>,
        /// Why.
        reason: Text => FreeText,
    }
}

data_struct! {
    /// One value whose opening was destroyed.
    ErasedItem {
        /// JSON Pointer into the body.
        pointer: String => Checked<JsonPointer>,
        /// The record.
        seq: u64 => Position,
    }
}

data_struct! {
    /// Records may be removed from here on.
    RetentionApplied where RetentionApplied::rule {
        /// Bytes of segments that are removed.
        bytes: u64 => U64Text,
        /// First record removed.
        first_seq: u64 => Position,
        /// Hash of record `last_seq`.
        hash: Digest => Hash,
        /// Last record removed.
        last_seq: u64 => Position,
        /// Why.
        reason: RetentionReason => Closed,
        /// Root over records 1 to `last_seq`.
        root: Digest => Hash,
    }
}

impl RetentionApplied {
    fn rule(&self) -> Result<(), &'static str> {
        if self.last_seq.is_multiple_of(256) {
            Ok(())
        } else {
            Err("a range of whole tiles: last_seq is no multiple of 256")
        }
    }
}

data_struct! {
    /// A producer instance began.
    ProducerOpened where ProducerOpened::rule {
        /// The instance.
        instance: Instance => Displayed,
        /// The last `n` sealed of each lane of the predecessor.
        last_known: Option<LanePositions> => Opt<Lanes>,
        /// The instance that wrote this log before.
        predecessor: Option<Instance> => Opt<Displayed>,
    }
}

impl ProducerOpened {
    fn rule(&self) -> Result<(), &'static str> {
        if self.last_known.is_some() == self.predecessor.is_some() {
            Ok(())
        } else {
            Err("consistent: last_known and predecessor go together")
        }
    }
}

data_struct! {
    /// A producer instance ended.
    ProducerClosed where ProducerClosed::rule {
        /// The instance.
        instance: Instance => Displayed,
        /// The final `n` of each lane; the sealer's own counts this record and all later ones of this opening.
        lanes: LanePositions => Lanes,
        /// Whether another such record with further lanes follows.
        more: bool => Flag,
    }
}

impl ProducerClosed {
    fn rule(&self) -> Result<(), &'static str> {
        if self.lanes.is_empty() {
            Err("complete: at least one lane is named")
        } else {
            Ok(())
        }
    }
}

data_struct! {
    /// Records that were offered and will never be sealed.
    RecordsLost where RecordsLost::rule {
        /// First number lost.
        first_n: u64 => Position,
        /// Last number lost.
        last_n: u64 => Position,
        /// Why.
        reason: LossReason => Closed,
        /// The lane that they were offered to.
        src: SrcId => Displayed,
    }
}

impl RecordsLost {
    fn rule(&self) -> Result<(), &'static str> {
        if self.first_n <= self.last_n {
            Ok(())
        } else {
            Err("a range: last_n is below first_n")
        }
    }
}

data_struct! {
    /// Records were read or exported.
    Access where Access::rule {
        /// What was done.
        action: AccessAction => Closed,
        /// Accesses that this record stands for.
        count: u64 => Position,
        /// First record concerned.
        first_seq: Option<u64> => Opt<Position>,
        /// Last record concerned.
        last_seq: Option<u64> => Opt<Position>,
        /// Who read: a pseudonym or a service.
        reader: Text => FreeText,
    }
}

impl Access {
    fn rule(&self) -> Result<(), &'static str> {
        if self.first_seq.is_some() == self.last_seq.is_some() {
            Ok(())
        } else {
            Err("consistent: first_seq and last_seq go together")
        }
    }
}

/// A C2SP verifier key of type 1.
pub(crate) struct VerifierKey;

impl Grammar for VerifierKey {
    const WHAT: &'static str = "a C2SP Ed25519 verifier key";

    fn accepts(text: &[u8]) -> bool {
        let Ok(text) = std::str::from_utf8(text) else {
            return false;
        };
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return false;
        };
        text.len() <= 300
            && !name.is_empty()
            && !name.contains(char::is_whitespace)
            && id.len() == 8
            && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
            && key.len() == 44
            && key.starts_with('A')
            && matches!(key.as_bytes()[1], b'Q'..=b'Z' | b'a'..=b'f')
            && key.bytes().all(is_base64)
    }
}

/// An Ed25519 signature in base64.
pub(crate) struct Signature;

impl Grammar for Signature {
    const WHAT: &'static str = "the canonical base64 of 64 bytes";

    fn accepts(text: &[u8]) -> bool {
        let Some((digits, b"==")) = text.split_last_chunk() else {
            return false;
        };
        digits.len() == 86
            && digits.iter().copied().all(is_base64)
            && matches!(digits[85], b'A' | b'Q' | b'g' | b'w')
    }
}

const fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

/// `[A-Za-z0-9][A-Za-z0-9._-]{0,127}`.
pub(crate) struct FileName;

impl Grammar for FileName {
    const WHAT: &'static str = "a plain file name";

    fn accepts(text: &[u8]) -> bool {
        text.len() <= 128
            && text.first().is_some_and(u8::is_ascii_alphanumeric)
            && text
                .iter()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    }
}

/// `[a-z][a-z0-9_.-]{0,127}`.
pub(crate) struct SettingName;

impl Grammar for SettingName {
    const WHAT: &'static str = "a name such as queue.capacity";

    fn accepts(text: &[u8]) -> bool {
        text.len() <= 128
            && text.first().is_some_and(u8::is_ascii_lowercase)
            && text.iter().all(|b| {
                b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-')
            })
    }
}

/// A JSON Pointer whose tokens are made of the characters of keys.
pub(crate) struct JsonPointer;

/// Whether `text` is a JSON pointer that an `erased` record can name.
pub(crate) fn is_pointer(text: &str) -> bool {
    JsonPointer::accepts(text.as_bytes())
}

impl Grammar for JsonPointer {
    const WHAT: &'static str = "a JSON Pointer";

    fn accepts(text: &[u8]) -> bool {
        let tilde_escaped = text
            .iter()
            .enumerate()
            .all(|(at, b)| *b != b'~' || matches!(text.get(at + 1), Some(b'0' | b'1')));
        text.len() <= 1_024
            && text.first() == Some(&b'/')
            && tilde_escaped
            && text
                .iter()
                .all(|b| matches!(b, b' '..=b'~') && !matches!(b, b'"' | b'\\'))
    }
}
