//! Several sides, each in a process of its own, in turn.

use std::process::{Command, Stdio};

use clap::ValueEnum as _;

use super::figure::Figure;
use super::side::Side;
use crate::group::Outcome;
use crate::measure::{Effort, median};

/// The medians of each side over all rounds, in the order of `sides`.
pub(crate) fn medians<const N: usize>(effort: Effort, sides: [Side; N]) -> Outcome<[Figure; N]> {
    let mut figures: [Vec<Figure>; N] = std::array::from_fn(|_| Vec::new());
    for _ in 0..effort.rounds {
        for (side, figures) in sides.iter().zip(&mut figures) {
            figures.push(measure(effort, *side)?);
        }
    }
    Ok(figures.map(|figures| Figure {
        ns: middle(&figures, |figure| figure.ns),
        allocations: middle(&figures, |figure| figure.allocations),
    }))
}

fn middle(figures: &[Figure], value: impl Fn(&Figure) -> f64) -> f64 {
    median(&mut figures.iter().map(value).collect::<Vec<_>>())
}

/// Runs this program again for one side.
fn measure(effort: Effort, side: Side) -> Outcome<Figure> {
    let name = side.to_possible_value().ok_or("every side has a name")?;
    let output = Command::new(std::env::current_exe()?)
        .args(["side", name.get_name()])
        .args(["--millis", &effort.round.as_millis().to_string()])
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!("the side {} ended with {}", name.get_name(), output.status).into());
    }
    String::from_utf8(output.stdout)?.parse()
}
