//! What a record says, typed per kind. Members and limits are those of the schemas of the audit specification.

mod closed;
mod codec;
mod event_data;
mod lifecycle;
mod log_records;
mod receipts;

pub use closed::{
    AccessAction, Admission, ChainRestartReason, CloseReason, HashAlgorithm, KeyRole, LossReason,
    PayloadDigest, RecoveryReason, RetentionReason, SigningMode,
};
pub use event_data::AuditEventData;
pub use lifecycle::{
    BundleAdmissionDecided, EdgeRewritten, LeaseAllocated, LeaseExpired, LeasePreempted,
    LeaseReleased, LeaseRenewed, OperationFailed, RevokeStateTransition,
};
pub(crate) use log_records::is_pointer;
pub use log_records::{
    Access, ChainRestarted, ClockStepped, ConfigChanged, EpochStarted, Erased, ErasedItem,
    KeyRotated, LanePositions, LogClosed, LogOpened, MAX_LANES, ProducerClosed, ProducerOpened,
    RecordsLost, Retention, RetentionApplied, TailRecovered, Unclean,
};
pub use receipts::{NamedReceipt, Receipt, SloReceipt};
