//! Asking a witness over HTTP, within limits.

use std::time::{Duration, Instant};

/// Longest answer that is read. A signed head with a hundred signatures of the largest type is shorter.
const MAX_ANSWER: u64 = 512 << 10;

/// An HTTP client for all witnesses.
#[derive(Clone, Debug)]
pub(crate) struct HttpClient {
    agent: ureq::Agent,
}

/// What a witness answered.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// The media type, without parameters.
    pub(crate) content_type: Option<String>,
    pub(crate) body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Debug)]
pub(crate) enum NoAnswer {
    TimedOut,
    Failed(String),
}

impl HttpClient {
    /// Redirects are not followed: where a witness is, its policy says. An answer of any status is an answer.
    pub(crate) fn new() -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .user_agent(concat!("counterfoil/", env!("CARGO_PKG_VERSION")))
            .build();
        Self {
            agent: config.into(),
        }
    }

    /// Whether something at this URL can be asked at all; an `Err` says why not.
    pub(crate) fn check(url: &str) -> Result<(), String> {
        let uri: ureq::http::Uri = url
            .parse()
            .map_err(|error| format!("which is none ({error})"))?;
        let plain = uri.host().is_some() && uri.query().is_none();
        match uri.scheme_str() {
            Some("http") if plain => Ok(()),
            Some("https") if plain && cfg!(feature = "tls") => Ok(()),
            Some("https") if plain => Err(
                "and this program was built without the feature `tls` of counterfoil-anchor-witness"
                    .to_owned(),
            ),
            _ => Err("and a submission prefix looks like https://witness.example/w1".to_owned()),
        }
    }

    pub(crate) fn post(
        &self,
        url: &str,
        body: &[u8],
        deadline: Instant,
    ) -> Result<Answer, NoAnswer> {
        let request = self.agent.post(url).content_type("text/plain");
        let request = request
            .config()
            .timeout_global(Some(left(deadline)?))
            .build();
        read(request.send(body))
    }

    pub(crate) fn get(&self, url: &str, deadline: Instant) -> Result<Answer, NoAnswer> {
        let request = self.agent.get(url);
        let request = request
            .config()
            .timeout_global(Some(left(deadline)?))
            .build();
        read(request.call())
    }
}

fn left(deadline: Instant) -> Result<Duration, NoAnswer> {
    match deadline.checked_duration_since(Instant::now()) {
        Some(left) if !left.is_zero() => Ok(left),
        _ => Err(NoAnswer::TimedOut),
    }
}

fn read(
    answered: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Result<Answer, NoAnswer> {
    let mut answer = answered.map_err(no_answer)?;
    let body = answer.body_mut().with_config().limit(MAX_ANSWER);
    Ok(Answer {
        body: body.read_to_vec().map_err(no_answer)?,
        status: answer.status().as_u16(),
        content_type: answer.body().mime_type().map(str::to_owned),
    })
}

fn no_answer(error: ureq::Error) -> NoAnswer {
    match error {
        ureq::Error::Timeout(_) => NoAnswer::TimedOut,
        error => NoAnswer::Failed(error.to_string()),
    }
}
