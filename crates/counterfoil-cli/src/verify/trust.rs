//! What a verification trusts: a head, keys, a policy. The arguments that name them, and what they hold.

use std::path::{Path, PathBuf};
use std::thread;

use clap::Args;
use counterfoil::Timestamp;
use counterfoil::anchor::Anchor;
use counterfoil::audit::verify::{GivenHead, Trust, VerifyOptions};
use counterfoil::signer::{Ed25519Verifier, Keyring, Verifier, VerifierKey};
use counterfoil_merkle::policy::Policy;

use crate::bounded::bounded;
use crate::failure::{Code, Exit, Failure, chain};
use crate::policy;

/// Bytes that an anchor may have.
const MAX_ANCHOR: u64 = 8 << 20;

#[derive(Debug, Args)]
pub(crate) struct TrustArgs {
    /// The trusted head that the log has to reach
    #[arg(long, value_name = "FILE")]
    anchor: Option<PathBuf>,
    /// A public key that signed heads and records must be signed with; repeatable
    #[arg(long = "key", value_name = "VKEY")]
    keys: Vec<String>,
    /// A C2SP tlog-policy that the trusted head must meet: its log signed it, and
    /// enough of its witnesses cosigned
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

/// What the arguments name, read.
#[derive(Debug)]
pub(crate) struct Trusted {
    head: Option<GivenHead>,
    keys: Keyring,
    policy: Option<(Policy, Keyring)>,
}

impl TrustArgs {
    pub(crate) fn read(&self) -> Result<Trusted, Failure> {
        Ok(Trusted {
            keys: keyring(&self.keys)?,
            head: self.anchor.as_deref().map(given_head).transpose()?,
            policy: self.policy.as_deref().map(trust).transpose()?,
        })
    }
}

impl Trusted {
    /// Options of a verification at `now` on all processors.
    pub(crate) fn options(&self, now: Timestamp) -> VerifyOptions<'_> {
        let mut options = VerifyOptions::new();
        options.head.clone_from(&self.head);
        options.keys = &self.keys;
        options.key_reader = Some(|key| {
            Ed25519Verifier::new(key.clone())
                .ok()
                .map(|verifier| Box::new(verifier) as Box<dyn Verifier>)
        });
        let trust = self.policy.as_ref();
        options.trust = trust.map(|(policy, keys)| Trust { policy, keys });
        options.now = now;
        options.jobs = thread::available_parallelism().map_or(1, usize::from);
        options
    }
}

fn given_head(path: &Path) -> Result<GivenHead, Failure> {
    let refused = |why: &str| {
        Failure::new(
            Exit::Unreadable,
            format!(
                "cannot read the anchor in {}: {why}; give the anchor.json that was kept apart from the log",
                path.display()
            ),
        )
        .with_code(Code::Anchor)
    };
    let text = bounded(path, MAX_ANCHOR).map_err(|error| refused(&error.to_string()))?;
    let anchor = Anchor::from_json(&text).map_err(|error| refused(&chain(&error)))?;
    Ok(GivenHead::from(&anchor))
}

fn trust(path: &Path) -> Result<(Policy, Keyring), Failure> {
    let policy = policy::read(path)?;
    let keys = Keyring::of_policy(&policy).map_err(|error| {
        let why = format!(
            "cannot use the policy in {}: {}",
            path.display(),
            chain(&error)
        );
        Failure::new(Exit::Unreadable, why).with_code(Code::Key)
    })?;
    Ok((policy, keys))
}

fn keyring(vkeys: &[String]) -> Result<Keyring, Failure> {
    let mut keys = Keyring::new();
    for vkey in vkeys {
        let refused = |error: &dyn std::error::Error| {
            Failure::new(
                Exit::Unreadable,
                format!("cannot take --key: {}", chain(error)),
            )
            .with_code(Code::Key)
        };
        // In two steps, so that the chain of causes does not say the same thing twice. The key is not repeated: what was
        // pasted here by mistake may be a secret.
        let key: VerifierKey = vkey.trim().parse().map_err(|error| refused(&error))?;
        let verifier = Ed25519Verifier::new(key).map_err(|error| refused(&error))?;
        keys.trust(verifier).map_err(|error| refused(&error))?;
    }
    Ok(keys)
}
