//! The content encodings that are taken.

use std::fmt;
use std::io::Write as _;

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use zstd::stream::raw::{DParameter, Decoder as ZstdDecoder, InBuffer, Operation as _, OutBuffer};

use crate::{Reason, Refusal};

/// The most that one step gives.
const PIECE: usize = 64 << 10;
/// The window that zstd may ask for, as a power of two: 8 MiB, what a receiver of this encoding has to take (RFC 9659).
const ZSTD_WINDOW_LOG: u32 = 23;

/// Undoes one encoding, step by step.
pub(super) enum Decoder {
    Identity,
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
    Zstd(Box<Zstd>),
}

pub(super) struct Zstd {
    decoder: ZstdDecoder<'static>,
    /// The last piece was full, so there may be more without further input.
    full: bool,
    between_frames: bool,
}

impl Decoder {
    /// The one that `headers` ask for.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        let mut all = headers.get_all(CONTENT_ENCODING).iter();
        let (Some(value), None) = (all.next(), all.next()) else {
            return match headers.contains_key(CONTENT_ENCODING) {
                true => Err(unsupported()),
                false => Ok(Self::Identity),
            };
        };
        let named = |name: &str| value.as_bytes().eq_ignore_ascii_case(name.as_bytes());
        if named("identity") {
            Ok(Self::Identity)
        } else if named("gzip") || named("x-gzip") {
            Ok(Self::Gzip(Box::new(MultiGzDecoder::new(Vec::new()))))
        } else if named("zstd") {
            Zstd::new().map(|zstd| Self::Zstd(Box::new(zstd)))
        } else {
            Err(unsupported())
        }
    }

    /// Whether a step without input gives something.
    pub(super) fn has_more(&self) -> bool {
        matches!(self, Self::Zstd(zstd) if zstd.full)
    }

    /// Takes some of `input` and gives what comes of it so far: how many bytes were taken, and the piece.
    pub(super) fn step(&mut self, input: &Bytes) -> Result<(usize, Bytes), Refusal> {
        match self {
            Self::Identity => {
                let taken = input.len().min(PIECE);
                Ok((taken, input.slice(..taken)))
            }
            Self::Gzip(decoder) => {
                // One call decodes at most 32 KiB, however much is behind them.
                let taken = decoder
                    .write(input)
                    .map_err(|error| garbled("gzip", &error))?;
                if taken == 0 {
                    return Err(garbled("gzip", &"there is more than its members"));
                }
                Ok((taken, std::mem::take(decoder.get_mut()).into()))
            }
            Self::Zstd(zstd) => zstd.step(input),
        }
    }

    /// The rest, once all input was taken.
    pub(super) fn finish(&mut self) -> Result<Bytes, Refusal> {
        match self {
            Self::Identity => Ok(Bytes::new()),
            Self::Gzip(decoder) => {
                decoder
                    .try_finish()
                    .map_err(|error| garbled("gzip", &error))?;
                Ok(std::mem::take(decoder.get_mut()).into())
            }
            Self::Zstd(zstd) if zstd.between_frames => Ok(Bytes::new()),
            Self::Zstd(_) => Err(garbled("zstd", &"its last frame is cut")),
        }
    }
}

impl Zstd {
    fn new() -> Result<Self, Refusal> {
        let bounded = ZstdDecoder::new().and_then(|mut decoder| {
            decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG))?;
            Ok(decoder)
        });
        let decoder = bounded.map_err(|_| {
            Refusal::new(
                Reason::Overloaded,
                "there is no memory to decode zstd; try again later",
            )
        })?;
        Ok(Self {
            decoder,
            full: false,
            between_frames: false,
        })
    }

    fn step(&mut self, input: &[u8]) -> Result<(usize, Bytes), Refusal> {
        let mut piece = Vec::with_capacity(PIECE);
        let mut input = InBuffer::around(input);
        let had_input = !input.src.is_empty();
        let mut output = OutBuffer::around(&mut piece);
        let hint = self
            .decoder
            .run(&mut input, &mut output)
            .map_err(|error| garbled("zstd", &error))?;
        let taken = input.pos();
        // 0 says that the frame has ended and all of it was given.
        self.full = hint != 0 && piece.len() == piece.capacity();
        if had_input || !piece.is_empty() {
            self.between_frames = hint == 0;
        }
        if had_input && taken == 0 && piece.is_empty() {
            return Err(garbled("zstd", &"it makes no progress"));
        }
        Ok((taken, piece.into()))
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Identity => "Identity",
            Self::Gzip(_) => "Gzip",
            Self::Zstd(_) => "Zstd",
        })
    }
}

fn unsupported() -> Refusal {
    Refusal::new(
        Reason::UnsupportedEncoding,
        "the content encoding is none that is taken; send identity, gzip or zstd, one of them",
    )
}

fn garbled(encoding: &str, why: &dyn fmt::Display) -> Refusal {
    Refusal::new(
        Reason::Grammar,
        format!("the body cannot be decoded as {encoding}: {why}"),
    )
}
