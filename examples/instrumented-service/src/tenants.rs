//! Who may ask, by API key.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use counterfoil::WorkloadIdentity;

/// The API keys and whose they are. Cheap to clone.
#[derive(Clone)]
pub struct Tenants(Arc<HashMap<String, WorkloadIdentity>>);

impl Tenants {
    /// Reads lines of a tenant, a blank and its key.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let pairs = text.lines().filter_map(|line| line.split_once(' '));
        Self(Arc::new(
            pairs
                .map(|(tenant, key)| (key.trim().to_owned(), WorkloadIdentity::tenant_only(tenant)))
                .collect(),
        ))
    }

    /// The tenant whose key a request carries.
    pub(crate) fn of(&self, request: &Parts) -> Option<WorkloadIdentity> {
        let header = request.headers.get(AUTHORIZATION)?.to_str().ok()?;
        self.0.get(header.strip_prefix("Bearer ")?).cloned()
    }
}

/// Shows how many there are, and no key.
impl fmt::Debug for Tenants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tenants({})", self.0.len())
    }
}
