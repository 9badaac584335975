//! Addresses: the SHA-256 of what makes a value.

use std::fmt;
use std::str::FromStr;

use counterfoil::Digest;
use sha2::{Digest as _, Sha256};

use crate::Recipe;

/// What a value goes by. A leaf's is the SHA-256 of a zero byte and its bytes, a recipe's that of a one byte and its encoding, so
/// that no leaf can be made that goes by the address of a recipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CAddr(Digest);

const LEAF: [u8; 1] = [0];
const RECIPE: [u8; 1] = [1];

impl CAddr {
    /// Length in bytes.
    pub const LEN: usize = 32;

    /// The address of a leaf.
    #[must_use]
    pub fn of_leaf(data: &[u8]) -> Self {
        let hash = Sha256::new().chain_update(LEAF).chain_update(data);
        Self(Digest::from_bytes(hash.finalize().into()))
    }

    /// The address of a recipe.
    #[must_use]
    pub fn of_recipe(recipe: &Recipe) -> Self {
        let hash = Sha256::new()
            .chain_update(RECIPE)
            .chain_update(recipe.encode());
        Self(Digest::from_bytes(hash.finalize().into()))
    }

    /// The address of these bytes, if they are as many as one has.
    #[must_use]
    pub fn from_slice(bytes: &[u8]) -> Option<Self> {
        let bytes: [u8; Self::LEN] = bytes.try_into().ok()?;
        Some(Self(Digest::from_bytes(bytes)))
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; Self::LEN] {
        self.0.as_bytes()
    }

    /// It as a digest, to be compared with others.
    pub(crate) const fn digest(self) -> Digest {
        self.0
    }
}

/// The SHA-256 of a value.
pub(crate) fn sha256(data: &[u8]) -> Digest {
    Digest::from_bytes(Sha256::digest(data).into())
}

impl fmt::Display for CAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for CAddr {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Digest::from_hex(text.as_bytes())
            .map(Self)
            .ok_or("an address is 64 hexadecimal digits in lower case")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leaf_that_holds_the_encoding_of_a_recipe_has_another_address() {
        let recipe = Recipe::new("identity/v1", [CAddr::of_leaf(b"a")]);
        assert_ne!(CAddr::of_leaf(&recipe.encode()), CAddr::of_recipe(&recipe));
    }

    #[test]
    fn the_address_of_a_leaf_can_be_computed_with_sha256sum() {
        // printf '\000hello' | sha256sum
        assert_eq!(
            CAddr::of_leaf(b"hello").to_string(),
            "8a2a5c9b768827de5a9552c38a044c66959c68f6d2f21b5260af54d2f87db827"
        );
    }
}
