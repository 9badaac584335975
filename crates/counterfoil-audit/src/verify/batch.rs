//! What can be judged of lines without knowing the lines before: form, hash and signature. Batches are independent, so several
//! are worked on at once.

use std::collections::HashMap;

use counterfoil_core::Digest;
use counterfoil_merkle::{Subtrees, leaf_hashes, note::Judgement};
use counterfoil_signer::RecordSignature;

use super::log_keys::Keys;
use crate::body::pointer::{Commitment, commitments, may_hold_commitment};
use crate::body::scan::Bad;
use crate::body::text::hex_into;
use crate::body::view::BodyReader;
use crate::line::LineView;
use crate::log::kind_counts::KindIndex;
use crate::{AuditEventData, SrcId};

/// Whole lines of one file, and what was found out about each.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// The lines, each with its line feed.
    pub(crate) bytes: Vec<u8>,
    /// Offset of `bytes` in the file.
    pub(crate) offset: u64,
    pub(crate) parsed: Parsed,
}

/// What was found out about each of some whole lines.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    pub(crate) lines: Vec<Line>,
    /// The sources that the lines name; a line has the index of its own.
    pub(crate) sources: Vec<SrcId>,
    /// The nodes over all lines, in the place that the numbers of the lines claim; `None` where a line is malformed
    /// or asks for the root up to itself.
    pub(crate) subtrees: Option<Subtrees>,
}

/// One line. Kept small: there is one per record, and it moves.
#[derive(Debug)]
pub(crate) struct Line {
    /// Where it begins in the batch.
    at: u32,
    len: u32,
    /// Length of the body; `None` if it could not be located.
    body: Option<u16>,
    /// The hash of the body, if that could be located.
    hash: Digest,
    /// Whether the line states that hash.
    pub(crate) hash_holds: bool,
    pub(crate) form: Result<Form, Bad>,
}

/// What a well-formed line says.
#[derive(Debug)]
pub(crate) struct Form {
    pub(crate) seq: u64,
    /// Number in the lane; 0 when only hashes are judged.
    pub(crate) n: u64,
    /// Index of the source.
    pub(crate) source: u32,
    /// What it is about; unknown when only hashes are judged.
    pub(crate) kind: KindIndex,
    /// Length of `chain.id`.
    id_len: u16,
    /// What few lines have.
    pub(crate) special: Option<Box<Special>>,
}

/// A signature, what the log says about itself, or commitments.
#[derive(Debug, Default)]
pub(crate) struct Special {
    pub(crate) signature: Option<Signature>,
    pub(crate) log_data: Option<AuditEventData>,
    /// Commitments to erasable values.
    pub(crate) commitments: Vec<Commitment>,
}

impl Line {
    /// Where it begins among the lines it was read with.
    pub(crate) const fn at(&self) -> usize {
        self.at as usize
    }

    /// Where it ends there, behind its line feed.
    pub(crate) const fn end(&self) -> usize {
        self.at as usize + self.len as usize
    }

    /// Its bytes, of the lines it was read with.
    pub(crate) fn bytes<'a>(&self, lines: &'a [u8]) -> &'a [u8] {
        &lines[self.at()..self.end()]
    }

    /// The hash of its body, if that could be located.
    pub(crate) fn hash(&self) -> Option<Digest> {
        self.body.map(|_| self.hash)
    }

    /// The hash that its bytes state, as 64 digits that nobody has checked, if it could be located.
    pub(crate) fn stated<'a>(&self, line: &'a [u8]) -> Option<&'a [u8; 64]> {
        let at = 8 + usize::from(self.body?) + 9;
        line[at..].first_chunk()
    }

    fn body_place(&self) -> Option<(usize, usize)> {
        let start = self.at() + 8;
        self.body.map(|len| (start, start + usize::from(len)))
    }
}

impl Form {
    /// Whether the record is about the root over those before it, or over itself and them.
    fn asks_for_root(&self) -> bool {
        let data = self.special.as_ref().and_then(|it| it.log_data.as_ref());
        matches!(
            data,
            Some(AuditEventData::EpochStarted(_) | AuditEventData::KeyRotated(_))
        )
    }

    /// `chain.id`, `chain.prev` and `chain.time` of a line. The header's members stand in a fixed order, so their places follow
    /// from the lengths: `{"chain":{"id":"` ID `","prev":"` PREV `","seq":` SEQ `,"time":"` TIME.
    pub(crate) fn chain<'a>(
        &self,
        line: &'a [u8],
    ) -> Option<(&'a [u8], &'a [u8; 64], &'a [u8; 30])> {
        let id = line.get(24..)?;
        let (id, rest) = id.split_at_checked(usize::from(self.id_len))?;
        let prev = rest.get(10..)?.first_chunk()?;
        let digits = self.seq.checked_ilog10().unwrap_or(0) as usize + 1;
        let time = rest.get(10 + 64 + 8 + digits + 9..)?.first_chunk()?;
        Some((id, prev, time))
    }
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
    keys: Keys<'a>,
    hash_only: bool,
    reader: BodyReader,
    /// Index of a source in the batch at hand.
    sources: HashMap<Vec<u8>, u32>,
    /// Whether a line of the batch at hand may hold a commitment.
    erasable: bool,
    last_source: Vec<u8>,
    last_index: u32,
}

impl<'a> BatchReader<'a> {
    pub(crate) fn new(keys: Keys<'a>, hash_only: bool) -> Self {
        Self {
            keys,
            hash_only,
            reader: BodyReader::default(),
            sources: HashMap::new(),
            erasable: false,
            last_source: Vec::new(),
            last_index: 0,
        }
    }

    /// Finds out what can be known of whole lines, each by itself.
    pub(crate) fn read(&mut self, bytes: &[u8], parsed: &mut Parsed) {
        parsed.lines.clear();
        parsed.sources.clear();
        self.sources.clear();
        self.last_source.clear();
        self.erasable = !self.hash_only && may_hold_commitment(bytes);
        // One check of the whole is faster than one per line, and nearly always all it takes.
        let all_utf8 = std::str::from_utf8(bytes).is_ok();
        let mut bodies: Vec<&[u8]> = Vec::with_capacity(bytes.len() / 400);
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', bytes) {
            let line = &bytes[start..=end];
            let (body, form) = self.line(line, all_utf8, &mut parsed.sources);
            let line = Line {
                at: start as u32,
                len: line.len() as u32,
                body,
                hash: Digest::ZERO,
                hash_holds: false,
                form,
            };
            if let Some((from, to)) = line.body_place() {
                bodies.push(&bytes[from..to]);
            }
            parsed.lines.push(line);
            start = end + 1;
        }
        let hashes = leaf_hashes(&bodies);
        let mut in_order = hashes.iter().copied();
        let lines = parsed.lines.iter_mut();
        for line in lines.filter(|line| line.body.is_some()) {
            line.hash = in_order.next().unwrap_or_default();
            let mut digits = [0; 64];
            hex_into(line.hash.as_bytes(), &mut digits);
            let stated = line.stated(line.bytes(bytes));
            line.hash_holds = stated == Some(&digits);
            // Digits of a hash that holds are digits.
            if !line.hash_holds
                && line.form.is_ok()
                && let Some(stated) = stated
                && let Some(at) = stated.iter().position(|digit| !is_hex(*digit))
            {
                let hash_at = 8 + usize::from(line.body.unwrap_or(0)) + 9;
                line.form = Err(Bad {
                    at: hash_at + at,
                    expected: "a lower-case hexadecimal digit",
                });
            }
        }
        parsed.subtrees = subtrees(&parsed.lines, &hashes);
    }

    /// The length of a line's body, and what the line says.
    fn line(
        &mut self,
        line: &[u8],
        is_utf8: bool,
        sources: &mut Vec<SrcId>,
    ) -> (Option<u16>, Result<Form, Bad>) {
        let view = match LineView::parse(line) {
            Ok(view) => view,
            Err(bad) => return (None, Err(bad)),
        };
        if !is_utf8 && let Err(error) = std::str::from_utf8(line) {
            let bad = Bad {
                at: error.valid_up_to(),
                expected: "valid UTF-8",
            };
            return (u16::try_from(view.body.len()).ok(), Err(bad));
        }
        let form = self.form(&view, sources).map_err(|bad| Bad {
            at: bad.at + 8,
            ..bad
        });
        // `LineView` takes no body that is longer than 65 535 bytes.
        (u16::try_from(view.body.len()).ok(), form)
    }

    #[inline]
    fn form(&mut self, view: &LineView<'_>, sources: &mut Vec<SrcId>) -> Result<Form, Bad> {
        let (chain, source, n, kind) = if self.hash_only {
            (
                self.reader.read_chain(view.body)?,
                0,
                0,
                KindIndex::EXTENSION,
            )
        } else {
            let body = self.reader.read(view.body)?;
            let source = self.source(body.src_id, sources);
            (body.chain, source, body.n, self.reader.kind())
        };
        let log_data = self.reader.take_log_data();
        let commitments = if self.erasable && may_hold_commitment(view.body) {
            commitments(view.body)
        } else {
            Vec::new()
        };
        let special = (log_data.is_some() || view.signature.is_some() || !commitments.is_empty())
            .then(|| {
                let signature = view.signature.and_then(|view| view.to_signature());
                Box::new(Special {
                    signature: signature.map(|signature| self.judge(signature, view.hash)),
                    log_data,
                    commitments,
                })
            });
        Ok(Form {
            seq: chain.seq,
            n,
            source,
            kind,
            // A chain id has at most 200 bytes.
            id_len: chain.id.len() as u16,
            special,
        })
    }

    fn judge(&self, signature: RecordSignature, hash: &[u8; 64]) -> Signature {
        let judgement = match Digest::from_hex(hash) {
            Some(hash) => self.keys.verify_record(&hash, &signature),
            None => Judgement::Unknown,
        };
        Signature {
            signature,
            judgement,
        }
    }

    /// Index of a source in the batch. Runs of records of one source are the rule.
    fn source(&mut self, id: &[u8], sources: &mut Vec<SrcId>) -> u32 {
        if id == self.last_source {
            return self.last_index;
        }
        let index = match self.sources.get(id) {
            Some(index) => *index,
            None => {
                let index = sources.len() as u32;
                // The reader has checked the grammar, so this never takes the way out.
                let Some(src) = SrcId::from_text(id) else {
                    return index;
                };
                sources.push(src);
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

const fn is_hex(digit: u8) -> bool {
    matches!(digit, b'0'..=b'9' | b'a'..=b'f')
}

/// The nodes over the lines, which stand where the first line says. Whether that is true is seen when they are joined.
fn subtrees(lines: &[Line], hashes: &[Digest]) -> Option<Subtrees> {
    let fit = |line: &Line| line.form.as_ref().is_ok_and(|form| !form.asks_for_root());
    let all_fit = lines.iter().all(fit);
    let first = lines.first()?.form.as_ref().ok()?;
    (all_fit && lines.len() == hashes.len()).then(|| Subtrees::of(first.seq - 1, hashes))
}
