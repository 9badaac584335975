//! Values that can be forgotten (audit specification §9): a record holds a commitment, and value and salt, its *opening*, lie
//! apart from the chain, where they can be destroyed.

mod commitment;
mod forgettable;
mod resolve;
mod texts;

pub(crate) use commitment::{Opening, SALT, padding};
pub use forgettable::{Forgettable, MAX_FORGETTABLE};
pub(crate) use resolve::{prepare, resolve};
pub(crate) use texts::Texts;
