//! The credentials of one reading of the files.

use std::collections::HashMap;

use counterfoil::Timestamp;

use super::AuthFiles;
use super::certificate::Certificates;
use super::key::{ApiKey, ServerKey};
use super::tenants_file::{KeyEntry, TenantsFile};
use crate::{Caller, Error, Reason, Refusal};

/// Who is known.
#[derive(Debug)]
pub(super) struct Credentials {
    server: ServerKey,
    keys: HashMap<String, KeyEntry>,
    certificates: Certificates,
}

/// Why nobody is known. What the client is told does not say which keys there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Denied {
    /// Nothing came.
    Missing,
    /// What came is no credential, or its checksum is wrong.
    Malformed,
    /// Nobody has it.
    Unknown,
    /// It was valid once, or will be.
    Expired,
    /// Key and certificate, or the names of one certificate, are of two tenants.
    TwoTenants,
}

impl Credentials {
    pub(super) fn read(files: &AuthFiles) -> Result<Self, Error> {
        let server = ServerKey::from_file(&files.server_key)?;
        let TenantsFile { keys, certificates } = TenantsFile::read(&files.tenants)?;
        Ok(Self {
            server,
            keys: keys.into_iter().map(|key| (key.id.clone(), key)).collect(),
            certificates: Certificates::new(certificates)?,
        })
    }

    pub(super) fn by_key(&self, text: &str, now: Timestamp) -> Result<Caller, Denied> {
        let key = ApiKey::parse(text).ok_or(Denied::Malformed)?;
        // Hashed whether the id is known or not, so that the time does not tell.
        let hash = self.server.hash(&key);
        let entry = self.keys.get(key.id());
        let is = entry.is_some_and(|entry| entry.hash.is(&hash));
        let entry = entry.filter(|_| is).ok_or(Denied::Unknown)?;
        let begun = entry
            .not_before
            .is_none_or(|moment| is_over(Some(moment), now));
        if !begun || is_over(entry.not_after, now) {
            return Err(Denied::Expired);
        }
        let credential = format!("cfk_{}", entry.id);
        Ok(Caller::new(entry.tenant.clone(), entry.scopes, credential))
    }

    pub(super) fn by_certificate(
        &self,
        certificate: &[u8],
        now: Timestamp,
    ) -> Result<Caller, Denied> {
        self.certificates.owner(certificate, now)
    }
}

/// Whether `moment` has come.
pub(super) fn is_over(moment: Option<jiff::Timestamp>, now: Timestamp) -> bool {
    moment.is_some_and(|moment| moment.as_nanosecond() <= i128::from(now.unix_nanos()))
}

impl Denied {
    /// For the log.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Malformed => "malformed",
            Self::Unknown => "unknown",
            Self::Expired => "expired",
            Self::TwoTenants => "two_tenants",
        }
    }

    pub(super) fn refusal(self) -> Refusal {
        let (reason, detail) = match self {
            Self::Missing => (
                Reason::Unauthenticated,
                "no credential came; send a key as `Authorization: Bearer cfk_…`, or a client certificate",
            ),
            Self::Malformed => (
                Reason::Unauthenticated,
                "what came is no key; check that it is complete: `Authorization: Bearer cfk_…`, once",
            ),
            Self::Unknown | Self::Expired => (
                Reason::Unauthenticated,
                "the credential is not known here, or not valid at this time; ask the operator for another",
            ),
            Self::TwoTenants => (
                Reason::Forbidden,
                "the credentials belong to two tenants; use those of one",
            ),
        };
        Refusal::new(reason, detail)
    }
}
