//! The body of a record: canonical bytes out of typed data, and back.

pub(crate) mod encode;
pub(crate) mod json;
pub(crate) mod text;
