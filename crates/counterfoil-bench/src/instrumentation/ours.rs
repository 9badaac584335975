//! Our layers, as `init` puts them together.

use super::side::Batches;
use super::{callsite, request, spans};
use crate::group::Outcome;

pub(crate) fn requests(_json: bool) -> Outcome<Batches> {
    Ok(request::batches(request::service()))
}

pub(crate) fn spans() -> Outcome<Batches> {
    Ok(spans::batches(|| ()))
}

pub(crate) fn callsites() -> Outcome<Batches> {
    Ok(callsite::batches())
}
