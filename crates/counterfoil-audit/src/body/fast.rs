//! The body of a lifecycle event, straight from its words: the path that every lease takes.
//!
//! What stays the same from record to record (the chain's id, names, a kind's fixed text) is rendered once and copied in
//! blocks of constant size, whose surplus the next part overwrites; only numbers and times are written anew. The bytes are
//! those of [`encode`](super::encode), which a property test holds them to. Whatever this path does not know it leaves to
//! that one.

use counterfoil_core::{
    Digest, EVENT_WORDS, EventWords, FabricError, NameId, OpType, ResourceType, Timestamp,
};

use super::encode::who;
use super::json::{JsonOut, escape_into};
use super::text::{decimal, hex_into, nine_digits};
use crate::hash::padded_leaf_hash;
use crate::{SrcId, Text, Who};

/// Room for a line: more than the fixed parts, the longest numbers, a request id and the pieces below can take together.
const LEN: usize = 2_304;
/// Longest `who` object that is cached, and longest name.
const WHO_LEN: usize = 448;
const NAME_LEN: usize = 192;
/// Direct-mapped slots for each.
const SLOTS: usize = 64;
/// What stands before the body in a line.
const LINE_PREFIX: &[u8; 8] = b"{\"body\":";
const AFTER_PREV: &[u8; 8] = b"\",\"seq\":";

const HAS_LEASE: u64 = 1 << 16;
const HAS_BY: u64 = 1 << 17;

/// Renders lines of lifecycle events.
#[derive(Debug)]
pub(crate) struct FastLine {
    buf: Box<[u8; LEN]>,
    /// Where `prev` begins: after the line's prefix and the chain's id.
    prev_at: usize,
    /// The record whose `prev` stands there already.
    prev_of: u64,
    chain_time: SecondsCache,
    src_time: SecondsCache,
    who: Vec<Piece<WHO_LEN, [u64; 3]>>,
    names: Vec<Piece<NAME_LEN, u32>>,
    /// From the end of the data to the beginning of the keys: per kind 1 to 5 and resource.
    leases: Vec<Piece<NAME_LEN, ()>>,
    /// The same of a failed operation, per error and operation.
    failures: Vec<Piece<NAME_LEN, ()>>,
}

/// Rendered text, zero-padded to whole blocks.
#[derive(Clone, Debug)]
struct Piece<const N: usize, K> {
    key: K,
    len: usize,
    bytes: [u8; N],
}

impl<const N: usize, K> Piece<N, K> {
    fn new(key: K, text: &[u8]) -> Option<Self> {
        let mut bytes = [0; N];
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        Some(Self {
            key,
            len: text.len(),
            bytes,
        })
    }
}

/// Date and time to the second of the last time rendered.
#[derive(Clone, Copy, Debug)]
struct SecondsCache {
    second: u64,
    /// `YYYY-MM-DDTHH:MM:SS.`
    text: [u8; 20],
}

impl SecondsCache {
    const fn new() -> Self {
        Self {
            second: u64::MAX,
            text: [0; 20],
        }
    }

    #[inline]
    fn put(&mut self, time: Timestamp, out: &mut Out<'_>) {
        const NANOS: u64 = 1_000_000_000;
        let (second, nanos) = (time.unix_nanos() / NANOS, time.unix_nanos() % NANOS);
        if second != self.second {
            self.second = second;
            self.text.copy_from_slice(&time.to_text()[..20]);
        }
        let (first, rest) = nine_digits(nanos as u32);
        out.put(&self.text);
        out.put(&[first]);
        out.put(&rest);
        out.put(b"Z");
    }
}

/// A record's place in its chain, as [`super::encode::Place`] with the numbers that only events have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EventPlace<'a> {
    pub(crate) prev: &'a [u8; 64],
    pub(crate) seq: u64,
    pub(crate) time: Timestamp,
    pub(crate) src: &'a SrcId,
    pub(crate) n: u64,
    pub(crate) src_time: Timestamp,
}

/// Where the next byte goes.
struct Out<'a> {
    buf: &'a mut [u8; LEN],
    at: usize,
}

impl Out<'_> {
    #[inline]
    fn put<const N: usize>(&mut self, literal: &[u8; N]) {
        self.buf[self.at..self.at + N].copy_from_slice(literal);
        self.at += N;
    }

    /// Copies `N` bytes of which `len` count.
    #[inline]
    fn put_padded<const N: usize>(&mut self, bytes: &[u8; N], len: usize) {
        self.buf[self.at..self.at + N].copy_from_slice(bytes);
        self.at += len;
    }

    #[inline]
    fn piece<const N: usize, K>(&mut self, piece: &Piece<N, K>) {
        for (index, block) in piece.bytes.as_chunks::<64>().0.iter().enumerate() {
            if index * 64 >= piece.len {
                break;
            }
            let at = self.at + index * 64;
            self.buf[at..at + 64].copy_from_slice(block);
        }
        self.at += piece.len;
    }

    #[inline]
    fn decimal(&mut self, value: u64) {
        if let Some(room) = self.buf[self.at..].first_chunk_mut() {
            self.at += decimal(value, room);
        }
    }

    #[inline]
    fn hex<const N: usize>(&mut self, bytes: &[u8]) {
        hex_into(bytes, &mut self.buf[self.at..self.at + N]);
        self.at += N;
    }
}

impl FastLine {
    pub(crate) fn new(chain: &str) -> Self {
        let mut buf = Box::new([0; LEN]);
        let mut prefix = LINE_PREFIX.to_vec();
        prefix.extend_from_slice(b"{\"chain\":{\"id\":\"");
        prefix.extend_from_slice(chain.as_bytes());
        prefix.extend_from_slice(b"\",\"prev\":\"");
        buf[..prefix.len()].copy_from_slice(&prefix);
        let prev_at = prefix.len();
        buf[prev_at + 64..prev_at + 72].copy_from_slice(AFTER_PREV);
        Self {
            buf,
            prev_at,
            prev_of: 0,
            chain_time: SecondsCache::new(),
            src_time: SecondsCache::new(),
            who: vec![empty([0; 3]); SLOTS],
            names: vec![empty(0); SLOTS],
            leases: lease_pieces(),
            failures: failure_pieces(),
        }
    }

    /// Appends the line of an event; the hash of its body, and that in hexadecimal. `None`, and nothing appended, for events
    /// that this path does not know.
    #[inline]
    pub(crate) fn render(
        &mut self,
        words: &EventWords,
        place: &EventPlace<'_>,
        lines: &mut Vec<u8>,
    ) -> Option<(Digest, [u8; 64])> {
        let used = words.used();
        let fixed: &[u64; 12] = used.first_chunk()?;
        let end = self.body(fixed, &used[12..], place)?;
        // The byte in front of the body takes the leaf's prefix while the body is hashed, and the padding stands where the
        // end of the line will.
        self.buf[7] = 0;
        let hash = padded_leaf_hash(&mut self.buf[..], 7, end);
        self.buf[7] = b':';
        let mut out = Out {
            buf: &mut self.buf,
            at: end,
        };
        let mut digits = [0; 64];
        hex_into(hash.as_bytes(), &mut digits);
        out.put(b",\"hash\":\"");
        out.put(&digits);
        out.put(b"\"}\n");
        let len = out.at;
        lines.extend_from_slice(&self.buf[..len]);
        self.buf[self.prev_at..self.prev_at + 64].copy_from_slice(&digits);
        self.prev_of = place.seq + 1;
        Some((hash, digits))
    }

    /// Writes the body; where it ends.
    #[inline]
    fn body(
        &mut self,
        words: &[u64; 12],
        request: &[u64],
        place: &EventPlace<'_>,
    ) -> Option<usize> {
        let [kind, resource, op, error, ..] = words[1].to_le_bytes();
        let tail = match kind {
            1..=5 if usize::from(resource) < ResourceType::ALL.len() => {
                let row = usize::from(kind - 1) * ResourceType::ALL.len();
                self.leases.get(row + usize::from(resource))?
            }
            6 if usize::from(op) < OpType::ALL.len() => {
                // Encoders leave the resource of a failure at zero, and decoders refuse what is no resource.
                let known = usize::from(resource) < ResourceType::ALL.len();
                let row = usize::from(error) * OpType::ALL.len();
                self.failures.get(row + usize::from(op)).filter(|_| known)?
            }
            _ => return None,
        };
        let node = words[3] >> 32;
        let (has_lease, has_node) = if kind == 6 {
            (words[9] & HAS_LEASE != 0, node != 0)
        } else {
            (true, true)
        };
        let mut out = Out {
            buf: &mut self.buf,
            at: self.prev_at,
        };
        if self.prev_of == place.seq {
            out.at += place.prev.len();
        } else {
            out.put(place.prev);
        }
        out.at += AFTER_PREV.len();
        out.decimal(place.seq);
        out.put(b",\"time\":\"");
        self.chain_time.put(place.time, &mut out);
        out.put(b"\"},\"event\":{\"data\":{");
        match kind {
            1 => {
                out.put(b"\"bytes\":\"");
                out.decimal(words[10]);
                out.put(b"\",");
            }
            5 if words[9] & HAS_BY != 0 => {
                out.put(b"\"by_lease\":\"");
                out.decimal(words[11]);
                out.put(b"\",");
            }
            6 => {
                out.put(b"\"bytes\":\"");
                out.decimal(words[10]);
                out.put(b"\",\"elapsed_ns\":\"");
                out.decimal(words[11]);
                out.put(b"\",");
            }
            _ => {}
        }
        if kind == 5 {
            out.put(b"\"reason\":");
            out.piece(name(&mut self.names, (words[1] >> 32) as u32)?);
            out.put(b",");
        }
        if kind == 2 {
            out.piece(tail);
            out.decimal(words[10]);
            out.put(b"\"},\"kind\":\"lease_renewed\",\"outcome\":\"success\"},\"keys\":{");
        } else {
            out.piece(tail);
        }
        if has_lease {
            out.put(b"\"lease\":\"");
            out.decimal(words[2]);
            out.put(b"\",");
        }
        if has_node {
            out.put(b"\"node\":");
            out.piece(name(&mut self.names, node as u32)?);
            out.put(b",");
        }
        keys(&mut out, words, request)?;
        // Each key left a comma behind it, which the end of the object takes; an empty object has none.
        if out.buf[out.at - 1] == b',' {
            out.at -= 1;
        }
        out.put(b"},\"src\":{\"id\":\"");
        let (src, len) = place.src.padded();
        out.put_padded(src, len);
        out.put(b"\",\"n\":");
        out.decimal(place.n);
        out.put(b",\"time\":\"");
        self.src_time.put(place.src_time, &mut out);
        out.put(b"\"},\"v\":1,\"who\":");
        let key = [words[3] & 0xffff_ffff, words[4], words[5]];
        out.piece(who_piece(&mut self.who, key)?);
        out.put(b"}");
        Some(out.at)
    }
}

/// Request, span and trace, each with a comma behind it.
#[inline]
fn keys(out: &mut Out<'_>, words: &[u64; 12], request: &[u64]) -> Option<()> {
    let len = (words[9] & 0xff) as usize;
    if len > 0 {
        let mut text = [0; 8 * (EVENT_WORDS - 12)];
        for (chunk, word) in text.as_chunks_mut::<8>().0.iter_mut().zip(request) {
            *chunk = word.to_le_bytes();
        }
        let valid = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        if !text.get(..len)?.iter().fold(true, |all, b| all & valid(b)) {
            return None;
        }
        out.put(b"\"request\":\"");
        out.put_padded(&text, len);
        out.put(b"\",");
    }
    if (words[6] | words[7]) != 0 && words[8] != 0 {
        out.put(b"\"span\":\"");
        out.hex::<16>(&words[8].to_le_bytes());
        out.put(b"\",\"trace\":\"");
        out.hex::<16>(&words[6].to_le_bytes());
        out.hex::<16>(&words[7].to_le_bytes());
        out.put(b"\",");
    }
    Some(())
}

fn empty<const N: usize, K>(key: K) -> Piece<N, K> {
    Piece {
        key,
        len: 0,
        bytes: [0; N],
    }
}

/// The name with this number as a JSON string; `None` for none, and for one that is too long to be cached.
#[inline]
fn name(slots: &mut [Piece<NAME_LEN, u32>], id: u32) -> Option<&Piece<NAME_LEN, u32>> {
    let slot = id as usize % SLOTS;
    if slots[slot].key != id || id == 0 {
        slots[slot] = render_name(id)?;
    }
    Some(&slots[slot])
}

#[cold]
fn render_name(id: u32) -> Option<Piece<NAME_LEN, u32>> {
    let name = NameId::from_raw(id).resolve()?;
    let mut text = vec![b'"'];
    escape_into(name.as_str(), &mut text);
    text.push(b'"');
    Piece::new(id, &text)
}

/// The object `who` of a context with these words.
#[inline]
fn who_piece(
    slots: &mut [Piece<WHO_LEN, [u64; 3]>],
    key: [u64; 3],
) -> Option<&Piece<WHO_LEN, [u64; 3]>> {
    // The tenant and the workload tell contexts apart best; the multiplication spreads numbers that are close.
    let mixed = (key[0] ^ key[1].rotate_left(21) ^ key[2].rotate_left(42))
        .wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let slot = (mixed >> 58) as usize % SLOTS;
    // Compared word by word: as a whole it would be read back in wider parts than it was just written.
    let [tenant, workload, tag] = slots[slot].key;
    if tenant != key[0] || workload != key[1] || tag != key[2] || slots[slot].len == 0 {
        slots[slot] = render_who(key)?;
    }
    Some(&slots[slot])
}

#[cold]
fn render_who(key: [u64; 3]) -> Option<Piece<WHO_LEN, [u64; 3]>> {
    let text = |raw: u64| {
        let name = NameId::from_raw(raw as u32).resolve();
        name.map(|name| Text::from(&name))
    };
    let rendered = Who {
        // A context always has a tenant, so words without one were made by nobody.
        tenant: Some(text(key[0])?),
        workload: text(key[1]),
        principal: text(key[1] >> 32),
        tag: text(key[2]),
        from: text(key[2] >> 32),
    };
    let mut bytes = Vec::new();
    who(&mut JsonOut::new(&mut bytes), &rendered);
    Piece::new(key, &bytes)
}

fn lease_pieces() -> Vec<Piece<NAME_LEN, ()>> {
    let kinds = [
        ("lease_allocated", "success"),
        ("lease_renewed", "success"),
        ("lease_released", "success"),
        ("lease_expired", "failure"),
        ("lease_preempted", "failure"),
    ];
    kinds
        .iter()
        .flat_map(|kind| {
            ResourceType::ALL
                .iter()
                .map(move |resource| (kind, resource))
        })
        .filter_map(|((kind, outcome), resource)| {
            let end = if *kind == "lease_renewed" {
                ",\"ttl_ms\":\"".to_owned()
            } else {
                format!("}},\"kind\":\"{kind}\",\"outcome\":\"{outcome}\"}},\"keys\":{{")
            };
            Piece::new((), format!("\"resource\":\"{resource}\"{end}").as_bytes())
        })
        .collect()
}

fn failure_pieces() -> Vec<Piece<NAME_LEN, ()>> {
    FabricError::ALL
        .iter()
        .flat_map(|error| OpType::ALL.iter().map(move |op| (error, op)))
        .filter_map(|(error, op)| {
            let text = format!(
                "\"error\":\"{error}\",\"op\":\"{op}\"}},\"kind\":\"operation_failed\",\"outcome\":\"failure\"}},\"keys\":{{"
            );
            Piece::new((), text.as_bytes())
        })
        .collect()
}
