//! The collector as a producer sees it, and the one page of records that a check reads.

use std::time::Duration;

use counterfoil::{ChainId, Digest};
use counterfoil_exporter_collector::{Client, Error, Key, Refusal};
use ureq::Agent;

use super::LoadArgs;
use crate::api_key::{Bearer, direct};
use crate::failure::{Code, Exit, Failure, chain};

/// The largest page of records that is read.
const PAGE: u64 = 80 << 20;

/// One connection to a collector.
pub(super) struct Remote {
    client: Client,
}

/// What a collector says to records.
pub(super) enum Answer {
    /// Everything up to the number is durable, with that hash.
    Acknowledged(u64, Digest),
    /// It does not take them.
    Refused(Refusal),
    /// No answer came, so nobody knows.
    None(String),
}

/// Whether the collector's head is not the one that the records follow.
pub(super) fn is_about_the_head(refusal: &Refusal) -> bool {
    matches!(refusal.code.as_str(), "sequence" | "link" | "fork")
}

/// A refusal in a few words.
pub(super) fn text_of(refusal: &Refusal) -> String {
    format!("{} {}: {}", refusal.status, refusal.code, refusal.detail)
}

impl Remote {
    /// A connection of its own, used once the first request is made. Bodies go as they are: over loopback, compressing would
    /// measure this command.
    pub(super) fn new(args: &LoadArgs) -> Result<Self, Failure> {
        let unusable = |error: &Error, code: Code| {
            let sentence = format!("cannot use the collector: {}", chain(error));
            Failure::new(code.exit(), sentence).with_code(code)
        };
        let key = match &args.key_file {
            Some(path) => Key::from_file(path).map(Some),
            None => Key::from_env(),
        };
        let key = key.map_err(|error| unusable(&error, Code::KeyFile))?;
        let builder = Client::builder(args.url.as_str()).maybe_key(key);
        let builder = builder.plaintext(args.plaintext).gzip(false);
        let client = builder.timeout(args.patience).build();
        let client = client.map_err(|error| unusable(&error, Code::Usage))?;
        Ok(Self { client })
    }

    /// Registers a chain with the key that its heads are signed with.
    pub(super) fn register(&self, chain: &ChainId, key: &str) -> Answer {
        let registered = self.client.register(chain, Some(key));
        of(registered.map(|()| (0, Digest::ZERO)))
    }

    /// The head to go on from.
    pub(super) fn head(&self, chain: &ChainId) -> Answer {
        of(self.client.head(chain).map(|head| (head.seq, head.hash)))
    }

    /// Sends whole lines.
    pub(super) fn send(&self, chain: &ChainId, lines: &[u8]) -> Answer {
        let sent = self.client.upload(chain, lines);
        of(sent.map(|ack| (ack.seq, ack.hash)))
    }
}

fn of(answered: Result<(u64, Digest), Error>) -> Answer {
    match answered {
        Ok((seq, hash)) => Answer::Acknowledged(seq, hash),
        Err(error) => match error.refusal() {
            Some(refusal) => Answer::Refused(refusal.clone()),
            None => Answer::None(chain(&error)),
        },
    }
}

/// Reads records as anybody with the scope may.
pub(super) struct Reader {
    agent: Agent,
    base: String,
    bearer: Option<Bearer>,
}

impl Reader {
    pub(super) fn new(args: &LoadArgs) -> Result<Self, Failure> {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(args.patience.max(Duration::from_secs(1))))
            .max_redirects(0);
        let config = direct(config, &args.url).build();
        Ok(Self {
            agent: config.into(),
            base: args.url.trim_end_matches('/').to_owned(),
            bearer: Bearer::find(args.key_file.as_deref(), &args.url, args.plaintext)?,
        })
    }

    /// Some records behind `after`, as the lines of the chain.
    pub(super) fn records(&self, chain: &ChainId, after: u64) -> Result<Vec<u8>, String> {
        // A chain id has no other character that an address reserves.
        let name = chain.as_str().replace('/', "%2F");
        let url = format!(
            "{}/v1/chains/{name}/records?after={after}&limit=1000",
            self.base
        );
        let mut request = self.agent.get(url);
        if let Some(bearer) = &self.bearer {
            request = request.header("authorization", bearer.expose());
        }
        let mut response = request.call().map_err(|error| error.to_string())?;
        let status = response.status();
        let body = response.body_mut().with_config().limit(PAGE).read_to_vec();
        let body = body.map_err(|error| error.to_string())?;
        if status.is_success() {
            return Ok(body);
        }
        Err(format!(
            "asked for its records, the collector answered {status}"
        ))
    }
}

/// Why a run cannot begin.
pub(super) fn unusable(sentence: String) -> Failure {
    Failure::new(Exit::Unreadable, sentence)
}
