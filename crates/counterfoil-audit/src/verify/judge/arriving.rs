//! A checkpoint that comes while the log grows: the rules of a stored one (audit specification §6, §11), at the size it is of.

use super::Judge;
use crate::verify::heads::ReadCheckpoint;
use crate::verify::policy::Fault;
use crate::verify::reason::Reason;

impl Judge<'_> {
    /// Who of the trusted keys signed a checkpoint of records that were judged. Whether it has the right root is not asked here.
    pub(crate) fn arriving(&self, read: &ReadCheckpoint) -> Result<Vec<String>, Fault> {
        let chain = String::from_utf8_lossy(&self.id);
        let size = read.checkpoint.size();
        if read.checkpoint.origin() != chain {
            let detail = format!("the checkpoint is of {}", read.checkpoint.origin());
            return Err((Reason::Id, detail));
        }
        if !self.policy.epochs.remembers(size) {
            let detail = format!(
                "the checkpoint over {size} records is of an epoch that ended long ago; send a newer one"
            );
            return Err((Reason::Key, detail));
        }
        let given = read.signed_by(&self.known.keys, &chain)?;
        self.policy.epochs.judge(read, self.known.checker())?;
        let counting = self.policy.log_keys_at(&chain, size);
        if let Some(reader) = self.known.reader
            && let Some(fault) = read.fails_under(&counting, reader)
        {
            return Err(fault);
        }
        let signers = self.trusted_signers(read, &chain, given);
        if signers.is_empty() {
            let detail = format!(
                "the checkpoint over {size} records is signed by no trusted key that counts there: sign it with the key that was \
                 registered, or hand over from that one"
            );
            return Err((Reason::Key, detail));
        }
        match self.policy.epochs.lacking(read, self.known.checker()) {
            Some(why) => Err((Reason::Key, why)),
            None => Ok(signers),
        }
    }
}
