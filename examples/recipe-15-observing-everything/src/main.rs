//! Runs the story of recipe 15 twice: with the fault and without it.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use cookbook_recipe_15_observing_everything::Result;
use cookbook_recipe_15_observing_everything::story::{Findings, Plan, run, tell};

fn main() -> Result<()> {
    match std::env::args_os().nth(1) {
        // Kept, for `counterfoil verify` and `counterfoil audit query`.
        Some(directory) => story(&PathBuf::from(directory)),
        None => story(tempfile::tempdir()?.path()),
    }
}

fn story(directory: &Path) -> Result<()> {
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "Reads of leased regions are slow every few minutes. Why?\n"
    )?;
    let late = Plan::renewing_at(99);
    chapter(&mut out, &late, &directory.join("late"))?;

    let (look, ttl) = (late.look_every.as_secs(), late.ttl.as_secs());
    let percent = late.renew_at_percent;
    let round_trip = 2 * late.one_way.as_millis();
    writeln!(
        out,
        "\nWhoever looks every {look} s for {percent} % of {ttl} s finds it at {ttl} s, and the link"
    )?;
    writeln!(
        out,
        "adds a round trip of {round_trip} ms: the renewal lands after the end. So:\n"
    )?;
    let after = chapter(&mut out, &Plan::renewing_at(70), &directory.join("early"))?;

    let verdict = match (
        after.spikes().count(),
        after.turnovers.len(),
        after.expired.len(),
    ) {
        (0, 0, 0) => "Gone, in all three layers.",
        _ => "Still there: look again.",
    };
    writeln!(out, "\n{verdict}")?;
    Ok(())
}

/// Runs a plan and tells what its layers say.
fn chapter(out: &mut impl Write, plan: &Plan, directory: &Path) -> Result<Findings> {
    let findings = run(plan, directory)?;
    tell(out, plan, &findings)?;
    Ok(findings)
}
