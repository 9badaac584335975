//! Rows of text that passes the redactor.

use crate::group::Outcome;
use crate::measure::Effort;
use crate::row::Row;

pub(crate) fn rows(_effort: Effort) -> Outcome<Vec<Row>> {
    Ok(Vec::new())
}
