//! Consecutive records of a chain as they are sent.

use counterfoil::Digest;

/// Sealed lines, of records `first` to `last`, perhaps with checkpoints between or behind them.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) lines: Vec<u8>,
    pub(super) first: u64,
    pub(super) last: u64,
    /// The hash of the last record.
    pub(super) hash: Digest,
}

impl Batch {
    pub(super) const fn records(&self) -> u64 {
        self.last + 1 - self.first
    }

    /// The hash of record `seq`, if it is among them.
    pub(super) fn hash_of(&self, seq: u64) -> Option<Digest> {
        if seq == self.last {
            return Some(self.hash);
        }
        let at = usize::try_from(seq.checked_sub(self.first)?).ok()?;
        let line = self.records_lines().nth(at)?.1;
        // A line without a signature ends with the 64 digits, a quotation mark, a brace and the line feed.
        let end = line.len().checked_sub(3)?;
        Digest::from_hex(line.get(end - 64..end)?)
    }

    /// Leaves out the records up to `seq`, which the collector has.
    pub(super) fn leave_out(&mut self, seq: u64) {
        if !(self.first..self.last).contains(&seq) {
            return;
        }
        let count = (seq + 1 - self.first) as usize;
        let cut = self
            .records_lines()
            .nth(count - 1)
            .map_or(0, |(at, line)| at + line.len());
        self.lines.drain(..cut);
        self.first = seq + 1;
    }

    /// Leaves only the first `records`, at least one. The chain that sealed the others ends here.
    pub(super) fn keep(&mut self, records: u64) {
        if records >= self.records() {
            return;
        }
        let last = self.first + records - 1;
        let (Some(hash), Some((at, line))) = (
            self.hash_of(last),
            self.records_lines().nth(records as usize - 1),
        ) else {
            return;
        };
        let end = at + line.len();
        self.lines.truncate(end);
        (self.last, self.hash) = (last, hash);
    }

    /// The lines that are records, each with its place.
    fn records_lines(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let lines = self.lines.split_inclusive(|byte| *byte == b'\n');
        lines
            .scan(0, |at, line| {
                let begins = *at;
                *at += line.len();
                Some((begins, line))
            })
            .filter(|(_, line)| !line.starts_with(b"{\"checkpoint\""))
    }
}

#[cfg(test)]
mod tests {
    use super::super::producer::Producer;

    fn producer() -> Producer {
        Producer::new("load.example.com/test/1/1".parse().unwrap(), 1, &[7; 32]).unwrap()
    }

    #[test]
    fn records_that_the_collector_has_are_left_out_and_nothing_else() {
        let mut batch = producer().seal(10).unwrap();
        let whole = batch.lines.clone();
        let fourth = batch.hash_of(4).unwrap();
        batch.leave_out(4);
        assert_eq!((batch.first, batch.records()), (5, 6));
        assert!(whole.ends_with(&batch.lines));
        let next = String::from_utf8_lossy(&batch.lines);
        assert!(next.contains(&format!("\"prev\":\"{fourth}\",\"seq\":5")));
        batch.leave_out(3);
        batch.leave_out(10);
        assert_eq!((batch.first, batch.last), (5, 10));
    }

    #[test]
    fn a_batch_is_cut_to_what_is_left_to_send() {
        let mut batch = producer().seal(5_000).unwrap();
        let seventh = batch.hash_of(7).unwrap();
        batch.keep(7);
        assert_eq!((batch.records(), batch.last, batch.hash), (7, 7, seventh));
        assert_eq!(batch.records_lines().count(), 7);
        batch.keep(9);
        assert_eq!(batch.records(), 7);
    }

    #[test]
    fn a_checkpoint_in_a_batch_is_no_record() {
        let batch = producer().seal(5_000).unwrap();
        assert_eq!(batch.records(), 5_000);
        assert!(batch.lines.ends_with(b"\\n\"}\n"));
        assert_eq!(batch.hash_of(5_000), Some(batch.hash));
        assert_eq!(batch.records_lines().count(), 5_000);
    }
}
