//! Who asks, and what they may.

use std::fmt;
use std::ops::BitOr;
use std::str::FromStr;
use std::sync::Arc;

use crate::{Error, ErrorKind, TenantName};

/// What a credential may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scope {
    /// Register chains and extend them.
    Ingest = 1,
    /// Read records.
    Read = 2,
    /// Read heads, checkpoints, tiles and proofs, which hold hashes and no records.
    Verify = 4,
    /// See and change what concerns the collector itself; reads the chains of every tenant.
    Admin = 8,
}

impl Scope {
    const ALL: [Self; 4] = [Self::Ingest, Self::Read, Self::Verify, Self::Admin];

    /// Its name in configuration: `ingest`, `read`, `verify`, `admin`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Read => "read",
            Self::Verify => "verify",
            Self::Admin => "admin",
        }
    }
}

impl FromStr for Scope {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::ALL
            .into_iter()
            .find(|scope| scope.name() == text)
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::InvalidConfig,
                    "read a scope",
                    format!(
                        "\"{}\" is none; use ingest, read, verify or admin",
                        text.chars().take(40).collect::<String>().escape_debug()
                    ),
                )
            })
    }
}

/// A set of [`Scope`]s.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Scopes(u8);

impl Scopes {
    /// None of them.
    pub const NONE: Self = Self(0);
    /// All of them.
    pub const ALL: Self = Self(15);

    /// Whether `scope` is among them.
    #[must_use]
    pub const fn contains(self, scope: Scope) -> bool {
        self.0 & scope as u8 != 0
    }

    /// These and `scope`.
    #[must_use]
    pub const fn with(self, scope: Scope) -> Self {
        Self(self.0 | scope as u8)
    }

    /// Each of them.
    pub fn each(self) -> impl Iterator<Item = Scope> {
        Scope::ALL
            .into_iter()
            .filter(move |scope| self.contains(*scope))
    }
}

impl From<Scope> for Scopes {
    fn from(scope: Scope) -> Self {
        Self::NONE.with(scope)
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        scopes.into_iter().fold(Self::NONE, Self::with)
    }
}

impl BitOr for Scope {
    type Output = Scopes;

    fn bitor(self, other: Self) -> Scopes {
        Scopes::from(self).with(other)
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.each().map(Scope::name)).finish()
    }
}

/// Who asks: made from the credential of a connection or a request, and from nothing else in it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Caller {
    /// The tenant that the credential belongs to.
    pub tenant: TenantName,
    /// What it may be used for.
    pub scopes: Scopes,
    /// A public name of the credential, such as the prefix of a key, for the meta-chain and logs.
    pub credential: Arc<str>,
}

impl Caller {
    /// A caller with the credential named `credential`.
    pub fn new(tenant: TenantName, scopes: Scopes, credential: impl Into<Arc<str>>) -> Self {
        Self {
            tenant,
            scopes,
            credential: credential.into(),
        }
    }
}
