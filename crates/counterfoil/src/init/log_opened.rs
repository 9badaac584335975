//! What the opening of the audit log met, said to whoever reads the log of the program. The records say it as well.

use counterfoil_audit::Opened;

/// Warns of what an operator has to look at. Nothing is said of a new log, nor of one that was closed and goes on from its
/// anchor.
pub(crate) fn tell(opened: &Opened) {
    let seq = opened.resumed_seq;
    if seq > 0 && opened.anchored.is_none() {
        tracing::warn!(
            seq,
            "the audit log goes on without an anchor, so nothing vouches for its end. Unless the first was still to come, or \
             no store was given that outlives the process (anchor_store), see what became of it: one that cannot be read is \
             kept beside its place as .corrupt-<n>. Verify the log with a copy of it"
        );
    }
    match opened.unclean {
        None => {}
        Some(Some(at_most)) => tracing::warn!(
            seq,
            at_most,
            "the audit log had not been closed: at most so many records that nobody was promised may be missing"
        ),
        Some(None) => tracing::warn!(
            seq,
            "the audit log had not been closed: records that nobody was promised may be missing"
        ),
    }
    for tail in &opened.recovered {
        tracing::warn!(
            first_seq = tail.first_seq,
            lines = tail.lines,
            bytes = tail.bytes,
            file = tail.file,
            reason = tail.reason.as_str(),
            "a damaged tail of the audit log was moved to quarantine"
        );
    }
    if let Some(restarted) = &opened.restarted {
        tracing::error!(
            chain = restarted.old_id.as_str(),
            seq = restarted.old_seq,
            reason = restarted.reason.as_str(),
            "the audit log could not go on and begins anew; keep the old one, and verify it"
        );
    }
    if let Some(seq) = opened.rotation_unfinished {
        tracing::warn!(
            seq,
            "a rotation of the log key was cut short: whoever trusts only the key before cannot follow; open the log with \
             that key as the signer and the new one as the next"
        );
    }
}
