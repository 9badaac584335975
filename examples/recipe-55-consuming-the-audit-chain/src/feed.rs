//! Where records come from.

use std::time::Duration;

use counterfoil::ChainId;
use http::header::AUTHORIZATION;
use http::{HeaderValue, StatusCode};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use ureq::Agent;

use crate::{Result, Stop};

/// What a segment of a path cannot hold as it is.
const SEGMENT: &AsciiSet = &CONTROLS.add(b'/').add(b'%').add(b'?').add(b'#').add(b' ');
/// Records of one answer, and the most that they can have: 64 KiB and a little each.
const RECORDS: u64 = 256;
const MOST_BYTES: u64 = RECORDS * (66 << 10);
/// Longer than any checkpoint with its signatures.
const MOST_NOTE: u64 = 1 << 20;
/// What an answer may take beyond the time that we asked it to wait.
const PATIENCE: Duration = Duration::from_secs(20);

/// A chain as somebody else serves it. Nothing of it is believed.
pub trait Feed {
    /// Lines of the records behind number `seq`, in order, from none to a few hundred. When there are none yet it waits for
    /// them as long as `wait`.
    ///
    /// # Errors
    /// [`Stop::Away`] when another try may succeed, [`Stop::Failed`] when not.
    fn after(&self, seq: u64, wait: Duration) -> Result<Vec<u8>, Stop>;

    /// The newest checkpoint; `None` when there is none.
    ///
    /// # Errors
    /// As [`after`](Self::after).
    fn checkpoint(&self) -> Result<Option<String>, Stop>;
}

/// A collector's interface for readers (`/v1/chains/…`).
#[derive(Debug)]
pub struct CollectorFeed {
    agent: Agent,
    chain: String,
    authorization: Option<HeaderValue>,
}

impl CollectorFeed {
    /// The chain as the collector at `url` has it. `key` is a key of its tenant with the scopes read and verify.
    ///
    /// # Errors
    /// When the key cannot stand in a header.
    pub fn new(url: &str, chain: &ChainId, key: Option<&str>) -> Result<Self> {
        let authorization = key.map(|key| {
            let mut value = HeaderValue::try_from(format!("Bearer {}", key.trim()))
                .map_err(|_| "the key has characters that no key has")?;
            // So that nothing on its way prints it.
            value.set_sensitive(true);
            Ok::<_, &str>(value)
        });
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .build();
        let segment = utf8_percent_encode(chain.as_str(), SEGMENT);
        Ok(Self {
            agent: agent.into(),
            chain: format!("{}/v1/chains/{segment}", url.trim_end_matches('/')),
            authorization: authorization.transpose()?,
        })
    }

    fn get(&self, path: &str, timeout: Duration, most: u64) -> Result<Option<Vec<u8>>, Stop> {
        let url = format!("{}{path}", self.chain);
        let mut request = self.agent.get(&url);
        if let Some(value) = &self.authorization {
            request = request.header(AUTHORIZATION, value);
        }
        let away = |error: ureq::Error| Stop::Away(error.to_string());
        let configured = request.config().timeout_global(Some(timeout)).build();
        let mut answer = configured.call().map_err(away)?;
        let status = answer.status();
        // An answer that was cut off is none: it comes again.
        let body = answer.body_mut().with_config().limit(most).read_to_vec();
        match status {
            StatusCode::OK => body.map(Some).map_err(away),
            StatusCode::NOT_FOUND => Ok(None),
            _ if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                Err(Stop::Away(format!("{url} answered {status}")))
            }
            _ => {
                let said = String::from_utf8_lossy(&body.unwrap_or_default()).into_owned();
                let said: String = said
                    .chars()
                    .take(500)
                    .flat_map(char::escape_debug)
                    .collect();
                Err(Stop::Failed(
                    format!("{url} answered {status}: {said}").into(),
                ))
            }
        }
    }
}

impl Feed for CollectorFeed {
    fn after(&self, seq: u64, wait: Duration) -> Result<Vec<u8>, Stop> {
        let path = format!(
            "/records?after={seq}&limit={RECORDS}&wait={}",
            wait.as_secs()
        );
        let missing = || Stop::Failed(format!("{} is not there for this key", self.chain).into());
        self.get(&path, wait + PATIENCE, MOST_BYTES)?
            .ok_or_else(missing)
    }

    fn checkpoint(&self) -> Result<Option<String>, Stop> {
        let note = self.get("/checkpoint", PATIENCE, MOST_NOTE)?;
        let text = note.map(String::from_utf8).transpose();
        text.map_err(|_| Stop::Failed("the checkpoint is no text".into()))
    }
}
