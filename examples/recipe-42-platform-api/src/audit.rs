//! What the audit chain is told: which kinds of records there are, and the few things that they may say.

use std::collections::BTreeMap;
use std::sync::Arc;

use counterfoil::audit::{Object, Outcome, Value};
use counterfoil::{Current, DomainRecord, ExtensionKind, Name, Observer};

use crate::AllocationState;
use crate::errors::{Failure, MALFORMED, METADATA_KEY, NOT_SEALED};

/// Longest text that a client may say, in bytes.
const LONGEST: usize = 256;

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

    /// Adds what a client says, by the names of the fields: why, and by which policy. Whatever else is on the list is for us to
    /// say, and what is not on it is refused.
    pub(crate) fn with_said(self, said: BTreeMap<String, String>) -> Result<Self, Failure> {
        said.into_iter().try_fold(self, |metadata, (name, value)| {
            let field = name.parse().map_err(|_| METADATA_KEY)?;
            match field {
                Field::Reason | Field::PolicyKey if value.len() <= LONGEST => {
                    Ok(metadata.with(field, value))
                }
                Field::Reason | Field::PolicyKey => Err(MALFORMED.into()),
                _ => Err(METADATA_KEY.into()),
            }
        })
    }

    /// The move of an allocation from one state to another.
    pub(crate) fn moved(
        self,
        id: &str,
        from: Option<AllocationState>,
        to: AllocationState,
    ) -> Self {
        let metadata = self.with(Field::AllocationId, id);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_allow_list_is_the_one_of_the_standard() {
        let names: Vec<_> = Field::ALL.iter().map(|it| it.as_str()).collect();
        let standard = "reason policy_key old_value new_value status_from status_to error_code request_scope \
            idempotency_key_hash provider_ref allocation_id node_id";
        assert_eq!(names.join(" "), standard);
    }

    #[test]
    fn what_a_client_may_not_say_is_refused() {
        let say = |name: &str, value: &str| {
            let said = BTreeMap::from([(name.to_owned(), value.to_owned())]);
            Metadata::default()
                .with_said(said)
                .map_err(|failure| failure.code())
        };
        let reason = Metadata::default().with(Field::Reason, "no longer needed");
        assert_eq!(say("reason", "no longer needed"), Ok(reason));
        for name in ["email", "Reason", "", "status_to", "node_id", "$reason"] {
            assert_eq!(say(name, "x"), Err(METADATA_KEY), "{name}");
        }
        assert_eq!(say("reason", &"x".repeat(257)), Err(MALFORMED));
    }
}
