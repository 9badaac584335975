//! Relative links in Markdown lead to a file or directory of this repository.

use super::{Config, Finding};
use crate::workspace::Workspace;

pub(super) fn check(workspace: &Workspace, _: &Config) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in workspace.texts(".md") {
        for (line, target) in relative_links(text) {
            let what = match resolve(path, &target) {
                None => "leads out of the repository",
                Some(file) if !workspace.exists(&file) => "leads nowhere",
                Some(_) => continue,
            };
            findings.push(Finding::new(
                format!("{path}:{line}"),
                format!("the link `{target}` {what}"),
                "correct the path, which is relative to this file",
            ));
        }
    }
    findings
}

/// Line number and target of each link that is neither a URL nor a fragment of the same page.
fn relative_links(text: &str) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    let mut fence: Option<&str> = None;
    for (index, line) in text.lines().enumerate() {
        let trimmed = line.trim_start();
        let marker = ["```", "~~~"]
            .into_iter()
            .find(|marker| trimmed.starts_with(marker));
        match (fence, marker) {
            (Some(open), Some(close)) if open == close => fence = None,
            (None, Some(open)) => fence = Some(open),
            (None, None) => {
                let targets = targets(&without_code(line));
                links.extend(
                    targets
                        .into_iter()
                        .filter(|target| is_relative(target))
                        .map(|target| (index + 1, target)),
                );
            }
            (Some(_), _) => {}
        }
    }
    links
}

/// Inline links `](target)` and definitions `[name]: target`.
fn targets(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = line;
    while let Some((_, after)) = rest.split_once("](") {
        let (target, remaining) = after.split_once(')').unwrap_or((after, ""));
        found.extend(first_word(target));
        rest = remaining;
    }
    if let Some((_, target)) = line
        .trim_start()
        .strip_prefix('[')
        .and_then(|line| line.split_once("]: "))
    {
        found.extend(first_word(target));
    }
    found
}

/// The target without a title; `<a b>` may hold spaces.
fn first_word(target: &str) -> Option<String> {
    let target = target.trim();
    match target
        .strip_prefix('<')
        .and_then(|rest| rest.split_once('>'))
    {
        Some((inner, _)) => Some(inner.to_owned()),
        None => target.split_whitespace().next().map(str::to_owned),
    }
}

/// Blanks out `code` so that examples of links are not taken for links.
fn without_code(line: &str) -> String {
    let parts: Vec<_> = line.split('`').collect();
    let closed = parts.len() % 2 == 1;
    parts
        .iter()
        .enumerate()
        .map(|(index, part)| {
            if index % 2 == 1 && (closed || index + 1 < parts.len()) {
                ""
            } else {
                part
            }
        })
        .collect()
}

fn is_relative(target: &str) -> bool {
    let scheme = target.split_once(':').map(|(scheme, _)| scheme);
    let is_url =
        scheme.is_some_and(|scheme| scheme.chars().all(|char| char.is_ascii_alphanumeric()));
    !is_url && !target.starts_with('#')
}

/// The path from the root that a link in `from` means; `None` if it climbs out of the repository.
fn resolve(from: &str, target: &str) -> Option<String> {
    let path = target.split(['#', '?']).next().unwrap_or_default();
    let mut parts: Vec<_> = from.split('/').collect();
    parts.pop();
    if path.starts_with('/') {
        return None;
    }
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(text: &str) -> Vec<String> {
        let files = [
            ("docs/a.md", text),
            ("docs/specs/b.md", ""),
            ("README.md", ""),
        ];
        check(&Workspace::planted(&files), &Config::planted())
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn links_that_resolve_are_fine() {
        let text = "[b](specs/b.md#part) [dir](specs/) [top](../README.md \"title\") [self](#x)\n\
                    [url](https://example.org/a) <mailto:a@example.org>\n[b]: specs/b.md\n[up](..)";
        assert!(findings(text).is_empty(), "{:?}", findings(text));
    }

    #[test]
    fn a_link_to_nothing_names_its_line() {
        let found = findings("first\n[b](b.md) and [c]( <c d.md> )\n\n[e]: e.md");
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(
            found[0].starts_with("docs/a.md:2: the link `b.md` leads nowhere"),
            "{found:?}"
        );
        assert!(found[1].contains("`c d.md`"), "{found:?}");
        assert!(found[2].starts_with("docs/a.md:4:"), "{found:?}");
    }

    #[test]
    fn a_link_out_of_the_repository_is_found() {
        for target in ["../../elsewhere.md", "/absolute.md"] {
            let found = findings(&format!("[x]({target})"));
            assert!(
                found[0].contains("leads out of the repository"),
                "{found:?}"
            );
        }
    }

    #[test]
    fn code_holds_no_links() {
        assert!(findings("`[x](nowhere.md)`\n```text\n[x](nowhere.md)\n```\n").is_empty());
        assert_eq!(findings("`code` [x](nowhere.md) `code`").len(), 1);
        assert_eq!(findings("a stray ` and [x](nowhere.md)").len(), 1);
    }
}
