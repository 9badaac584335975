//! Every bit of a log.
//!
//! A flipped bit is found by what its own line says: the line's form, its hash, its signature and the policy in force judge a
//! line alone. So one verification of the whole log can try one bit in every second line at once and has to name each of those
//! lines, and no other, for such a reason; that the lines between stay blameless shows that no flip was found by way of another. Only the
//! first line of a log decides how others are judged, and is tried apart, bit by bit.

use std::collections::BTreeSet;

use counterfoil_audit::verify::{Reason, Report, verify_reader};

use super::subject::{Kind, Recipe, Subject, options};

/// Reasons that a line alone can give.
const OF_THE_LINE: [Reason; 4] = [
    Reason::Grammar,
    Reason::Hash,
    Reason::Mode,
    Reason::Signature,
];

/// A log as bytes, with where its lines begin.
struct Flips {
    subject: Subject,
    whole: Vec<u8>,
    starts: Vec<usize>,
}

impl Flips {
    fn new(kind: Kind, records: usize) -> Self {
        let subject = Recipe::new(kind, records).make();
        let starts = subject.lines.iter().scan(0, |at, line| {
            let start = *at;
            *at += line.len();
            Some(start)
        });
        Self {
            starts: starts.collect(),
            whole: subject.bytes(),
            subject,
        }
    }

    fn longest(&self) -> usize {
        self.subject.lines.iter().map(Vec::len).max().unwrap() * 8
    }

    fn judge(&self, log: &[u8]) -> Report {
        let keys = self.subject.keys();
        let anchor = self.subject.anchor(self.subject.len());
        let mut options = options(Some(anchor), &keys);
        options.max_failures = usize::MAX >> 1;
        verify_reader(log, "log.jsonl", &options)
    }

    /// Flips bit `bit` of every second line from index `first` on, and returns how many bits that were.
    fn pass(&self, bit: usize, first: usize) -> u64 {
        let mut changed = self.whole.clone();
        let (mut wanted, mut also) = (BTreeSet::new(), BTreeSet::new());
        let mut shift = 0_i64;
        let mut flipped = 0;
        for index in (first..self.starts.len()).step_by(2) {
            if bit >= self.subject.lines[index].len() * 8 {
                continue;
            }
            let byte = &mut changed[self.starts[index] + bit / 8];
            let before = *byte;
            *byte ^= 1 << (bit % 8);
            let position = (index as i64 + 1 + shift) as u64;
            wanted.insert(position);
            if before == b'\n' {
                shift -= 1;
            } else if *byte == b'\n' {
                // What follows the new line feed is a line of its own, and malformed as well.
                also.insert(position + 1);
                shift += 1;
            }
            flipped += 1;
        }
        if flipped > 0 {
            self.assert_named(&changed, &wanted, &also, bit);
        }
        flipped
    }

    fn assert_named(
        &self,
        changed: &[u8],
        wanted: &BTreeSet<u64>,
        also: &BTreeSet<u64>,
        bit: usize,
    ) {
        let report = self.judge(changed);
        assert_eq!(report.exit_code(), 1, "bit {bit}");
        let named: BTreeSet<u64> = report
            .failures
            .iter()
            .filter(|failure| OF_THE_LINE.contains(&failure.reason))
            .map(|failure| failure.position.unwrap())
            .collect();
        let missed: Vec<_> = wanted.difference(&named).collect();
        assert!(missed.is_empty(), "bit {bit} was not found in {missed:?}");
        let accused: Vec<_> = named
            .difference(wanted)
            .filter(|at| !also.contains(at))
            .collect();
        assert!(accused.is_empty(), "bit {bit} accuses {accused:?}");
        let first = wanted.first().unwrap();
        assert_eq!(
            report.failures[0].position.as_ref(),
            Some(first),
            "bit {bit}"
        );
    }

    /// Flips one bit alone; it has to be the first thing that the report names.
    fn single(&self, index: usize, bit: usize) {
        let mut changed = self.whole.clone();
        changed[self.starts[index] + bit / 8] ^= 1 << (bit % 8);
        let report = self.judge(&changed);
        let first = report.failures.first();
        let found = (report.exit_code(), first.and_then(|first| first.position));
        let expected = (self.exit_code(index, bit), Some(index as u64 + 1));
        assert_eq!(
            found,
            expected,
            "bit {bit} of record {}: {report}",
            index + 1
        );
    }

    /// 1, but for a bit of the key id of a bare chain's signature that leaves a digit: as nothing says which keys are in force there, the
    /// line now names an unknown key, and the given one did not sign it.
    fn exit_code(&self, index: usize, bit: usize) -> u8 {
        let line = &self.subject.lines[index];
        let from_end = line.len() - bit / 8;
        let changed = line[bit / 8] ^ 1 << (bit % 8);
        let digit = matches!(changed, b'0'..=b'9' | b'a'..=b'f');
        let of_key_id = (104..112).contains(&from_end) && digit;
        if self.subject.recipe.kind == Kind::BareSigned && of_key_id {
            5
        } else {
            1
        }
    }

    /// Every `step`-th bit, both halves of the lines; the first line apart.
    fn sweep(&self, step: usize) -> u64 {
        let mut flipped = 0;
        for bit in (0..self.longest()).step_by(step) {
            flipped += self.pass(bit, 1) + self.pass(bit, 2);
        }
        flipped
    }

    fn first_line(&self, step: usize) -> u64 {
        let bits = self.subject.lines[0].len() * 8;
        (0..bits)
            .step_by(step)
            .map(|bit| self.single(0, bit))
            .count() as u64
    }
}

#[test]
fn a_flipped_bit_is_found_in_its_record_wherever_it_is_in_ten_thousand_records() {
    let flips = Flips::new(Kind::Checkpoints, 10_000);
    // A step that is prime to 8 tries every bit of a byte in turn.
    assert!(flips.sweep(331) > 100_000);
    flips.first_line(1_009);
    for sample in 0..20 {
        flips.single(1 + sample * 499, 11 + sample * 151);
    }
}

#[test]
fn every_bit_of_a_small_log_is_found_with_every_kind_of_signature() {
    for kind in super::subject::EVERY_KIND {
        let flips = Flips::new(kind, 5);
        for index in 0..flips.starts.len() {
            for bit in (0..flips.subject.lines[index].len() * 8).step_by(17) {
                flips.single(index, bit);
            }
        }
    }
}

#[test]
#[ignore = "long: run by `cargo xtask tamper --long`"]
fn long_every_bit_of_ten_thousand_records_is_found() {
    let flips = Flips::new(Kind::Checkpoints, 10_000);
    let flipped = flips.sweep(1) + flips.first_line(1);
    assert_eq!(flipped, flips.whole.len() as u64 * 8);
    println!("tamper: {flipped} bits of 10000 records flipped, each found in its record");
}

#[test]
#[ignore = "long: run by `cargo xtask tamper --long`"]
fn long_every_bit_of_three_hundred_signed_records_is_found() {
    let flips = Flips::new(Kind::Records, 300);
    let flipped = flips.sweep(1) + flips.first_line(1);
    assert_eq!(flipped, flips.whole.len() as u64 * 8);
    println!("tamper: {flipped} bits of 300 signed records flipped, each found in its record");
}
