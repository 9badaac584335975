//! Going on from the state of an earlier verification, and keeping one for the next.

use counterfoil_core::Digest;

use super::Judge;
use crate::AuditEventData;
use crate::source::LogFile;
use crate::verify::batch::{BatchReader, Form, Parsed};
use crate::verify::findings::Place;
use crate::verify::heads::Mark;
use crate::verify::reason::{Reason, Verdict};
use crate::verify::report::{HeadSource, StateUse};
use crate::verify::state::{PolicyLine, VerifiedState, digests, keys_of, texts};

/// Records about the policy that a state holds at most, in bytes; a log that has more is read from its beginning.
const MAX_POLICY: usize = 16 << 20;

/// What a state is made of, kept while a log is read.
#[derive(Debug, Default)]
pub(super) struct Keeping {
    policy: Vec<PolicyLine>,
    bytes: usize,
    /// The segment at hand, and the whole ones before it.
    segment: Option<u64>,
    segments: Vec<(u64, u64)>,
    kept: Option<VerifiedState>,
    pub(super) used: Option<StateUse>,
}

impl Keeping {
    /// Nothing is kept of records from `seq` on.
    pub(super) fn forget_from(&mut self, seq: u64) {
        while let Some(last) = self.policy.pop_if(|line| line.seq >= seq) {
            self.bytes -= last.line.len();
        }
    }
}

impl Judge<'_> {
    /// Takes the state's head for a trusted one, and goes on from there where nothing speaks for reading all of it. Answers where
    /// to go on: the first of these files, and the byte in it.
    pub(crate) fn resume(&mut self, state: &VerifiedState, files: &[LogFile]) -> (usize, u64) {
        let Some(head) = state.head() else {
            return (0, 0);
        };
        let earlier = self.marks.iter().any(|mark| mark.seq < head.seq);
        self.marks.push(Mark {
            seq: head.seq,
            hash: Some(head.hash),
            root: head.root,
            from: "the state of the last verification",
        });
        self.marks.sort_by_key(|mark| std::cmp::Reverse(mark.seq));
        if self
            .trusted
            .as_ref()
            .is_none_or(|trusted| trusted.seq < head.seq)
        {
            self.trusted = Some(head.clone());
            self.head_from = Some(HeadSource::State);
        }
        let place = if earlier {
            Err("a head was given that is older")
        } else if state.hash_only != self.options.hash_only {
            Err("it was made with another setting of hash-only")
        } else if state.keys != keys_of(&self.known.keys) {
            Err("it was made with other keys")
        } else {
            place_in(state, files).ok_or("the files up to its head are not those it was made with")
        };
        let place = match place {
            Ok(place) => place,
            Err(why) => {
                self.keeping.used = Some(StateUse::ReadAll { why });
                return (0, 0);
            }
        };
        self.keeping.used = Some(StateUse::From { seq: head.seq });
        if self.restore(state).is_none() {
            self.findings.log(
                Reason::Unreadable,
                "the state of the last verification contradicts itself, so nothing was read; verify without it"
                    .to_owned(),
            );
            return (files.len(), 0);
        }
        place
    }

    pub(super) fn restore(&mut self, state: &VerifiedState) -> Option<()> {
        let mut reader = BatchReader::new(self.known.keys.clone(), self.options.hash_only);
        self.id = state.chain.clone().into_bytes();
        self.began = true;
        for policy in &state.policy {
            self.replay(policy, &mut reader)?;
        }
        if self.findings.verdict() != Verdict::Valid {
            return None;
        }
        self.lanes = state.lanes.restore()?;
        self.tree.restore(state.seq - 1, &digests(&state.nodes)?);
        self.before.hash = state.prev.as_bytes().try_into().ok();
        self.before.time = state.prev_time.as_bytes().try_into().ok()?;
        self.expected = state.seq;
        self.position = state.seq;
        self.erasure.skip_to(state.seq);
        self.keeping.policy.clone_from(&state.policy);
        self.keeping.segment = state.segment;
        self.keeping.segments.clone_from(&state.segments);
        Some(())
    }

    /// A record about the policy is judged as if it had been read.
    fn replay(&mut self, policy: &PolicyLine, reader: &mut BatchReader<'_>) -> Option<()> {
        let nodes = digests(&policy.nodes)?;
        let about_the_tree = !policy.nodes.is_empty();
        let mut parsed = Parsed::default();
        reader.read(policy.line.as_bytes(), &mut parsed);
        let line = parsed.lines.first()?;
        let form = line.form.as_ref().ok()?;
        if parsed.lines.len() != 1 || form.seq != policy.seq || !line.hash_holds {
            return None;
        }
        self.expected = form.seq;
        self.position = form.seq;
        if about_the_tree {
            if nodes.len() != (form.seq - 1).count_ones() as usize {
                return None;
            }
            self.tree.restore(form.seq - 1, &nodes);
        }
        self.about_the_log(line, form, &Place::none());
        self.expected += 1;
        if about_the_tree {
            self.tree.push(line.hash()?);
            self.root_for_handover();
        }
        Some(())
    }

    /// A record about the log itself comes by: keeps it where a state needs it.
    pub(super) fn keep_policy(&mut self, bytes: &[u8], form: &Form) {
        if !self.options.keep_state {
            return;
        }
        let special = form.special.as_deref();
        let (of_policy, of_tree) = match special.and_then(|special| special.log_data.as_ref()) {
            Some(AuditEventData::KeyRotated(_) | AuditEventData::EpochStarted(_)) => (true, true),
            Some(AuditEventData::LogOpened(_) | AuditEventData::ConfigChanged(_)) => (true, false),
            _ => (form.seq == 1, false),
        };
        if !of_policy
            || self
                .keeping
                .policy
                .last()
                .is_some_and(|last| last.seq >= form.seq)
        {
            return;
        }
        let nodes = if of_tree {
            self.tree.nodes()
        } else {
            Vec::new()
        };
        let line = String::from_utf8_lossy(bytes).into_owned();
        self.keeping.bytes += line.len();
        if self.keeping.bytes <= MAX_POLICY {
            self.keeping.policy.push(PolicyLine {
                seq: form.seq,
                nodes: texts(&nodes),
                line,
            });
        }
    }

    /// A file ended, or a segment begins.
    pub(crate) fn keep_segment(&mut self, whole: Option<(u64, u64)>, next: Option<u64>) {
        self.keeping.segments.extend(whole);
        self.keeping.segment = next;
    }

    /// Whether the line that comes next is that of the trusted head, before which a state stands.
    pub(super) fn wants_state_at(&self, seq: u64) -> bool {
        self.options.keep_state && self.trusted.as_ref().is_some_and(|head| head.seq == seq)
    }

    /// Keeps what is known right before the record of the head.
    pub(super) fn keep_state(&mut self, place: &Place<'_>) {
        let seq = self.expected;
        if !self.wants_state_at(seq) || self.position != seq {
            return;
        }
        self.tree.grow();
        self.keeping.kept = self.state_here(self.keeping.segment, place.offset());
    }

    /// What is known before the next record, whose line begins at this place.
    pub(super) fn state_here(&self, segment: Option<u64>, offset: u64) -> Option<VerifiedState> {
        let seq = self.expected;
        let prev = self.before.hash?;
        let nodes = self.tree.grown().hashes();
        if self.keeping.bytes > MAX_POLICY || !self.tree.stands(seq - 1) {
            return None;
        }
        Some(VerifiedState {
            chain: String::from_utf8_lossy(&self.id).into_owned(),
            seq,
            hash: Digest::ZERO.to_string(),
            root: None,
            prev: String::from_utf8_lossy(&prev).into_owned(),
            prev_time: String::from_utf8_lossy(&self.before.time).into_owned(),
            nodes: texts(nodes),
            segment,
            offset,
            segments: self.keeping.segments.clone(),
            hash_only: self.options.hash_only,
            keys: keys_of(&self.known.keys),
            lanes: self.lanes.save(),
            policy: self
                .keeping
                .policy
                .iter()
                .filter(|line| line.seq < seq)
                .cloned()
                .collect(),
        })
    }

    /// The state to go on from, where the log was found sound and all that it rests on can be kept. Signatures of records and
    /// erasable values are not kept: such a log is read from its beginning each time.
    pub(super) fn state(&mut self) -> Option<VerifiedState> {
        let head = self.trusted.as_ref()?;
        let simple = self.policy.has_no_record_signatures()
            && !self.erasure.saw_any()
            && !self.lanes.without_beginning;
        let mut state = self.keeping.kept.take()?;
        if !simple || state.seq != head.seq {
            return None;
        }
        state.chain = head.chain.to_string();
        state.hash = head.hash.to_string();
        state.root = head.root.map(|root| root.to_string());
        Some(state)
    }
}

/// Where a state's head stands among the files of its log, if those before it are as they were.
fn place_in(state: &VerifiedState, files: &[LogFile]) -> Option<(usize, u64)> {
    let index = files
        .iter()
        .position(|file| file.first_seq == state.segment)?;
    // The head's record has to be there to be read again.
    if files[index].len()? <= state.offset {
        return None;
    }
    let before: Vec<(u64, u64)> = files[..index]
        .iter()
        .map(|file| Some((file.first_seq?, file.len()?)))
        .collect::<Option<_>>()?;
    (before == state.segments).then_some((index, state.offset))
}
