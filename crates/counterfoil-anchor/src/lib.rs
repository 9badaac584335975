//! Where the head of an audit chain is kept outside the chain: the [`AnchorStore`] contract, in memory and in a file.
//!
//! **What it is.** A log cannot show that its own end was cut off, or that two writers went on from the same record: somebody
//! else has to remember how far it had come. That is an [`Anchor`], and an [`AnchorStore`] replaces it by compare-and-set, so
//! that two writers never fork a chain unnoticed. [`MemoryAnchorStore`] is for development; the feature `file` brings
//! `FileAnchorStore`, the feature `json` the text of `anchor.json` by itself.
//!
//! **Who should depend on it.** Whoever runs an audit log, and whoever writes a store: implement the trait over
//! [`check_advance`], and run `counterfoil_testkit::anchor::conformance` on it.
//!
//! **What it will never do.** Go backwards, overwrite a file that it does not understand, retry a conflict, or need an async
//! runtime.
//!
//! ```
//! use counterfoil_anchor::{Anchor, AnchorStore, MemoryAnchorStore};
//! use counterfoil_core::{ChainId, Digest, Head};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let chain: ChainId = "audit.example.com/leases/1".parse()?;
//! let head = |seq| Head { chain: chain.clone(), seq, hash: Digest::from_bytes([7; 32]), root: None };
//! let store = MemoryAnchorStore::new();
//! store.advance(&chain, None, &Anchor::new(head(1))?).await?;
//! store.advance(&chain, Some(&head(1)), &Anchor::new(head(2))?).await?;
//!
//! // A second writer that still believes in record 1 is told so.
//! let conflict = store.advance(&chain, Some(&head(1)), &Anchor::new(head(3))?).await.unwrap_err();
//! assert_eq!(conflict.found(), Some(&head(2)));
//! # Ok(())
//! # }
//! # let mut context = std::task::Context::from_waker(std::task::Waker::noop());
//! # assert!(std::pin::pin!(example()).poll(&mut context).is_ready());
//! ```

mod anchor;
mod error;
#[cfg(feature = "file")]
mod file;
#[cfg(feature = "json")]
mod json;
mod memory;
mod store;

pub use anchor::Anchor;
pub use error::{Error, ErrorKind};
#[cfg(feature = "file")]
pub use file::{FileAnchorStore, Opening};
pub use memory::MemoryAnchorStore;
pub use store::{AnchorStore, check_advance};
