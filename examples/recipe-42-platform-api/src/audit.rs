//! What the audit chain is told: which kinds of records there are, and the few things that they may say.

use std::sync::Arc;

use counterfoil::audit::{Object, Outcome, Value};
use counterfoil::{Current, DomainRecord, ExtensionKind, Name, Observer};

use crate::AllocationState;
use crate::errors::{Failure, METADATA_KEY, NOT_SEALED};

/// What happened, by the kind of its record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An allocation came into another state, or into being.
    AllocationState,
    /// A payment was credited.
    LedgerCredited,
    /// A message was given up.
    DeadLetter,
    /// Somebody signed in or out at the web front, or has it ask something of the API.
    WebRequest,
}

crate::domain::words! {
    /// The allow-list: all that the metadata of a record may say.
    pub(crate) enum Field {
        /// Why it was done.
        Reason = "reason",
        /// The policy that decided.
        PolicyKey = "policy_key",
        /// What a value was.
        OldValue = "old_value",
        /// What it is now.
        NewValue = "new_value",
        /// The state before.
        StatusFrom = "status_from",
        /// The state now.
        StatusTo = "status_to",
        /// The code of the error.
        ErrorCode = "error_code",
        /// What the request was about.
        RequestScope = "request_scope",
        /// The digest of the idempotency key.
        IdempotencyKeyHash = "idempotency_key_hash",
        /// What a provider calls it.
        ProviderRef = "provider_ref",
        /// The allocation.
        AllocationId = "allocation_id",
        /// The node.
        NodeId = "node_id",
    }
}

/// The metadata of a record. What is not on the allow-list cannot be said: there is no [`Field`] for it, and texts that come from
/// elsewhere are checked against the list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Metadata(Object);

impl Metadata {
    /// Adds a field.
    pub(crate) fn with(mut self, field: Field, value: impl Into<Value>) -> Self {
        // A field's name is a key, and texts and small integers are values, whatever they say.
        self.0.insert(field.as_str(), value).ok();
        self
    }

    /// Adds a field by its name.
    #[cfg_attr(not(test), expect(dead_code, reason = "the skeleton"))]
    pub(crate) fn with_named(self, name: &str, value: impl Into<Value>) -> Result<Self, Failure> {
        let field = name.parse::<Field>().map_err(|_| {
            Failure::because(METADATA_KEY, format!("{name:?} is not on the allow-list"))
        })?;
        Ok(self.with(field, value))
    }

    /// The move of an allocation from one state to another.
    pub(crate) fn moved(id: &str, from: Option<AllocationState>, to: AllocationState) -> Self {
        let metadata = Self::default().with(Field::AllocationId, id);
        let metadata = match from {
            Some(from) => metadata.with(Field::StatusFrom, from.as_str()),
            None => metadata,
        };
        metadata.with(Field::StatusTo, to.as_str())
    }
}

/// That a record is sealed, on stable storage: only [`AuditTrail::seal`] makes one.
#[derive(Debug)]
pub(crate) struct Sealed(());

/// The audit chain of this process. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct AuditTrail {
    observer: Observer,
    kinds: Arc<[ExtensionKind; 4]>,
}

impl AuditTrail {
    pub(crate) fn new(observer: Observer) -> Result<Self, Box<dyn std::error::Error>> {
        let kinds = [
            "platform.allocation_state".parse()?,
            "platform.ledger_credited".parse()?,
            "platform.dead_letter".parse()?,
            "platform.web_request".parse()?,
        ];
        Ok(Self {
            observer,
            kinds: Arc::new(kinds),
        })
    }

    /// Records what happened, under the trace, the request and the tenant of the running task, and waits until it is sealed.
    pub(crate) async fn seal(
        &self,
        kind: Kind,
        metadata: Metadata,
        node: Option<&str>,
        outcome: Outcome,
    ) -> Result<Sealed, Failure> {
        let node = node.map(Name::new);
        let mut record = DomainRecord::new(&self.kinds[kind as usize], metadata.0).outcome(outcome);
        if let Some(node) = &node {
            record = record.node(node);
        }
        let receipt = self.observer.record(&Current, record);
        let sealed = receipt.durable().await;
        sealed.map_err(|error| Failure::because(NOT_SEALED, error))?;
        Ok(Sealed(()))
    }
}
