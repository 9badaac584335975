//! Who asks: from the certificate of the connection or the key of the request, and from nothing else.
//!
//! A key (`cfk_…`) names its tenant by its id alone; a certificate by its fingerprint or by a name that it is issued for. No header
//! but `Authorization` is looked at, and that one is taken out of the request before anything else sees it. Where nobody has to say
//! who it is, the `Host` has to be this one.

mod attempts;
mod certificate;
mod credentials;
mod key;
mod tenants_file;
mod this_host;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use counterfoil::Clock;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use parking_lot::RwLock;

use crate::server::Peer;
use crate::{Caller, Error, Reason, Refusal, Scopes, TenantName};
use attempts::Attempts;
use credentials::{Credentials, Denied};

pub use attempts::AttemptLimits;
pub use key::{ApiKey, ServerKey};
pub use tenants_file::{KeyEntry, TenantsFile};

/// The tenant of every caller where nobody has to say who it is.
const DEFAULT_TENANT: &str = "default";
const BEARER: &str = "Bearer";

/// The files that say who may do what.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthFiles {
    /// The keys and certificates of the tenants.
    pub tenants: PathBuf,
    /// The key that hashes the keys of tenants.
    pub server_key: PathBuf,
}

impl AuthFiles {
    /// These two.
    #[must_use]
    pub const fn new(tenants: PathBuf, server_key: PathBuf) -> Self {
        Self {
            tenants,
            server_key,
        }
    }

    /// Each of the files.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        [self.tenants.as_path(), self.server_key.as_path()].into_iter()
    }
}

/// Decides who asks.
#[derive(Debug)]
pub struct Authority(Kind);

#[derive(Debug)]
enum Kind {
    Open(Caller),
    Guarded(Guarded),
}

#[derive(Debug)]
struct Guarded {
    files: AuthFiles,
    clock: Arc<dyn Clock>,
    credentials: RwLock<Arc<Credentials>>,
    attempts: Attempts,
}

impl Authority {
    /// Everybody is the tenant `default` and may do everything, if the `Host` of the request is this one. Only for a server that
    /// listens on the loopback interface.
    ///
    /// # Errors
    /// None: the name of the tenant is a valid one.
    pub fn open() -> Result<Self, Error> {
        let tenant: TenantName = DEFAULT_TENANT.parse()?;
        let caller = Caller::new(tenant, Scopes::ALL, "loopback");
        Ok(Self(Kind::Open(caller)))
    }

    /// Who is in these files, read anew with [`reload`](Self::reload). Failed attempts are limited by `attempts`, on `clock`.
    ///
    /// # Errors
    /// [`ErrorKind::Credential`](crate::ErrorKind::Credential) when a file cannot be read, contradicts itself, or others can
    /// read the server key.
    pub fn guarded(
        files: AuthFiles,
        attempts: AttemptLimits,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Error> {
        let credentials = RwLock::new(Arc::new(Credentials::read(&files)?));
        Ok(Self(Kind::Guarded(Guarded {
            files,
            credentials,
            attempts: Attempts::new(attempts, Arc::clone(&clock)),
            clock,
        })))
    }

    /// Whether a caller has to say who it is.
    #[must_use]
    pub const fn is_guarded(&self) -> bool {
        matches!(self.0, Kind::Guarded(_))
    }

    /// The files that it reads.
    #[must_use]
    pub const fn files(&self) -> Option<&AuthFiles> {
        match &self.0 {
            Kind::Open(_) => None,
            Kind::Guarded(guarded) => Some(&guarded.files),
        }
    }

    /// Reads the files again. It holds from the next request on, also on connections that are open.
    ///
    /// # Errors
    /// As [`guarded`](Self::guarded); then everything stays as it was.
    pub fn reload(&self) -> Result<(), Error> {
        if let Kind::Guarded(guarded) = &self.0 {
            let credentials = Credentials::read(&guarded.files)?;
            *guarded.credentials.write() = Arc::new(credentials);
        }
        Ok(())
    }

    /// Who asks, by the certificate of `peer` and the key in `headers`. Where both are there, both have to be of one tenant, and
    /// the key says what may be done.
    ///
    /// # Errors
    /// [`Reason::Unauthenticated`] when nobody is known by them; [`Reason::Forbidden`] when they are of two tenants, or when nobody
    /// has to be known and the `Host` is not this one; [`Reason::RateLimited`] when the address has failed too often. A valid credential is taken even then, so that nobody is
    /// shut out by what others behind the same address do.
    pub fn caller(&self, peer: &Peer, headers: &HeaderMap) -> Result<Caller, Refusal> {
        match &self.0 {
            Kind::Open(caller) if this_host::is_named(headers) => Ok(caller.clone()),
            Kind::Open(_) => Err(Refusal::new(
                Reason::Forbidden,
                "without [auth] this collector answers what is sent to localhost or a loopback address, and the Host of this request \
                 is another; ask for http://localhost, or set [auth]",
            )),
            Kind::Guarded(guarded) => guarded.caller(peer, headers),
        }
    }
}

impl Guarded {
    fn caller(&self, peer: &Peer, headers: &HeaderMap) -> Result<Caller, Refusal> {
        let credentials = Arc::clone(&self.credentials.read());
        let denied = match known(&credentials, peer, headers, &*self.clock) {
            Ok(caller) => return Ok(caller),
            Err(denied) => denied,
        };
        match self.attempts.failed(peer.address.ip()) {
            Ok(()) => {
                // Within the limit only: nobody fills the log with guesses.
                tracing::info!(peer = %peer.address, reason = denied.code(), "a credential was refused");
                Err(denied.refusal())
            }
            Err(wait) => {
                let mut refusal = Refusal::new(
                    Reason::RateLimited,
                    "too many attempts with credentials that are not known; check the key before the next one",
                );
                refusal.retry_after = Some(wait);
                Err(refusal)
            }
        }
    }
}

fn known(
    credentials: &Credentials,
    peer: &Peer,
    headers: &HeaderMap,
    clock: &dyn Clock,
) -> Result<Caller, Denied> {
    let of_certificate = peer
        .certificate
        .as_deref()
        .map(|certificate| credentials.by_certificate(certificate, clock.utc()));
    let Some(key) = bearer(headers)? else {
        return of_certificate.unwrap_or(Err(Denied::Missing));
    };
    let caller = credentials.by_key(key, clock.utc())?;
    match of_certificate {
        Some(Ok(of_certificate)) if of_certificate.tenant != caller.tenant => {
            Err(Denied::TwoTenants)
        }
        Some(Err(Denied::TwoTenants)) => Err(Denied::TwoTenants),
        // One that is of no tenant, or whose entry has ended, says nothing beside a key.
        _ => Ok(caller),
    }
}

/// The key of the request: the one `Authorization` header, with the scheme `Bearer`.
fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Denied> {
    let mut all = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = all.next() else {
        return Ok(None);
    };
    if all.next().is_some() {
        return Err(Denied::Malformed);
    }
    let text = value.to_str().map_err(|_| Denied::Malformed)?;
    let (scheme, key) = text.split_once(' ').ok_or(Denied::Malformed)?;
    if scheme.eq_ignore_ascii_case(BEARER) {
        Ok(Some(key.trim_matches(' ')))
    } else {
        Err(Denied::Malformed)
    }
}
