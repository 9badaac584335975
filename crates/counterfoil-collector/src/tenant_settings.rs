//! What a tenant may, beyond what its credentials say.

use std::fmt;
use std::sync::Arc;

use counterfoil::ChainId;
use counterfoil::audit::Retention;

use crate::TenantName;

/// What a tenant may have and what is kept of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TenantSettings {
    /// Bases of chain ids that it may register: `audit.example.com/payments` allows `audit.example.com/payments/1` and
    /// `audit.example.com/payments/eu/1`, and `audit.example.com` everything of that host. Empty allows every name that is free.
    pub chain_names: Vec<String>,
    /// Most chains that it may register; no limit when `None`.
    pub max_chains: Option<u64>,
    /// Most bytes of records that are kept of it; no limit when `None`.
    pub max_stored_bytes: Option<u64>,
    /// What is let go of its chains; nothing by default.
    pub retention: Retention,
}

impl Default for TenantSettings {
    fn default() -> Self {
        Self {
            chain_names: Vec::new(),
            max_chains: None,
            max_stored_bytes: None,
            retention: Retention {
                max_age_s: None,
                max_bytes: None,
            },
        }
    }
}

impl TenantSettings {
    /// Whether it may register `chain`.
    #[must_use]
    pub fn allows(&self, chain: &ChainId) -> bool {
        self.chain_names.is_empty()
            || self.chain_names.iter().any(|name| {
                chain
                    .base()
                    .strip_prefix(name.as_str())
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
    }
}

/// Finds the settings of a tenant; asked whenever they matter, so that they may change while the collector runs.
#[derive(Clone)]
pub(crate) struct SettingsOf(Arc<dyn Fn(&TenantName) -> TenantSettings + Send + Sync>);

impl SettingsOf {
    pub(crate) fn new(
        find: impl Fn(&TenantName) -> TenantSettings + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(find))
    }

    pub(crate) fn of(&self, tenant: &TenantName) -> TenantSettings {
        (self.0)(tenant)
    }
}

impl fmt::Debug for SettingsOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SettingsOf")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_allows_what_lies_below_it_and_no_neighbour() {
        let mut settings = TenantSettings::default();
        let allows = |settings: &TenantSettings, id: &str| settings.allows(&id.parse().unwrap());
        assert!(allows(&settings, "audit.example.com/leases/1"));
        settings.chain_names = vec!["audit.example.com/payments".to_owned()];
        assert!(allows(&settings, "audit.example.com/payments/1"));
        assert!(allows(&settings, "audit.example.com/payments/7"));
        assert!(allows(&settings, "audit.example.com/payments/eu/1"));
        assert!(!allows(&settings, "audit.example.com/payments-eu/1"));
        assert!(!allows(&settings, "audit.example.com/leases/1"));
        settings.chain_names = vec!["audit.example.com".to_owned()];
        assert!(allows(&settings, "audit.example.com/leases/1"));
        assert!(!allows(&settings, "audit.example.com.evil.org/leases/1"));
    }
}
