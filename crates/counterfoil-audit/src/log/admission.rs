//! What a log takes from its callers: nothing that it would have to refuse once it has a place in a queue.

use counterfoil_core::{ChainId, Timestamp};

use crate::body::encode::{Place, body_into};
use crate::log::lane::Fate;
use crate::value::MAX_INTEGER;
use crate::{AuditEventKind, AuditInput};

/// Chain and source as long as they can be, together: what fits with them fits with the real ones.
const LONGEST: usize = ChainId::MAX_LEN + 64;

/// Why `input` is refused; `None` when it can be sealed, wherever its place in the chain will be.
pub(crate) fn refusal(input: &AuditInput) -> Option<Fate> {
    let kind = input.data.kind();
    // A verifier holds the log to what it says about itself, so only the log may say it. Reading is the caller's to report.
    if kind.is_about_the_log() && kind != AuditEventKind::Access {
        return Some(Fate::Reserved);
    }
    let place = Place {
        chain: &"x".repeat(LONGEST),
        prev: &[b'0'; 64],
        seq: MAX_INTEGER,
        time: Timestamp::default(),
    };
    body_into(&mut Vec::new(), &mut Vec::new(), &place, input)
        .is_err()
        .then_some(Fate::Invalid)
}
