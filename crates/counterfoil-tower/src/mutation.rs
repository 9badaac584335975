//! The steps of a handler that changes something.

use std::future::Future;

use tracing::field::Empty;

use crate::Coded;
use crate::task::{Task, Tracked};

/// Gives the steps of a handler that changes something their child spans: who is asking and what about, the change itself, and
/// the record of it. A step that fails makes its span an error span with the code of the catalogue.
///
/// ```
/// use counterfoil_tower::{ErrorCode, Mutation};
///
/// # async fn tenant_of(_token: &str) -> Result<&'static str, ErrorCode> { Ok("acme") }
/// # async fn create(_tenant: &str) -> Result<u64, ErrorCode> { Ok(7) }
/// # async fn append(_order: u64) -> Result<(), ErrorCode> { Ok(()) }
/// async fn create_order(token: &str) -> Result<u64, ErrorCode> {
///     let mutation = Mutation::new("order.create");
///     let tenant = mutation.resolve(tenant_of(token)).await?;
///     let order = mutation.apply(create(tenant)).await?;
///     mutation.record(append(order)).await?;
///     Ok(order)
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Mutation {
    name: &'static str,
}

/// Opens the span of a step.
macro_rules! step {
    ($mutation:expr, $span:literal, $step:literal) => {
        tracing::info_span!(
            $span,
            otel.name = %format_args!(concat!("{} ", $step), $mutation),
            mutation = $mutation,
            error.type = Empty,
            error_code = Empty,
            otel.status_code = Empty,
        )
    };
}

impl Mutation {
    /// A mutation of this name, `order.create`, which is part of the program.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { name }
    }

    /// Finds out the project and the tenant that are asked about, and whether they may be.
    pub fn resolve<F, T, E>(self, work: F) -> Tracked<F>
    where
        F: Future<Output = Result<T, E>>,
        E: Coded,
    {
        Tracked::new(
            Task::traced(step!(self.name, "mutation.resolve", "resolve")),
            work,
        )
    }

    /// Calls the domain service that makes the change.
    pub fn apply<F, T, E>(self, work: F) -> Tracked<F>
    where
        F: Future<Output = Result<T, E>>,
        E: Coded,
    {
        Tracked::new(
            Task::traced(step!(self.name, "mutation.apply", "apply")),
            work,
        )
    }

    /// Writes the audit record or the outbox.
    pub fn record<F, T, E>(self, work: F) -> Tracked<F>
    where
        F: Future<Output = Result<T, E>>,
        E: Coded,
    {
        Tracked::new(
            Task::traced(step!(self.name, "mutation.record", "record")),
            work,
        )
    }
}
