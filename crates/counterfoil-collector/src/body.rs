//! The bodies of requests: decoded in bounded pieces, within limits that count what comes out of the decoder.

mod decoder;

use std::error::Error as StdError;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use bytes::{Buf as _, Bytes};
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame};

use crate::server::TooSlow;
use crate::{Reason, Refusal};
use decoder::Decoder;

/// How large a body may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BodyLimits {
    /// Bytes, before decoding and after.
    pub bytes: u64,
    /// How many bytes after decoding one byte before may become, on average over the body.
    pub ratio: u64,
    /// Bytes after decoding up to which the ratio does not count.
    pub ratio_from: u64,
}

impl Default for BodyLimits {
    fn default() -> Self {
        Self {
            bytes: 64 << 20,
            ratio: 100,
            ratio_from: 1 << 20,
        }
    }
}

/// The body of a request after `content-encoding` is undone (identity, gzip with any number of members, zstd with any number of
/// frames), in pieces of at most 64 KiB. Trailers are left out.
///
/// It fails with the [`Refusal`] to answer with, and ends there: [`Reason::TooLarge`] beyond the limits, [`Reason::Grammar`] when
/// it cannot be decoded or broke off, [`Reason::TooSlow`] when it does not come.
#[derive(Debug)]
pub struct Decoded {
    body: Body,
    decoder: Decoder,
    limits: BodyLimits,
    /// What came and is not decoded yet.
    waiting: Bytes,
    consumed: u64,
    produced: u64,
    ended: bool,
}

impl Decoded {
    /// Decodes `body` as `headers` say.
    ///
    /// # Errors
    /// [`Reason::UnsupportedEncoding`] for an encoding that is not taken, or more than one; [`Reason::TooLarge`] when the body
    /// announces a length beyond the limit.
    pub fn new(headers: &HeaderMap, body: Body, limits: BodyLimits) -> Result<Self, Refusal> {
        let decoder = Decoder::of(headers)?;
        if body.size_hint().lower() > limits.bytes {
            return Err(too_large(limits));
        }
        Ok(Self {
            body,
            decoder,
            limits,
            waiting: Bytes::new(),
            consumed: 0,
            produced: 0,
            ended: false,
        })
    }

    /// The next piece from what has come; `None` when more has to come, or the end is reached.
    fn decode(&mut self) -> Result<Option<Bytes>, Refusal> {
        while !self.waiting.is_empty() || self.decoder.has_more() {
            let (consumed, piece) = self.decoder.step(&self.waiting)?;
            self.waiting.advance(consumed);
            self.consumed += consumed as u64;
            // There are members and frames that nothing comes of, and no end to them.
            if self.consumed > self.limits.bytes {
                return Err(too_large(self.limits));
            }
            if !piece.is_empty() {
                return self.counted(piece).map(Some);
            }
        }
        Ok(None)
    }

    fn counted(&mut self, piece: Bytes) -> Result<Bytes, Refusal> {
        self.produced += piece.len() as u64;
        let BodyLimits {
            bytes,
            ratio,
            ratio_from,
        } = self.limits;
        let is_bomb = self.produced > ratio_from && self.produced / ratio.max(1) > self.consumed;
        if self.produced > bytes || is_bomb {
            return Err(too_large(self.limits));
        }
        Ok(piece)
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Refusal>>> {
        loop {
            if let Some(piece) = self.decode().transpose() {
                return Poll::Ready(Some(piece));
            }
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => self.waiting = frame.into_data().unwrap_or_default(),
                Some(Err(error)) => return Poll::Ready(Some(Err(broken(&error)))),
                None => {
                    self.ended = true;
                    let rest = self.decoder.finish().and_then(|rest| self.counted(rest));
                    return Poll::Ready(match rest {
                        Ok(rest) if rest.is_empty() => None,
                        rest => Some(rest),
                    });
                }
            }
        }
    }
}

impl HttpBody for Decoded {
    type Data = Bytes;
    type Error = Refusal;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Refusal>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let piece = ready!(self.poll_piece(cx));
        self.ended |= matches!(piece, Some(Err(_)));
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }
}

/// What to answer when reading a body has failed with `error`: the [`Refusal`] behind it if there is one.
#[must_use]
pub fn broken(error: &(dyn StdError + 'static)) -> Refusal {
    let mut behind = Some(error);
    while let Some(error) = behind {
        if let Some(refusal) = error.downcast_ref::<Refusal>() {
            return refusal.clone();
        }
        if error.is::<TooSlow>() {
            return Refusal::new(
                Reason::TooSlow,
                "the body came too slowly; send it in one go, or in smaller requests",
            );
        }
        behind = error.source();
    }
    Refusal::new(Reason::Grammar, "the body broke off")
}

fn too_large(limits: BodyLimits) -> Refusal {
    let BodyLimits { bytes, ratio, .. } = limits;
    Refusal::new(
        Reason::TooLarge,
        format!(
            "the body is larger than {bytes} bytes, or after decoding more than {ratio} times as large as before; send it in several requests"
        ),
    )
}
