//! On whose behalf something happens.

use std::fmt;

use crate::Name;

/// Who acts: the tenant always, the workload and the principal where they are known.
///
/// `principal` is stored as it is given. Give it a pseudonym (a tenant-keyed hash), never a plain identity: audit records
/// are kept for years (audit specification §2, `who`).
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
    pub fn with_principal(mut self, pseudonym: &str) -> Self {
        self.principal = Some(Name::one_of_many(pseudonym));
        self
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
