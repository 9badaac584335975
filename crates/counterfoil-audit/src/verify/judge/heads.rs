//! The heads: what has to hold where the log reaches one, and whether it reaches them.

use counterfoil_core::{Digest, Head};

use super::Judge;
use super::candidate::Candidate;
use crate::verify::batch::Line;
use crate::verify::cause::Cause;
use crate::verify::findings::{Detail, Place};
use crate::verify::heads::{Mark, ReadCheckpoint};
use crate::verify::reason::Reason;
use crate::verify::report::HeadSource;

impl Judge<'_> {
    /// Takes up what has to hold at the heads, before the first line is read.
    pub(super) fn read_heads(&mut self) {
        if let Some(given) = &self.options.head {
            let head = given.with_root();
            self.mark(&head, "the trusted head");
            self.trusted = Some(head);
            self.head_from = Some(HeadSource::Given);
        }
        for (note, _) in self.notes() {
            if let Ok(read) = note {
                self.policy.epochs.watch(&read);
            }
        }
        let stored = self.stored.as_deref().map(ReadCheckpoint::parse);
        match stored {
            Some(Ok(read)) => {
                let (size, root) = (read.checkpoint.size(), read.checkpoint.root());
                self.marks.push(Mark {
                    seq: size,
                    hash: None,
                    root: Some(root),
                    from: "the checkpoint stored with the log",
                });
                // Only a given key makes a stored checkpoint a head, or one that rotations lead to from there; who signed it is
                // judged at the end, by the keys that count there.
                let signers = read.signed_by(&self.known.keys, read.checkpoint.origin());
                let trusted = signers.is_ok_and(|signers| !signers.is_empty());
                match Candidate::new(read, self) {
                    Some(candidate) if trusted => {
                        self.trusted = Some(candidate.head);
                        self.head_from = Some(HeadSource::StoredCheckpoint);
                    }
                    candidate => self.candidate = candidate,
                }
            }
            Some(Err(why)) => self.findings.log(
                Reason::Unreadable,
                format!("the checkpoint stored with the log cannot be read: {why}"),
            ),
            None => {}
        }
        self.marks.sort_by_key(|mark| std::cmp::Reverse(mark.seq));
    }

    fn mark(&mut self, head: &Head, from: &'static str) {
        self.marks.push(Mark {
            seq: head.seq,
            hash: Some(head.hash),
            root: head.root,
            from,
        });
    }

    /// Holds a line that may be the record at a head against that head.
    pub(super) fn reach_marks(
        &mut self,
        line: &Line,
        stated: Option<&[u8; 64]>,
        place: &Place<'_>,
    ) {
        let reached = self.expected - 1;
        while let Some(index) = self.marks.iter().position(|mark| mark.seq == reached) {
            let mark = self.marks.remove(index);
            self.at_mark(&mark, line, stated, place);
        }
    }

    /// The log reached a head.
    fn at_mark(&mut self, mark: &Mark, line: &Line, stated: Option<&[u8; 64]>, place: &Place<'_>) {
        if line.form.is_err() {
            return;
        }
        let candidate = self.candidate.as_mut().map(|candidate| &mut candidate.head);
        for head in [self.trusted.as_mut(), candidate].into_iter().flatten() {
            if head.seq == mark.seq && mark.hash.is_none() && head.hash == Digest::ZERO {
                // A checkpoint vouches for the root only; the log itself says which record that is.
                head.hash = stated
                    .and_then(|digits| Digest::from_hex(digits))
                    .unwrap_or_default();
            }
        }
        self.heads_sealed.insert(mark.seq, self.before.time);
        if let Some(expected) = mark.hash
            && let Some(stated) = stated
            && *stated != expected.to_hex()
        {
            self.findings.add(
                Reason::Head,
                Some(mark.seq),
                place,
                Detail::differs(
                    format!("it is another record than {} says", mark.from),
                    expected,
                    String::from_utf8_lossy(stated),
                ),
            );
        }
        if let Some(expected) = mark.root
            && self.root_is_known()
            && let Some(root) = self.tree.root_at(mark.seq)
            && root != expected
        {
            self.findings.add(
                Reason::Root,
                Some(mark.seq),
                place,
                Detail::differs(
                    format!(
                        "the root over the records up to here is another one than {} says",
                        mark.from
                    ),
                    expected,
                    root,
                ),
            );
        }
    }

    /// Whether there is a head and the log reaches it; how many records are missing.
    pub(super) fn judge_heads(&mut self) -> u64 {
        // A number that was changed must not make records seem absent that are there by position.
        let last = self.expected.max(self.position) - 1;
        let beyond = self.marks.iter().map(|mark| mark.seq).max();
        let trusted = self.trusted.as_ref().map_or(0, |head| head.seq);
        if let Some(stored) = beyond.filter(|stored| *stored > trusted.max(last)) {
            let text = format!(
                "the log ends with record {last}, and the checkpoint stored with it is of record {stored}"
            );
            let detail = Detail::from(text).because(Some(Cause::MissingEnd));
            self.findings.position(Reason::Absent, last + 1, detail);
            self.lacks(last + 1, stored);
        }
        let Some(head) = &self.trusted else {
            self.findings.log(
                Reason::NoHead,
                "no trusted head was given, so nobody can tell whether the end was cut off or all of it rewritten; \
                 give the anchor that was kept apart from the log"
                    .to_owned(),
            );
            return 0;
        };
        let trusted_seq = head.seq;
        let missing = trusted_seq.saturating_sub(last);
        if missing > 0 && self.records > 0 {
            let text = format!(
                "the log ends with record {last}, and the trusted head is record {trusted_seq}: {missing} records are missing"
            );
            let detail = Detail::from(text).because(Some(Cause::MissingEnd));
            self.findings.position(Reason::Absent, last + 1, detail);
        }
        if missing > 0 {
            self.lacks(last + 1, trusted_seq);
        }
        missing
    }
}
