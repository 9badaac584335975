//! The API, as the web front calls it.

use std::error::Error;
use std::time::Duration;

use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use axum::http::uri::{Authority, Scheme};
use axum::http::{HeaderValue, Method, Request, StatusCode, Uri};
use bytes::Bytes;
use counterfoil::metrics::Registry;
use counterfoil::tower::{Client, ClientLayer, ErrorCode};
use counterfoil::trace::HeadSampler;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::{Client as HttpClient, connect::HttpConnector};
use hyper_util::rt::TokioExecutor;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tower::{Layer as _, ServiceExt as _};
use zeroize::Zeroizing;

use super::errors::{API_TIMEOUT, API_UNREACHABLE, API_UNREADABLE};
use super::session::ApiKey;
use crate::errors::{CATALOGUE, MALFORMED, UNAUTHENTICATED};
use crate::ops::OVERVIEW;

/// How long the API may take for an answer with all of its body: less than a page may take, so that the page can say so.
const TIMEOUT: Duration = Duration::from_secs(8);
/// The largest answer that is read.
const MOST_BYTES: usize = 1 << 20;
const JSON: &str = "application/json";

/// Whose key it is, as the API says.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Caller {
    pub(crate) tenant: String,
    pub(crate) role: String,
    #[serde(default)]
    pub(crate) projects: Vec<String>,
}

impl Caller {
    /// Whether they may see the overview of operations. The API decides; this is for what is offered.
    pub(crate) fn is_admin(&self) -> bool {
        self.role == crate::Role::Admin.as_str()
    }
}

/// An allocation, as the API shows it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Shown {
    pub(crate) id: String,
    pub(crate) project: String,
    pub(crate) bytes: i64,
    pub(crate) node: Option<String>,
    pub(crate) state: String,
    pub(crate) error_code: Option<String>,
    pub(crate) created_at: String,
}

/// A page of them, the newest first.
#[derive(Debug, Deserialize)]
pub(crate) struct Listed {
    pub(crate) allocations: Vec<Shown>,
    /// The one before which the next page begins, if there is one.
    pub(crate) next: Option<String>,
}

/// What is asked for.
#[derive(Debug, Serialize)]
pub(crate) struct Wish {
    pub(crate) project: String,
    pub(crate) bytes: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) node: Option<String>,
}

/// The API at one address. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Api {
    scheme: Scheme,
    authority: Authority,
    client: Client<HttpClient<HttpConnector, Full<Bytes>>>,
}

/// A request to it.
#[derive(Debug)]
struct Call {
    method: Method,
    path: String,
    idempotency_key: Option<String>,
    body: Option<Vec<u8>>,
}

impl Call {
    fn new(method: Method, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            idempotency_key: None,
            body: None,
        }
    }
}

impl Api {
    /// The API at `base`, `http://host:port`, its calls counted in `registry`.
    ///
    /// # Errors
    /// When that is no such address.
    pub(crate) fn new(
        base: &str,
        registry: &Registry,
        sampler: HeadSampler,
    ) -> Result<Self, String> {
        let refused = || format!("{base:?} is no address of an API; give it as http://host:port");
        let uri: Uri = base.parse().map_err(|_| refused())?;
        let parts = uri.into_parts();
        let scheme = parts.scheme.filter(|it| *it == Scheme::HTTP);
        let root = parts.path_and_query.is_none_or(|it| it == "/");
        let authority = parts.authority.filter(|_| root);
        let layer = ClientLayer::builder(registry)
            .sampled(move |trace| sampler.samples(trace))
            .http();
        let client = HttpClient::builder(TokioExecutor::new()).build_http();
        Ok(Self {
            scheme: scheme.ok_or_else(refused)?,
            authority: authority.ok_or_else(refused)?,
            client: layer.layer(client),
        })
    }

    /// Its address.
    pub(crate) fn base(&self) -> String {
        format!("{}://{}", self.scheme, self.authority)
    }

    /// Whose key this is.
    pub(crate) async fn caller(&self, key: &ApiKey) -> Result<Caller, ErrorCode> {
        self.json(key, Call::new(Method::GET, "/v1/me")).await
    }

    /// The newest allocations of the key's tenant, or those before one of them, whose id is a name.
    pub(crate) async fn allocations(
        &self,
        key: &ApiKey,
        before: Option<&str>,
    ) -> Result<Listed, ErrorCode> {
        let path = match before {
            Some(id) => format!("/v1/allocations?before={id}"),
            None => "/v1/allocations".to_owned(),
        };
        self.json(key, Call::new(Method::GET, path)).await
    }

    /// Asks for an allocation, once however often it is called with the same idempotency key.
    pub(crate) async fn create(
        &self,
        key: &ApiKey,
        idempotency_key: String,
        wish: &Wish,
    ) -> Result<Shown, ErrorCode> {
        let body = serde_json::to_vec(wish).map_err(|_| MALFORMED)?;
        let call = Call {
            idempotency_key: Some(idempotency_key),
            body: Some(body),
            ..Call::new(Method::POST, "/v1/allocations")
        };
        self.json(key, call).await
    }

    /// Gives an allocation back, whose id is a name.
    pub(crate) async fn release(&self, key: &ApiKey, id: &str) -> Result<(), ErrorCode> {
        let call = Call::new(Method::DELETE, format!("/v1/allocations/{id}"));
        self.ask(key, call).await.map(drop)
    }

    /// The overview of operations, as the API gives it.
    pub(crate) async fn overview(&self, key: &ApiKey) -> Result<Bytes, ErrorCode> {
        self.ask(key, Call::new(Method::GET, OVERVIEW)).await
    }

    async fn json<T: DeserializeOwned>(&self, key: &ApiKey, call: Call) -> Result<T, ErrorCode> {
        let body = self.ask(key, call).await?;
        serde_json::from_slice(&body).map_err(|error| {
            tracing::error!(%error, "the API answered something else than expected");
            API_UNREADABLE
        })
    }

    /// The body of a good answer, or the error that the API names.
    async fn ask(&self, key: &ApiKey, call: Call) -> Result<Bytes, ErrorCode> {
        let request = self.request(key, call)?;
        let answer = tokio::time::timeout(TIMEOUT, self.exchange(request)).await;
        let (status, body) = answer.map_err(|_| API_TIMEOUT)??;
        if status.is_success() {
            Ok(body)
        } else {
            Err(problem(status, &body))
        }
    }

    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
    ) -> Result<(StatusCode, Bytes), ErrorCode> {
        let sent = self.client.clone().oneshot(request).await;
        let response = sent.map_err(|error| {
            tracing::warn!(error = &error as &dyn Error, "the API does not answer");
            API_UNREACHABLE
        })?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MOST_BYTES)
            .collect()
            .await;
        let body = body.map_err(|error| {
            tracing::warn!(
                error = &*error as &dyn Error,
                "the answer of the API did not come whole"
            );
            API_UNREADABLE
        })?;
        Ok((status, body.to_bytes()))
    }

    fn request(&self, key: &ApiKey, call: Call) -> Result<Request<Full<Bytes>>, ErrorCode> {
        let bearer = Zeroizing::new(format!("Bearer {}", key.expose().as_str()));
        let mut bearer = HeaderValue::from_str(&bearer).map_err(|_| UNAUTHENTICATED)?;
        bearer.set_sensitive(true);
        let uri = Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(call.path);
        let mut request = Request::builder()
            .method(call.method)
            .uri(uri.build().map_err(|_| MALFORMED)?)
            .header(AUTHORIZATION, bearer)
            .header(ACCEPT, JSON);
        if let Some(key) = call.idempotency_key {
            request = request.header("idempotency-key", key);
        }
        if call.body.is_some() {
            request = request.header(CONTENT_TYPE, JSON);
        }
        let body = Full::from(call.body.unwrap_or_default());
        request.body(body).map_err(|_| MALFORMED)
    }
}

/// The error of the catalogue that a problem names.
fn problem(status: StatusCode, body: &[u8]) -> ErrorCode {
    #[derive(Deserialize)]
    struct Problem {
        error_code: String,
    }
    let named = serde_json::from_slice(body).ok().and_then(|it: Problem| {
        let mut codes = CATALOGUE.iter().copied();
        codes.find(|code| code.as_str() == it.error_code)
    });
    named.unwrap_or_else(|| {
        tracing::error!(
            status = status.as_u16(),
            "the API answered an error that is in no catalogue"
        );
        API_UNREADABLE
    })
}
