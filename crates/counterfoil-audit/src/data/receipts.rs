//! Data of receipts: what a payload that is kept elsewhere covered.

use counterfoil_core::Timestamp;

use super::closed::PayloadDigest;
use super::codec::{Bool, Checked, Count, NamedDigest, Time, data_struct};
use super::log_records::SettingName;

data_struct! {
    /// Receipt for a snapshot of metrics, a batch of log lines or a finished trace.
    Receipt {
        /// Items covered.
        count: u64 => Count,
        /// Digest of the payload.
        digest: PayloadDigest => NamedDigest,
        /// Start of the time covered.
        from: Timestamp => Time,
        /// End of the time covered.
        to: Timestamp => Time,
    }
}

data_struct! {
    /// Receipt for an alert or an anomaly.
    NamedReceipt {
        /// Items covered.
        count: u64 => Count,
        /// Digest of the payload.
        digest: PayloadDigest => NamedDigest,
        /// Start of the time covered.
        from: Timestamp => Time,
        /// Name of the rule: `[a-z][a-z0-9_.-]{0,127}`.
        name: String => Checked<SettingName>,
        /// End of the time covered.
        to: Timestamp => Time,
    }
}

data_struct! {
    /// Receipt for a report on a service level objective.
    SloReceipt {
        /// Items covered.
        count: u64 => Count,
        /// Digest of the payload.
        digest: PayloadDigest => NamedDigest,
        /// Start of the time covered.
        from: Timestamp => Time,
        /// Whether the objective was met.
        met: bool => Bool,
        /// Name of the objective: `[a-z][a-z0-9_.-]{0,127}`.
        name: String => Checked<SettingName>,
        /// End of the time covered.
        to: Timestamp => Time,
    }
}
