//! Bodies of requests: every encoding, however it is cut, and the bombs.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::Write as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use bytes::Bytes;
use counterfoil_collector::body::{BodyLimits, Decoded, broken};
use counterfoil_collector::{Reason, Refusal};
use flate2::Compression;
use flate2::write::GzEncoder;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use http_body::Frame;
use http_body_util::BodyExt as _;
use proptest::prelude::*;

/// A body of these frames.
struct Frames(VecDeque<Bytes>);

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(|piece| Ok(Frame::data(piece))))
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 3).unwrap()
}

/// Sends `bytes` in frames of at most `frame` bytes.
fn sent(encoding: &str, bytes: &[u8], frame: usize, limits: BodyLimits) -> Result<Bytes, Refusal> {
    let mut headers = HeaderMap::new();
    if !encoding.is_empty() {
        headers.insert(CONTENT_ENCODING, encoding.parse().unwrap());
    }
    let frames = bytes.chunks(frame.max(1)).map(Bytes::copy_from_slice);
    let body = Body::new(Frames(frames.collect()));
    let mut decoded = Decoded::new(&headers, body, limits)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut whole = Vec::new();
        while let Some(frame) = decoded.frame().await {
            let piece = frame?.into_data().unwrap();
            assert!(piece.len() <= 64 << 10, "a piece is bounded");
            whole.extend_from_slice(&piece);
        }
        Ok(whole.into())
    })
}

fn decoded(encoding: &str, bytes: &[u8], frame: usize) -> Result<Bytes, Refusal> {
    sent(encoding, bytes, frame, BodyLimits::default())
}

proptest! {
    #[test]
    fn every_encoding_gives_back_what_was_sent_however_it_is_cut(
        members in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..2_000), 1..4),
        frame in 1usize..3_000,
    ) {
        let whole = members.concat();
        prop_assert_eq!(&decoded("", &whole, frame).unwrap(), &whole);
        prop_assert_eq!(&decoded("identity", &whole, frame).unwrap(), &whole);
        let zipped: Vec<u8> = members.iter().flat_map(|member| gzip(member)).collect();
        prop_assert_eq!(&decoded("gzip", &zipped, frame).unwrap(), &whole);
        prop_assert_eq!(&decoded("X-GZIP", &zipped, frame).unwrap(), &whole);
        let framed: Vec<u8> = members.iter().flat_map(|member| zstd(member)).collect();
        prop_assert_eq!(&decoded("zstd", &framed, frame).unwrap(), &whole);
    }

    #[test]
    fn a_body_that_is_cut_anywhere_is_refused(
        bytes in prop::collection::vec(any::<u8>(), 1..500),
        at in any::<prop::sample::Index>(),
    ) {
        for (encoding, whole) in [("gzip", gzip(&bytes)), ("zstd", zstd(&bytes))] {
            let cut = &whole[..at.index(whole.len())];
            let refusal = decoded(encoding, cut, 100).unwrap_err();
            prop_assert_eq!(refusal.reason, Reason::Grammar, "{} {}", encoding, cut.len());
        }
    }
}

#[test]
fn a_long_body_comes_through_in_bounded_pieces() {
    let long: Vec<u8> = (0..3_000_000u32)
        .flat_map(|n| (n % 251).to_le_bytes())
        .collect();
    for (encoding, bytes) in [
        ("", long.clone()),
        ("gzip", gzip(&long)),
        ("zstd", zstd(&long)),
    ] {
        let mut limits = BodyLimits::default();
        limits.ratio = u64::MAX;
        assert_eq!(
            sent(encoding, &bytes, 1 << 20, limits).unwrap(),
            long,
            "{encoding}"
        );
    }
}

#[test]
fn garbage_behind_a_member_is_refused_and_not_left_out() {
    for garbage in [&b"x"[..], b"garbage", &[0; 100]] {
        for (encoding, mut bytes) in [("gzip", gzip(b"first")), ("zstd", zstd(b"first"))] {
            bytes.extend_from_slice(garbage);
            for frame in [1, 7, 1_000] {
                let refusal = decoded(encoding, &bytes, frame).unwrap_err();
                assert_eq!(refusal.reason, Reason::Grammar, "{encoding}");
            }
        }
    }
    let mut wrong_sum = gzip(b"first");
    let at = wrong_sum.len() - 6;
    wrong_sum[at] ^= 1;
    assert_eq!(
        decoded("gzip", &wrong_sum, 100).unwrap_err().reason,
        Reason::Grammar
    );
}

#[test]
fn a_bomb_is_stopped_by_ratio_and_by_size_long_before_it_is_whole() {
    let zeroes = vec![0; 32 << 20];
    for (encoding, bomb) in [("gzip", gzip(&zeroes)), ("zstd", zstd(&zeroes))] {
        let refusal = decoded(encoding, &bomb, 1 << 20).unwrap_err();
        assert_eq!(refusal.reason, Reason::TooLarge, "{encoding}, by ratio");
        let mut limits = BodyLimits::default();
        limits.ratio = u64::MAX;
        limits.bytes = 1 << 20;
        let refusal = sent(encoding, &bomb, 1 << 20, limits).unwrap_err();
        assert_eq!(refusal.reason, Reason::TooLarge, "{encoding}, by size");
        // Nested: what comes out is a bomb again, which nobody decodes.
        let nested = if encoding == "gzip" {
            gzip(&bomb)
        } else {
            zstd(&bomb)
        };
        assert_eq!(decoded(encoding, &nested, 1 << 20).unwrap(), bomb);
    }
    let members: Vec<u8> = gzip(&zeroes[..1 << 20]).repeat(100);
    assert_eq!(
        decoded("gzip", &members, 1 << 20).unwrap_err().reason,
        Reason::TooLarge
    );
    let mut limits = BodyLimits::default();
    limits.bytes = 99;
    assert_eq!(
        sent("", &[0; 100], 10, limits).unwrap_err().reason,
        Reason::TooLarge
    );
}

#[test]
fn a_body_that_decodes_to_nothing_is_no_longer_than_any_other() {
    let mut limits = BodyLimits::default();
    limits.bytes = 1 << 10;
    // Members of gzip without content, and frames of zstd that a decoder skips.
    let skipped = [b"\x50\x2a\x4d\x18\x08\0\0\0".as_slice(), &[7; 8]].concat();
    for (encoding, nothing) in [("gzip", gzip(b"")), ("zstd", skipped)] {
        let whole = sent(encoding, &nothing.repeat(5), 100, limits).unwrap();
        assert!(whole.is_empty(), "{encoding}");
        let refusal = sent(encoding, &nothing.repeat(100), 100, limits).unwrap_err();
        assert_eq!(refusal.reason, Reason::TooLarge, "{encoding}");
    }
}

#[test]
fn a_window_of_zstd_beyond_eight_mebibytes_is_refused() {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(27).unwrap();
    encoder.write_all(&vec![7; 1 << 20]).unwrap();
    let refusal = decoded("zstd", &encoder.finish().unwrap(), 1 << 20).unwrap_err();
    assert_eq!(refusal.reason, Reason::Grammar);
}

#[test]
fn unknown_and_several_encodings_are_refused() {
    for encoding in [
        "br",
        "deflate",
        "gzip, gzip",
        "gzip,zstd",
        "gzip ,",
        "snappy",
        "\u{e9}",
    ] {
        let refusal = decoded(encoding, b"", 1).unwrap_err();
        assert_eq!(refusal.reason, Reason::UnsupportedEncoding, "{encoding}");
    }
    let mut twice = HeaderMap::new();
    twice.append(CONTENT_ENCODING, "gzip".parse().unwrap());
    twice.append(CONTENT_ENCODING, "gzip".parse().unwrap());
    let refusal = Decoded::new(&twice, Body::empty(), BodyLimits::default()).unwrap_err();
    assert_eq!(refusal.reason, Reason::UnsupportedEncoding);
}

#[test]
fn a_body_that_announces_too_much_is_refused_before_it_is_read() {
    let mut limits = BodyLimits::default();
    limits.bytes = 10;
    let body = Body::from(vec![0; 11]);
    let refusal = Decoded::new(&HeaderMap::new(), body, limits).unwrap_err();
    assert_eq!(refusal.reason, Reason::TooLarge);
}

#[test]
fn what_breaks_off_says_so() {
    let error = std::io::Error::other("reset");
    assert_eq!(broken(&error).reason, Reason::Grammar);
    let wrapped = axum::Error::new(Refusal::new(Reason::TooLarge, "long"));
    assert_eq!(broken(&wrapped).reason, Reason::TooLarge);
}
