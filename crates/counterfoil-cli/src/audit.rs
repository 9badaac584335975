//! `counterfoil audit`: reading a log.

pub(crate) mod canonicalise;
pub(crate) mod check;
pub(crate) mod erase;
mod filter;
mod line;
pub(crate) mod prove;
pub(crate) mod prune;
pub(crate) mod rehearse;
pub(crate) mod reveal;
pub(crate) mod serve;
pub(crate) mod writer;

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use counterfoil::audit::AuditRecord;
use counterfoil::{Clock, SystemClock};
use counterfoil_query::{Next, Source};

pub(crate) use canonicalise::CanonicaliseArgs;
pub(crate) use check::CheckArgs;
pub(crate) use erase::EraseArgs;
pub(crate) use prove::ProveArgs;
pub(crate) use prune::PruneArgs;
pub(crate) use rehearse::RehearseArgs;
pub(crate) use reveal::RevealArgs;
pub(crate) use serve::ServeArgs;

use crate::args::{QueryArgs, RecordOutput};
use crate::escape::Escaped;
use crate::failure::{Exit, Failure};
use crate::result::written;

/// Prints the records that have every key asked for, in the order of the log. It reads and does not judge: `verify` does.
pub(crate) fn query(args: &QueryArgs) -> Result<ExitCode, Failure> {
    let filter = filter::of(args, SystemClock::new().utc())?;
    let mut source = Source::open(&args.log)?;
    let mut out = BufWriter::new(io::stdout().lock());
    loop {
        match source.read()? {
            Next::Record(record) if filter.matches(&record) => {
                if !written(put(&mut out, &record, args.output))? {
                    return Ok(ExitCode::SUCCESS);
                }
            }
            Next::Record(_) => {}
            Next::Malformed { place, why } => {
                // What was found before it stands, and is shown.
                written(out.flush())?;
                return Err(Failure::new(
                    Exit::Unreadable,
                    format!(
                        "cannot read {place}: {why}; run `counterfoil verify` on the log to see all that is wrong with it"
                    ),
                ));
            }
            Next::Unfinished { place } => {
                written(out.flush())?;
                let _nobody_reads = writeln!(
                    anstream::stderr(),
                    "note: {} has no end yet and was left out; a writer may be at work",
                    Escaped(&place)
                );
                return Ok(ExitCode::SUCCESS);
            }
            Next::End => {
                written(out.flush())?;
                return Ok(ExitCode::SUCCESS);
            }
        }
    }
}

fn put(out: &mut impl Write, record: &AuditRecord, form: RecordOutput) -> io::Result<()> {
    match form {
        RecordOutput::Jsonl => out.write_all(record.line()),
        RecordOutput::Text => writeln!(out, "{}", line::Shown(record)),
    }
}
