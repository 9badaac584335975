//! OTLP over HTTP, `http/protobuf`.

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use counterfoil_core::Clock;
use counterfoil_exporter::{Error, ErrorKind};
use flate2::Compression;
use flate2::write::GzEncoder;
use prost::Message;
use ureq::Body;
use ureq::http::{Response, StatusCode, header};

use crate::receiver::{MAX_ANSWER, Receiver, SEND};
use crate::request::{Answer, Request};
use crate::rpc_status::Status;
use crate::target::Target;
use crate::transport::Client;

const PROTOBUF: &str = "application/x-protobuf";

/// Posts requests to one URL.
#[derive(Debug)]
pub(crate) struct HttpClient {
    agent: ureq::Agent,
    target: Target,
    clock: Arc<dyn Clock>,
}

impl HttpClient {
    /// Redirects are not followed, because that would send the headers elsewhere.
    pub(crate) fn new(target: Target, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(target.timeout))
            .user_agent(crate::USER_AGENT);
        #[cfg(feature = "tls")]
        let config = config.tls_config(tls::config(&target)?);
        Ok(Self {
            agent: config.build().into(),
            target,
            clock,
        })
    }

    fn taken(&self, request: &Request, answer: &mut Response<Body>) -> Result<Answer, Error> {
        let bytes = read(answer).map_err(|error| self.no_answer(error))?;
        let media_type = answer.body().mime_type();
        let protobuf = bytes.is_empty() || media_type.is_none_or(|it| it == PROTOBUF);
        let decoded = request.decode_answer(&bytes);
        decoded.ok().filter(|_| protobuf).ok_or_else(|| {
            self.receiver()
                .error(ErrorKind::Protocol, "answered with success and no OTLP response; is it an OTLP receiver, and the path right?")
        })
    }

    fn refused(&self, answer: &mut Response<Body>) -> Error {
        let status = answer.status();
        let receiver = self.receiver();
        // What cannot be read of the reason is no reason to hide the status.
        let said = read(answer)
            .ok()
            .and_then(|bytes| Status::decode(&*bytes).ok());
        let said = said.unwrap_or_default();
        let wait = self.retry_after(answer).or_else(|| said.retry_delay());
        let reason = receiver.in_its_words(&said.message);
        let again = matches!(status.as_u16(), 429 | 502 | 503 | 504);
        if !again {
            let context = format!("answered {status}{reason}{}", hint(status));
            return receiver.error(ErrorKind::Rejected, &context);
        }
        let error = receiver.error(
            ErrorKind::Unavailable,
            &format!("answered {status}{reason}"),
        );
        match wait {
            Some(wait) => error.with_retry_after(wait),
            None => error,
        }
    }

    /// `Retry-After`, in seconds or as a date (RFC 9110 §10.2.3).
    fn retry_after(&self, answer: &Response<Body>) -> Option<Duration> {
        let value = answer.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
        if let Ok(seconds) = value.trim().parse() {
            return Some(Duration::from_secs(seconds));
        }
        let until = httpdate::parse_http_date(value).ok()?;
        let until = until.duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = Duration::from_nanos(self.clock.utc().unix_nanos());
        Some(until.saturating_sub(now))
    }

    fn no_answer(&self, error: ureq::Error) -> Error {
        let receiver = self.receiver();
        match error {
            ureq::Error::Timeout(_) => receiver.error(ErrorKind::Timeout, "did not answer in time"),
            ureq::Error::BodyExceedsLimit(_) => {
                let context =
                    format!("answered with more than {MAX_ANSWER} bytes, which are not read");
                receiver.error(ErrorKind::Protocol, &context)
            }
            ureq::Error::Protocol(_) | ureq::Error::LargeResponseHeader(..) => receiver
                .error(
                    ErrorKind::Protocol,
                    "did not answer in HTTP; is the port right?",
                )
                .with_source(error),
            error => receiver
                .error(
                    ErrorKind::Unavailable,
                    "cannot be reached, or went away; look at its address and whether it runs",
                )
                .with_source(error),
        }
    }

    const fn receiver(&self) -> Receiver<'_> {
        Receiver(&self.target)
    }
}

impl Client for HttpClient {
    fn send(&self, request: Request) -> Result<Answer, Error> {
        let mut post = self.agent.post(self.target.url.expose());
        post = post.header(header::CONTENT_TYPE, PROTOBUF);
        for header in &self.target.headers {
            if let Some(value) = header.to_value() {
                post = post.header(&header.name, value);
            }
        }
        let mut body = request.encode();
        if self.target.gzip {
            body = compressed(&body)?;
            post = post.header(header::CONTENT_ENCODING, "gzip");
        }
        let mut answer = post
            .send(&body[..])
            .map_err(|error| self.no_answer(error))?;
        if answer.status().is_success() {
            self.taken(&request, &mut answer)
        } else {
            Err(self.refused(&mut answer))
        }
    }
}

fn read(answer: &mut Response<Body>) -> Result<Vec<u8>, ureq::Error> {
    answer
        .body_mut()
        .with_config()
        .limit(MAX_ANSWER as u64)
        .read_to_vec()
}

fn compressed(body: &[u8]) -> Result<Vec<u8>, Error> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let written = encoder.write_all(body).and_then(|()| encoder.finish());
    written.map_err(|source| {
        Error::new(ErrorKind::Io, SEND, "its request cannot be compressed").with_source(source)
    })
}

/// What to do about a status that comes of settings.
fn hint(status: StatusCode) -> &'static str {
    match status.as_u16() {
        300..=399 => "; redirects are not followed, so give the address that it leads to",
        401 | 403 => "; look at the headers that carry its credentials",
        404 | 405 => {
            "; look at the path, which for HTTP ends with /v1/traces, /v1/metrics or /v1/logs"
        }
        413 => "; allow fewer bytes in a request",
        415 => "; look at protocol and compression",
        _ => "",
    }
}

#[cfg(feature = "tls")]
mod tls {
    use std::sync::Arc;

    use counterfoil_exporter::Error;
    use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

    use crate::target::{Target, invalid};

    pub(super) fn config(target: &Target) -> Result<TlsConfig, Error> {
        let Some(pem) = &target.ca_certificate else {
            return Ok(TlsConfig::default());
        };
        let certificates: Vec<Certificate<'static>> = parse_pem(&pem.0)
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
