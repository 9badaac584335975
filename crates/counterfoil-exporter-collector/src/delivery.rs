//! The one way in which sealed lines get to a collector: exporter and shipper both go it.

use std::path::PathBuf;

use counterfoil_core::{ChainId, Digest, SealedLine};

use crate::cursor::Cursor;
use crate::{Acknowledged, Client, Error, ErrorKind};

const DELIVER: &str = "deliver to a collector";

/// One chain's way to a collector, with its cursor.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) client: Client,
    pub(crate) chain: ChainId,
    file: Option<PathBuf>,
    acknowledged: Option<(u64, Digest)>,
}

impl Delivery {
    /// Goes on from the cursor in `file`. A cursor of another chain, such as the incarnation before, counts for none.
    pub(crate) fn new(
        client: Client,
        chain: ChainId,
        file: Option<PathBuf>,
    ) -> Result<Self, Error> {
        let cursor = match &file {
            Some(path) => Cursor::load(path)?,
            None => None,
        };
        let cursor = cursor.filter(|cursor| cursor.chain == chain);
        Ok(Self {
            client,
            chain,
            file,
            acknowledged: cursor.map(|cursor| (cursor.seq, cursor.hash)),
        })
    }

    /// The last record that was acknowledged, as far as the cursor knows; `None` before the first.
    pub(crate) const fn acknowledged(&self) -> Option<(u64, Digest)> {
        self.acknowledged
    }

    /// Sends lines once and moves the cursor over what was acknowledged, also where the rest was refused. The number of the last of
    /// these lines that is durable at the collector.
    pub(crate) fn lines(&mut self, lines: &[SealedLine]) -> Result<u64, Error> {
        let size = lines.iter().map(|line| line.bytes.len()).sum();
        let mut body = Vec::with_capacity(size);
        for line in lines {
            body.extend_from_slice(&line.bytes);
        }
        match self.client.upload(&self.chain, &body) {
            Ok(answer) => self.taken(lines, &answer),
            Err(error) => {
                let upto = error.refusal().and_then(|refusal| refusal.acknowledged);
                let last = lines.iter().rfind(|line| Some(line.seq) <= upto);
                if let Some(last) = last {
                    self.advance(last.seq, last.hash)?;
                }
                Err(error)
            }
        }
    }

    /// Sends a checkpoint once.
    pub(crate) fn checkpoint(&self, note: &str) -> Result<Acknowledged, Error> {
        let line = crate::checkpoint_line(note);
        self.client.upload(&self.chain, &line)
    }

    /// Moves the cursor to where the collector's head is.
    pub(crate) fn advance(&mut self, seq: u64, hash: Digest) -> Result<(), Error> {
        if self.acknowledged == Some((seq, hash)) {
            return Ok(());
        }
        if let Some(path) = &self.file {
            let chain = self.chain.clone();
            Cursor { chain, seq, hash }.store(path)?;
        }
        self.acknowledged = Some((seq, hash));
        Ok(())
    }

    fn taken(&mut self, lines: &[SealedLine], answer: &Acknowledged) -> Result<u64, Error> {
        let last = lines.iter().rfind(|line| line.seq <= answer.seq);
        let Some(last) = last else {
            let context = format!(
                "{} acknowledged {} and was sent later records",
                self.client.url(),
                answer.seq
            );
            return Err(Error::new(ErrorKind::Protocol, DELIVER, context));
        };
        if last.seq == answer.seq && last.hash != answer.hash {
            let context = format!(
                "{} acknowledged record {} with the hash {}, and here it has {}; keep both logs and compare them",
                self.client.url(),
                last.seq,
                answer.hash,
                last.hash
            );
            return Err(Error::new(ErrorKind::Fork, DELIVER, context));
        }
        let (seq, hash) = (last.seq, last.hash);
        self.advance(seq, hash)?;
        Ok(seq)
    }
}
