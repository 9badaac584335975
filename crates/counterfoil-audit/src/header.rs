//! What a line says about itself, without a copy of it.

use counterfoil_core::{Digest, LeaseId, Timestamp};

use crate::Error;
use crate::body::scan::{Bad, RawText};
use crate::body::view::{BodyReader, BodyView};
use crate::line::LineView;

/// Reads the header of one line after another, for whoever goes through many of them and wants few. It is as strict as
/// [`AuditRecord::parse`](crate::AuditRecord::parse), and faster: nothing is copied, and what one line has in common with the
/// one before it is not read again.
#[derive(Debug, Default)]
pub struct HeaderReader {
    bodies: BodyReader,
}

/// The header of a line (audit specification §2). Texts are as they are written: the inside of a JSON string, in the one
/// spelling that RFC 8785 allows; one that was truncated or is erasable is absent here.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Header<'a> {
    /// Number in the chain.
    pub seq: u64,
    /// The hash that the line states. Nobody has compared it.
    pub hash: Digest,
    /// When it occurred.
    pub occurred: Timestamp,
    /// What it is about.
    pub kind: &'a [u8],
    /// The lease.
    pub lease: Option<LeaseId>,
    /// The node.
    pub node: Option<&'a [u8]>,
    /// The request.
    pub request: Option<&'a [u8]>,
    /// The trace, as 32 hexadecimal digits.
    pub trace: Option<&'a [u8]>,
    /// The tenant.
    pub tenant: Option<&'a [u8]>,
    /// The pseudonym of the person or service account.
    pub principal: Option<&'a [u8]>,
}

impl HeaderReader {
    /// Reads a line, with its line feed.
    ///
    /// # Errors
    /// As [`AuditRecord::parse`](crate::AuditRecord::parse).
    pub fn read<'a>(&mut self, line: &'a [u8]) -> Result<Header<'a>, Error> {
        self.header(line).map_err(|bad| {
            Error::invalid(
                "read a record",
                format!("byte {} should be {}", bad.at, bad.expected),
            )
        })
    }

    fn header<'a>(&mut self, bytes: &'a [u8]) -> Result<Header<'a>, Bad> {
        let line = LineView::parse(bytes)?;
        if let Err(error) = std::str::from_utf8(bytes) {
            return Err(Bad {
                at: error.valid_up_to(),
                expected: "valid UTF-8",
            });
        }
        let hash = Digest::from_hex(line.hash).ok_or(Bad {
            at: bytes.len(),
            expected: "a hash of 64 lower-case hexadecimal digits",
        })?;
        let view = self.bodies.read(line.body)?;
        let occurred = Timestamp::from_text(view.src_time).unwrap_or_default();
        Ok(of_view(&view, hash, occurred))
    }
}

fn of_view<'a>(view: &BodyView<'a>, hash: Digest, occurred: Timestamp) -> Header<'a> {
    let who = view.who();
    Header {
        seq: view.chain.seq,
        hash,
        occurred,
        kind: view.kind,
        lease: view.keys.lease.map(LeaseId),
        node: plain(view.keys.node),
        request: view.keys.request,
        trace: view.keys.trace.map(<[u8; 32]>::as_slice),
        tenant: plain(who.tenant),
        principal: plain(who.principal),
    }
}

fn plain(text: Option<RawText<'_>>) -> Option<&[u8]> {
    match text? {
        RawText::Plain(raw) => Some(raw.bytes),
        RawText::Truncated { .. } | RawText::Erasable(_) => None,
    }
}
