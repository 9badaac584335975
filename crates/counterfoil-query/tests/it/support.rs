//! Chains that the tests ask.

use counterfoil_audit::{AuditInput, AuditRecord, Prior, Src, Who, assemble_record};
use counterfoil_core::{Context, FabricEvent, LeaseId, ResourceType, Timestamp, WorkloadIdentity};
use counterfoil_signer::NullSigner;

/// When the first record of a chain occurred, in seconds.
pub(crate) const START: u64 = 1_700_000_000;

/// A chain under construction.
#[derive(Debug)]
pub(crate) struct Chain {
    prior: Prior,
}

impl Chain {
    pub(crate) fn new() -> Self {
        Self {
            prior: Prior::genesis("audit.example.com/leases/1".parse().unwrap()),
        }
    }

    /// The next record; it occurs a second after the one before it.
    pub(crate) fn next(&mut self, tenant: &str, node: &str, lease: u64) -> AuditRecord {
        let n = self.prior.seq + 1;
        let context = Context::new(WorkloadIdentity::tenant_only(tenant));
        let event = if n.is_multiple_of(3) {
            FabricEvent::LeaseReleased {
                resource_type: ResourceType::Mem,
                lease_id: LeaseId(lease),
                node: node.into(),
            }
        } else {
            FabricEvent::LeaseAcquired {
                resource_type: ResourceType::Mem,
                lease_id: LeaseId(lease),
                node: node.into(),
                bytes: 4096,
            }
        };
        let src = Src {
            id: "00000000000000a1/t1".parse().unwrap(),
            n,
            time: Timestamp::from_unix_seconds(START + n),
        };
        let mut input = AuditInput::from_event(&event, &context, src);
        input.who = Who {
            principal: Some(format!("p-{}", n % 5).into()),
            ..input.who
        };
        let record = assemble_record(&self.prior, &input, &NullSigner).unwrap();
        self.prior = Prior::from(&record);
        record
    }
}
