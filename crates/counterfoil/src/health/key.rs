//! Can the key sign?

use std::sync::Arc;
use std::time::Duration;

use counterfoil_core::Clock;
use counterfoil_health::{Figure, Outcome, Registration, Status, blocking};
use counterfoil_signer::Signer;

use super::Limits;

/// How long signing takes.
pub const KEY_LIMITS: Limits<Duration> = Limits {
    degraded: Duration::from_secs(1),
    unhealthy: Duration::from_secs(5),
};

/// What is signed to find out. It is no checkpoint and no record hash, so the signature vouches for nothing.
const MESSAGE: &[u8] = b"counterfoil.dev/health/v1\n";

/// Whether the key of `signer` can be used, found out by signing a text that means nothing. A signer without a key is
/// degraded: whoever asks for this check expects the log to be signed.
///
/// Once a minute, because a key service may charge for it. Its figure: `duration` of signing in seconds.
pub fn key_available(
    name: impl AsRef<str>,
    signer: Arc<dyn Signer>,
    clock: impl Clock,
    limits: Limits<Duration>,
) -> Registration {
    let look = move || {
        let before = clock.ticks().0;
        let signed = signer.sign(MESSAGE);
        let took = Duration::from_nanos(clock.ticks().0.saturating_sub(before));
        let has_key = signer.verifier_key().is_some();
        let outcome = match signed {
            Err(error) => Outcome::unhealthy(format!("the key cannot sign: {error}")),
            Ok(None) if has_key => Outcome::unhealthy(
                "the signer has a key and signs nothing with it, which its contract forbids",
            ),
            Ok(None) => Outcome::degraded("there is no key: nothing is signed"),
            Ok(Some(_signature)) => judge(took, limits),
        };
        outcome.with(Figure::new("duration", took.as_secs_f64(), "s"))
    };
    Registration::new(name, blocking(look))
        .interval(Duration::from_secs(60))
        .deadline(limits.unhealthy.saturating_mul(2))
}

fn judge(took: Duration, limits: Limits<Duration>) -> Outcome {
    let message = format!("signing took {took:.1?}");
    match limits.judge(&took) {
        Status::Unhealthy => Outcome::unhealthy(message),
        Status::Degraded => Outcome::degraded(message),
        _ => Outcome::healthy(),
    }
}
