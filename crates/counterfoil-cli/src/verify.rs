//! `counterfoil verify`: two verdicts and an exit code (audit specification §9).

mod document;
mod next;
mod progress;
mod state;
mod text;

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::thread;

use counterfoil::anchor::Anchor;
use counterfoil::audit::verify::{GivenHead, Progress, Trust, VerifyOptions, verify_path};
use counterfoil::signer::{Ed25519Verifier, Keyring, Verifier, VerifierKey};
use counterfoil::{Clock, SystemClock};
use counterfoil_merkle::policy::Policy;

use crate::args::{Output, VerifyArgs};
use crate::bounded::bounded;
use crate::failure::{Code, Exit, Failure, chain};
use crate::{policy, result};
use progress::Waiting;

/// Bytes that an anchor may have.
const MAX_ANCHOR: u64 = 8 << 20;

/// Verifies a log and prints the verdict. Opens no socket.
pub(crate) fn run(args: &VerifyArgs) -> Result<ExitCode, Failure> {
    let keys = keyring(&args.keys)?;
    let mut options = VerifyOptions::new();
    options.head = args.anchor.as_deref().map(given_head).transpose()?;
    options.keys = &keys;
    options.key_reader = Some(|key| {
        Ed25519Verifier::new(key.clone())
            .ok()
            .map(|verifier| Box::new(verifier) as Box<dyn Verifier>)
    });
    let trust = args.policy.as_deref().map(trust).transpose()?;
    options.trust = trust.as_ref().map(|(policy, keys)| Trust { policy, keys });
    options.require_anchored_tail = args.require_anchored_tail;
    options.max_tail_age = args.max_tail_age;
    options.now = SystemClock::new().utc();
    options.hash_only = args.hash_only;
    options.diagnose = true;
    options.jobs = args.jobs.map_or_else(
        || thread::available_parallelism().map_or(1, usize::from),
        usize::from,
    );

    require_log(&args.log)?;
    let before = args
        .state
        .as_deref()
        .map(state::read)
        .transpose()?
        .flatten();
    options.state = before.as_ref();
    options.keep_state = args.state.is_some();
    let waiting = Waiting::new(&args.log);
    let tell = |bytes| waiting.tell(bytes);
    options.progress = waiting.is_watched().then_some(Progress(&tell));
    let report = verify_path(&args.log, &options);
    waiting.done();
    match args.output {
        Output::Text => result::print(&text::of(&report))?,
        Output::Json => result::print(&document::of(&report)?)?,
    }
    // After the verdict, which stands although it cannot be kept.
    if let (Some(path), Some(kept)) = (&args.state, &report.state) {
        state::write(path, kept)?;
    }
    Ok(report.exit_code().into())
}

/// Says in one sentence that there is no log, and where it is if a demo's directory was given.
pub(crate) fn require_log(log: &Path) -> Result<(), Failure> {
    let refused = |why: &str| {
        Failure::new(
            Exit::Unreadable,
            format!("cannot read {}: {why}", log.display()),
        )
        .with_code(Code::Log)
    };
    let metadata = fs::metadata(log)
        .map_err(|error| refused(&format!("{error}; give a log directory or a .jsonl file")))?;
    let inner = log.join("audit");
    if metadata.is_dir() && !log.join("segments").exists() && inner.join("segments").is_dir() {
        return Err(refused(&format!(
            "it holds no segments; the log is in {}",
            inner.display()
        )));
    }
    Ok(())
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
