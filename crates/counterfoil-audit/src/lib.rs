//! The tamper-evident audit chain: records, sealer, durable log, verification

mod body;
mod chain;
mod data;
mod error;
mod hash;
mod input;
pub mod jsonl;
mod kind;
mod line;
mod log;
mod metadata;
mod record;
mod src_id;
mod text;
mod value;
pub mod verify;
mod verify_chain;

pub use body::encode::MAX_BODY;
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
pub use error::{Error, ErrorKind};
pub use input::{AuditInput, Keys, Src, Who};
pub use kind::{AuditEventKind, ExtensionKind, Outcome};
pub use line::MAX_LINE;
pub use log::{
    AuditLog, AuditLogBuilder, CloseReport, Figures, FiguresReader, FileSystem, LaneWriter, LogFile, Offer,
    OnConflict, OnFailure, Opened, OwnedTicket, Settled, StdFiles, Ticket, WhenFull,
};
pub use metadata::Metadata;
pub use record::{AuditRecord, Prior, assemble_record};
pub use src_id::{Instance, Lane, SrcId};
pub use text::{MAX_TEXT, Text, Truncated};
pub use value::{MAX_INTEGER, Object, Value};
pub use verify_chain::{ChainError, HASH_LEN, verify_chain};
