//! The body of any record, out of typed data (audit specification §2, §3).

use counterfoil_core::Timestamp;

use super::json::JsonOut;
use crate::data::AuditEventData;
use crate::value::MAX_INTEGER;
use crate::{AuditInput, Error, Keys, Text, Truncated, Who};

/// Longest body, in bytes (audit specification §1).
pub const MAX_BODY: usize = 65_535;

/// A record's place in its chain.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) chain: &'a str,
    /// Hexadecimal hash of the record before.
    pub(crate) prev: &'a [u8; 64],
    pub(crate) seq: u64,
    pub(crate) time: Timestamp,
}

/// Appends the body to `out`; `scratch` is cleared and used for the data.
pub(crate) fn body_into(
    out: &mut Vec<u8>,
    scratch: &mut Vec<u8>,
    place: &Place<'_>,
    input: &AuditInput,
) -> Result<(), Error> {
    if !(1..=MAX_INTEGER).contains(&input.src.n) {
        return Err(Error::invalid(
            "seal a record",
            format!("src.n is {}, and counts from 1 to 2^53-1", input.src.n),
        ));
    }
    scratch.clear();
    input.data.write(scratch)?;
    let start = out.len();
    write_body(out, place, input, scratch)?;
    if out.len() - start <= MAX_BODY {
        return Ok(());
    }
    out.truncate(start);
    let kind = input.data.kind();
    if kind.is_about_the_log() {
        return Err(Error::invalid(
            "seal a record",
            format!(
                "the data of {kind} makes a body of more than {MAX_BODY} bytes; name fewer lanes in it"
            ),
        ));
    }
    let truncated = AuditEventData::Truncated(kind, Truncated::of(scratch));
    scratch.clear();
    truncated.write(scratch)?;
    write_body(out, place, input, scratch)
}

fn write_body(
    out: &mut Vec<u8>,
    place: &Place<'_>,
    input: &AuditInput,
    data: &[u8],
) -> Result<(), Error> {
    let mut json = JsonOut::new(out);
    json.raw(b"{\"chain\":{\"id\":\"");
    json.raw(place.chain.as_bytes());
    json.raw(b"\",\"prev\":\"");
    json.raw(place.prev);
    json.raw(b"\",\"seq\":");
    json.number(place.seq);
    json.raw(b",\"time\":\"");
    json.raw(&place.time.to_text());
    json.raw(b"\"},\"event\":{\"data\":");
    json.raw(data);
    json.raw(b",\"kind\":\"");
    json.raw(input.data.kind().as_str().as_bytes());
    json.raw(b"\",\"outcome\":\"");
    json.raw(input.outcome.as_str().as_bytes());
    json.raw(b"\"},\"keys\":");
    keys(&mut json, &input.keys);
    json.raw(b",\"src\":{\"id\":\"");
    json.raw(input.src.id.as_str().as_bytes());
    json.raw(b"\",\"n\":");
    json.number(input.src.n);
    json.raw(b",\"time\":\"");
    json.raw(&input.src.time.to_text());
    json.raw(b"\"},\"v\":1,\"who\":");
    who(&mut json, &input.who);
    json.close();
    json.finish()
        .map_err(|why| Error::invalid("seal a record", why))
}

fn keys(json: &mut JsonOut<'_>, keys: &Keys) {
    json.open();
    if let Some(lease) = keys.lease {
        json.key("lease");
        json.number_text(lease.0);
    }
    text(json, "node", keys.node.as_ref());
    if let Some(request) = &keys.request {
        json.key("request");
        json.plain(request.as_str().as_bytes());
    }
    if let Some(span) = &keys.span {
        json.key("span");
        json.hex(span.as_bytes());
    }
    if let Some(trace) = &keys.trace {
        json.key("trace");
        json.hex(trace.as_bytes());
    }
    json.close();
}

pub(crate) fn who(json: &mut JsonOut<'_>, who: &Who) {
    json.open();
    text(json, "from", who.from.as_ref());
    text(json, "principal", who.principal.as_ref());
    text(json, "tag", who.tag.as_ref());
    text(json, "tenant", who.tenant.as_ref());
    text(json, "workload", who.workload.as_ref());
    json.close();
}

fn text(json: &mut JsonOut<'_>, key: &str, text: Option<&Text>) {
    if let Some(text) = text {
        json.key(key);
        json.text(text);
    }
}
