//! One line: its number, its link to the line before, its time and its chain.

use super::Judge;
use crate::source::LogFile;
use crate::verify::batch::{Form, Line};
use crate::verify::cause::Cause;
use crate::verify::findings::{Detail, Findings, Place};
use crate::verify::reason::Reason;
use crate::verify::report::MissingRange;

impl Judge<'_> {
    /// Records up to `next` are not there.
    pub(super) fn absent(&mut self, next: u64, place: &Place<'_>) {
        let (first, last) = (self.expected, next.saturating_sub(1));
        let cause = if first == 1 {
            Cause::MissingBeginning
        } else {
            Cause::MissingSegments
        };
        let detail = Detail::from(format!("records {first} to {last} are absent"));
        self.findings.add(
            Reason::Absent,
            Some(first),
            place,
            detail.because(Some(cause)),
        );
        self.lacks(first, last);
        if self.expected == 1 {
            self.lanes.without_beginning = true;
            self.policy.without_beginning = true;
        }
        self.lose_records();
        self.before.hash = None;
        self.expected = next;
        self.erasure.skip_to(next);
    }

    /// Notes records that are not there.
    pub(super) fn lacks(&mut self, first: u64, last: u64) {
        self.missing_records += last - first + 1;
        if self.missing_ranges.len() < self.options.max_failures {
            self.missing_ranges.push(MissingRange { first, last });
        }
    }

    /// Judges a line, which has these bytes; whether its leaf is in the tree already is known to `joined`.
    pub(super) fn line(&mut self, bytes: &[u8], line: &Line, place: &Place<'_>, joined: bool) {
        let first = !self.began;
        self.began = true;
        self.records += 1;
        let stated = line.stated(bytes);
        match &line.form {
            Ok(form) => {
                self.keep_state(place);
                if first && form.seq != 1 {
                    self.absent(form.seq, place);
                }
                self.well_formed(bytes, line, form, place);
                self.hash(bytes, line, place, joined);
                self.root_for_handover();
                self.before.hash = stated.copied();
            }
            Err(bad) => {
                self.malformed_lines += 1;
                self.findings.line(
                    Reason::Grammar,
                    self.position,
                    place,
                    Detail::differs(
                        format!("the line is malformed at its byte {}", bad.at),
                        bad.expected,
                        Found(bytes, bad.at),
                    ),
                    bytes,
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
        self.tiles.lose();
        self.policy.epochs.hole(self.expected);
    }

    /// Keeps the root over the records up to a `key_rotated`, which the old key vouches for.
    pub(super) fn root_for_handover(&mut self) {
        let seq = self.expected - 1;
        if self.policy.log_keys.wants_root(seq) {
            let root = self.tree.root_at(seq);
            self.policy.log_keys.root(root);
        }
    }

    /// Whether a well-formed line states the hash of its body. The tree takes the body's own.
    fn hash(&mut self, bytes: &[u8], line: &Line, place: &Place<'_>, joined: bool) {
        // A well-formed line has a body, so this never takes the way out.
        let Some(hash) = line.hash() else {
            return;
        };
        if !line.hash_holds {
            // What its tiles say of a record that was changed is known beforehand.
            self.tiles.lose();
            let stated = line.stated(bytes).map_or(&b""[..], |digits| digits);
            self.findings.line(
                Reason::Hash,
                self.position,
                place,
                Detail::differs(
                    "the line does not state the hash of its body",
                    hash,
                    String::from_utf8_lossy(stated),
                ),
                bytes,
            );
        }
        if !joined {
            self.tree.push(hash);
        }
        self.tiles.push(self.expected - 1, hash);
    }

    fn well_formed(&mut self, bytes: &[u8], line: &Line, form: &Form, place: &Place<'_>) {
        let fail = |findings: &mut Findings, position, reason, detail: Detail| {
            findings.add(reason, Some(position), place, detail);
        };
        // The reader found them there, so this never takes the way out.
        let Some((id, prev, time)) = form.chain(bytes) else {
            return;
        };
        if id != self.id {
            self.id_changed(id, place);
        }
        if form.seq == self.expected {
            if let Some(hash) = &self.before.hash
                && prev != hash
            {
                let detail = Detail::differs(
                    "it does not name the record before it",
                    String::from_utf8_lossy(hash),
                    String::from_utf8_lossy(prev),
                );
                fail(&mut self.findings, self.position, Reason::Link, detail);
            }
        } else {
            let detail = Detail::differs("its number does not continue", self.expected, form.seq);
            fail(&mut self.findings, self.position, Reason::Seq, detail);
            self.lose_records();
        }
        self.first_seq.get_or_insert(form.seq);
        self.note_first(*prev);
        self.expected = form.seq + 1;
        if *time < self.before.time {
            let before = String::from_utf8_lossy(&self.before.time);
            let detail = Detail::differs(
                "it was sealed before the record before it",
                format!("{before} or later"),
                String::from_utf8_lossy(time),
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
                    fail(&mut self.findings, self.position, reason, detail.into());
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
            self.keep_policy(bytes, form);
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
                Detail::differs("it is of another chain", expected, id_text),
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

    pub(super) fn malformed(&mut self, file: &LogFile, offset: u64, detail: impl Into<Detail>) {
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
