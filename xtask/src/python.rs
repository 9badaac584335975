//! Programs written in Python that tests run, in an environment of their own below `target/tools`.

use std::path::Path;

use crate::command::Cmd;
use crate::failure::Result;

/// The package, its version, and the program that it brings.
const NEEDED: (&str, &str, &str) = ("schemathesis", "4.32.5", "st");

/// Installs what is missing. Where that is impossible CI fails; a developer is told which tests will skip.
pub(crate) fn ensure(root: &Path, ci: bool) -> Result<()> {
    let (package, version, program) = NEEDED;
    let place = root.join("target/tools/python");
    let reported = Cmd::new(place.join("bin").join(program))
        .arg("--version")
        .capture();
    let is_there = reported.is_ok_and(|ran| {
        ran.status.success()
            && ran
                .stdout
                .split_whitespace()
                .any(|word| word.ends_with(version))
    });
    if is_there {
        return Ok(());
    }
    match install(&place, &format!("{package}=={version}")) {
        Err(failure) if !ci => {
            println!("tests that need {package} will say that they skipped: {failure}");
            Ok(())
        }
        outcome => outcome,
    }
}

fn install(place: &Path, package: &str) -> Result<()> {
    println!("installing {package} into target/tools/python");
    let next = format!(
        "install it by hand: `python3 -m venv {0} && {0}/bin/pip install {package}`",
        place.display()
    );
    Cmd::new("python3")
        .args(["-m", "venv"])
        .arg(place)
        .next(next.clone())
        .run()?;
    Cmd::new(place.join("bin/pip"))
        .args(["install", "--quiet", "--disable-pip-version-check", package])
        .next(next)
        .run()
}
