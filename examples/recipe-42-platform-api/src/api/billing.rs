//! `POST /v1/webhooks/billing`: payments, told by the billing provider.

mod signature;

use std::path::Path;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use counterfoil::audit::Outcome;
use counterfoil::tower::Mutation;
use counterfoil::{InContext, Sensitive, Timestamp};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::Platform;
use super::authorize::in_name_of;
use super::extract::Body;
use crate::audit::{Field, Kind, Metadata};
use crate::domain::is_name;
use crate::errors::{Failure, MALFORMED, UNKNOWN_TENANT, WEBHOOK_REUSED};
use crate::metrics::WebhookOutcome;
use crate::store::ledger::{Entry, Posted, Reason};
use crate::store::{Change, ledger, members};

/// The type of event that credits. Whatever else the provider tells is acknowledged, or it would be told again for days.
const PAYMENT: &str = "payment.succeeded";
/// The largest payment, in cents.
const MOST_CENTS: i64 = 100_000_000;

/// What the billing provider signs with.
pub(super) struct BillingSecret(Sensitive<Zeroizing<String>>);

/// What the billing provider tells. It tells more, some of it about persons; what is not needed is not even read.
#[derive(Deserialize)]
struct Event {
    id: String,
    #[serde(rename = "type")]
    kind: String,
}

/// An event of the type `payment.succeeded`.
#[derive(Deserialize)]
struct Payment {
    id: String,
    data: PaymentData,
}

#[derive(Deserialize)]
struct PaymentData {
    tenant: String,
    amount_cents: i64,
}

/// What the provider is answered.
#[derive(Debug, Serialize)]
pub(super) struct Receipt {
    credited: bool,
}

/// Receives a webhook. The provider sends it again until it is answered with a success, so the same event credits once.
pub(super) async fn receive(
    State(platform): State<Platform>,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Json<Receipt>, Failure> {
    let result = platform.receive(&headers, &body).await;
    let outcome = match &result {
        Ok(outcome) => *outcome,
        Err(failure) if failure.code().http_status() < 500 => WebhookOutcome::Rejected,
        Err(_) => WebhookOutcome::Error,
    };
    platform.metrics.webhooks.at(outcome).increment();
    let credited = result? == WebhookOutcome::Credited;
    Ok(Json(Receipt { credited }))
}

impl Platform {
    async fn receive(&self, headers: &HeaderMap, body: &[u8]) -> Result<WebhookOutcome, Failure> {
        signature::verify(
            headers,
            body,
            self.billing.0.expose().as_bytes(),
            self.store.now(),
        )?;
        let verified = self.store.now();
        let event = Event::parse(body)?;
        if event.kind != PAYMENT {
            tracing::info!(event_type = event.kind, "webhook ignored");
            return Ok(WebhookOutcome::Ignored);
        }
        let payment = Payment::parse(body)?;
        let content = Sha256::digest(body).into();
        let context = in_name_of(&payment.data.tenant);
        let credited = self.credit(payment, content).in_context(context).await?;
        if !credited {
            return Ok(WebhookOutcome::Duplicate);
        }
        let elapsed = self.store.now().since(verified);
        self.metrics.webhook_to_credit.record_duration(elapsed);
        Ok(WebhookOutcome::Credited)
    }

    /// Credits a payment. Whether this was the first time.
    async fn credit(&self, payment: Payment, content: [u8; 32]) -> Result<bool, Failure> {
        let mutation = Mutation::new("ledger.credit");
        mutation
            .resolve(self.tenant(payment.data.tenant.clone()))
            .await?;
        let now = self.store.now();
        let Some((event, change)) = mutation.apply(self.post(payment, content, now)).await? else {
            return Ok(false);
        };
        let (amount, balance) = *change.state();
        let metadata = Metadata::default()
            .with(Field::Reason, "payment")
            .with(Field::ProviderRef, event)
            .with(Field::OldValue, (balance - amount).to_string())
            .with(Field::NewValue, balance.to_string());
        let record = async {
            let sealed = self
                .audit
                .seal(Kind::LedgerCredited, metadata, None, Outcome::Success);
            change.commit(sealed.await?).await
        };
        mutation.record(record).await?;
        tracing::info!(amount_cents = amount, "payment credited");
        Ok(true)
    }

    async fn tenant(&self, tenant: String) -> Result<(), Failure> {
        let read = self
            .store
            .read(move |connection| members::has_tenant(connection, &tenant));
        read.await?
            .then_some(())
            .ok_or_else(|| UNKNOWN_TENANT.into())
    }

    /// The provider's event, and a change from which the amount and the new balance come; `None` for an event that came before.
    async fn post(
        &self,
        payment: Payment,
        content: [u8; 32],
        now: Timestamp,
    ) -> Result<Option<(String, Change<(i64, i64)>)>, Failure> {
        let event = payment.id.clone();
        let begun = self.store.change(move |connection| {
            match ledger::note_event(connection, &payment.id, content, now)? {
                Some(before) if before == content => return Ok(None),
                Some(_) => return Err(WEBHOOK_REUSED.into()),
                None => {}
            }
            let amount = payment.data.amount_cents;
            let entry = Entry {
                tenant: &payment.data.tenant,
                reason: Reason::Payment,
                reference: &payment.id,
                amount,
            };
            match ledger::post(connection, entry, now)? {
                Posted::Balance(balance) => Ok(Some((amount, balance))),
                Posted::Before | Posted::NotCovered => Ok(None),
            }
        });
        Ok(begun.await?.transpose().map(|change| (event, change)))
    }
}

impl Event {
    fn parse(body: &[u8]) -> Result<Self, Failure> {
        let event: Self = serde_json::from_slice(body).map_err(|_| MALFORMED)?;
        let is_word = |text: &str| {
            (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if is_word(&event.id) && is_word(&event.kind) {
            Ok(event)
        } else {
            Err(MALFORMED.into())
        }
    }
}

impl Payment {
    fn parse(body: &[u8]) -> Result<Self, Failure> {
        let payment: Self = serde_json::from_slice(body).map_err(|_| MALFORMED)?;
        let amount = (1..=MOST_CENTS).contains(&payment.data.amount_cents);
        if amount && is_name(&payment.data.tenant) {
            Ok(payment)
        } else {
            Err(MALFORMED.into())
        }
    }
}

impl BillingSecret {
    /// Reads the secret from a file.
    pub(super) fn read(path: &Path) -> Result<Self, String> {
        let what = "write the provider's secret into the file of --billing-secret";
        let text = crate::keys::read_secret(path).map_err(|error| format!("{error}; {what}"))?;
        let secret = text.trim();
        if secret.len() < 32 {
            let path = path.display();
            return Err(format!(
                "the secret in {path} is shorter than 32 characters"
            ));
        }
        Ok(Self(Sensitive::new(Zeroizing::new(secret.to_owned()))))
    }
}
