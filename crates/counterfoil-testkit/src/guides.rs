//! The code of the guides in docs/guides, compiled and run by `cargo test --doc`. Nothing of it is in the library.
//!
//! It is here because this crate is not published: no published file may point outside of its package.

#[doc = include_str!("../../../docs/guides/write-your-own-anchor-store.md")]
mod anchor_store {}

#[doc = include_str!("../../../docs/guides/write-your-own-signer.md")]
mod signer {}

#[doc = include_str!("../../../docs/guides/write-your-own-event-sink.md")]
mod event_sink {}

#[doc = include_str!("../../../docs/guides/write-your-own-exporter.md")]
mod exporter {}
