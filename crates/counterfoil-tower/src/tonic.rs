//! For tonic.

use std::sync::Arc;

use counterfoil_metrics::Registry;
use http::Extensions;
use tonic::{Code, Status};

use crate::{ClientLayer, Coded, ErrorCode, ServerLayer};

/// The layer of a tonic server. For other settings take [`ServerLayer::builder`] and finish it with `grpc()`.
///
/// ```no_run
/// # async fn serve<S>(service: S) -> Result<(), Box<dyn std::error::Error>>
/// # where S: tower_service::Service<http::Request<tonic::body::Body>, Response = http::Response<tonic::body::Body>, Error = std::convert::Infallible>
/// #     + tonic::server::NamedService + Clone + Send + Sync + 'static, S::Future: Send {
/// let registry = counterfoil_metrics::Registry::new();
/// tonic::transport::Server::builder()
///     .layer(counterfoil_tower::tonic::layer(&registry))
///     .add_service(service)
///     .serve("127.0.0.1:50051".parse()?)
///     .await?;
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn layer(registry: &Registry) -> ServerLayer {
    ServerLayer::builder(registry).grpc()
}

/// The layer of a tonic channel to the server at `authority`, `host` or `host:port`: `layer.layer(channel)` is what a
/// generated client takes. For other settings take [`ClientLayer::builder`] and finish it with `grpc(authority)`.
#[must_use]
pub fn client_layer(registry: &Registry, authority: &str) -> ClientLayer {
    ClientLayer::builder(registry).grpc(authority)
}

impl From<ErrorCode> for Status {
    /// A status with the number and the description of the code; the layer finds the code in its source.
    fn from(code: ErrorCode) -> Self {
        let number = Code::from_i32(i32::from(code.grpc_status()));
        let mut status = Self::new(number, code.description());
        status.set_source(Arc::new(code));
        status
    }
}

impl Coded for Status {
    /// That of the code that it was made from.
    fn error_code(&self) -> Option<ErrorCode> {
        std::error::Error::source(self)?.downcast_ref().copied()
    }
}

/// The code of the status that tonic has put beside an answer.
pub(crate) fn code_of(extensions: &Extensions) -> Option<ErrorCode> {
    extensions.get::<Status>()?.error_code()
}
