//! The steps of CI in order, with a heading and a time for each and a summary at the end.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::failure::{Failure, Result};
use crate::{debian, python, steps, tidy};

/// What every step is given.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) root: PathBuf,
    /// `CI=true`: whatever is missing fails instead of being skipped.
    pub(crate) ci: bool,
}

/// A named part of a run.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) run: fn(&Context) -> Result<()>,
}

/// Cheap and frequent failures first; what shares a build stands together.
const STEPS: [Step; 12] = [
    Step {
        name: "fmt",
        run: steps::rust::fmt,
    },
    Step {
        name: "tidy",
        run: tidy::run,
    },
    Step {
        name: "clippy",
        run: steps::rust::clippy,
    },
    Step {
        name: "test",
        run: steps::rust::test,
    },
    Step {
        name: "crash",
        run: steps::crash::ci,
    },
    Step {
        name: "docs",
        run: steps::rust::docs,
    },
    Step {
        name: "names",
        run: steps::names::check,
    },
    Step {
        name: "gate",
        run: steps::gate::run,
    },
    Step {
        name: "examples",
        run: steps::examples::run,
    },
    Step {
        name: "loom",
        run: steps::loom::run,
    },
    Step {
        name: "features",
        run: steps::features::run,
    },
    Step {
        name: "deny",
        run: steps::rust::deny,
    },
];

/// Runs every step of CI.
pub(crate) fn ci(context: &Context) -> Result<()> {
    debian::ensure(context.ci)?;
    python::ensure(&context.root, context.ci)?;
    run(context, &STEPS)
}

/// Runs steps until one fails, then prints how long each took.
pub(crate) fn run(context: &Context, steps: &[Step]) -> Result<()> {
    let mut finished = Vec::new();
    let mut failure = None;
    for step in steps {
        println!("\n==> {}", step.name);
        let start = now();
        let outcome = (step.run)(context);
        let took = start.elapsed();
        println!(
            "<== {} {} in {}",
            step.name,
            verdict(outcome.is_ok()),
            seconds(took)
        );
        finished.push((step.name, outcome.is_ok(), took));
        if let Err(error) = outcome {
            failure = Some((step.name, error));
            break;
        }
    }
    print!("{}", summary(steps, &finished));
    match failure {
        None => Ok(()),
        Some((name, error)) => Err(Failure::new(
            format!("step {name}: {error}"),
            format!("repeat this step alone: `cargo xtask {name}`"),
        )),
    }
}

fn summary(steps: &[Step], finished: &[(&str, bool, Duration)]) -> String {
    let mut text = String::from("\nsummary\n");
    for (index, step) in steps.iter().enumerate() {
        let line = match finished.get(index) {
            Some((name, ok, took)) => {
                format!("  {name:<10} {:<8} {:>8}\n", verdict(*ok), seconds(*took))
            }
            None => format!("  {:<10} not run\n", step.name),
        };
        text.push_str(&line);
    }
    let total = finished.iter().map(|(_, _, took)| *took).sum();
    text.push_str(&format!(
        "  {:<10} {:<8} {:>8}\n",
        "total",
        "",
        seconds(total)
    ));
    text
}

fn verdict(ok: bool) -> &'static str {
    if ok { "ok" } else { "FAILED" }
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[allow(
    clippy::disallowed_methods,
    reason = "times of a build step, which no test has to control"
)]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context() -> Context {
        Context {
            root: PathBuf::new(),
            ci: true,
        }
    }

    #[test]
    fn a_failure_stops_the_run_and_names_its_step() {
        let steps = [
            Step {
                name: "first",
                run: |_| Ok(()),
            },
            Step {
                name: "second",
                run: |_| Err(Failure::new("it broke", "mend it")),
            },
            Step {
                name: "third",
                run: |_| panic!("must not run"),
            },
        ];
        let failure = run(&context(), &steps).unwrap_err().to_string();
        assert!(failure.contains("step second: it broke"), "{failure}");
        assert!(failure.contains("`cargo xtask second`"), "{failure}");
    }

    #[test]
    fn the_summary_says_what_was_not_run() {
        let steps = [
            Step {
                name: "first",
                run: |_| Ok(()),
            },
            Step {
                name: "second",
                run: |_| Ok(()),
            },
        ];
        let text = summary(&steps, &[("first", false, Duration::from_millis(1500))]);
        assert!(text.contains("first      FAILED      1.5 s"), "{text}");
        assert!(text.contains("second     not run"), "{text}");
    }
}
