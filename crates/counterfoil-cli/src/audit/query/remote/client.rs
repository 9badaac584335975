//! Asking a collector over HTTP, within limits.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use counterfoil::ChainId;
use counterfoil::audit::{AuditRecord, MAX_LINE};
use counterfoil_query::Filter;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use ureq::http::{Response, Uri};
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body, BodyReader};

use crate::api_key::{Bearer, direct};
use crate::audit::query::QueryArgs;
use crate::bounded::bounded;
use crate::failure::{Code, Exit, Failure};

/// The longest answer that is read at once, which is the list of chains.
const LONGEST: u64 = 64 << 20;
/// The longest problem document that is read.
const LONGEST_PROBLEM: u64 = 64 << 10;
/// How long a connection may take to come about, and an answer to begin beyond the wait that was asked for.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long the rest of an answer may take.
const BODY: Duration = Duration::from_secs(600);
/// What stands for itself in a part of a URL.
const PART: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// One collector.
pub(super) struct Client {
    agent: Agent,
    url: String,
    bearer: Option<Bearer>,
}

/// Why there is no answer, or not all of one.
pub(super) enum Trouble {
    /// Asking again may help.
    Passing {
        why: String,
        after: Option<Duration>,
    },
    Lasting(Failure),
}

impl Trouble {
    pub(super) fn broken(why: &str) -> Self {
        Self::Lasting(failed(format!(
            "{why}; check that --url is that of a Counterfoil collector, and that nothing between changes what it says"
        )))
    }

    pub(super) fn into_failure(self) -> Failure {
        match self {
            Self::Passing { why, .. } => failed(format!("{why}; try again")),
            Self::Lasting(failure) => failure,
        }
    }
}

#[derive(Deserialize)]
struct Chains {
    chains: Vec<Chain>,
}

#[derive(Deserialize)]
struct Chain {
    chain: String,
}

#[derive(Deserialize)]
struct Problem {
    code: String,
    detail: String,
}

impl Client {
    pub(super) fn new(args: &QueryArgs, url: &str) -> Result<Self, Failure> {
        let url = url.trim_end_matches('/');
        let plain = url.parse::<Uri>().is_ok_and(|uri| {
            matches!(uri.scheme_str(), Some("http" | "https"))
                && uri.host().is_some()
                && uri.query().is_none()
                && !uri
                    .authority()
                    .is_some_and(|host| host.as_str().contains('@'))
        });
        if !plain {
            return Err(Failure::usage(
                "cannot take --url: it looks like https://collector.example:9468, without a query, and a key is not part of it",
            ));
        }
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(PATIENCE))
            .timeout_recv_body(Some(BODY))
            .user_agent(concat!("counterfoil/", env!("CARGO_PKG_VERSION")))
            .tls_config(tls(args.ca_file.as_deref())?);
        let config = direct(config, url).build();
        Ok(Self {
            agent: config.into(),
            url: url.to_owned(),
            bearer: Bearer::find(args.key_file.as_deref(), url, args.plaintext)?,
        })
    }

    /// The chains of the tenant that the key is of.
    pub(super) fn chains(&self) -> Result<Vec<ChainId>, Failure> {
        let mut answer = self
            .get("/v1/chains", Duration::ZERO)
            .map_err(Trouble::into_failure)?;
        let body = answer.body_mut().with_config().limit(LONGEST).read_to_vec();
        let chains = body
            .ok()
            .and_then(|body| serde_json::from_slice::<Chains>(&body).ok())
            .and_then(|list| {
                let ids = list.chains.into_iter();
                ids.map(|chain| ChainId::new(&chain.chain).ok()).collect()
            });
        chains.ok_or_else(|| {
            Trouble::broken("the answer of the collector is no list of chains").into_failure()
        })
    }

    /// Up to `most` records that meet `filter`; waits up to `wait` seconds for the first.
    pub(super) fn records(
        &self,
        chain: &ChainId,
        filter: &Filter,
        most: u64,
        wait: u64,
    ) -> Result<Page, Trouble> {
        let mut path = format!(
            "/v1/chains/{}/records?limit={most}&wait={wait}",
            utf8_percent_encode(chain.as_str(), PART)
        );
        for (name, value) in filter.parameters() {
            path.push_str(&format!("&{name}={}", utf8_percent_encode(&value, PART)));
        }
        let answer = self.get(&path, Duration::from_secs(wait))?;
        let up_to = answer
            .headers()
            .get("counterfoil-up-to")
            .and_then(|value| value.to_str().ok()?.parse().ok());
        let Some(up_to) = up_to else {
            return Err(Trouble::broken(
                "the answer of the collector does not say how far it reaches",
            ));
        };
        let body = answer
            .into_body()
            .into_with_config()
            .limit(u64::MAX)
            .reader();
        Ok(Page {
            lines: BufReader::new(body),
            line: Vec::new(),
            up_to,
        })
    }

    fn get(&self, path: &str, wait: Duration) -> Result<Response<Body>, Trouble> {
        let mut request = self.agent.get(format!("{}{path}", self.url));
        if let Some(bearer) = &self.bearer {
            request = request.header("authorization", bearer.expose());
        }
        let answered = request
            .config()
            .timeout_recv_response(Some(wait + PATIENCE))
            .build()
            .call();
        let answer = answered.map_err(|error| Trouble::Passing {
            why: format!("the collector at {} does not answer: {error}", self.url),
            after: None,
        })?;
        if answer.status().as_u16() == 200 {
            return Ok(answer);
        }
        Err(self.refused(answer))
    }

    fn refused(&self, mut answer: Response<Body>) -> Trouble {
        let status = answer.status();
        let after = answer
            .headers()
            .get("retry-after")
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .map(Duration::from_secs);
        let body = answer.body_mut().with_config().limit(LONGEST_PROBLEM);
        let problem = body
            .read_to_vec()
            .ok()
            .and_then(|body| serde_json::from_slice::<Problem>(&body).ok());
        let why = match problem {
            Some(Problem { code, detail }) => {
                format!("the collector at {} refuses ({code}): {detail}", self.url)
            }
            None => format!("{} answers {status} without saying why", self.url),
        };
        match status.as_u16() {
            408 | 429 | 500..=599 => Trouble::Passing { why, after },
            401 | 403 if self.bearer.is_none() => Trouble::Lasting(
                Failure::new(
                    Exit::Policy,
                    format!("{why}; put a key into the environment variable COUNTERFOIL_KEY, or name its file with --key-file"),
                )
                .with_code(Code::KeyFile),
            ),
            401 | 403 => Trouble::Lasting(Failure::new(Exit::Policy, why).with_code(Code::KeyFile)),
            _ => Trouble::Lasting(failed(why)),
        }
    }
}

/// An answer that is read line by line.
pub(super) struct Page {
    lines: BufReader<BodyReader<'static>>,
    line: Vec<u8>,
    up_to: u64,
}

impl Page {
    /// Everything that matches up to this record is in the answer, unless it is full.
    pub(super) const fn up_to(&self) -> u64 {
        self.up_to
    }

    pub(super) fn next(&mut self) -> Result<Option<AuditRecord>, Trouble> {
        self.line.clear();
        let read = (&mut self.lines)
            .take(MAX_LINE as u64 + 1)
            .read_until(b'\n', &mut self.line)
            .map_err(|error| Trouble::Passing {
                why: format!("the answer of the collector broke off: {error}"),
                after: None,
            })?;
        if read == 0 {
            return Ok(None);
        }
        match AuditRecord::parse(&self.line) {
            Ok(record) => Ok(Some(record)),
            Err(error) => Err(Trouble::broken(&format!(
                "the collector answered with a line that is no record ({error})"
            ))),
        }
    }
}

fn tls(ca_file: Option<&Path>) -> Result<TlsConfig, Failure> {
    let Some(path) = ca_file else {
        return Ok(TlsConfig::default());
    };
    let refused = |why: String| {
        Failure::usage(format!(
            "cannot take --ca-file {}: {why}; give certificates in PEM",
            path.display()
        ))
    };
    let pem = bounded(path, 1 << 20).map_err(|error| refused(error.to_string()))?;
    let certificates: Vec<Certificate<'static>> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return Err(refused("it holds no certificate".to_owned()));
    }
    let roots = RootCerts::Specific(Arc::new(certificates));
    Ok(TlsConfig::builder().root_certs(roots).build())
}

fn failed(sentence: String) -> Failure {
    Failure::new(Exit::Unreadable, sentence).with_code(Code::Collector)
}
