//! The peer, and how it is called: in the trace of whoever calls.

use std::time::Duration;

use bytes::Bytes;
use counterfoil::metrics::Registry;
use counterfoil::tower::{Client, ClientLayer};
use http::header::{AUTHORIZATION, HeaderValue, InvalidHeaderValue};
use http::{Method, Request, StatusCode, Uri};
use http_body_util::Full;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tower::{Layer, ServiceExt};
use zeroize::Zeroizing;

use crate::address::Address;
use crate::errors::{Failure, PEER_REFUSED, PEER_REFUSED_OBJECT, PEER_UNREACHABLE};
use crate::principals::Key;
use crate::query;
use crate::store::About;

/// How long the peer has for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Another vault. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    base: String,
    authorization: HeaderValue,
    client: Client<HttpClient<HttpConnector, Full<Bytes>>>,
}

impl Peer {
    /// The vault at `url`, which knows this one by `key`.
    pub(crate) fn new(
        url: &Uri,
        key: &Key,
        registry: &Registry,
    ) -> Result<Self, InvalidHeaderValue> {
        let client = HttpClient::builder(TokioExecutor::new()).build_http();
        let bearer = Zeroizing::new(format!("Bearer {}", key.expose().as_str()));
        let mut authorization = HeaderValue::from_str(&bearer)?;
        authorization.set_sensitive(true);
        Ok(Self {
            base: url.to_string().trim_end_matches('/').to_owned(),
            authorization,
            client: ClientLayer::builder(registry).http().layer(client),
        })
    }

    /// Gives it a replica.
    pub(crate) async fn give(
        &self,
        address: Address,
        about: &About,
        bytes: Bytes,
    ) -> Result<(), Failure> {
        let path = format!("/v1/replicas/{address}?{}", query::write(about));
        self.call(Method::PUT, &path, bytes).await
    }

    /// Asks whether it is there.
    pub(crate) async fn ping(&self) -> Result<(), Failure> {
        self.call(Method::GET, "/v1/peer", Bytes::new()).await
    }

    async fn call(&self, method: Method, path: &str, body: Bytes) -> Result<(), Failure> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(AUTHORIZATION, self.authorization.clone())
            .body(Full::new(body))
            .map_err(|error| Failure::because(PEER_REFUSED, error))?;
        let call = tokio::time::timeout(PATIENCE, self.client.clone().oneshot(request));
        let answer = call
            .await
            .map_err(|error| Failure::because(PEER_UNREACHABLE, error))?
            .map_err(|error| Failure::because(PEER_UNREACHABLE, error))?;
        let code = match answer.status() {
            StatusCode::OK | StatusCode::CREATED => return Ok(()),
            status if is_of_the_object(status) => PEER_REFUSED_OBJECT,
            _ => PEER_REFUSED,
        };
        let status = answer.status();
        Err(Failure::because(code, format!("it answered with {status}")))
    }
}

/// Whether an answer is about what was sent, and not about who sent it, how often, or where to.
fn is_of_the_object(status: StatusCode) -> bool {
    status.is_client_error() && !matches!(status.as_u16(), 401 | 403..=405 | 407 | 408 | 429)
}
