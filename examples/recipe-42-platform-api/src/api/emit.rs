//! What is told through the outbox.

use counterfoil::Current;

use super::Platform;
use crate::errors::Failure;
use crate::store::Change;
use crate::store::outbox::{Event, Headers};
use crate::{Allocation, EventType};

impl Platform {
    /// Writes an event about an allocation into the outbox, in the transaction of the change. Its headers carry the trace on, and
    /// the request as correlation id.
    pub(super) async fn emit(
        &self,
        change: Change<Allocation>,
        kind: EventType,
    ) -> Result<Change<Allocation>, Failure> {
        let id = self.ids.trace_id().to_string();
        let mut headers = Headers::new();
        if let Some(request) = Current::get().and_then(|it| it.request().copied()) {
            headers.push(("correlation-id".to_owned(), request.to_string()));
        }
        let write = async |headers| {
            let allocation = change.state();
            let event = Event {
                id,
                kind: kind.as_str().to_owned(),
                subject: allocation.id.clone(),
                tenant: allocation.tenant.clone(),
                headers,
                at: allocation.updated_at,
            };
            change.emit(event).await
        };
        self.outbox.send(headers, write).await
    }
}
