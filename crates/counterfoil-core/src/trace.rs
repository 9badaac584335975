//! W3C Trace Context, level 1.

use std::fmt;
use std::str::FromStr;

use crate::{Error, hex};

/// 16 bytes that name a trace; never all zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceId([u8; 16]);

/// 8 bytes that name a span; never all zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpanId([u8; 8]);

macro_rules! id_type {
    ($name:ident, $len:literal, $what:literal) => {
        impl $name {
            /// Wraps the bytes; `None` when all of them are zero, which W3C Trace Context reserves.
            #[must_use]
            pub fn from_bytes(bytes: [u8; $len]) -> Option<Self> {
                (bytes != [0; $len]).then_some(Self(bytes))
            }

            /// The bytes, in the order in which they are written.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                hex::write(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                hex::decode(text.as_bytes())
                    .and_then(Self::from_bytes)
                    .ok_or_else(|| {
                        Error::invalid(
                            concat!("parse ", $what),
                            format!(
                                concat!(
                                    "{:?} is not ",
                                    $len,
                                    " bytes as lower-case hexadecimal, not all zero"
                                ),
                                text
                            ),
                        )
                    })
            }
        }
    };
}
id_type!(TraceId, 16, "a trace id");
id_type!(SpanId, 8, "a span id");

/// Where in which trace something happens: the content of a `traceparent` header.
///
/// Parses every version but `ff`, as the recommendation asks, and writes version `00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceContext {
    /// The trace.
    pub trace_id: TraceId,
    /// The span.
    pub span_id: SpanId,
    /// The flags; bit 0 is "sampled".
    pub flags: u8,
}

impl TraceContext {
    /// Whether the caller may have recorded this trace.
    #[must_use]
    pub const fn is_sampled(&self) -> bool {
        self.flags & 1 == 1
    }

    /// As a `traceparent` of version `00`, in ASCII, without an allocation.
    #[must_use]
    pub fn to_text(&self) -> [u8; 55] {
        let mut text = *b"00-                                -                -  ";
        hex::encode_into(&self.trace_id.0, &mut text[3..35]);
        hex::encode_into(&self.span_id.0, &mut text[36..52]);
        hex::encode_into(&[self.flags], &mut text[53..]);
        text
    }

    /// Parses the bytes of a header.
    pub(crate) fn from_bytes(text: &[u8]) -> Option<Self> {
        parse(text)
    }
}

impl FromStr for TraceContext {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        parse(text.as_bytes()).ok_or_else(|| {
            Error::invalid(
                "parse a traceparent",
                format!("{text:?} is not of the form 00-<32 hex>-<16 hex>-<2 hex> in lower case"),
            )
        })
    }
}

fn parse(text: &[u8]) -> Option<TraceContext> {
    let (fixed, rest) = text.split_at_checked(55)?;
    let [version] = hex::decode::<1>(&fixed[..2])?;
    let well_formed = match version {
        0 => rest.is_empty(),
        0xff => false,
        _ => rest.is_empty() || rest[0] == b'-',
    };
    let dashes = fixed[2] == b'-' && fixed[35] == b'-' && fixed[52] == b'-';
    if !well_formed || !dashes {
        return None;
    }
    let [flags] = hex::decode::<1>(&fixed[53..])?;
    Some(TraceContext {
        trace_id: TraceId::from_bytes(hex::decode(&fixed[3..35])?)?,
        span_id: SpanId::from_bytes(hex::decode(&fixed[36..52])?)?,
        flags,
    })
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "00-{}-{}-{:02x}",
            self.trace_id, self.span_id, self.flags
        )
    }
}
