//! How far a verification is, for whoever waits for it.

use std::fmt;
use std::io::{self, Read};

use super::VerifyOptions;

/// Is told how many bytes were read, some thousand times per gigabyte, on the thread that verifies.
#[derive(Clone, Copy)]
pub struct Progress<'a>(pub &'a (dyn Fn(u64) + Sync));

impl fmt::Debug for Progress<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Progress")
    }
}

/// Counts what is read over all files of a log.
#[derive(Debug)]
pub(crate) struct Watched<'a> {
    progress: Option<Progress<'a>>,
    bytes: u64,
}

impl<'a> Watched<'a> {
    pub(crate) const fn new(options: &VerifyOptions<'a>) -> Self {
        Self {
            progress: options.progress,
            bytes: 0,
        }
    }

    /// The same reader, watched.
    pub(crate) fn over<R: Read>(&mut self, reader: R) -> impl Read {
        Watching {
            reader,
            watched: self,
        }
    }
}

struct Watching<'w, 'a, R> {
    reader: R,
    watched: &'w mut Watched<'a>,
}

impl<R: Read> Read for Watching<'_, '_, R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(buf)?;
        self.watched.bytes += read as u64;
        if let Some(Progress(tell)) = self.watched.progress {
            tell(self.watched.bytes);
        }
        Ok(read)
    }
}
