//! The tamper-evident audit chain: typed records, the sealing core, the durable log, and verification.
//!
//! **What it is.** One record is one canonical JSON line; its hash is the link to the next record and a leaf of an RFC 6962
//! tree at once (audit specification, `docs/specs/audit-chain-v1.md`). [`AuditChain`] seals inline for one owner;
//! [`AuditLog`] seals on a thread of its own, durably, fed by a queue per producer; [`assemble_record`] and [`verify_chain`]
//! do the same for records in memory; [`verify`] judges logs of any size against a head that was kept elsewhere; [`tlog`] reads
//! a log directory as a transparency log and proves single records.
//!
//! **Who should depend on it.** Whoever keeps an audit log of their own, or verifies one. A service that wants its leases
//! observed takes the facade `counterfoil`, which writes the log as one of its three layers.
//!
//! **What it will never do.** Write over what it finds damaged, lose a record without a record of the loss, call a log VALID
//! when it verified nothing or less than it was asked to, or need an async runtime.
//!
//! ```
//! use counterfoil_audit::{
//!     AuditInput, Instance, Lane, Prior, Src, SrcId, assemble_record, verify_chain,
//! };
//! use counterfoil_core::{Context, FabricEvent, LeaseId, ResourceType, Timestamp, WorkloadIdentity};
//! use counterfoil_signer::NullSigner;
//!
//! let context = Context::new(WorkloadIdentity::tenant_only("acme"));
//! let event = FabricEvent::LeaseAcquired {
//!     resource_type: ResourceType::Mem,
//!     lease_id: LeaseId(7),
//!     node: "node-a".into(),
//!     bytes: 4096,
//! };
//! let src = Src {
//!     id: SrcId::new(Instance(1), Lane::thread(0)),
//!     n: 1,
//!     time: Timestamp::from_unix_seconds(1_700_000_000),
//! };
//! let genesis = Prior::genesis("audit.example.com/leases/1".parse()?);
//! let input = AuditInput::from_event(&event, &context, src);
//! let first = assemble_record(&genesis, &input, &NullSigner)?;
//! let head = verify_chain(&[first], [0; 32])?;
//! assert_eq!(head.seq, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod body;
mod canonicalise;
mod chain;
mod data;
mod erasure;
mod error;
mod hash;
mod header;
mod input;
pub mod intake;
pub mod jsonl;
mod kind;
mod line;
mod log;
mod metadata;
mod pseudonym;
mod record;
pub mod replica;
mod source;
mod src_id;
mod text;
pub mod tlog;
mod value;
pub mod verify;
mod verify_chain;

pub use body::encode::MAX_BODY;
pub use canonicalise::{Canonicalised, canonicalise};
pub use chain::{AuditChain, Sealed};
pub use data::{
    Access, AccessAction, Admission, AuditEventData, BundleAdmissionDecided, ChainRestartReason,
    ChainRestarted, ClockStepped, CloseReason, ConfigChanged, EdgeRewritten, EpochStarted, Erased,
    ErasedItem, HashAlgorithm, KeyRole, KeyRotated, LanePositions, LeaseAllocated, LeaseExpired,
    LeasePreempted, LeaseReleased, LeaseRenewed, LogClosed, LogOpened, LossReason, MAX_LANES,
    NamedReceipt, OperationFailed, PayloadDigest, ProducerClosed, ProducerOpened, Receipt,
    RecordsLost, RecoveryReason, Retention, RetentionApplied, RetentionReason,
    RevokeStateTransition, SigningMode, SloReceipt, TailRecovered, Unclean,
};
pub use erasure::{Forgettable, MAX_FORGETTABLE};
pub use error::{Error, ErrorKind};
pub use header::{Header, HeaderReader};
pub use input::{AuditInput, Keys, Src, Who};
pub use kind::{AuditEventKind, Outcome};

pub use counterfoil_core::ExtensionKind;
pub use line::MAX_LINE;
pub use log::{
    AuditLog, AuditLogBuilder, CloseReport, Erasure, Figures, FiguresReader, FileSystem, Follow,
    LaneWriter, LastOpening, LogFile, LogState, LogTail, Offer, OnConflict, OnFailure, Opened,
    OwnedTicket, Settled, StdFiles, Tailed, Ticket, WhenFull, erased_by, last_opening, reveal,
};
pub use metadata::Metadata;
pub use pseudonym::{PseudonymKey, TenantPseudonyms};
pub use record::{AuditRecord, Prior, assemble_record};
pub use src_id::{Instance, Lane, SrcId};
pub use text::{MAX_TEXT, Text, Truncated};
pub use value::{MAX_INTEGER, Object, Value};
pub use verify_chain::{ChainError, HASH_LEN, verify_chain};
