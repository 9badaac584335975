//! The integration tests of `counterfoil-anchor`, as one binary.

#[cfg(feature = "file")]
mod file_store;
#[cfg(feature = "json")]
mod json;
mod memory_store;
