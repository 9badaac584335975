//! What can be judged of lines without knowing the lines before: form, hash and signature. Batches are independent, so several
//! are worked on at once.

use std::collections::HashMap;

use counterfoil_core::Digest;
use counterfoil_merkle::{leaf_hashes, note::Judgement};
use counterfoil_signer::{Keyring, RecordSignature};

use crate::body::scan::Bad;
use crate::body::view::BodyReader;
use crate::line::LineView;
use crate::{AuditEventData, SrcId};

/// Whole lines of one file, and what was found out about each.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// The lines, each with its line feed.
    pub(crate) bytes: Vec<u8>,
    /// Which file, by its place in the list of files.
    pub(crate) file: usize,
    /// Offset of `bytes` in the file.
    pub(crate) offset: u64,
    pub(crate) lines: Vec<Line>,
    /// The sources that the lines name; a line has the index of its own.
    pub(crate) sources: Vec<SrcId>,
}

/// One line.
#[derive(Debug)]
pub(crate) struct Line {
    /// Where it begins in the batch.
    pub(crate) at: usize,
    pub(crate) len: usize,
    /// The hash that it states, if that could be located: 64 digits from here in the batch.
    pub(crate) stated: Option<usize>,
    /// The hash of its body, if that could be located.
    pub(crate) hash: Option<Digest>,
    /// Whether the two are the same.
    pub(crate) hash_holds: bool,
    pub(crate) form: Result<Form, Bad>,
}

/// What a well-formed line says.
#[derive(Debug)]
pub(crate) struct Form {
    pub(crate) seq: u64,
    /// `chain.id`: place and length in the batch.
    pub(crate) id: (usize, usize),
    /// `chain.prev`: 64 digits from here in the batch.
    pub(crate) prev: usize,
    /// `chain.time`: 30 bytes from here in the batch.
    pub(crate) time: usize,
    /// Index of the source and number there; absent when only hashes are judged.
    pub(crate) src: Option<(u32, u64)>,
    pub(crate) signature: Option<Box<Signature>>,
    pub(crate) log_data: Option<Box<AuditEventData>>,
}

/// A signature in a line.
#[derive(Debug)]
pub(crate) struct Signature {
    pub(crate) signature: RecordSignature,
    /// What the keys that were given say to it.
    pub(crate) judgement: Judgement,
}

/// Reads batches.
#[derive(Debug)]
pub(crate) struct BatchReader<'a> {
    keys: &'a Keyring,
    hash_only: bool,
    reader: BodyReader,
    /// Index of a source in the batch at hand.
    sources: HashMap<Vec<u8>, u32>,
    last_source: Vec<u8>,
    last_index: u32,
}

impl<'a> BatchReader<'a> {
    pub(crate) fn new(keys: &'a Keyring, hash_only: bool) -> Self {
        Self {
            keys,
            hash_only,
            reader: BodyReader::default(),
            sources: HashMap::new(),
            last_source: Vec::new(),
            last_index: 0,
        }
    }

    /// Fills in `lines` and `sources`.
    pub(crate) fn read(&mut self, batch: &mut Batch) {
        batch.lines.clear();
        batch.sources.clear();
        self.sources.clear();
        self.last_source.clear();
        let bytes = std::mem::take(&mut batch.bytes);
        // One check of the whole is faster than one per line, and nearly always all it takes.
        let all_utf8 = std::str::from_utf8(&bytes).is_ok();
        let mut bodies: Vec<&[u8]> = Vec::with_capacity(bytes.len() / 400);
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', &bytes) {
            let line = &bytes[start..=end];
            let (line, body) = self.line(line, start, all_utf8, batch);
            if line.stated.is_some() {
                bodies.push(&bytes[body.0..body.1]);
            }
            batch.lines.push(line);
            start = end + 1;
        }
        let mut hashes = leaf_hashes(&bodies).into_iter();
        for line in &mut batch.lines {
            if let Some(stated) = line.stated {
                line.hash = hashes.next();
                line.hash_holds = line
                    .hash
                    .is_some_and(|hash| hash.to_hex() == bytes[stated..stated + 64]);
            }
        }
        batch.bytes = bytes;
    }

    /// One line, not hashed yet, and the place of its body.
    fn line(
        &mut self,
        bytes: &[u8],
        at: usize,
        is_utf8: bool,
        batch: &mut Batch,
    ) -> (Line, (usize, usize)) {
        let mut line = Line {
            at,
            len: bytes.len(),
            stated: None,
            hash: None,
            hash_holds: false,
            form: Err(Bad {
                at: 0,
                expected: "a line",
            }),
        };
        let view = match LineView::parse(bytes) {
            Ok(view) => view,
            Err(bad) => {
                line.form = Err(bad);
                return (line, (0, 0));
            }
        };
        let body_at = at + 8;
        let place = (body_at, body_at + view.body.len());
        line.stated = Some(place.1 + 9);
        let utf8 = if is_utf8 {
            Ok(())
        } else {
            std::str::from_utf8(bytes).map(drop).map_err(|error| Bad {
                at: error.valid_up_to(),
                expected: "valid UTF-8",
            })
        };
        line.form = utf8.and_then(|()| {
            self.form(&view, body_at, batch).map_err(|bad| Bad {
                at: bad.at + 8,
                ..bad
            })
        });
        (line, place)
    }

    fn form(
        &mut self,
        view: &LineView<'_>,
        body_at: usize,
        batch: &mut Batch,
    ) -> Result<Form, Bad> {
        let (chain, src) = if self.hash_only {
            (self.reader.read_chain(view.body)?, None)
        } else {
            let body = self.reader.read(view.body)?;
            let index = self.source(body.src_id, batch);
            (body.chain, Some((index, body.n)))
        };
        // The header's members stand in a fixed order: `{"chain":{"id":"` ID `","prev":"` PREV `","seq":`.
        let id = body_at + 16;
        let prev = id + chain.id.len() + 10;
        let seq_len = chain.seq.checked_ilog10().unwrap_or(0) as usize + 1;
        let time = prev + 64 + 8 + seq_len + 9;
        let signature = view.signature.and_then(|view| view.to_signature());
        Ok(Form {
            seq: chain.seq,
            id: (id, chain.id.len()),
            prev,
            time,
            src,
            signature: signature.map(|signature| self.judge(signature, view.hash)),
            log_data: self.reader.take_log_data().map(Box::new),
        })
    }

    fn judge(&self, signature: RecordSignature, hash: &[u8; 64]) -> Box<Signature> {
        let judgement = match Digest::from_hex(hash) {
            Some(hash) => self.keys.verify_record(&hash, &signature),
            None => Judgement::Unknown,
        };
        Box::new(Signature {
            signature,
            judgement,
        })
    }

    /// Index of a source in the batch. Runs of records of one source are the rule.
    fn source(&mut self, id: &[u8], batch: &mut Batch) -> u32 {
        if id == self.last_source {
            return self.last_index;
        }
        let index = match self.sources.get(id) {
            Some(index) => *index,
            None => {
                let index = batch.sources.len() as u32;
                // The reader has checked the grammar, so this never takes the way out.
                let Some(src) = SrcId::from_text(id) else {
                    return index;
                };
                batch.sources.push(src);
                self.sources.insert(id.to_vec(), index);
                index
            }
        };
        self.last_source.clear();
        self.last_source.extend_from_slice(id);
        self.last_index = index;
        index
    }
}
