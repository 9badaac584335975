//! The bill of a simulated day, or of a log that you name.

use std::io::{self, Write as _};
use std::path::Path;

use cookbook_recipe_59_cost_attribution::{
    Period, Reconciliation, Result, VerifiedLog, bill, report, simulate,
};

const USAGE: &str =
    "give a log directory and its anchor, and text, csv or json; or nothing for the simulated day";

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        [] => day(),
        [log, anchor] => of_a_log(log, anchor, "text"),
        [log, anchor, format] => of_a_log(log, anchor, format),
        _ => Err(USAGE.into()),
    }
}

/// With the metrics of the run at hand, every figure has two sides.
fn day() -> Result<()> {
    let directory = tempfile::tempdir()?;
    let day = simulate(directory.path())?;
    let log = VerifiedLog::open(&day.log, &day.anchor)?;
    let (bill, run) = bill(&log, Period::ALL)?;
    let both = Reconciliation::new(&run, &day.metrics);
    let mut out = io::stdout().lock();
    writeln!(out, "{}", report::text(&bill, log.report().tail.records))?;
    write!(out, "{}", report::reconciliation(&both))?;
    if both.is_explained() {
        Ok(())
    } else {
        Err("metrics and records do not agree".into())
    }
}

fn of_a_log(log: &str, anchor: &str, format: &str) -> Result<()> {
    let log = VerifiedLog::open(Path::new(log), Path::new(anchor))?;
    let (bill, _) = bill(&log, Period::ALL)?;
    let tail = log.report().tail.records;
    let mut out = io::stdout().lock();
    match format {
        "text" => write!(out, "{}", report::text(&bill, tail))?,
        "csv" => write!(out, "{}", report::csv(&bill))?,
        "json" => writeln!(out, "{:#}", report::json(&bill, tail, None))?,
        _ => return Err(USAGE.into()),
    }
    Ok(())
}
