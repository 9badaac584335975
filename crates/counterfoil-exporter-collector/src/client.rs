//! Asking a collector over HTTP, within limits.

use std::io::Write as _;
use std::time::Duration;

use counterfoil_core::ChainId;
use flate2::Compression;
use flate2::write::GzEncoder;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use ureq::http::{HeaderValue, Response, header};
use ureq::{Body, RequestBuilder};

use crate::answer::Problem;
use crate::{Ack, ClientConfig, Error, ErrorKind, Refused, RemoteHead, Upload};

/// Longest answer that is read, in bytes. A head with a hundred signatures is shorter.
const MAX_ANSWER: u64 = 64 << 10;

const REGISTER: &str = "register a chain with the collector";
const ASK: &str = "ask the collector for a head";
const UPLOAD: &str = "send records to the collector";

/// A chain id is one segment of a path, so that its slashes are encoded.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Speaks with one collector. It keeps connections open, blocks while it waits, and can be shared between threads.
///
/// ```no_run
/// use counterfoil_exporter_collector::{Client, ClientConfig};
///
/// let client = Client::new(ClientConfig::new("http://127.0.0.1:9466")?)?;
/// let head = client.head(&"audit.example.com/leases/1".parse()?)?;
/// println!("the collector has {} records", head.seq);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    agent: ureq::Agent,
    config: ClientConfig,
}

impl Client {
    /// Connects with the first request. Redirects are not followed, because that would send the key elsewhere.
    ///
    /// # Errors
    /// [`InvalidConfig`](ErrorKind::InvalidConfig) when the given certificate of an authority is none.
    pub fn new(config: ClientConfig) -> Result<Self, Error> {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(config.timeout))
            .user_agent(concat!("counterfoil/", env!("CARGO_PKG_VERSION")));
        #[cfg(feature = "tls")]
        let agent = agent.tls_config(crate::tls::config(&config)?);
        Ok(Self {
            agent: agent.build().into(),
            config,
        })
    }

    /// The address of the collector.
    #[must_use]
    pub fn url(&self) -> &str {
        self.config.url()
    }

    /// Binds `chain` to this credential and to the verifier key of its log. Doing it again changes nothing; answers how far the
    /// collector is.
    ///
    /// # Errors
    /// [`Refused`](ErrorKind::Refused) when the chain is another's or has another key; as [`head`](Self::head).
    pub fn register(
        &self,
        chain: &ChainId,
        verifier_key: Option<&str>,
    ) -> Result<RemoteHead, Error> {
        let body = serde_json::json!({ "verifier_key": verifier_key }).to_string();
        let request = self.agent.put(self.at(chain));
        let request = request.header(header::CONTENT_TYPE, "application/json");
        self.read(REGISTER, self.keyed(request).send(body.as_bytes()))
    }

    /// How far the collector is with `chain`, to go on from there.
    ///
    /// # Errors
    /// [`Refused`](ErrorKind::Refused) when it does not know the chain or the credential, [`Unavailable`](ErrorKind::Unavailable),
    /// [`Timeout`](ErrorKind::Timeout) or [`Protocol`](ErrorKind::Protocol) when it does not answer as a collector.
    pub fn head(&self, chain: &ChainId) -> Result<RemoteHead, Error> {
        self.read(ASK, self.keyed(self.agent.get(self.at(chain))).call())
    }

    /// Sends lines and checkpoints. They are durable there once this returns; after an error some may be, and
    /// [`Refused::acknowledged`] says how many where it is known.
    ///
    /// # Errors
    /// As [`head`](Self::head).
    pub fn upload(&self, chain: &ChainId, upload: &Upload) -> Result<Ack, Error> {
        let request = self.agent.post(self.at(chain));
        let request = request.header(header::CONTENT_TYPE, "application/x-ndjson");
        let request = self.keyed(request);
        if !self.config.gzip {
            return self.read(UPLOAD, request.send(upload.bytes()));
        }
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        let body = encoder
            .write_all(upload.bytes())
            .and_then(|()| encoder.finish())
            .map_err(|source| {
                Error::new(ErrorKind::Io, UPLOAD, "they cannot be compressed").with_source(source)
            })?;
        let request = request.header(header::CONTENT_ENCODING, "gzip");
        self.read(UPLOAD, request.send(&body[..]))
    }

    fn at(&self, chain: &ChainId) -> String {
        let segment = utf8_percent_encode(chain.as_str(), SEGMENT);
        format!("{}/v1/audit/{segment}", self.config.base)
    }

    fn keyed<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        let Some(key) = &self.config.key else {
            return request;
        };
        let bearer = zeroize::Zeroizing::new(format!("Bearer {}", key.expose().as_str()));
        // The configuration took only what a header takes.
        match HeaderValue::from_str(&bearer) {
            Ok(mut value) => {
                value.set_sensitive(true);
                request.header(header::AUTHORIZATION, value)
            }
            Err(_) => request,
        }
    }

    fn read<T: DeserializeOwned>(
        &self,
        operation: &'static str,
        answered: Result<Response<Body>, ureq::Error>,
    ) -> Result<T, Error> {
        let mut answer = answered.map_err(|error| self.no_answer(operation, error))?;
        let body = answer.body_mut().with_config().limit(MAX_ANSWER);
        let body = body
            .read_to_vec()
            .map_err(|error| self.no_answer(operation, error))?;
        if !answer.status().is_success() {
            return Err(self.refused(operation, &answer, &body));
        }
        serde_json::from_slice(&body).map_err(|source| {
            let context = format!(
                "{} answered with success and not as a collector does; look at the address",
                self.url()
            );
            Error::new(ErrorKind::Protocol, operation, context).with_source(source)
        })
    }

    fn refused(&self, operation: &'static str, answer: &Response<Body>, body: &[u8]) -> Error {
        // What cannot be read of the reason is no reason to hide the status.
        let said: Problem = serde_json::from_slice(body).unwrap_or_default();
        let status = answer.status();
        let refused = Refused {
            status: status.as_u16(),
            seq: said.seq,
            expected: said.expected.map(|head| (head.seq, head.hash)),
            acknowledged: said.acknowledged,
            retry_after: retry_after(answer),
            code: said.code,
            detail: said.detail,
        };
        let words: String = refused.detail.chars().take(500).collect();
        let why = if words.is_empty() {
            String::new()
        } else {
            format!(": {}", words.escape_debug())
        };
        let context = format!("{} answered {status}{why}{}", self.url(), hint(&refused));
        Error::new(ErrorKind::Refused, operation, context).with_refused(refused)
    }

    fn no_answer(&self, operation: &'static str, error: ureq::Error) -> Error {
        let url = self.url();
        let (kind, context) = match error {
            ureq::Error::Timeout(_) => {
                (ErrorKind::Timeout, format!("{url} did not answer in time"))
            }
            ureq::Error::BodyExceedsLimit(_) => (
                ErrorKind::Protocol,
                format!("{url} answered with more than {MAX_ANSWER} bytes, which are not read"),
            ),
            ureq::Error::Protocol(_) | ureq::Error::LargeResponseHeader(..) => (
                ErrorKind::Protocol,
                format!("{url} did not answer in HTTP; is the port right?"),
            ),
            _ => (
                ErrorKind::Unavailable,
                format!(
                    "{url} cannot be reached, or went away; look at the address and whether it runs"
                ),
            ),
        };
        Error::new(kind, operation, context).with_source(error)
    }
}

/// `Retry-After` in seconds, the only form that a collector sends (RFC 9110 §10.2.3).
fn retry_after(answer: &Response<Body>) -> Option<Duration> {
    let value = answer.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
    value.trim().parse().ok().map(Duration::from_secs)
}

/// What to do about a refusal that comes of settings.
const fn hint(refused: &Refused) -> &'static str {
    match refused.status {
        300..=399 => "; redirects are not followed, so give the address that it leads to",
        401 => "; give a key in COUNTERFOIL_KEY or by a file",
        404 => "; is the chain registered, and is it a collector?",
        _ => "",
    }
}
