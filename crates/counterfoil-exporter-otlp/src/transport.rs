//! Either protocol.

use std::fmt::Debug;
use std::sync::Arc;

use counterfoil_core::Clock;
use counterfoil_exporter::Error;

use crate::http::HttpClient;
use crate::receiver::Receiver;
use crate::request::{Answer, Request};
use crate::target::{Protocol, Target, invalid, needs};

/// The way to one target.
#[derive(Debug)]
pub(crate) struct Transport {
    client: Box<dyn Client>,
    target: Target,
}

/// Sends a request and waits for its answer; one call is one attempt.
pub(crate) trait Client: Debug + Send + Sync {
    fn send(&self, request: Request) -> Result<Answer, Error>;
}

impl Transport {
    pub(crate) fn new(target: Target, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        if target.ca_certificate.is_some() && !target.url.is_https() {
            return Err(invalid(format!(
                "there are certificates to trust, and {} is no https address",
                target.url
            )));
        }
        if target.protocol == Protocol::Grpc && !cfg!(feature = "grpc") {
            return Err(invalid(needs("grpc")));
        }
        let client = client(target.clone(), clock)?;
        Ok(Self { client, target })
    }

    pub(crate) fn send(&self, request: Request) -> Result<Answer, Error> {
        self.client.send(request)
    }

    pub(crate) const fn receiver(&self) -> Receiver<'_> {
        Receiver(&self.target)
    }
}

/// A target for gRPC comes this far only where the feature `grpc` is.
fn client(target: Target, clock: Arc<dyn Clock>) -> Result<Box<dyn Client>, Error> {
    #[cfg(feature = "grpc")]
    if target.protocol == Protocol::Grpc {
        return Ok(Box::new(crate::grpc::GrpcClient::new(target)?));
    }
    Ok(Box::new(HttpClient::new(target, clock)?))
}
