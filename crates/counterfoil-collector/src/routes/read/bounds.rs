//! How many may read at once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::{Reason, Refusal, TenantName};

/// Requests of one tenant that search at once.
const PER_TENANT: usize = 8;
/// Requests that search at once; each holds a thread.
const IN_ALL: usize = 32;

/// Counts those who search.
#[derive(Debug, Default)]
pub(super) struct Readers(Mutex<HashMap<TenantName, usize>>);

/// A place, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    readers: Arc<Readers>,
    tenant: TenantName,
}

impl Readers {
    /// A place for a tenant's request.
    pub(super) fn enter(self: &Arc<Self>, tenant: &TenantName) -> Result<Place, Refusal> {
        let mut readers = self.0.lock();
        let busy = |reason, detail: String| {
            let mut refusal = Refusal::new(reason, detail);
            refusal.retry_after = Some(Duration::from_secs(1));
            Err(refusal)
        };
        if readers.get(tenant).is_some_and(|own| *own >= PER_TENANT) {
            return busy(
                Reason::RateLimited,
                format!(
                    "this tenant reads {PER_TENANT} times at once already; wait for one to end"
                ),
            );
        }
        if readers.values().sum::<usize>() >= IN_ALL {
            return busy(
                Reason::Overloaded,
                "too many read at once; try again".to_owned(),
            );
        }
        *readers.entry(tenant.clone()).or_default() += 1;
        Ok(Place {
            readers: Arc::clone(self),
            tenant: tenant.clone(),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut readers = self.readers.0.lock();
        if let Some(own) = readers.get_mut(&self.tenant) {
            *own -= 1;
            if *own == 0 {
                readers.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_tenant_cannot_take_every_place_and_gets_its_own_back() {
        let readers = Arc::new(Readers::default());
        let (acme, globex) = ("acme".parse().unwrap(), "globex".parse().unwrap());
        let mut places: Vec<_> = (0..PER_TENANT)
            .map(|_| readers.enter(&acme).unwrap())
            .collect();
        let refusal = readers.enter(&acme).unwrap_err();
        assert_eq!(refusal.reason, Reason::RateLimited);
        assert!(refusal.retry_after.is_some());
        let _other = readers.enter(&globex).unwrap();
        places.pop();
        readers.enter(&acme).unwrap();
    }
}
