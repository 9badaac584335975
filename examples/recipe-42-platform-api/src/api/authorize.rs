//! Who asks, by API key, before anything else happens.

use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::Response;
use counterfoil::{Context, Current, InContext, WorkloadIdentity};

use super::Platform;
use crate::errors::{FORBIDDEN, Failure, UNAUTHENTICATED};
use crate::metrics::Authorized;
use crate::store::members;
use crate::{Member, Role};

/// Longest API key, in bytes.
const LONGEST_KEY: usize = 256;

/// Finds out whose key a request carries, and lets it go on in the name of that tenant.
pub(super) async fn authorize(
    State(platform): State<Platform>,
    mut request: Request,
    next: Next,
) -> Result<Response, Failure> {
    let member = platform.timed(platform.member(request.headers())).await?;
    let context = in_name_of(&member.tenant);
    request.extensions_mut().insert(member);
    Ok(next.run(request).in_context(context).await)
}

/// The running request's context, in the name of a tenant.
pub(crate) fn in_name_of(tenant: &str) -> Context {
    let identity = WorkloadIdentity::tenant_only(tenant);
    match Current::get() {
        Some(context) => Context::clone(&context).with_identity(identity),
        None => Context::new(identity),
    }
}

impl Member {
    /// Refuses whoever has not this role. An administrator has all of them.
    pub(crate) fn require(&self, role: Role) -> Result<(), Failure> {
        if self.role == Role::Admin || self.role == role {
            Ok(())
        } else {
            Err(FORBIDDEN.into())
        }
    }
}

impl Platform {
    async fn member(&self, headers: &HeaderMap) -> Result<Member, Failure> {
        let header = headers.get(AUTHORIZATION).and_then(|it| it.to_str().ok());
        let key = header.and_then(|it| it.strip_prefix("Bearer "));
        let key = key
            .filter(|key| key.len() <= LONGEST_KEY)
            .ok_or(UNAUTHENTICATED)?;
        let key = key.to_owned();
        let found = self
            .store
            .read(move |connection| members::find(connection, &key))
            .await?;
        found.ok_or_else(|| UNAUTHENTICATED.into())
    }

    /// Measures how long an authorization takes, whatever comes of it.
    async fn timed(
        &self,
        authorization: impl Future<Output = Result<Member, Failure>>,
    ) -> Result<Member, Failure> {
        let started = self.store.ticks();
        let result = authorization.await;
        let outcome = match &result {
            Ok(_) => Authorized::Allowed,
            Err(failure) if failure.code() == UNAUTHENTICATED => Authorized::Denied,
            Err(_) => Authorized::Error,
        };
        let current = Current::get();
        let trace = current.as_ref().and_then(|it| it.trace());
        let elapsed = self.store.ticks().saturating_sub(started);
        self.metrics
            .authorization
            .at(outcome)
            .record_duration_with(elapsed, trace);
        result
    }
}
