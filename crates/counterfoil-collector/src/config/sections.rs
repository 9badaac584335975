//! The tables of the file.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::units::{ByteSize, Span};
use crate::auth::{AttemptLimits, AuthFiles};
use crate::body::BodyLimits;
use crate::limits::Rates;
use crate::server::{BodyTimings, ClientCertificates, ServerLimits, TlsFiles};

/// `[listen]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ListenSection {
    /// Where it listens; port 0 takes a free one.
    pub address: SocketAddr,
    /// Whether it may listen beyond the loopback interface without encryption, because something in front of it encrypts.
    pub plaintext: bool,
}

/// `[tls]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TlsSection {
    /// PEM file of the server's certificate and those between it and a root.
    pub certificate: PathBuf,
    /// PEM file of its private key.
    pub key: PathBuf,
    /// PEM file of the authorities that issue the certificates of clients.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clients: Option<PathBuf>,
    /// Whether a client has to show one.
    #[serde(default)]
    pub client_certificates: ClientCertificates,
}

/// `[auth]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct AuthSection {
    /// The file of tenants.
    pub tenants: PathBuf,
    /// The file of the key that hashes the keys of tenants.
    pub server_key: PathBuf,
    /// Credentials that are not known, in a minute from one address.
    #[serde(default = "failures")]
    pub failures_per_minute: NonZeroU32,
}

/// `[limits]`, as [`ServerLimits`] and [`BodyLimits`] explain them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(
    missing_docs,
    reason = "explained where they are used, and in the default file"
)]
#[non_exhaustive]
pub struct LimitsSection {
    pub connections: usize,
    pub connections_per_address: usize,
    pub handshake: Span,
    pub head: Span,
    pub idle: Span,
    pub head_bytes: ByteSize,
    pub headers: usize,
    pub body_stall: Span,
    pub body_grace: Span,
    pub body_bytes_per_second: ByteSize,
    pub body_bytes: ByteSize,
    pub body_ratio: u64,
    pub write_stall: Span,
    pub drain: Span,
}

/// `[intake]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct IntakeSection {
    /// The collector's own name, a DNS name: its own chain is `<name>/meta`, its cosignatures are by `<name>/witness`.
    pub name: String,
    /// The directory in which everything is kept.
    pub data: PathBuf,
    /// Threads that verify and write; one per processor unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threads: Option<usize>,
    /// Bytes that were taken and are not yet stored, of all tenants.
    pub memory: ByteSize,
    /// The same of one tenant.
    pub memory_per_tenant: ByteSize,
    /// Free bytes of the disk below which records are refused as if it were full.
    pub disk_reserve: ByteSize,
    /// A chain's file of records ends once it is this long, and retention lets go whole files.
    pub segment: ByteSize,
    /// How often retention is applied.
    pub retention_interval: Span,
}

/// `[witness]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct WitnessSection {
    /// The key file that cosigns checkpoints, as `counterfoil key generate --role witness` makes it.
    pub key: PathBuf,
}

/// `[telemetry]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct TelemetrySection {
    /// Whether metrics and health pages have a listener of their own.
    pub enabled: bool,
    /// Where that is.
    pub address: SocketAddr,
    /// How log lines are written.
    pub log_format: LogFormat,
}

/// How log lines are written on standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// A JSON object a line.
    Json,
}

/// `[tenant_defaults]` and `[tenants.NAME]`. What is not set is that of the defaults; what is set nowhere, or 0, has no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct TenantSection {
    /// Bases of the ids of chains that it may register; every free one unless set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chain_names: Option<Vec<String>>,
    /// Records in a second, and at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub records_per_second: Option<u32>,
    /// Bytes after decoding in a second, and at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_per_second: Option<ByteSize>,
    /// Requests under way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<usize>,
    /// Chains that are registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chains: Option<u64>,
    /// Bytes of records that are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored: Option<ByteSize>,
    /// How long records are kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention_age: Option<Span>,
    /// Bytes of records that are kept; the oldest go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention_size: Option<ByteSize>,
}

impl Default for ListenSection {
    fn default() -> Self {
        Self {
            address: (Ipv4Addr::LOCALHOST, 9468).into(),
            plaintext: false,
        }
    }
}

impl Default for LimitsSection {
    fn default() -> Self {
        let server = ServerLimits::default();
        let body = BodyLimits::default();
        Self {
            connections: server.connections,
            connections_per_address: server.connections_per_address,
            handshake: Span(server.handshake),
            head: Span(server.head),
            idle: Span(server.idle),
            head_bytes: ByteSize(server.head_bytes as u64),
            headers: server.headers,
            body_stall: Span(server.body.stall),
            body_grace: Span(server.body.grace),
            body_bytes_per_second: ByteSize(server.body.bytes_per_second),
            body_bytes: ByteSize(body.bytes),
            body_ratio: body.ratio,
            write_stall: Span(server.write_stall),
            drain: Span(server.drain),
        }
    }
}

impl Default for IntakeSection {
    fn default() -> Self {
        Self {
            name: "collector.localhost".into(),
            data: "counterfoil-data".into(),
            threads: None,
            memory: ByteSize(64 << 20),
            memory_per_tenant: ByteSize(16 << 20),
            disk_reserve: ByteSize(64 << 20),
            segment: ByteSize(16 << 20),
            retention_interval: Span(Duration::from_secs(60)),
        }
    }
}

impl Default for TelemetrySection {
    fn default() -> Self {
        Self {
            enabled: true,
            address: (Ipv4Addr::LOCALHOST, 9469).into(),
            log_format: LogFormat::Text,
        }
    }
}

impl LimitsSection {
    /// As the server takes them.
    #[must_use]
    pub fn server(&self) -> ServerLimits {
        ServerLimits {
            connections: self.connections,
            connections_per_address: self.connections_per_address,
            handshake: self.handshake.0,
            head: self.head.0,
            idle: self.idle.0,
            head_bytes: usize::try_from(self.head_bytes.0).unwrap_or(usize::MAX),
            headers: self.headers,
            body: BodyTimings {
                stall: self.body_stall.0,
                bytes_per_second: self.body_bytes_per_second.0,
                grace: self.body_grace.0,
            },
            write_stall: self.write_stall.0,
            drain: self.drain.0,
        }
    }

    /// As the decoder takes them.
    #[must_use]
    pub fn body(&self) -> BodyLimits {
        BodyLimits {
            bytes: self.body_bytes.0,
            ratio: self.body_ratio,
            ..BodyLimits::default()
        }
    }

    /// Each duration, with its name.
    pub(super) const fn spans(&self) -> [(&'static str, Duration); 6] {
        [
            ("handshake", self.handshake.0),
            ("head", self.head.0),
            ("idle", self.idle.0),
            ("body_stall", self.body_stall.0),
            ("write_stall", self.write_stall.0),
            ("drain", self.drain.0),
        ]
    }
}

impl TlsSection {
    /// As TLS takes them.
    #[must_use]
    pub fn files(&self) -> TlsFiles {
        let clients = self.clients.clone();
        TlsFiles {
            certificate: self.certificate.clone(),
            key: self.key.clone(),
            clients: clients.map(|path| (path, self.client_certificates)),
        }
    }
}

impl AuthSection {
    /// As the authority takes them.
    #[must_use]
    pub fn files(&self) -> AuthFiles {
        AuthFiles::new(self.tenants.clone(), self.server_key.clone())
    }

    /// As the authority takes them.
    #[must_use]
    pub const fn attempts(&self) -> AttemptLimits {
        AttemptLimits::per_minute(self.failures_per_minute)
    }
}

impl TenantSection {
    /// This, and from `defaults` what it leaves out.
    #[must_use]
    pub fn or(&self, defaults: &Self) -> Self {
        Self {
            chain_names: self
                .chain_names
                .clone()
                .or_else(|| defaults.chain_names.clone()),
            records_per_second: self.records_per_second.or(defaults.records_per_second),
            bytes_per_second: self.bytes_per_second.or(defaults.bytes_per_second),
            requests: self.requests.or(defaults.requests),
            chains: self.chains.or(defaults.chains),
            stored: self.stored.or(defaults.stored),
            retention_age: self.retention_age.or(defaults.retention_age),
            retention_size: self.retention_size.or(defaults.retention_size),
        }
    }

    /// As the limits take them.
    #[must_use]
    pub fn rates(&self) -> Rates {
        Rates {
            records: self.records_per_second.and_then(NonZeroU32::new),
            bytes: self.bytes_per_second.map(|it| it.0).filter(|it| *it > 0),
            requests: self
                .requests
                .filter(|it| *it > 0)
                .unwrap_or(Rates::default().requests),
        }
    }
}

fn failures() -> NonZeroU32 {
    AttemptLimits::default().per_minute
}

/// Tables by the names of tenants.
pub(super) mod by_tenant {
    use std::collections::BTreeMap;

    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    use super::TenantSection;
    use crate::TenantName;

    type Tenants = BTreeMap<TenantName, TenantSection>;

    pub(in crate::config) fn serialize<S: Serializer>(
        tenants: &Tenants,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            tenants
                .iter()
                .map(|(name, section)| (name.as_str(), section)),
        )
    }

    pub(in crate::config) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Tenants, D::Error> {
        BTreeMap::<String, TenantSection>::deserialize(deserializer)?
            .into_iter()
            .map(|(name, section)| Ok((name.parse().map_err(D::Error::custom)?, section)))
            .collect()
    }
}
