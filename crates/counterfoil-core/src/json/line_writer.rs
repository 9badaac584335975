//! Whole lines into a writer that may fail.

use std::io::{self, Write};

/// Gives lines to a writer so that a write that fails damages one line at most.
///
/// After a write that stopped within a line the next one begins with a line feed. One that took nothing, or stopped at the end
/// of a line, leaves nothing to mend.
///
/// ```
/// let mut out = counterfoil_core::json::LineWriter::new(Vec::new());
/// out.write(b"{\"event\":\"reconnected\"}\n")?;
/// assert_eq!(out.into_inner(), b"{\"event\":\"reconnected\"}\n");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct LineWriter<W> {
    out: W,
    /// Whether the last byte that `out` took is no line feed.
    within_line: bool,
    taken: usize,
}

impl<W: Write> LineWriter<W> {
    /// Writes to `out`, which stands at the beginning of a line.
    pub const fn new(out: W) -> Self {
        Self {
            out,
            within_line: false,
            taken: 0,
        }
    }

    /// Writes `lines`, each with its line feed, in one call of the writer if that takes them all.
    ///
    /// # Errors
    /// The writer's; some of the lines may have been written then.
    pub fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        self.taken = 0;
        if self.within_line {
            self.write_all(b"\n")?;
            self.taken = 0;
        }
        self.write_all(lines)
    }

    /// How many bytes of the last [`write`](Self::write) the writer took; all of them unless that failed.
    #[must_use]
    pub const fn taken(&self) -> usize {
        self.taken
    }

    /// Flushes the writer.
    ///
    /// # Errors
    /// The writer's.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// The writer, to change how it writes. What is written to it past this is no part of any line.
    pub const fn get_mut(&mut self) -> &mut W {
        &mut self.out
    }

    /// Gives the writer back, not flushed.
    #[must_use]
    pub fn into_inner(self) -> W {
        self.out
    }

    fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let before = self.within_line;
            // What was taken is not known while the call runs, should it panic.
            self.within_line = true;
            let written = self.out.write(bytes);
            // By the contract of `Write` a call that fails has taken nothing.
            self.within_line = before;
            match written {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(len) => {
                    self.within_line = bytes[len - 1] != b'\n';
                    self.taken += len;
                    bytes = &bytes[len..];
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    /// Does a step with each call, and takes everything when there are none left.
    #[derive(Default)]
    struct Scripted {
        steps: VecDeque<Step>,
        taken: Vec<u8>,
        calls: usize,
    }

    enum Step {
        Take(usize),
        Fail(io::ErrorKind),
        Panic,
    }

    impl Write for Scripted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.calls += 1;
            match self.steps.pop_front() {
                Some(Step::Take(len)) => self.taken.write(&bytes[..len]),
                Some(Step::Fail(kind)) => Err(kind.into()),
                Some(Step::Panic) => panic!("the script says so"),
                None => self.taken.write(bytes),
            }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What a writer has that met `steps` in a first write of two lines, and then was given a third.
    fn taken(steps: impl IntoIterator<Item = Step>) -> String {
        let mut out = LineWriter::new(Scripted {
            steps: steps.into_iter().collect(),
            ..Scripted::default()
        });
        let first = catch_unwind(AssertUnwindSafe(|| out.write(b"one\ntwo\n")));
        assert!(!matches!(first, Ok(Ok(()))), "the script fails it");
        out.write(b"three\n").unwrap();
        String::from_utf8(out.into_inner().taken).unwrap()
    }

    const FULL: Step = Step::Fail(io::ErrorKind::StorageFull);

    #[test]
    fn a_write_that_took_nothing_leaves_no_blank_line() {
        assert_eq!(taken([FULL]), "three\n");
        assert_eq!(taken([Step::Take(0)]), "three\n");
    }

    #[test]
    fn a_write_that_stopped_between_lines_leaves_no_blank_line() {
        assert_eq!(taken([Step::Take(4), FULL]), "one\nthree\n");
    }

    #[test]
    fn a_line_that_was_cut_off_is_ended_before_the_next() {
        assert_eq!(taken([Step::Take(2), FULL]), "on\nthree\n");
        assert_eq!(
            taken([Step::Take(2), Step::Take(3), FULL]),
            "one\nt\nthree\n"
        );
    }

    #[test]
    fn what_was_taken_of_a_write_that_failed_is_known() {
        let steps = [Step::Take(2), Step::Take(3), FULL, Step::Take(1), FULL];
        let mut out = LineWriter::new(Scripted {
            steps: steps.into(),
            ..Scripted::default()
        });
        out.write(b"one\ntwo\n").unwrap_err();
        assert_eq!(out.taken(), 5);
        out.write(b"three\n").unwrap_err();
        assert_eq!(
            out.taken(),
            0,
            "the end of the line before is not of this write"
        );
        out.write(b"three\n").unwrap();
        assert_eq!(out.taken(), 6);
    }

    #[test]
    fn after_a_panic_the_line_may_be_cut_off() {
        assert_eq!(taken([Step::Panic]), "\nthree\n");
    }

    #[test]
    fn the_end_of_a_cut_off_line_is_written_once() {
        let steps = [Step::Take(2), FULL, Step::Take(1), FULL];
        let mut out = LineWriter::new(Scripted {
            steps: steps.into(),
            ..Scripted::default()
        });
        assert!(out.write(b"one\n").is_err());
        assert!(out.write(b"two\n").is_err());
        out.write(b"three\n").unwrap();
        assert_eq!(out.into_inner().taken, b"on\nthree\n");
    }

    #[test]
    fn lines_are_given_in_one_call_and_an_interrupted_one_is_made_again() {
        let mut out = LineWriter::new(Scripted::default());
        out.write(b"one\ntwo\n").unwrap();
        assert_eq!(out.out.calls, 1);
        out.out
            .steps
            .push_back(Step::Fail(io::ErrorKind::Interrupted));
        out.write(b"three\n").unwrap();
        assert_eq!(out.into_inner().taken, b"one\ntwo\nthree\n");
    }
}
