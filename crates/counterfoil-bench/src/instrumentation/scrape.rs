//! Rows of a scrape, in both formats.

use crate::group::Outcome;
use crate::measure::Effort;
use crate::reading;
use crate::row::Row;

pub(crate) fn rows(effort: Effort) -> Outcome<Vec<Row>> {
    reading::scrape(effort)
}
