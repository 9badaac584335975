//! What a record is about.

use std::fmt;
use std::str::FromStr;

use counterfoil_core::{ExtensionKind, Name};

use crate::Error;

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident => $text:literal,)+) => {
        /// The kind of a record: a closed set, and extension kinds that carry a namespace (audit specification §4).
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        #[allow(clippy::exhaustive_enums, reason = "the set is fixed by version 1 of the format")]
        pub enum AuditEventKind {
            $($(#[$doc])* $variant,)+
            /// A kind of another domain, such as `vault.object_put`.
            Extension(ExtensionKind),
        }

        impl AuditEventKind {
            /// Every kind without a namespace, in the order of the specification's table.
            pub const CLOSED: &'static [Self] = &[$(Self::$variant),+];

            /// The text in records: lower-case, stable for ever.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Extension(kind) => kind.as_str(),
                }
            }

            /// The closed kind with this text.
            pub(crate) fn closed(text: &[u8]) -> Option<Self> {
                $(if text == $text.as_bytes() { return Some(Self::$variant); })+
                None
            }
        }
    };
}

kinds! {
    /// A lease was granted.
    LeaseAllocated => "lease_allocated",
    /// A lease was extended.
    LeaseRenewed => "lease_renewed",
    /// A lease was given back.
    LeaseReleased => "lease_released",
    /// A lease ran out.
    LeaseExpired => "lease_expired",
    /// A lease was taken from its holder.
    LeasePreempted => "lease_preempted",
    /// A revocation went from one state to another.
    RevokeStateTransition => "revoke_state_transition",
    /// A bundle was admitted or rejected.
    BundleAdmissionDecided => "bundle_admission_decided",
    /// An edge of the graph was pointed elsewhere.
    EdgeRewritten => "edge_rewritten",
    /// A read, write or submission failed.
    OperationFailed => "operation_failed",
    /// Receipt for a snapshot of metrics.
    ObsMetricSnapshot => "obs_metric_snapshot",
    /// Receipt for a batch of log lines.
    ObsLogBatch => "obs_log_batch",
    /// Receipt for a finished trace.
    ObsTraceComplete => "obs_trace_complete",
    /// Receipt for an alert that fired.
    ObsAlertFired => "obs_alert_fired",
    /// Receipt for an alert that ended.
    ObsAlertResolved => "obs_alert_resolved",
    /// Receipt for a report on a service level objective.
    ObsSloReport => "obs_slo_report",
    /// Receipt for an anomaly.
    ObsAnomalyDetected => "obs_anomaly_detected",
    /// The log was opened.
    LogOpened => "log_opened",
    /// The log was closed in order.
    LogClosed => "log_closed",
    /// This chain follows another one.
    ChainRestarted => "chain_restarted",
    /// A torn tail was moved to quarantine.
    TailRecovered => "tail_recovered",
    /// The wall clock moved against the monotonic clock.
    ClockStepped => "clock_stepped",
    /// A setting changed.
    ConfigChanged => "config_changed",
    /// A signing key was replaced.
    KeyRotated => "key_rotated",
    /// A key epoch began.
    EpochStarted => "epoch_started",
    /// Openings were destroyed.
    Erased => "erased",
    /// Records may be removed.
    RetentionApplied => "retention_applied",
    /// A producer instance began.
    ProducerOpened => "producer_opened",
    /// A producer instance ended.
    ProducerClosed => "producer_closed",
    /// Records were offered and will never be sealed.
    RecordsLost => "records_lost",
    /// Records were read or exported.
    Access => "access",
}

impl AuditEventKind {
    /// Whether this is a record of the log about itself, whose data a verifier reads.
    #[must_use]
    pub const fn is_about_the_log(&self) -> bool {
        matches!(
            self,
            Self::LogOpened
                | Self::LogClosed
                | Self::ChainRestarted
                | Self::TailRecovered
                | Self::ClockStepped
                | Self::ConfigChanged
                | Self::KeyRotated
                | Self::EpochStarted
                | Self::Erased
                | Self::RetentionApplied
                | Self::ProducerOpened
                | Self::ProducerClosed
                | Self::RecordsLost
                | Self::Access
        )
    }
}

impl FromStr for AuditEventKind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match Self::closed(text.as_bytes()) {
            Some(kind) => Ok(kind),
            None => ExtensionKind::new(&Name::new(text))
                .map(Self::Extension)
                .map_err(|_| {
                    Error::invalid(
                        "parse a record kind",
                        format!(
                            "{text:?} is no kind of the audit chain; give one such as lease_expired, \
                             or an extension kind such as vault.object_put"
                        ),
                    )
                }),
        }
    }
}

impl fmt::Display for AuditEventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How what a record is about ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[allow(
    clippy::exhaustive_enums,
    reason = "the set is fixed by version 1 of the format"
)]
pub enum Outcome {
    /// As intended.
    #[default]
    Success,
    /// Not as intended.
    Failure,
    /// Nobody knows.
    Unknown,
}

impl Outcome {
    /// The text in records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Unknown => "unknown",
        }
    }

    /// The outcome with this text.
    pub(crate) const fn from_text(text: &[u8]) -> Option<Self> {
        match text {
            b"success" => Some(Self::Success),
            b"failure" => Some(Self::Failure),
            b"unknown" => Some(Self::Unknown),
            _ => None,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_closed_kind_parses_back_from_its_text() {
        for kind in AuditEventKind::CLOSED {
            assert_eq!(&kind.as_str().parse::<AuditEventKind>().unwrap(), kind);
        }
    }

    #[test]
    fn a_kind_without_a_namespace_must_be_in_the_closed_set() {
        for text in ["lease_acquired", "vault.", ".put", "Vault.put", "a.b.c", ""] {
            assert!(
                text.parse::<AuditEventKind>().is_err(),
                "{text} was accepted"
            );
        }
        let kind: AuditEventKind = "vault.object_put".parse().unwrap();
        assert_eq!(kind.as_str(), "vault.object_put");
    }
}
