//! One line: its number, its link to the line before, its time and its chain.

use super::Judge;
use crate::source::LogFile;
use crate::verify::batch::{Batch, Form, Line};
use crate::verify::findings::{Findings, Place};
use crate::verify::reason::Reason;

impl Judge<'_> {
    /// Records up to `next` are not there.
    pub(super) fn absent(&mut self, next: u64, place: &Place<'_>) {
        self.findings.add(
            Reason::Absent,
            Some(self.expected),
            place,
            format!(
                "records {} to {} are absent",
                self.expected,
                next.saturating_sub(1)
            ),
        );
        if self.expected == 1 {
            self.lanes.without_beginning = true;
            self.policy.without_beginning = true;
        }
        self.lose_records();
        self.before.hash = None;
        self.expected = next;
        self.erasure.skip_to(next);
    }

    /// Judges a line; whether its leaf is in the tree already is known to `joined`.
    pub(super) fn line(&mut self, batch: &Batch, line: &Line, place: &Place<'_>, joined: bool) {
        let first = !self.began;
        self.began = true;
        self.records += 1;
        let stated = line.stated(batch);
        match &line.form {
            Ok(form) => {
                if first && form.seq != 1 {
                    self.absent(form.seq, place);
                }
                self.well_formed(batch, line, form, place);
                self.hash(line, stated, place, joined);
                self.root_for_handover();
                self.before.hash = stated.copied();
            }
            Err(bad) => {
                self.malformed_lines += 1;
                let found = Found(line.bytes(batch), bad.at);
                self.findings.add(
                    Reason::Grammar,
                    Some(self.position),
                    place,
                    format!(
                        "byte {} of the line should be {}, and is {found}",
                        bad.at, bad.expected
                    ),
                );
                // It is not judged further, and nothing is compared with it.
                self.lose_records();
                self.before.hash = None;
                self.expected += 1;
                self.erasure.skip_to(self.expected);
            }
        }
        // The last mark is the nearest. A number that jumps over it leaves it where it is, for the record that has its number.
        if self
            .marks
            .last()
            .is_some_and(|mark| mark.seq < self.expected)
        {
            self.reach_marks(line, stated, place);
        }
        self.position += 1;
    }

    /// Records are absent or cannot be judged: there is no root any more, and epochs may have begun.
    pub(super) fn lose_records(&mut self) {
        self.tree.lose();
        self.policy.epochs.hole(self.expected);
    }

    /// Keeps the root over the records up to a `key_rotated`, which the old key vouches for.
    fn root_for_handover(&mut self) {
        let seq = self.expected - 1;
        if self.policy.log_keys.wants_root(seq) {
            let root = self.tree.root_at(seq);
            self.policy.log_keys.root(root);
        }
    }

    /// Whether a well-formed line states the hash of its body. The tree takes the body's own.
    fn hash(&mut self, line: &Line, stated: Option<&[u8; 64]>, place: &Place<'_>, joined: bool) {
        // A well-formed line has a body, so this never takes the way out.
        let Some(hash) = line.hash() else {
            return;
        };
        if !line.hash_holds {
            let found = stated.map_or_else(String::new, |digits| {
                String::from_utf8_lossy(digits).into_owned()
            });
            self.findings.add(
                Reason::Hash,
                Some(self.position),
                place,
                format!("the body's hash is {hash}, and the line states {found}"),
            );
        }
        if !joined {
            self.tree.push(hash);
        }
    }

    fn well_formed(&mut self, batch: &Batch, line: &Line, form: &Form, place: &Place<'_>) {
        let fail = |findings: &mut Findings, position, reason, detail| {
            findings.add(reason, Some(position), place, detail);
        };
        // The reader found them there, so this never takes the way out.
        let Some((id, prev, time)) = form.chain(line.bytes(batch)) else {
            return;
        };
        if id != self.id {
            self.id_changed(id, place);
        }
        if form.seq == self.expected {
            if let Some(hash) = &self.before.hash
                && prev != hash
            {
                let detail = format!(
                    "it names {} as its predecessor, and the line before states {}",
                    String::from_utf8_lossy(prev),
                    String::from_utf8_lossy(hash)
                );
                fail(&mut self.findings, self.position, Reason::Link, detail);
            }
        } else {
            let detail = format!("it states number {}, not {}", form.seq, self.expected);
            fail(&mut self.findings, self.position, Reason::Seq, detail);
            self.lose_records();
        }
        self.expected = form.seq + 1;
        if *time < self.before.time {
            let detail = format!(
                "it was sealed at {}, before the record before it ({})",
                String::from_utf8_lossy(time),
                String::from_utf8_lossy(&self.before.time)
            );
            fail(&mut self.findings, self.position, Reason::Time, detail);
        }
        self.before.time = *time;
        if self.trusted.as_ref().is_none_or(|head| form.seq > head.seq) {
            self.tail.records += 1;
            self.oldest_tail.get_or_insert(self.before.time);
        }
        if let Some(candidate) = &mut self.candidate {
            candidate.count(form.seq, self.before.time);
        }
        if self.options.hash_only {
            let special = form.special.as_deref();
            if let Some(signature) = special.and_then(|special| special.signature.as_ref()) {
                for (reason, detail) in self.policy.signature_alone(self.position, signature) {
                    fail(&mut self.findings, self.position, reason, detail);
                }
            }
            return;
        }
        let index = self.indexes[form.source as usize];
        if let Err(fault) = self.lanes.record(index, form.n, self.position) {
            self.findings
                .add(fault.reason, Some(fault.position), place, fault.detail);
        }
        if form.special.is_some() || !self.policy.is_quiet() {
            self.about_the_log(line, form, place);
        }
        if let Some(special) = &form.special {
            self.erasable(special, form, place);
        }
    }

    fn id_changed(&mut self, id: &[u8], place: &Place<'_>) {
        let id_text = String::from_utf8_lossy(id);
        let expected = if self.id.is_empty() {
            self.trusted.as_ref().map(|head| head.chain.to_string())
        } else {
            Some(String::from_utf8_lossy(&self.id).into_owned())
        };
        if let Some(expected) = expected
            && expected != id_text
        {
            self.findings.add(
                Reason::Id,
                Some(self.position),
                place,
                format!("it is of the chain {id_text}, not of {expected}"),
            );
        }
        self.id = id.to_vec();
    }

    /// A line that is longer than any record.
    pub(crate) fn too_long(&mut self, file: &LogFile, offset: u64, len: u64) {
        self.malformed(
            file,
            offset,
            format!("a line of {len} bytes is longer than any record"),
        );
    }

    pub(super) fn malformed(&mut self, file: &LogFile, offset: u64, detail: String) {
        let place = Place::new(&file.path, offset);
        self.findings
            .add(Reason::Grammar, Some(self.position), &place, detail);
        self.began = true;
        self.records += 1;
        self.malformed_lines += 1;
        self.lose_records();
        self.before.hash = None;
        self.position += 1;
        self.expected += 1;
        self.erasure.skip_to(self.expected);
    }
}

/// A few bytes of a line, for messages.
struct Found<'a>(&'a [u8], usize);

impl std::fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let rest = &self.0[self.1.min(self.0.len())..];
        if rest.is_empty() {
            return f.write_str("the end of the line");
        }
        let some = &rest[..rest.len().min(24)];
        write!(f, "\"{}\"", some.escape_ascii())
    }
}
