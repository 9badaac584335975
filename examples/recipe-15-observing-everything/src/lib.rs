//! Recipe 15: observe everything from one call.
//!
//! **What it is.** Two things to copy from. [`dev_observability`], [`record_lease_acquired`], [`record_lease_expired`] and
//! [`record_operation`] put the three layers together by hand, with nothing hidden. [`story`] uses the facade instead and
//! chases a latency spike that comes back every five minutes through all three of them.
//!
//! **Who should depend on it.** Nobody: copy what you need. [`backends`] is the one place that changes between a laptop and
//! production.
//!
//! ```
//! use cookbook_recipe_15_observing_everything::{
//!     dev_observability, record_lease_acquired, record_lease_expired, record_operation,
//! };
//! use counterfoil::audit::{HASH_LEN, verify_chain};
//! use counterfoil::{OpType, ResourceType, WorkloadIdentity};
//!
//! let (metrics, mut events, mut anchor, signer) = dev_observability();
//! let acme = WorkloadIdentity::tenant_only("acme");
//!
//! let granted = record_lease_acquired(
//!     &metrics, &mut events, &mut anchor, &signer, 1, 1_700_000_000, &acme, ResourceType::Mem, 7, "node-a", 4096,
//! );
//! record_operation(&metrics, OpType::Read, 120, 4096);
//! let expired = record_lease_expired(
//!     &metrics, &mut events, &mut anchor, &signer, 2, 1_700_000_300, &acme, ResourceType::Mem, 7, "node-a",
//! );
//!
//! assert_eq!(metrics.leases_total.get(), 1);
//! assert_eq!(events.len(), 2);
//! verify_chain(&[granted, expired], [0; HASH_LEN])?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod backends;
mod block_on;
mod dev;
mod layers;
pub mod story;

pub use backends::{Backends, backends};
pub use dev::{
    DevAnchor, dev_observability, record_lease_acquired, record_lease_expired, record_operation,
};
pub use layers::Layers;

/// Anything that goes wrong in a recipe is told to whoever runs it.
pub type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;
