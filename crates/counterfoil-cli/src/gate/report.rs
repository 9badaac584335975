//! The result, for people and for programs.

use serde::Serialize;

use super::exceptions::Exception;
use super::finding::Finding;
use super::workspace::Workspace;
use crate::wrap::Paragraph;

/// The document `counterfoil.gate`.
#[derive(Serialize)]
pub(super) struct Document<'a> {
    schema: &'static str,
    version: u32,
    passed: bool,
    packages: usize,
    binaries: usize,
    files: usize,
    findings: Vec<Found<'a>>,
    exceptions: Vec<Listed<'a>>,
    /// Modules whose file is not there.
    unread: &'a [String],
}

#[derive(Serialize)]
struct Found<'a> {
    rule: &'static str,
    package: &'a str,
    file: String,
    line: usize,
    column: usize,
    message: &'a str,
    next: &'static str,
}

#[derive(Serialize)]
struct Listed<'a> {
    rule: &'static str,
    package: &'a str,
    reason: &'a str,
    findings: usize,
}

impl<'a> Document<'a> {
    pub(super) fn new(
        workspace: &'a Workspace,
        findings: &'a [Finding],
        exceptions: &'a [Exception],
    ) -> Self {
        let package = |number: usize| workspace.packages[number].name.as_str();
        Self {
            schema: "counterfoil.gate",
            version: 1,
            passed: findings.is_empty(),
            packages: workspace.packages.len(),
            binaries: workspace.trees.iter().filter(|it| it.is_binary).count(),
            files: files(workspace),
            findings: findings
                .iter()
                .map(|it| Found {
                    rule: it.rule.code(),
                    package: package(it.package),
                    file: it.file.display().to_string(),
                    line: it.at.line,
                    column: it.at.column,
                    message: &it.message,
                    next: it.rule.next(),
                })
                .collect(),
            exceptions: exceptions
                .iter()
                .map(|it| Listed {
                    rule: it.rule.code(),
                    package: package(it.package),
                    reason: &it.reason,
                    findings: it.findings,
                })
                .collect(),
            unread: &workspace.unread,
        }
    }
}

/// The result in lines of at most 80 columns, other than those that name a file.
pub(super) fn text(
    workspace: &Workspace,
    findings: &[Finding],
    exceptions: &[Exception],
) -> String {
    let mut out = String::new();
    for it in findings {
        let (file, line, column) = (it.file.display(), it.at.line, it.at.column);
        let head = format!("{file}:{line}:{column}: {}", it.rule.code());
        out.push_str(&Paragraph::new("", &head).to_string());
        out.push_str(&Paragraph::new("  ", &it.message).to_string());
        out.push_str(&Paragraph::new("  next: ", it.rule.next()).to_string());
    }
    for it in exceptions.iter().filter(|it| it.findings > 0) {
        let package = &workspace.packages[it.package].name;
        let label = format!("excepted: {} in {package}, ", it.rule.name());
        let reason = format!("{label}{}: {}", counted(it.findings, "finding"), it.reason);
        out.push_str(&Paragraph::new("", &reason).to_string());
    }
    for it in &workspace.unread {
        out.push_str(
            &Paragraph::new(
                "",
                &format!("not read: the module {it}, whose file is not there"),
            )
            .to_string(),
        );
    }
    let seen = format!(
        "{} in {} of {}",
        counted(findings.len(), "finding"),
        counted(files(workspace), "file"),
        counted(workspace.packages.len(), "package"),
    );
    out.push_str(&Paragraph::new("", &seen).to_string());
    if let Some(first) = findings.first() {
        let hint = format!("counterfoil gate --explain {} says more", first.rule.name());
        out.push_str(&Paragraph::new("", &hint).to_string());
    }
    out
}

/// Files, each once.
fn files(workspace: &Workspace) -> usize {
    let paths: std::collections::BTreeSet<_> = workspace.files.iter().map(|it| &it.path).collect();
    paths.len()
}

fn counted(count: usize, what: &str) -> String {
    match count {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}
