//! What a log takes from its callers: nothing that it would have to refuse once it has a place in a queue.

use counterfoil_core::{ChainId, Digest, Timestamp};

use crate::body::encode::{Place, body_into};
use crate::erasure::{prepare, resolve};
use crate::log::lane::Fate;
use crate::value::MAX_INTEGER;
use crate::{AuditEventKind, AuditInput};

/// Chain and source as long as they can be, together: what fits with them fits with the real ones.
const LONGEST: usize = ChainId::MAX_LEN + 64;

/// What is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admitted {
    Plain,
    /// It holds values that can be erased: the sealer makes commitments of them.
    Erasable,
}

/// Whether `input` can be sealed, wherever its place in the chain will be; why it is refused otherwise.
pub(crate) fn admit(input: &mut AuditInput) -> Result<Admitted, Fate> {
    if !prepare(input).map_err(|()| Fate::Invalid)? {
        return check(input).map(|()| Admitted::Plain);
    }
    // Every commitment is as long as this one.
    let mut sized = input.clone();
    resolve(&mut sized, |_, _| Digest::ZERO);
    check(&sized).map(|()| Admitted::Erasable)
}

fn check(input: &AuditInput) -> Result<(), Fate> {
    let kind = input.data.kind();
    // A verifier holds the log to what it says about itself, so only the log may say it. Reading is the caller's to report.
    if kind.is_about_the_log() && kind != AuditEventKind::Access {
        return Err(Fate::Reserved);
    }
    let place = Place {
        chain: &"x".repeat(LONGEST),
        prev: &[b'0'; 64],
        seq: MAX_INTEGER,
        time: Timestamp::default(),
    };
    body_into(&mut Vec::new(), &mut Vec::new(), &place, input).map_err(|_| Fate::Invalid)
}
