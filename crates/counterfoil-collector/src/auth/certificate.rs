//! Certificates of clients: whose they are.

use counterfoil::Timestamp;
use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;
use sha2::{Digest as _, Sha256};

use super::credentials::{Denied, is_over};
use super::key::{hex, unhex};
use super::tenants_file::CertificateEntry;
use crate::{Caller, Error, ErrorKind, Scopes, TenantName};

/// The certificates of the file, ready to be asked.
///
/// The TLS handshake has proved that the client owns the certificate and that an authority issued it; what is left is whose it is.
/// A pinned certificate is known by its SHA-256, another by the names it is issued for, compared as TLS clients compare the names
/// of servers (the subject's common name never counts). One that is issued for names of two tenants, a wildcard perhaps, is nobody's.
#[derive(Debug, Default)]
pub(super) struct Certificates {
    pinned: Vec<([u8; 32], Entry)>,
    named: Vec<(ServerName<'static>, Entry)>,
}

#[derive(Debug)]
struct Entry {
    tenant: TenantName,
    scopes: Scopes,
    not_after: Option<jiff::Timestamp>,
}

impl Certificates {
    pub(super) fn new(entries: Vec<CertificateEntry>) -> Result<Self, Error> {
        let mut certificates = Self::default();
        for entry in entries {
            let CertificateEntry {
                tenant,
                scopes,
                dns,
                sha256,
                not_after,
            } = entry;
            let kept = Entry {
                tenant,
                scopes,
                not_after,
            };
            if let Some(sha256) = sha256.as_deref().and_then(unhex) {
                certificates.pinned.push((sha256, kept));
            } else if let Some(dns) = dns {
                let Ok(name @ ServerName::DnsName(_)) = ServerName::try_from(dns.clone()) else {
                    return Err(no_name(&dns));
                };
                certificates.named.push((name, kept));
            }
        }
        Ok(certificates)
    }

    /// Who owns this certificate, in DER.
    pub(super) fn owner(&self, certificate: &[u8], now: Timestamp) -> Result<Caller, Denied> {
        let sha256: [u8; 32] = Sha256::digest(certificate).into();
        let valid = |entry: &Entry| !is_over(entry.not_after, now);
        let credential = || format!("sha256:{}", hex(&sha256[..8]));
        let pinned = self.pinned.iter().find(|(pin, _)| *pin == sha256);
        if let Some((_, entry)) = pinned {
            return if valid(entry) {
                Ok(entry.caller(credential()))
            } else {
                Err(Denied::Expired)
            };
        }
        let der = CertificateDer::from(certificate);
        let parsed = ParsedCertificate::try_from(&der).map_err(|_| Denied::Malformed)?;
        let mut owners = self
            .named
            .iter()
            .filter(|(name, entry)| valid(entry) && verify_server_name(&parsed, name).is_ok())
            .map(|(_, entry)| entry);
        let first = owners.next().ok_or(Denied::Unknown)?;
        // Scopes of several names of one tenant are not added up: the first entry counts.
        if owners.any(|other| other.tenant != first.tenant) {
            return Err(Denied::TwoTenants);
        }
        Ok(first.caller(credential()))
    }
}

impl Entry {
    fn caller(&self, credential: String) -> Caller {
        Caller::new(self.tenant.clone(), self.scopes, credential)
    }
}

fn no_name(dns: &str) -> Error {
    Error::new(
        ErrorKind::Credential,
        "read the tenants",
        format!(
            "dns = {dns:?} is no DNS name; write one without a wildcard, such as leases.acme.example"
        ),
    )
}
