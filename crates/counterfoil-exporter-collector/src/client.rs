//! The collector's API for producers: register a chain, ask for its head, extend it.

use std::io::Write as _;
use std::time::Duration;

use counterfoil_core::ChainId;
use flate2::Compression;
use flate2::write::GzEncoder;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::de::DeserializeOwned;
use ureq::Body;
use ureq::http::{HeaderValue, Response, header};

use crate::address::{self, invalid};
use crate::answer::{AckAnswer, Acknowledged, HeadAnswer, MAX_ANSWER, RemoteHead, refusal};
use crate::{Error, ErrorKind, Key};

const USER_AGENT: &str = concat!("counterfoil/", env!("CARGO_PKG_VERSION"));
const NDJSON: &str = "application/x-ndjson";
const SEND: &str = "send to a collector";

/// What a segment of a path cannot hold as it is; a chain id has no other character that would need it.
const SEGMENT: &AsciiSet = &CONTROLS.add(b'/').add(b'%').add(b'?').add(b'#').add(b' ');

/// Speaks to one collector. Calls block, with a timeout; one call is one attempt. Cheap to clone.
///
/// ```no_run
/// use counterfoil_exporter_collector::{Client, Key};
///
/// let client = Client::builder("http://127.0.0.1:9468").maybe_key(Key::from_env()?).build()?;
/// let chain = "audit.example.com/leases/1".parse()?;
/// client.register(&chain, None)?;
/// let head = client.head(&chain)?;
/// println!("the collector has {} records", head.seq);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Client {
    agent: ureq::Agent,
    url: String,
    key: Option<Key>,
    authorization: Option<HeaderValue>,
    gzip: bool,
}

/// A [`Client`] that is yet to be built.
#[derive(Clone, Debug)]
#[must_use]
pub struct ClientBuilder {
    url: String,
    key: Option<Key>,
    timeout: Duration,
    gzip: bool,
    plaintext: bool,
    ca_certificate: Option<Vec<u8>>,
}

impl Client {
    /// A client of the collector at `url`, such as `https://collector.example:9468`.
    pub fn builder(url: impl Into<String>) -> ClientBuilder {
        ClientBuilder {
            url: url.into(),
            key: None,
            timeout: Duration::from_secs(30),
            gzip: true,
            plaintext: false,
            ca_certificate: None,
        }
    }

    /// The address, without anything secret in it.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Binds a chain to this client's tenant and, where it is signed, to the C2SP verifier key of its log: the one of record 1,
    /// rotations are followed from there. Registering the same again changes nothing.
    ///
    /// # Errors
    /// [`Refused`](ErrorKind::Refused) with the code `conflict` when another key is registered, `forbidden` when it is another
    /// tenant's; otherwise as any call.
    pub fn register(&self, chain: &ChainId, verifier_key: Option<&str>) -> Result<(), Error> {
        let body = serde_json::json!({ "verifier_key": verifier_key }).to_string();
        let request = self
            .agent
            .put(self.path(chain))
            .content_type("application/json");
        let answer = self.authorized(request).send(&body);
        self.read::<serde::de::IgnoredAny>(answer).map(|_| ())
    }

    /// The head to go on from: number 0 and the zero hash before the first record. Everything up to it is durable there.
    ///
    /// # Errors
    /// [`Refused`](ErrorKind::Refused) with the code `not_found` when the chain is not registered; otherwise as any call.
    pub fn head(&self, chain: &ChainId) -> Result<RemoteHead, Error> {
        let answer = self.authorized(self.agent.get(self.path(chain))).call();
        let head: HeadAnswer = self.read(answer)?;
        if head.chain != chain.as_str() {
            return Err(self.protocol("answered with the head of another chain"));
        }
        Ok(RemoteHead {
            seq: head.seq,
            hash: head.hash.0,
        })
    }

    /// Extends a chain by `lines`: whole sealed lines, and checkpoints as [`checkpoint_line`] writes them. Records that the
    /// collector has already are compared and acknowledged again, so that the same call may be made twice.
    ///
    /// # Errors
    /// [`Refused`](ErrorKind::Refused) with what does not fit; what came before it in `lines` is taken, and
    /// [`Refusal::acknowledged`](crate::Refusal::acknowledged) says how far. Otherwise as any call.
    pub fn upload(&self, chain: &ChainId, lines: &[u8]) -> Result<Acknowledged, Error> {
        let request = self.authorized(self.agent.post(self.path(chain)).content_type(NDJSON));
        let answer = if self.gzip {
            let body = compressed(lines)?;
            request
                .header(header::CONTENT_ENCODING, "gzip")
                .send(&body[..])
        } else {
            request.send(lines)
        };
        let answer: AckAnswer = self.read(answer)?;
        Ok(answer.into())
    }

    fn path(&self, chain: &ChainId) -> String {
        let chain = utf8_percent_encode(chain.as_str(), SEGMENT);
        format!("{}/v1/audit/{chain}", self.url)
    }

    fn authorized<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        match &self.authorization {
            Some(value) => request.header(header::AUTHORIZATION, value.clone()),
            None => request,
        }
    }

    fn read<T: DeserializeOwned>(
        &self,
        answer: Result<Response<Body>, ureq::Error>,
    ) -> Result<T, Error> {
        let mut answer = answer.map_err(|error| self.no_answer(error))?;
        let body = answer.body_mut().with_config().limit(MAX_ANSWER);
        let body = body.read_to_vec();
        if !answer.status().is_success() {
            // What cannot be read of the reason is no reason to hide the status.
            return Err(self.refused(&answer, &body.unwrap_or_default()));
        }
        let body = body.map_err(|error| self.no_answer(error))?;
        serde_json::from_slice(&body).map_err(|source| {
            self.protocol(
                "answered with success and not as a collector does; is the address right?",
            )
            .with_source(source)
        })
    }

    fn refused(&self, answer: &Response<Body>, body: &[u8]) -> Error {
        let mut refusal = refusal(answer, body);
        if let Some(key) = &self.key {
            refusal.detail = key.masked(&refusal.detail);
        }
        let hint = match refusal.status {
            300..=399 => "; redirects are not followed, so give the address that it leads to",
            401 | 403 => "; look at the key and its scopes",
            _ => "",
        };
        let said = match refusal.detail.as_str() {
            "" => String::new(),
            detail => format!(": {detail}"),
        };
        let context = format!("{} answered {}{said}{hint}", self.url, answer.status());
        Error::new(ErrorKind::Refused, SEND, context).with_refusal(refusal)
    }

    fn no_answer(&self, error: ureq::Error) -> Error {
        let of = |kind, context: &str| Error::new(kind, SEND, format!("{} {context}", self.url));
        match error {
            ureq::Error::Timeout(_) => of(ErrorKind::Timeout, "did not answer in time"),
            ureq::Error::BodyExceedsLimit(_) => of(
                ErrorKind::Protocol,
                "answered with more than is read; is the address right?",
            ),
            ureq::Error::Protocol(_) | ureq::Error::LargeResponseHeader(..) => of(
                ErrorKind::Protocol,
                "did not answer in HTTP; is the port right?",
            )
            .with_source(error),
            error => of(
                ErrorKind::Unreachable,
                "cannot be reached, or went away; look at its address and whether it runs",
            )
            .with_source(error),
        }
    }

    fn protocol(&self, context: &str) -> Error {
        Error::new(ErrorKind::Protocol, SEND, format!("{} {context}", self.url))
    }
}

impl ClientBuilder {
    /// Sends this key with each request.
    pub fn key(self, key: Key) -> Self {
        self.maybe_key(Some(key))
    }

    /// Sends this key with each request, if there is one.
    pub fn maybe_key(mut self, key: Option<Key>) -> Self {
        self.key = key;
        self
    }

    /// Gives up on a request after this long, its answer included: 30 s unless set.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Whether uploads are compressed: so they are unless set, because a line is mostly names that repeat. Over loopback or a
    /// fast network it may cost more than it saves.
    pub const fn gzip(mut self, wanted: bool) -> Self {
        self.gzip = wanted;
        self
    }

    /// Whether the key may go over plain `http` to another host, where everybody on the way can read it: not unless set. For a
    /// network that encrypts by itself, such as a service mesh.
    pub const fn plaintext(mut self, allowed: bool) -> Self {
        self.plaintext = allowed;
        self
    }

    /// Trusts a server whose certificate one of these has signed (PEM), and no other. Needs an `https` address and the feature
    /// `tls`.
    pub fn ca_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ca_certificate = Some(pem.into());
        self
    }

    /// Builds the client. Nothing is contacted yet. Redirects are not followed, because that would send the key elsewhere.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] when the address is none, holds a user name or a query, needs the feature `tls`, when a key
    /// would go over plain `http` to another host, or when the certificates are none.
    pub fn build(self) -> Result<Client, Error> {
        let url = self.url.trim_end_matches('/').to_owned();
        let https = address::check(&url)?;
        if self.key.is_some() && !self.plaintext {
            address::check_key_transport(&url)?;
        }
        if self.ca_certificate.is_some() && !https {
            return Err(invalid(
                "there are certificates to trust, and the address is no https one",
            ));
        }
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(self.timeout))
            .user_agent(USER_AGENT);
        let config = if address::is_loopback(&url) {
            // A proxy would be another host, which could read the key and does not reach this one.
            config.proxy(None)
        } else {
            config
        };
        #[cfg(feature = "tls")]
        let config = match &self.ca_certificate {
            Some(pem) => config.tls_config(tls::trusting(pem)?),
            None => config,
        };
        Ok(Client {
            agent: config.build().into(),
            url,
            authorization: self.key.as_ref().and_then(Key::header),
            key: self.key,
            gzip: self.gzip,
        })
    }
}

/// A signed checkpoint as a line of an upload.
#[must_use]
pub fn checkpoint_line(note: &str) -> Vec<u8> {
    let mut line = serde_json::json!({ "checkpoint": note })
        .to_string()
        .into_bytes();
    line.push(b'\n');
    line
}

fn compressed(body: &[u8]) -> Result<Vec<u8>, Error> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let written = encoder.write_all(body).and_then(|()| encoder.finish());
    written.map_err(|source| {
        Error::new(ErrorKind::Io, SEND, "the lines cannot be compressed").with_source(source)
    })
}

#[cfg(feature = "tls")]
mod tls {
    use std::sync::Arc;

    use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

    use crate::Error;
    use crate::address::invalid;

    pub(super) fn trusting(pem: &[u8]) -> Result<TlsConfig, Error> {
        let certificates: Vec<Certificate<'static>> = parse_pem(pem)
            .filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(certificate),
                _ => None,
            })
            .collect();
        if certificates.is_empty() {
            return Err(invalid(
                "the file of trusted certificates holds none in PEM",
            ));
        }
        let roots = RootCerts::Specific(Arc::new(certificates));
        Ok(TlsConfig::builder().root_certs(roots).build())
    }
}
