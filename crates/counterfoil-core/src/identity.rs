//! On whose behalf something happens.

use std::fmt;

use crate::Name;

/// Who acts: the tenant always, the workload and the principal where they are known.
///
/// A principal is known by [`Pseudonym`], never by its plain identity: audit records are kept for years (audit specification §3,
/// `who`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct WorkloadIdentity {
    /// The tenant that pays and owns.
    pub tenant: Name,
    /// The workload within the tenant.
    pub workload: Option<Name>,
    /// Pseudonym of the person or service account.
    pub principal: Option<Name>,
}

impl WorkloadIdentity {
    /// An identity of which only the tenant is known.
    #[must_use]
    pub fn tenant_only(tenant: &str) -> Self {
        Self {
            tenant: Name::new(tenant),
            workload: None,
            principal: None,
        }
    }

    /// Names the workload.
    #[must_use]
    pub fn with_workload(mut self, workload: &str) -> Self {
        self.workload = Some(Name::new(workload));
        self
    }

    /// Names the principal, by pseudonym.
    #[must_use]
    pub fn with_principal(mut self, pseudonym: &Pseudonym) -> Self {
        self.principal = Some(pseudonym.0.clone());
        self
    }
}

/// What stands for a person or a service account. A key makes it (`PseudonymKey` in `counterfoil-audit`), so that whoever holds the
/// key finds a person's records and nobody else can guess whose they are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pseudonym(Name);

impl Pseudonym {
    /// Takes a text for a pseudonym that was made elsewhere. Nothing can check that it is none of the plain identity; every call
    /// of this is a place to look at in a review.
    #[must_use]
    pub fn assume(text: &str) -> Self {
        Self(Name::one_of_many(text))
    }

    /// The pseudonym as a name.
    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.0
    }
}

impl fmt::Display for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What costs are booked on, such as `team-search/batch`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AccountingTag(Name);

impl AccountingTag {
    /// Interns the tag.
    #[must_use]
    pub fn new(tag: &str) -> Self {
        Self(Name::new(tag))
    }

    /// The tag as a name.
    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.0
    }
}

impl From<Name> for AccountingTag {
    fn from(name: Name) -> Self {
        Self(name)
    }
}

impl fmt::Display for AccountingTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
