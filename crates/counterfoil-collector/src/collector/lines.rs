//! Whole lines out of chunks that end anywhere.

use bytes::{Bytes, BytesMut};
use counterfoil::audit::MAX_LINE;

use crate::{Reason, Refusal};

/// A checkpoint line is at most as long as a signed note with every byte of it escaped could be in practice: a note of many
/// witnesses has some 10 KB.
const MAX_CHECKPOINT_LINE: usize = 128 << 10;
const CHECKPOINT: &[u8] = b"{\"checkpoint\":";
/// Lines are handed on in pieces of about this size, so that no chain keeps a worker for long.
const PIECE: usize = 256 << 10;

/// Something whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Sealed lines, each with its line feed, and how many.
    Records(Bytes, u64),
    /// The text of a signed note.
    Checkpoint(String),
}

impl Piece {
    /// Bytes that it keeps in memory.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Records(bytes, _) => bytes.len(),
            Self::Checkpoint(note) => note.len(),
        }
    }

    pub(crate) const fn records(&self) -> u64 {
        match self {
            Self::Records(_, count) => *count,
            Self::Checkpoint(_) => 0,
        }
    }
}

/// Keeps the beginning of a line until its end comes: at most [`MAX_CHECKPOINT_LINE`] bytes.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    begun: BytesMut,
}

impl Lines {
    /// Takes the next chunk, and puts what is whole now into `pieces`.
    pub(crate) fn push(
        &mut self,
        mut chunk: Bytes,
        pieces: &mut Vec<Piece>,
    ) -> Result<(), Refusal> {
        if !self.begun.is_empty() {
            let Some(end) = memchr::memchr(b'\n', &chunk) else {
                return self.keep(&chunk);
            };
            self.keep(&chunk.split_to(end + 1))?;
            let line = self.begun.split().freeze();
            split(line, pieces)?;
        }
        let Some(end) = memchr::memrchr(b'\n', &chunk) else {
            return self.keep(&chunk);
        };
        let whole = chunk.split_to(end + 1);
        split(whole, pieces)?;
        self.keep(&chunk)
    }

    /// Whether a line has begun that has no end yet.
    pub(crate) fn is_amid(&self) -> bool {
        !self.begun.is_empty()
    }

    fn keep(&mut self, part: &[u8]) -> Result<(), Refusal> {
        // No more than it takes to see that it is too long.
        let most = MAX_CHECKPOINT_LINE + 1 - self.begun.len().min(MAX_CHECKPOINT_LINE);
        self.begun.extend_from_slice(&part[..part.len().min(most)]);
        check_length(&self.begun)
    }
}

/// Splits whole lines into pieces: records of one piece lie beside each other, a checkpoint stands alone.
fn split(lines: Bytes, pieces: &mut Vec<Piece>) -> Result<(), Refusal> {
    let (mut from, mut at, mut count) = (0, 0, 0);
    for end in memchr::memchr_iter(b'\n', &lines) {
        let line = &lines[at..=end];
        check_length(line)?;
        if line.starts_with(CHECKPOINT) {
            records(&lines, from..at, count, pieces);
            pieces.push(Piece::Checkpoint(note_of(line)?));
            (from, count) = (end + 1, 0);
        } else {
            count += 1;
            if end + 1 - from >= PIECE {
                records(&lines, from..end + 1, count, pieces);
                (from, count) = (end + 1, 0);
            }
        }
        at = end + 1;
    }
    records(&lines, from..at, count, pieces);
    Ok(())
}

fn records(lines: &Bytes, range: std::ops::Range<usize>, count: u64, pieces: &mut Vec<Piece>) {
    if count > 0 {
        pieces.push(Piece::Records(lines.slice(range), count));
    }
}

fn check_length(line: &[u8]) -> Result<(), Refusal> {
    let begins_as = |form: &[u8]| line.starts_with(form) || form.starts_with(line);
    let limit = if begins_as(CHECKPOINT) {
        MAX_CHECKPOINT_LINE
    } else {
        MAX_LINE
    };
    if line.len() <= limit {
        return Ok(());
    }
    Err(Refusal::new(
        Reason::TooLarge,
        format!("a line is longer than {limit} bytes; no sealed line is, so look at what sends it"),
    ))
}

fn note_of(line: &[u8]) -> Result<String, Refusal> {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Line {
        checkpoint: String,
    }
    serde_json::from_slice::<Line>(line)
        .map(|line| line.checkpoint)
        .map_err(|_| {
            Refusal::new(
                Reason::Grammar,
                "a line begins as a checkpoint and is none; one looks like {\"checkpoint\":\"<signed note>\"}",
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn feed(chunks: &[&[u8]]) -> (Vec<Piece>, bool) {
        let (mut lines, mut pieces) = (Lines::default(), Vec::new());
        for chunk in chunks {
            lines
                .push(Bytes::copy_from_slice(chunk), &mut pieces)
                .unwrap();
        }
        (pieces, lines.is_amid())
    }

    fn text_of(pieces: &[Piece]) -> (Vec<u8>, u64) {
        pieces
            .iter()
            .fold((Vec::new(), 0), |(mut all, count), piece| {
                if let Piece::Records(bytes, n) = piece {
                    all.extend_from_slice(bytes);
                    return (all, count + n);
                }
                (all, count)
            })
    }

    #[test]
    fn a_checkpoint_stands_between_the_records_that_it_came_between() {
        let (pieces, amid) = feed(&[b"a\nb\n{\"checkpoint\":\"x\\ny\\n\"}\nc\n"]);
        assert!(!amid);
        assert_eq!(
            pieces,
            [
                Piece::Records(Bytes::from_static(b"a\nb\n"), 2),
                Piece::Checkpoint("x\ny\n".to_owned()),
                Piece::Records(Bytes::from_static(b"c\n"), 1),
            ]
        );
    }

    #[test]
    fn a_line_without_end_is_kept_until_it_has_one_and_refused_once_it_is_too_long() {
        let (pieces, amid) = feed(&[b"a\nb"]);
        assert_eq!(text_of(&pieces), (b"a\n".to_vec(), 1));
        assert!(amid);
        let mut lines = Lines::default();
        let mut pieces = Vec::new();
        let half = Bytes::from(vec![b'x'; MAX_LINE / 2 + 1]);
        lines.push(half.clone(), &mut pieces).unwrap();
        let refusal = lines.push(half, &mut pieces).unwrap_err();
        assert_eq!(refusal.reason, Reason::TooLarge);
        let mut whole = vec![b'x'; MAX_LINE];
        whole.push(b'\n');
        assert!(Lines::default().push(whole.into(), &mut pieces).is_err());
    }

    #[test]
    fn what_begins_as_a_checkpoint_and_is_none_is_refused() {
        let mut pieces = Vec::new();
        for line in [
            "{\"checkpoint\":7}\n",
            "{\"checkpoint\":\"a\",\"b\":1}\n",
            "{\"checkpoint\":\n",
        ] {
            let refusal = Lines::default().push(line.into(), &mut pieces).unwrap_err();
            assert_eq!(refusal.reason, Reason::Grammar, "{line}");
        }
    }

    proptest! {
        #[test]
        fn lines_are_the_same_wherever_chunks_end(
            lines in prop::collection::vec("[a-z]{0,12}", 0..40),
            cuts in prop::collection::vec(0_usize..400, 0..12),
        ) {
            let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
            cuts.extend([0, text.len()]);
            cuts.sort_unstable();
            let chunks: Vec<_> = cuts.windows(2).map(|cut| &text.as_bytes()[cut[0]..cut[1]]).collect();
            let (pieces, amid) = feed(&chunks);
            prop_assert!(!amid);
            prop_assert_eq!(text_of(&pieces), (text.clone().into_bytes(), lines.len() as u64));
        }
    }
}
