//! What can be judged only in order: numbers, links, times, heads, lanes and policy.

use std::time::Duration;

use counterfoil_core::{ChainId, Digest, Head, Timestamp};
use counterfoil_merkle::CompactRange;

use super::VerifyOptions;
use super::batch::{Batch, Form, Line};
use super::findings::{Findings, Place};
use super::heads::{GivenHead, Mark, ReadCheckpoint, Role};
use super::lanes::Lanes;
use super::policy::Policy;
use super::reason::Reason;
use super::report::{Completeness, Report, Tail};
use crate::AuditEventData;
use crate::source::LogFile;

/// Leaves that wait for the tree.
const LEAVES: usize = 4_096;

/// Goes through a log line by line.
#[derive(Debug)]
pub(crate) struct Judge<'a> {
    options: &'a VerifyOptions<'a>,
    pub(crate) findings: Findings,
    /// What stands behind the log in its folder.
    stored: Option<String>,
    marks: Vec<Mark>,
    trusted: Option<Head>,
    /// Position of the next line.
    position: u64,
    /// Number that the next line should state.
    expected: u64,
    before: Before,
    id: Vec<u8>,
    tree: CompactRange,
    leaves: Vec<Digest>,
    /// Whether every record so far is in the tree.
    tree_holds: bool,
    lanes: Lanes,
    /// Index in `lanes` of each source of the batch at hand.
    indexes: Vec<usize>,
    policy: Policy,
    records: u64,
    malformed_lines: u64,
    tail: Tail,
    oldest_tail: Option<[u8; 30]>,
    began: bool,
}

/// What the next line is compared with.
#[derive(Debug)]
struct Before {
    /// The stated hash, where it is known.
    hash: Option<[u8; 64]>,
    time: [u8; 30],
}

impl<'a> Judge<'a> {
    pub(crate) fn new(options: &'a VerifyOptions<'a>, stored: Option<String>) -> Self {
        let mut judge = Self {
            options,
            findings: Findings::new(options.max_failures),
            stored,
            marks: Vec::new(),
            trusted: None,
            position: 1,
            expected: 1,
            before: Before {
                hash: Some([b'0'; 64]),
                time: *b"1970-01-01T00:00:00.000000000Z",
            },
            id: Vec::new(),
            tree: CompactRange::new(),
            leaves: Vec::with_capacity(LEAVES),
            tree_holds: true,
            lanes: Lanes::default(),
            indexes: Vec::new(),
            policy: Policy::new(options.keys),
            records: 0,
            malformed_lines: 0,
            tail: Tail::default(),
            oldest_tail: None,
            began: false,
        };
        judge.read_heads();
        judge
    }

    /// Takes up what has to hold at the heads, before the first line is read.
    fn read_heads(&mut self) {
        if let Some(given) = &self.options.head {
            self.mark(&given.head, "the trusted head");
            self.trusted = Some(given.head.clone());
        }
        let stored = self.stored.as_deref().map(ReadCheckpoint::parse);
        match stored {
            Some(Ok(read)) => {
                let said = &read.checkpoint;
                if let Ok(chain) = ChainId::new(said.origin()) {
                    // Only a given key makes a stored checkpoint a head; who signed it is judged at the end, by the keys
                    // that are in force then.
                    let trusted = read
                        .signed_by(self.options.keys, said.origin())
                        .is_ok_and(|signers| !signers.is_empty());
                    if trusted
                        && self
                            .trusted
                            .as_ref()
                            .is_none_or(|head| head.seq < said.size())
                    {
                        self.trusted = Some(Head {
                            chain,
                            seq: said.size(),
                            hash: Digest::ZERO,
                            root: Some(said.root()),
                        });
                    }
                }
                self.marks.push(Mark {
                    seq: said.size(),
                    hash: None,
                    root: Some(said.root()),
                    from: "the checkpoint stored with the log",
                });
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

    /// A file begins.
    pub(crate) fn file(&mut self, file: &LogFile) {
        let Some(first) = file.first_seq else {
            return;
        };
        if first > self.expected || !self.began && first != 1 {
            self.absent(first, &Place::new(&file.path, 0));
        } else if first < self.expected {
            self.findings.add(
                Reason::Seq,
                Some(first),
                &Place::new(&file.path, 0),
                format!(
                    "the segment's name begins at record {first}, and the segments before end at {}",
                    self.expected - 1
                ),
            );
            self.tree_holds = false;
            self.before.hash = None;
            self.expected = first;
        }
        self.position = first;
        self.began = true;
    }

    /// Records up to `next` are not there.
    fn absent(&mut self, next: u64, place: &Place<'_>) {
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
        self.lanes.without_beginning |= self.expected == 1;
        self.tree_holds = false;
        self.before.hash = None;
        self.expected = next;
    }

    /// Whole lines.
    pub(crate) fn batch(&mut self, batch: &Batch, file: &LogFile) {
        self.indexes.clear();
        for source in &batch.sources {
            self.indexes.push(self.lanes.index(*source));
        }
        for line in &batch.lines {
            let place = Place::new(&file.path, batch.offset + line.at() as u64);
            self.line(batch, line, &place);
        }
    }

    fn line(&mut self, batch: &Batch, line: &Line, place: &Place<'_>) {
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
                self.expected += 1;
            }
        }
        match (line.hash(), line.hash_holds) {
            (Some(hash), false) => {
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
            (Some(_), true) => {}
            (None, _) => self.tree_holds = false,
        }
        if let Some(hash) = line.hash() {
            self.leaves.push(hash);
            if self.leaves.len() == LEAVES {
                self.grow();
            }
        }
        self.before.hash = stated.copied();
        while let Some(mark) = self.marks.pop_if(|mark| mark.seq < self.expected) {
            self.at_mark(&mark, line, stated, place);
        }
        self.position += 1;
    }

    fn grow(&mut self) {
        if self.tree_holds {
            self.tree.extend(&self.leaves);
        }
        self.leaves.clear();
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
            self.tree_holds = false;
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

    fn about_the_log(&mut self, line: &Line, form: &Form, place: &Place<'_>) {
        let special = form.special.as_deref();
        let data = special.and_then(|special| special.log_data.as_ref());
        let signature = special.and_then(|special| special.signature.as_ref());
        let position = self.position;
        let faults = self.policy.line(
            position,
            line.hash(),
            signature,
            data,
            self.options.key_reader,
        );
        for (reason, detail) in faults {
            self.findings.add(reason, Some(position), place, detail);
        }
        let outcome = match data {
            Some(AuditEventData::RecordsLost(lost)) => {
                self.lanes
                    .lost(lost.src, lost.first_n, lost.last_n, position)
            }
            Some(AuditEventData::ProducerClosed(closed)) => {
                self.lanes
                    .closed(closed.instance, &closed.lanes, closed.more, position)
            }
            Some(AuditEventData::ProducerOpened(opened)) => {
                if let Some((instance, lanes)) = opened.predecessor.zip(opened.last_known.as_ref())
                {
                    self.lanes.stated(instance, lanes, false, position);
                }
                Ok(())
            }
            Some(AuditEventData::LogOpened(opened)) => {
                if let Some(unclean) = &opened.unclean {
                    self.lanes
                        .stated(unclean.instance, &unclean.lanes, true, position);
                }
                Ok(())
            }
            _ => Ok(()),
        };
        if let Err(fault) = outcome {
            self.findings
                .add(fault.reason, Some(fault.position), place, fault.detail);
        }
    }

    /// The log reached a head.
    fn at_mark(&mut self, mark: &Mark, line: &Line, stated: Option<&[u8; 64]>, place: &Place<'_>) {
        if mark.seq + 1 != self.expected || line.form.is_err() {
            return;
        }
        if let (Some(trusted), Some(hash)) = (&mut self.trusted, stated)
            && trusted.seq == mark.seq
            && mark.hash.is_none()
            && trusted.hash == Digest::ZERO
        {
            // A checkpoint vouches for the root only; the log itself says which record that is.
            trusted.hash = Digest::from_hex(hash).unwrap_or_default();
        }
        if let Some(expected) = mark.hash
            && stated.is_some_and(|stated| *stated != expected.to_hex())
        {
            self.findings.add(
                Reason::Head,
                Some(mark.seq),
                place,
                format!(
                    "its hash is {}, and {} says {expected}: the log was forked or rewritten",
                    stated.map_or_else(String::new, |s| String::from_utf8_lossy(s).into_owned()),
                    mark.from
                ),
            );
        }
        self.grow();
        if let Some(expected) = mark.root
            && self.tree_holds
            && self.tree.size() == mark.seq
            && self.tree.root() != expected
        {
            self.findings.add(
                Reason::Root,
                Some(mark.seq),
                place,
                format!(
                    "the root over the records up to here is {}, and {} says {expected}",
                    self.tree.root(),
                    mark.from
                ),
            );
        }
    }

    /// A line that is longer than any record.
    pub(crate) fn too_long(&mut self, file: &LogFile, offset: u64, len: u64) {
        self.malformed(
            file,
            offset,
            format!("a line of {len} bytes is longer than any record"),
        );
    }

    /// Bytes behind the last line feed of a file.
    pub(crate) fn unfinished(&mut self, file: &LogFile, offset: u64, bytes: &[u8], last: bool) {
        if bytes.is_empty() {
            return;
        }
        let up_to_head = self
            .trusted
            .as_ref()
            .is_some_and(|head| self.expected <= head.seq);
        if up_to_head || !last {
            self.malformed(
                file,
                offset,
                format!(
                    "the last {} bytes of the file have no line feed behind them",
                    bytes.len()
                ),
            );
        } else {
            self.tail.unfinished_bytes = bytes.len() as u64;
        }
    }

    fn malformed(&mut self, file: &LogFile, offset: u64, detail: String) {
        let place = Place::new(&file.path, offset);
        self.findings
            .add(Reason::Grammar, Some(self.position), &place, detail);
        self.began = true;
        self.records += 1;
        self.malformed_lines += 1;
        self.tree_holds = false;
        self.before.hash = None;
        self.position += 1;
        self.expected += 1;
    }

    /// The end of the log.
    pub(crate) fn finish(mut self, log: String, bytes: u64) -> Report {
        self.grow();
        if self.records == 0 {
            self.findings.position(
                Reason::Empty,
                1,
                if self.tail.unfinished_bytes > 0 {
                    "there is an unfinished line and no record, so nothing was verified"
                } else {
                    "there is no record, so nothing was verified"
                }
                .to_owned(),
            );
        }
        let missing = self.judge_heads();
        let signed_by = self.judge_keys();
        let unread = missing > 0 || self.malformed_lines > 0;
        let completeness = self.judge_lanes(unread);
        self.judge_tail();
        let end = self.end();
        let verdict = self.findings.verdict();
        let (failures, failures_total) = self.findings.finish();
        let (lanes, completeness) = completeness;
        Report {
            log,
            records: self.records,
            bytes,
            trusted: self.trusted,
            end,
            missing,
            tail: self.tail,
            completeness,
            lanes,
            hash_only: self.options.hash_only,
            signatures_verified: self.policy.signatures_verified,
            signatures_not_checked: self.policy.signatures_not_checked,
            signed_by,
            failures,
            failures_total,
            verdict,
        }
    }

    fn end(&self) -> Option<Head> {
        let hash = Digest::from_hex(&self.before.hash?)?;
        let chain = ChainId::new(std::str::from_utf8(&self.id).ok()?).ok()?;
        let seq = self.expected - 1;
        (seq > 0).then(|| Head {
            chain,
            seq,
            hash,
            root: (self.tree_holds && self.tree.size() == seq).then(|| self.tree.root()),
        })
    }

    /// Whether there is a head and the log reaches it; how many records are missing.
    fn judge_heads(&mut self) -> u64 {
        // A number that was changed must not make records seem absent that are there by position.
        let last = self.expected.max(self.position) - 1;
        let beyond = self.marks.iter().map(|mark| mark.seq).max();
        let trusted = self.trusted.as_ref().map_or(0, |head| head.seq);
        if let Some(stored) = beyond.filter(|stored| *stored > trusted.max(last)) {
            self.findings.position(
                Reason::Absent,
                last + 1,
                format!("the log ends with record {last}, and the checkpoint stored with it is of record {stored}"),
            );
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
            self.findings.position(
                Reason::Absent,
                last + 1,
                format!(
                    "the log ends with record {last}, and the trusted head is record {trusted_seq}: {missing} records are missing"
                ),
            );
        }
        missing
    }

    /// Whether the given keys signed what they should have signed; who signed the head.
    fn judge_keys(&mut self) -> Vec<String> {
        let chain = match (&self.trusted, std::str::from_utf8(&self.id)) {
            (_, Ok(id)) if !id.is_empty() => id.to_owned(),
            (Some(head), _) => head.chain.to_string(),
            _ => return Vec::new(),
        };
        let head_at = self.trusted.as_ref().map(|head| head.seq);
        let mut signed_by: Vec<String> = Vec::new();
        for (note, given) in self.notes() {
            let read = match note {
                Ok(read) => read,
                Err(why) => {
                    self.findings.add(
                        Reason::Unreadable,
                        head_at,
                        &Place::none(),
                        format!("the checkpoint that came with the head cannot be read: {why}"),
                    );
                    continue;
                }
            };
            let at = Some(read.checkpoint.size());
            if let Some(head) = &given
                && let Err((reason, detail)) = read.agrees(head)
            {
                self.findings
                    .add(reason, Some(head.seq), &Place::none(), detail);
            }
            if given.is_none() && read.checkpoint.origin() != chain {
                let detail = format!(
                    "the checkpoint stored with the log is of {}",
                    read.checkpoint.origin()
                );
                self.findings.add(Reason::Id, at, &Place::none(), detail);
            }
            match read.signed_by(self.options.keys, &chain) {
                Ok(signers) if self.is_of_head(&read) => signed_by.extend(
                    signers
                        .iter()
                        .filter(|key| self.policy.is_in_force(key))
                        .map(ToString::to_string),
                ),
                Ok(_) => {}
                Err((reason, detail)) => {
                    self.findings.add(reason, at, &Place::none(), detail);
                    continue;
                }
            }
            if let Some(reader) = self.options.key_reader
                && let Some((reason, detail)) =
                    read.fails_under(&self.policy.log_keys(&chain), reader)
            {
                self.findings.add(reason, at, &Place::none(), detail);
            }
        }
        signed_by.sort();
        signed_by.dedup();
        self.require_keys(&chain, head_at, &signed_by);
        signed_by
    }

    /// Whether a checkpoint is one of the trusted head; an older one says nothing about the records after it.
    fn is_of_head(&self, read: &ReadCheckpoint) -> bool {
        let said = &read.checkpoint;
        self.trusted.as_ref().is_some_and(|head| {
            said.origin() == head.chain.as_str()
                && said.size() == head.seq
                && head.root.is_none_or(|root| root == said.root())
        })
    }

    /// The checkpoint that came with the head, and the one stored with the log.
    fn notes(&self) -> Vec<(Result<ReadCheckpoint, String>, Option<Head>)> {
        let mut notes = Vec::new();
        if let Some(GivenHead {
            head,
            checkpoint: Some(text),
        }) = &self.options.head
        {
            notes.push((ReadCheckpoint::parse(text), Some(head.clone())));
        }
        // One that cannot be parsed was reported when it was read.
        if let Some(Ok(read)) = self.stored.as_deref().map(ReadCheckpoint::parse) {
            notes.push((Ok(read), None));
        }
        notes
    }

    fn require_keys(&mut self, chain: &str, head_at: Option<u64>, signed_by: &[String]) {
        let mut log_key_given = false;
        let mut record_key_given = false;
        for key in self.options.keys.keys() {
            let role = Role::of(key, chain);
            let known = if self.options.hash_only {
                None
            } else {
                self.policy.was_in_force(key)
            };
            log_key_given |= role == Role::Log;
            if role == Role::Other {
                self.findings.position(
                    Reason::Key,
                    self.policy.opened_at.unwrap_or(1),
                    format!("the given key {key} is no key of {chain}: its name has to be {chain} or {chain}/record"),
                );
            } else if known == Some(false) {
                self.findings.position(
                    Reason::Key,
                    self.policy.opened_at.unwrap_or(1),
                    format!("the given key {key} was never in force: no log_opened or key_rotated names it"),
                );
            } else {
                record_key_given |= role == Role::Record;
            }
        }
        if record_key_given {
            self.require_record_keys();
        }
        if log_key_given && signed_by.is_empty() {
            self.findings.add(
                Reason::Key,
                head_at,
                &Place::none(),
                "a log key was given, and no head comes with a checkpoint that it signed"
                    .to_owned(),
            );
        }
    }

    /// Whether a given record key was in force at every record or, where the log does not say, signed every one.
    fn require_record_keys(&mut self) {
        let (position, detail) = if self.options.hash_only || self.policy.is_bare() {
            let position = self.policy.not_signed_by_given(self.records);
            (position, "a record key was given, and did not sign it")
        } else {
            let position = self.policy.without_given_key(self.position);
            (
                position,
                "a record key was given, and is not in force here: the mode is not record, or keys does not name it",
            )
        };
        if let Some(position) = position {
            self.findings
                .position(Reason::Key, position, detail.to_owned());
        }
    }

    fn judge_lanes(
        &mut self,
        unread: bool,
    ) -> (Vec<super::report::LaneReport>, Option<Completeness>) {
        if self.options.hash_only {
            return (Vec::new(), None);
        }
        let without_beginning = self.lanes.without_beginning;
        let (lanes, faults) = std::mem::take(&mut self.lanes).finish(unread);
        for fault in faults {
            self.findings.add(
                fault.reason,
                Some(fault.position),
                &Place::none(),
                fault.detail,
            );
        }
        let worst = lanes.iter().map(|lane| lane.completeness).max();
        // Where the beginning is absent, whole lanes may be among what is absent.
        let unknown = self.policy.is_bare() || without_beginning;
        let worst = if unknown { None } else { worst };
        (lanes, Some(worst.unwrap_or(Completeness::Unknown)))
    }

    fn judge_tail(&mut self) {
        let Some(head) = &self.trusted else {
            self.tail.records = 0;
            return;
        };
        self.tail.age = self
            .oldest_tail
            .and_then(|time| Timestamp::from_text(&time))
            .map(|oldest| self.options.now.since(oldest));
        let seq = head.seq;
        let unfinished = u64::from(self.tail.unfinished_bytes > 0);
        let records = self.tail.records + unfinished;
        if self.options.require_anchored_tail && records > 0 {
            self.findings.position(
                Reason::Tail,
                seq + 1,
                format!("{records} records lie beyond the trusted head, and none was allowed"),
            );
        }
        if let (Some(allowed), Some(age)) = (self.options.max_tail_age, self.tail.age)
            && age > allowed
        {
            self.findings.position(
                Reason::Tail,
                seq + 1,
                format!(
                    "the oldest record beyond the trusted head was sealed {} ago, and {} are allowed",
                    seconds(age),
                    seconds(allowed)
                ),
            );
        }
    }
}

fn seconds(duration: Duration) -> String {
    format!("{:.1} s", duration.as_secs_f64())
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
