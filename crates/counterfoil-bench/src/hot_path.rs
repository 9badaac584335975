//! The rows of design §9, in its order.

use crate::measure::Effort;
use crate::row::Row;
use crate::{audit_path, lifecycle, per_operation, reading};

/// What a measurement may end with.
pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Measures every row and hands each to `emit` as soon as it is known.
pub(crate) fn run(effort: Effort, mut emit: impl FnMut(&Row)) -> Outcome<()> {
    for threads in [1, 2] {
        for row in per_operation::rows(effort, threads)? {
            emit(&row);
        }
    }
    for threads in [1, 2] {
        emit(&lifecycle::queued(effort, threads)?);
    }
    emit(&lifecycle::sealed(effort)?);
    emit(&reading::writer_while_read(effort)?);
    emit(&reading::scrape(effort)?);
    emit(&audit_path::seal(effort)?);
    for jobs in [1, 2] {
        emit(&audit_path::verify(effort, jobs)?);
    }
    for writers in [1, 16, 256] {
        emit(&audit_path::durable(effort, writers)?);
    }
    Ok(())
}
