//! Findings that a manifest excepts, each with a reason.

use std::fs;
use std::path::{Path, PathBuf};

use super::finding::Finding;
use super::metadata::{Excepted, Package};
use super::rules::Rule;
use super::tokens::At;
use super::workspace::Workspace;
use crate::failure::Failure;

/// A shorter reason says nothing to whoever reads it later.
const SHORTEST_REASON: usize = 10;

/// What a manifest excepts, and how many findings that were.
#[derive(Debug)]
pub(super) struct Exception {
    pub(super) package: usize,
    pub(super) rule: Rule,
    /// From the workspace's root.
    file: Option<PathBuf>,
    pub(super) reason: String,
    pub(super) findings: usize,
    at: At,
    manifest: PathBuf,
}

/// Takes out of `found` what is excepted, and adds exceptions that except nothing.
pub(super) fn apply(
    workspace: &Workspace,
    found: &mut Vec<Finding>,
) -> Result<Vec<Exception>, Failure> {
    let mut exceptions = read(workspace)?;
    found.retain(|finding| {
        let by = exceptions.iter_mut().find(|it| it.covers(finding));
        by.map(|it| it.findings += 1).is_none()
    });
    for it in exceptions.iter().filter(|it| it.findings == 0) {
        found.push(Finding {
            file: it.manifest.clone(),
            at: it.at,
            rule: Rule::Exception,
            package: it.package,
            message: format!("the exception from {} matches no finding", it.rule.name()),
        });
    }
    found.sort();
    Ok(exceptions)
}

impl Exception {
    fn covers(&self, finding: &Finding) -> bool {
        self.rule == finding.rule
            && self.package == finding.package
            && self.file.as_ref().is_none_or(|file| *file == finding.file)
    }
}

fn read(workspace: &Workspace) -> Result<Vec<Exception>, Failure> {
    let mut exceptions = Vec::new();
    for (number, package) in workspace.packages.iter().enumerate() {
        let lines = lines_of_exceptions(&package.manifest_path);
        for (nth, listed) in package.exceptions()?.into_iter().enumerate() {
            let line = lines.get(nth).copied().unwrap_or(1);
            exceptions.push(checked(workspace, number, package, listed, line)?);
        }
    }
    Ok(exceptions)
}

fn checked(
    workspace: &Workspace,
    number: usize,
    package: &Package,
    listed: Excepted,
    line: usize,
) -> Result<Exception, Failure> {
    let manifest = workspace.relative(&package.manifest_path);
    let refuse = |why: String| Failure::usage(format!("{}:{line}: {why}", manifest.display()));
    let rule = Rule::find(&listed.rule).filter(|rule| *rule != Rule::Exception);
    let rule = rule.ok_or_else(|| {
        let known: Vec<String> = Rule::ALL.iter().map(|rule| rule.name()).collect();
        refuse(format!(
            "there is no rule {:?} to except from; there are {}",
            listed.rule,
            known.join(", ")
        ))
    })?;
    if listed.reason.trim().chars().count() < SHORTEST_REASON {
        return Err(refuse(format!(
            "the exception from {} needs a reason of at least {SHORTEST_REASON} characters",
            rule.name()
        )));
    }
    let directory = package.manifest_path.parent().unwrap_or(Path::new(""));
    Ok(Exception {
        package: number,
        rule,
        file: listed
            .file
            .map(|file| workspace.relative(&directory.join(file))),
        reason: listed.reason,
        findings: 0,
        at: At { line, column: 1 },
        manifest,
    })
}

/// The lines of a manifest at which exceptions begin; none when they are written in another way.
fn lines_of_exceptions(manifest: &Path) -> Vec<usize> {
    let text = fs::read_to_string(manifest).unwrap_or_default();
    let heads = text.lines().enumerate().filter(|(_, line)| {
        let line: String = line.chars().filter(|c| !c.is_whitespace()).collect();
        line.starts_with("[[package.metadata.counterfoil.gate]]")
    });
    heads.map(|(at, _)| at + 1).collect()
}
