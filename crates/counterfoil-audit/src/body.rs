//! The body of a record: canonical bytes out of typed data, and back.

pub(crate) mod encode;
pub(crate) mod fast;
pub(crate) mod json;
pub(crate) mod pointer;
pub(crate) mod scan;
pub(crate) mod text;
pub(crate) mod tree;
pub(crate) mod view;
