//! The records of a log directory or a file.

use std::path::Path;

use counterfoil_query::{Filter, Next, Search};

use super::sink::Sink;
use super::{QueryArgs, follow};
use crate::audit::reading::{malformed, note, note_unfinished};
use crate::failure::Failure;

pub(super) fn run(
    args: &QueryArgs,
    log: &Path,
    filter: Filter,
    mut sink: Sink,
) -> Result<(), Failure> {
    let mut search = if args.no_index {
        Search::scan(log, filter)?
    } else {
        Search::open(log, filter)?
    };
    let stop = args.follow.then(follow::listen).transpose()?;
    let mut noted = false;
    loop {
        let next = search.read()?;
        if search.damaged() > 0 && !noted {
            noted = true;
            note(
                "a part of the index cannot be used and the log was read instead; `counterfoil audit index` builds it again",
            );
        }
        match next {
            Next::Record(record) => {
                if !sink.put(&record)? {
                    return Ok(());
                }
            }
            Next::Malformed { place, why } => {
                // What was found before it stands, and is shown.
                sink.flush()?;
                return Err(malformed(&place, &why));
            }
            ended @ (Next::Unfinished { .. } | Next::End) => {
                if !sink.flush()? {
                    return Ok(());
                }
                let Some(stop) = &stop else {
                    if let Next::Unfinished { place } = ended {
                        note_unfinished(&place);
                    }
                    return Ok(());
                };
                if !follow::pause(stop) {
                    return Ok(());
                }
            }
        }
    }
}
