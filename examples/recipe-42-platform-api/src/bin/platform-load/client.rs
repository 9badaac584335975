//! A client that sends one request after the other.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::figures::{Figures, Operation};

/// Allocations that a client keeps before it releases the oldest.
const KEPT: usize = 16;

/// What is never on a command line.
pub(crate) struct Secrets {
    bearer: Zeroizing<String>,
    billing: Zeroizing<String>,
    tenant: String,
}

impl Secrets {
    pub(crate) fn read(key: &Path, billing: &Path, tenant: &str) -> Result<Self, Box<dyn Error>> {
        let read = |path: &Path| {
            let text = std::fs::read_to_string(path).map(Zeroizing::new);
            text.map_err(|error| format!("cannot read {}: {error}", path.display()))
        };
        Ok(Self {
            bearer: Zeroizing::new(format!("Bearer {}", read(key)?.trim())),
            billing: Zeroizing::new(read(billing)?.trim().to_owned()),
            tenant: tenant.to_owned(),
        })
    }
}

/// A client.
pub(crate) struct Client<'a> {
    url: &'a str,
    secrets: &'a Secrets,
    agent: ureq::Agent,
    random: Random,
    broken_every: Option<u64>,
    made: u64,
    allocations: Vec<String>,
    figures: Figures,
}

impl<'a> Client<'a> {
    pub(crate) fn new(
        url: &'a str,
        secrets: &'a Secrets,
        seed: u64,
        broken_every: Option<u64>,
    ) -> Self {
        let agent = ureq::Agent::config_builder()
            .proxy(None)
            .timeout_global(Some(Duration::from_secs(30)))
            .build();
        Self {
            url: url.trim_end_matches('/'),
            secrets,
            agent: agent.into(),
            random: Random(seed),
            broken_every,
            made: 0,
            allocations: Vec::new(),
            figures: Figures::new(),
        }
    }

    /// Sends requests until then. What came of them.
    pub(crate) fn run(mut self, until: Instant) -> Figures {
        while Instant::now() < until {
            let operation = self.next();
            let begin = Instant::now();
            match self.send(operation) {
                Ok(()) => self.figures.note(operation, begin.elapsed()),
                Err(error) => {
                    self.figures.note_error(&error);
                    // What does not answer is not asked a million times.
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
        }
        self.figures
    }

    /// Of 100 requests 40 create, 25 look at one, 10 look at a page, 20 release and 5 are webhooks, once there is something to look
    /// at; whoever has many releases first.
    fn next(&mut self) -> Operation {
        if self.allocations.len() >= KEPT {
            return Operation::Release;
        }
        match self.random.below(100) {
            _ if self.allocations.is_empty() => Operation::Create,
            0..40 => Operation::Create,
            40..65 => Operation::Show,
            65..75 => Operation::List,
            75..95 => Operation::Release,
            _ => Operation::Webhook,
        }
    }

    fn send(&mut self, operation: Operation) -> Result<(), ureq::Error> {
        let base = format!("{}/v1", self.url);
        let bearer = self.secrets.bearer.as_str();
        match operation {
            Operation::Create => self.create(&base)?,
            Operation::Show => {
                let at = self.random.below(self.allocations.len() as u64) as usize;
                let url = format!("{base}/allocations/{}", self.allocations[at]);
                let answer = self.agent.get(url).header("authorization", bearer).call()?;
                answer.into_body().read_to_vec()?;
            }
            Operation::List => {
                let url = format!("{base}/allocations");
                let answer = self.agent.get(url).header("authorization", bearer).call()?;
                answer.into_body().read_to_vec()?;
            }
            Operation::Release => {
                let url = format!("{base}/allocations/{}", self.allocations.remove(0));
                match self
                    .agent
                    .delete(url)
                    .header("authorization", bearer)
                    .call()
                {
                    // One that failed meanwhile, because of the fault that was asked for, cannot be released.
                    Err(ureq::Error::StatusCode(409)) if self.broken_every.is_some() => {}
                    answer => {
                        answer?.into_body().read_to_vec()?;
                    }
                }
            }
            Operation::Webhook => self.webhook(&base)?,
        }
        Ok(())
    }

    fn create(&mut self, base: &str) -> Result<(), ureq::Error> {
        self.made += 1;
        let bytes = 4096 * (1 + self.random.below(256));
        let broken = self
            .broken_every
            .is_some_and(|every| self.made.is_multiple_of(every));
        let node = if broken {
            r#","node":"node-that-is-gone""#
        } else {
            ""
        };
        let key = format!("{:016x}", self.random.next());
        let mut answer = self
            .agent
            .post(format!("{base}/allocations"))
            .header("authorization", self.secrets.bearer.as_str())
            .header("idempotency-key", format!("{}-{key}", started()))
            .content_type("application/json")
            .send(format!(r#"{{"bytes":{bytes}{node}}}"#))?;
        let text = answer.body_mut().read_to_string()?;
        let allocation: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
        self.allocations
            .extend(allocation["id"].as_str().map(str::to_owned));
        Ok(())
    }

    fn webhook(&mut self, base: &str) -> Result<(), ureq::Error> {
        let event = format!("evt_{}_{:016x}", started(), self.random.next());
        let tenant = &self.secrets.tenant;
        let body = format!(
            r#"{{"id":"{event}","type":"payment.succeeded","data":{{"tenant":"{tenant}","amount_cents":1000}}}}"#
        );
        let now = since_1970().as_secs();
        let answer = self
            .agent
            .post(format!("{base}/webhooks/billing"))
            .header("billing-signature", self.signature(now, &body))
            .content_type("application/json")
            .send(body)?;
        answer.into_body().read_to_vec()?;
        Ok(())
    }

    fn signature(&self, seconds: u64, body: &str) -> String {
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.secrets.billing.as_bytes()) else {
            unreachable!("HMAC takes keys of any length");
        };
        mac.update(format!("{seconds}.{body}").as_bytes());
        let bytes = mac.finalize().into_bytes();
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("t={seconds},v1={hex}")
    }
}

fn since_1970() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

/// Keys and events of one run are not those of the run before, though the seed is.
fn started() -> u128 {
    static STARTED: std::sync::OnceLock<u128> = std::sync::OnceLock::new();
    *STARTED.get_or_init(|| since_1970().as_millis())
}

/// SplitMix64.
struct Random(u64);

impl Random {
    const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    const fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}
