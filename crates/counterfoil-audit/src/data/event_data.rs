//! The data of every kind under one type.

use super::codec::{Members, Mismatch};
use super::{
    Access, BundleAdmissionDecided, ChainRestarted, ClockStepped, ConfigChanged, EdgeRewritten,
    EpochStarted, Erased, KeyRotated, LeaseAllocated, LeaseExpired, LeasePreempted, LeaseReleased,
    LeaseRenewed, LogClosed, LogOpened, NamedReceipt, OperationFailed, ProducerClosed,
    ProducerOpened, Receipt, RecordsLost, RetentionApplied, RevokeStateTransition, SloReceipt,
    TailRecovered,
};
use crate::body::json::JsonOut;
use crate::erasure::Texts;
use crate::{AuditEventKind, Error, Object, Truncated};
use counterfoil_core::ExtensionKind;

macro_rules! event_data {
    ($($(#[$doc:meta])* $variant:ident($data:ty),)+) => {
        /// What a record says: one struct per kind.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[allow(clippy::exhaustive_enums, reason = "the set is fixed by version 1 of the format")]
        pub enum AuditEventData {
            $($(#[$doc])* $variant($data),)+
            /// Data of another domain.
            Extension(ExtensionKind, Object),
            /// Data that was too long for a record: its length and digest.
            Truncated(AuditEventKind, Truncated),
        }

        impl AuditEventData {
            /// The kind that goes with this data.
            #[must_use]
            pub fn kind(&self) -> AuditEventKind {
                match self {
                    $(Self::$variant(_) => AuditEventKind::$variant,)+
                    Self::Extension(kind, _) => AuditEventKind::Extension(kind.clone()),
                    Self::Truncated(kind, _) => kind.clone(),
                }
            }

            /// Appends the canonical bytes of `event.data`.
            pub(crate) fn write(&self, out: &mut Vec<u8>) -> Result<(), Error> {
                let mut json = JsonOut::new(out);
                match self {
                    $(Self::$variant(data) => Members::write(data, &mut json),)+
                    Self::Extension(_, object) => json.object(object),
                    Self::Truncated(_, truncated) => json.truncated(truncated),
                }
                json.finish().map_err(|why| {
                    Error::invalid("seal a record", format!("{}: {why}", self.kind()))
                })
            }

            /// Shows every member of type text, and every text of an extension's data, in place.
            pub(crate) fn texts(&mut self, texts: &mut Texts<'_>) {
                match self {
                    $(Self::$variant(data) => Members::texts(data, texts),)+
                    Self::Extension(_, object) => texts.object(object),
                    Self::Truncated(..) => {}
                }
            }

            /// Types the data of a record of `kind`.
            pub(crate) fn read(kind: &AuditEventKind, object: Object) -> Result<Self, Mismatch> {
                Ok(match kind {
                    $(AuditEventKind::$variant => Self::$variant(Members::read(&object)?),)+
                    AuditEventKind::Extension(kind) => Self::Extension(kind.clone(), object),
                })
            }
        }
    };
}

event_data! {
    /// A lease was granted.
    LeaseAllocated(LeaseAllocated),
    /// A lease was extended.
    LeaseRenewed(LeaseRenewed),
    /// A lease was given back.
    LeaseReleased(LeaseReleased),
    /// A lease ran out.
    LeaseExpired(LeaseExpired),
    /// A lease was taken from its holder.
    LeasePreempted(LeasePreempted),
    /// A revocation went from one state to another.
    RevokeStateTransition(RevokeStateTransition),
    /// A bundle was admitted or rejected.
    BundleAdmissionDecided(BundleAdmissionDecided),
    /// An edge of the graph was pointed elsewhere.
    EdgeRewritten(EdgeRewritten),
    /// A read, write or submission failed.
    OperationFailed(OperationFailed),
    /// Receipt for a snapshot of metrics.
    ObsMetricSnapshot(Receipt),
    /// Receipt for a batch of log lines.
    ObsLogBatch(Receipt),
    /// Receipt for a finished trace.
    ObsTraceComplete(Receipt),
    /// Receipt for an alert that fired.
    ObsAlertFired(NamedReceipt),
    /// Receipt for an alert that ended.
    ObsAlertResolved(NamedReceipt),
    /// Receipt for a report on a service level objective.
    ObsSloReport(SloReceipt),
    /// Receipt for an anomaly.
    ObsAnomalyDetected(NamedReceipt),
    /// The log was opened.
    LogOpened(LogOpened),
    /// The log was closed in order.
    LogClosed(LogClosed),
    /// This chain follows another one.
    ChainRestarted(ChainRestarted),
    /// A torn tail was moved to quarantine.
    TailRecovered(TailRecovered),
    /// The wall clock moved.
    ClockStepped(ClockStepped),
    /// A setting changed.
    ConfigChanged(ConfigChanged),
    /// A signing key was replaced.
    KeyRotated(KeyRotated),
    /// A key epoch began.
    EpochStarted(EpochStarted),
    /// Openings were destroyed.
    Erased(Erased),
    /// Records may be removed.
    RetentionApplied(RetentionApplied),
    /// A producer instance began.
    ProducerOpened(ProducerOpened),
    /// A producer instance ended.
    ProducerClosed(ProducerClosed),
    /// Records were lost.
    RecordsLost(RecordsLost),
    /// Records were read or exported.
    Access(Access),
}
