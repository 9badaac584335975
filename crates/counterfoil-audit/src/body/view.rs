//! The header of a body, read strictly and without copying (audit specification §3).

use counterfoil_core::{ChainId, ExtensionKind, RequestId, Timestamp};

use super::scan::{Bad, Cursor, RawText};
use super::tree;
use crate::data::AuditEventData;
use crate::log::kind_counts::KindIndex;
use crate::{AuditEventKind, Lane, Object, Outcome};

/// A body, as it is written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BodyView<'a> {
    pub(crate) chain: ChainView<'a>,
    /// The object `event.data`.
    pub(crate) data: &'a [u8],
    pub(crate) kind: &'a [u8],
    pub(crate) outcome: Outcome,
    pub(crate) keys: KeysView<'a>,
    pub(crate) src_id: &'a [u8],
    pub(crate) n: u64,
    pub(crate) src_time: &'a [u8; 30],
    /// What stands behind `"who":{`, up to the end of the body.
    who: &'a [u8],
}

impl<'a> BodyView<'a> {
    /// The object `who`.
    pub(crate) fn who(&self) -> WhoView<'a> {
        // The reader found it well-formed, so the default never comes out.
        who(&mut Cursor::new(self.who)).unwrap_or_default()
    }
}

/// The object `chain`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ChainView<'a> {
    pub(crate) id: &'a [u8],
    pub(crate) prev: &'a [u8; 64],
    pub(crate) seq: u64,
    pub(crate) time: &'a [u8; 30],
}

/// The object `keys`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KeysView<'a> {
    pub(crate) lease: Option<u64>,
    pub(crate) node: Option<RawText<'a>>,
    pub(crate) request: Option<&'a [u8]>,
    pub(crate) span: Option<&'a [u8; 16]>,
    pub(crate) trace: Option<&'a [u8; 32]>,
}

/// The object `who`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WhoView<'a> {
    pub(crate) from: Option<RawText<'a>>,
    pub(crate) principal: Option<RawText<'a>>,
    pub(crate) tag: Option<RawText<'a>>,
    pub(crate) tenant: Option<RawText<'a>>,
    pub(crate) workload: Option<RawText<'a>>,
}

/// Reads bodies; remembers what it saw last, because the next body mostly has the same.
#[derive(Debug, Default)]
pub(crate) struct BodyReader {
    /// The last chain id that was found valid.
    id: Vec<u8>,
    /// Date and time to the second that were found valid, for `chain.time` and for `src.time`.
    seconds: [[u8; 20]; 2],
    /// The last kind that was found valid and is not about the log.
    kind: Vec<u8>,
    kind_index: KindIndex,
    /// The index of the kind of the last body.
    last_kind: KindIndex,
    /// The last end of a body that was found valid, from the inside of `who` on.
    who: Vec<u8>,
    /// The data of the last body, where it was a record of the log about itself.
    log_data: Option<AuditEventData>,
}

impl BodyReader {
    /// Reads the whole body. `body` must be UTF-8.
    pub(crate) fn read<'a>(&mut self, body: &'a [u8]) -> Result<BodyView<'a>, Bad> {
        self.log_data = None;
        let mut at = Cursor::new(body);
        let chain = self.chain(&mut at)?;
        at.literal(b",\"event\":{\"data\":", "the member event.data")?;
        let (from, data_at) = (at.rest(), at.clone());
        at.object(3)?;
        let data = &from[..from.len() - at.rest().len()];
        at.literal(b",\"kind\":\"", "the member event.kind")?;
        let kind_at = at.clone();
        let kind = at.string()?.bytes;
        self.last_kind = self.kind_index;
        if kind != self.kind {
            let closed = AuditEventKind::closed(kind);
            self.last_kind = closed.as_ref().map_or(KindIndex::EXTENSION, KindIndex::of);
            match closed {
                Some(closed) if closed.is_about_the_log() => {
                    self.log_data = Some(log_data(&closed, data, &data_at)?);
                }
                None if !ExtensionKind::is_valid(kind) => {
                    return kind_at.bad("a kind of the specification or <namespace>.<name>");
                }
                _ => {
                    kind.clone_into(&mut self.kind);
                    self.kind_index = self.last_kind;
                }
            }
        }
        at.literal(b",\"outcome\":\"", "the member event.outcome")?;
        let outcome_at = at.clone();
        let Some(outcome) = Outcome::from_text(at.string()?.bytes) else {
            return outcome_at.bad("success, failure or unknown");
        };
        at.literal(b"},\"keys\":{", "the object keys")?;
        let keys = keys(&mut at)?;
        at.literal(b",\"src\":{\"id\":\"", "the member src.id")?;
        let src_at = at.clone();
        let src_id = at.string()?.bytes;
        if !is_src_id(src_id) {
            return src_at.bad("<16 hexadecimal digits>/<lane>");
        }
        at.literal(b",\"n\":", "the member src.n")?;
        let n = at.position("an integer from 1 to 2^53-1")?;
        at.literal(b",\"time\":\"", "the member src.time")?;
        let src_time = self.time(&mut at, 1)?;
        at.literal(b"\"},\"v\":1,\"who\":{", "v 1 and the object who")?;
        let who = at.rest();
        if who != self.who {
            end(&mut at)?;
            who.clone_into(&mut self.who);
        }
        Ok(BodyView {
            chain,
            data,
            kind,
            outcome,
            keys,
            src_id,
            n,
            src_time,
            who,
        })
    }

    /// The kind of the body that was read last.
    pub(crate) const fn kind(&self) -> KindIndex {
        self.last_kind
    }

    /// The data of the body that was read last, if it was a record of the log about itself.
    pub(crate) fn take_log_data(&mut self) -> Option<AuditEventData> {
        self.log_data.take()
    }

    /// Reads the object `chain` alone.
    pub(crate) fn read_chain<'a>(&mut self, body: &'a [u8]) -> Result<ChainView<'a>, Bad> {
        self.chain(&mut Cursor::new(body))
    }

    fn chain<'a>(&mut self, at: &mut Cursor<'a>) -> Result<ChainView<'a>, Bad> {
        at.literal(b"{\"chain\":{\"id\":\"", "the member chain.id")?;
        let id_at = at.clone();
        let id = at.string()?.bytes;
        if id != self.id {
            let valid = std::str::from_utf8(id).is_ok_and(|id| ChainId::new(id).is_ok());
            if !valid {
                return id_at.bad("a chain id");
            }
            self.id = id.to_vec();
        }
        at.literal(b",\"prev\":\"", "the member chain.prev")?;
        let prev = at.hex::<64>("64 hexadecimal digits")?;
        at.literal(b"\",\"seq\":", "the member chain.seq")?;
        let seq = at.position("an integer from 1 to 2^53-1")?;
        at.literal(b",\"time\":\"", "the member chain.time")?;
        let time = self.time(at, 0)?;
        at.literal(b"\"}", "the end of the object chain")?;
        Ok(ChainView {
            id,
            prev,
            seq,
            time,
        })
    }

    /// A time; `which` remembers its date. A date that was valid a record ago still is.
    #[inline]
    fn time<'a>(&mut self, at: &mut Cursor<'a>, which: usize) -> Result<&'a [u8; 30], Bad> {
        const WHAT: &str = "a time such as 2026-11-20T19:55:54.000000000Z";
        let before = at.clone();
        let time = at.chunk::<30>(WHAT)?;
        let nanos = &time[20..29];
        if time[..20] == self.seconds[which]
            && nanos.iter().fold(true, |all, d| all & d.is_ascii_digit())
            && time[29] == b'Z'
        {
            return Ok(time);
        }
        if Timestamp::from_text(time).is_none() {
            return before.bad(WHAT);
        }
        self.seconds[which].copy_from_slice(&time[..20]);
        Ok(time)
    }
}

/// Data of the log about itself must conform to its schema, for the other checks read it.
#[cold]
fn log_data(kind: &AuditEventKind, data: &[u8], at: &Cursor<'_>) -> Result<AuditEventData, Bad> {
    typed(kind, data).or_else(|_| at.bad("data as the schema of its kind has it"))
}

/// The data of a kind, typed; an `Err` says which member breaks the schema.
pub(crate) fn typed(kind: &AuditEventKind, data: &[u8]) -> Result<AuditEventData, String> {
    use crate::{Text, Value};
    match tree::of(data) {
        Value::Object(object) => AuditEventData::read(kind, object).map_err(|why| why.0),
        Value::Text(Text::Truncated(truncated)) if !kind.is_about_the_log() => {
            Ok(AuditEventData::Truncated(kind.clone(), truncated))
        }
        _ => Err("it is no object of its schema".to_owned()),
    }
}

/// The data as a tree, whatever its kind's schema says of it.
pub(crate) fn untyped(data: &[u8]) -> Object {
    match tree::of(data) {
        crate::Value::Object(object) => object,
        stand_in => Object::from_checked([(String::new(), stand_in)].into()),
    }
}

fn keys<'a>(at: &mut Cursor<'a>) -> Result<KeysView<'a>, Bad> {
    let mut keys = KeysView::default();
    let mut members = Members::default();
    if members.next(at, b"\"lease\":\"", b",\"lease\":\"") {
        keys.lease = Some(at.decimal("a decimal number below 2^64")?);
        at.literal(b"\"", "the closing quote of keys.lease")?;
    }
    if members.next(at, b"\"node\":", b",\"node\":") {
        keys.node = Some(at.text()?);
    }
    if members.next(at, b"\"request\":\"", b",\"request\":\"") {
        let before = at.clone();
        let request = at.string()?.bytes;
        if !is_request(request) {
            return before.bad("1 to 64 characters of [A-Za-z0-9._-]");
        }
        keys.request = Some(request);
    }
    if members.next(at, b"\"span\":\"", b",\"span\":\"") {
        keys.span = Some(nonzero::<16>(at)?);
        at.literal(b"\"", "the closing quote of keys.span")?;
    }
    if members.next(at, b"\"trace\":\"", b",\"trace\":\"") {
        keys.trace = Some(nonzero::<32>(at)?);
        at.literal(b"\"", "the closing quote of keys.trace")?;
    }
    at.literal(b"}", "the end of the object keys")?;
    Ok(keys)
}

/// The inside of `who` and the end of the body.
fn end(at: &mut Cursor<'_>) -> Result<(), Bad> {
    who(at)?;
    at.literal(b"}", "the end of the body")?;
    if at.rest().is_empty() {
        Ok(())
    } else {
        at.bad("the end of the body")
    }
}

fn who<'a>(at: &mut Cursor<'a>) -> Result<WhoView<'a>, Bad> {
    let mut who = WhoView::default();
    let mut members = Members::default();
    if members.next(at, b"\"from\":", b",\"from\":") {
        who.from = Some(at.text()?);
    }
    if members.next(at, b"\"principal\":", b",\"principal\":") {
        who.principal = Some(at.text()?);
    }
    if members.next(at, b"\"tag\":", b",\"tag\":") {
        who.tag = Some(at.text()?);
    }
    if members.next(at, b"\"tenant\":", b",\"tenant\":") {
        who.tenant = Some(at.text()?);
    }
    if members.next(at, b"\"workload\":", b",\"workload\":") {
        who.workload = Some(at.text()?);
    }
    at.literal(b"}", "the end of the object who")?;
    Ok(who)
}

/// Optional members in a known order: the first one that is there has no comma before it.
#[derive(Default)]
struct Members {
    some: bool,
}

impl Members {
    #[inline]
    fn next<const N: usize, const M: usize>(
        &mut self,
        at: &mut Cursor<'_>,
        first: &[u8; N],
        later: &[u8; M],
    ) -> bool {
        let there = if self.some {
            at.take(later)
        } else {
            at.take(first)
        };
        self.some |= there;
        there
    }
}

/// Hexadecimal digits, not all zero.
#[inline]
fn nonzero<'a, const N: usize>(at: &mut Cursor<'a>) -> Result<&'a [u8; N], Bad> {
    const WHAT: &str = "lower-case hexadecimal digits, not all zero";
    let before = at.clone();
    let digits = at.hex::<N>(WHAT)?;
    if digits == &[b'0'; N] {
        return before.bad(WHAT);
    }
    Ok(digits)
}

#[inline]
fn is_request(text: &[u8]) -> bool {
    (1..=RequestId::MAX_LEN).contains(&text.len())
        && text.iter().fold(true, |all, b| {
            all & (b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
        })
}

#[inline]
fn is_src_id(text: &[u8]) -> bool {
    let Some((instance, [b'/', lane @ ..])) = text.split_first_chunk::<16>() else {
        return false;
    };
    instance
        .iter()
        .fold(true, |all, d| all & matches!(d, b'0'..=b'9' | b'a'..=b'f'))
        && Lane::accepts(lane)
}
