//! `docs/compliance.toml`: what is said to be supported is shown by a test that exists.
//!
//! Tests are found lexically: a function of that name below a `#[test]`, in the crate that is named, in a file or module that
//! the path names.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::{Config, Finding};
use crate::workspace::Workspace;

const PATH: &str = "docs/compliance.toml";
const STATUSES: [&str; 4] = ["supported", "partly", "operator", "not"];
const KEYS: [&str; 6] = ["id", "title", "status", "feature", "doc", "tests"];

pub(super) fn check(workspace: &Workspace, _: &Config) -> Vec<Finding> {
    let Some(text) = workspace.text(PATH) else {
        let next = "restore it; docs/operating/compliance.md says what is in it";
        return vec![Finding::new(
            PATH,
            "the list of requirements is not there",
            next,
        )];
    };
    let table: Table = match text.parse() {
        Ok(table) => table,
        Err(error) => {
            let what = format!("cannot be read: {}", first_line(&error.to_string()));
            return vec![Finding::new(PATH, what, "correct the TOML")];
        }
    };
    let entries = table.get("requirement").and_then(Value::as_array);
    let mut found = Found {
        lines: Lines::of(text),
        findings: Vec::new(),
    };
    let mut first: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, entry) in entries.into_iter().flatten().enumerate() {
        let Some(entry) = entry.as_table() else {
            continue;
        };
        found.members(index, entry);
        let id = entry.get("id").and_then(Value::as_str).unwrap_or_default();
        if let Some(before) = first.insert(id, index) {
            let line = found.lines.header(before);
            found.add(
                index,
                id,
                format!("the id `{id}` stands in line {line} already"),
                "give each requirement one entry",
            );
        }
        found.doc(index, entry, workspace);
        found.tests(index, entry, workspace);
    }
    if first.is_empty() {
        found.findings.push(Finding::new(
            PATH,
            "there is no [[requirement]]",
            "list the requirements, or remove the file",
        ));
    }
    found.findings
}

/// The findings so far, and where the entries stand.
struct Found<'a> {
    lines: Lines<'a>,
    findings: Vec<Finding>,
}

impl Found<'_> {
    fn add(&mut self, index: usize, needle: &str, what: impl Into<String>, next: &str) {
        let line = self.lines.of_text(index, needle);
        self.findings
            .push(Finding::new(format!("{PATH}:{line}"), what, next));
    }

    fn members(&mut self, index: usize, entry: &Table) {
        for key in entry.keys().filter(|key| !KEYS.contains(&key.as_str())) {
            let next = format!("use {}", KEYS.join(", "));
            self.add(index, key, format!("`{key}` is not known"), &next);
        }
        for key in ["id", "title", "feature"] {
            let said = entry.get(key).and_then(Value::as_str).unwrap_or_default();
            if said.trim().is_empty() {
                let what = format!("the requirement has no `{key}`");
                self.add(index, "", what, "say it in a sentence");
            }
        }
        let status = entry.get("status").and_then(Value::as_str);
        if !status.is_some_and(|status| STATUSES.contains(&status)) {
            let next = format!("use one of {}", STATUSES.join(", "));
            self.add(
                index,
                "status",
                "the requirement has no known `status`",
                &next,
            );
        }
    }

    fn doc(&mut self, index: usize, entry: &Table, workspace: &Workspace) {
        let claims = matches!(
            entry.get("status").and_then(Value::as_str),
            Some("supported" | "partly")
        );
        match entry.get("doc").and_then(Value::as_str) {
            Some(doc) => {
                let (file, fragment) = doc.split_once('#').unwrap_or((doc, ""));
                let text = workspace.text(file);
                if text.is_none() {
                    let what = format!("the page `{file}` is not there");
                    self.add(index, doc, what, "name a page by its path from the root");
                } else if !fragment.is_empty() && !has_heading(text.unwrap_or_default(), fragment) {
                    let what = format!("`{file}` has no heading `#{fragment}`");
                    self.add(index, doc, what, "name a heading that it has");
                }
            }
            None if claims => {
                let what = "what is supported has no `doc`";
                self.add(index, "", what, "name the page that explains it");
            }
            None => {}
        }
    }

    fn tests(&mut self, index: usize, entry: &Table, workspace: &Workspace) {
        let tests = entry.get("tests").and_then(Value::as_array);
        let tests: Vec<&str> = tests
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let status = entry.get("status").and_then(Value::as_str);
        if tests.is_empty() && matches!(status, Some("supported" | "partly")) {
            let what = "what is supported names no test";
            self.add(
                index,
                "status",
                what,
                "name at least one test that shows it",
            );
        }
        for test in tests {
            if let Err(what) = find(test, workspace) {
                self.add(index, test, what, "name it as `crate module::test`, such as `counterfoil-cli verify::any_changed_byte_is_tampering_and_the_record_is_named`");
            }
        }
    }
}

/// Whether `crate module::test` exists.
fn find(test: &str, workspace: &Workspace) -> Result<(), String> {
    let (package, path) = test
        .split_once(' ')
        .ok_or_else(|| format!("`{test}` names no crate and test"))?;
    let package = workspace
        .packages
        .iter()
        .find(|it| it.name == package)
        .ok_or_else(|| format!("there is no crate `{package}`"))?;
    let mut modules: Vec<&str> = path.split("::").collect();
    let name = modules.pop().unwrap_or_default();
    let prefix = format!("{}/", package.dir);
    let exists = workspace
        .texts(".rs")
        .filter(|(file, _)| file.starts_with(&prefix))
        .any(|(file, text)| {
            has_test(text, name) && modules.iter().all(|module| is_in(file, text, module))
        });
    if exists {
        Ok(())
    } else {
        Err(format!("`{}` has no test `{path}`", package.name))
    }
}

fn is_in(file: &str, text: &str, module: &str) -> bool {
    let of_path = file
        .trim_end_matches(".rs")
        .split('/')
        .any(|it| it == module);
    of_path || text.contains(&format!("mod {module} {{"))
}

/// Whether a function of this name has `#[test]` among its attributes.
fn has_test(text: &str, name: &str) -> bool {
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let declares = |line: &str| {
        line.split_once("fn ")
            .filter(|(before, _)| ["", "async "].contains(before))
            .and_then(|(_, after)| after.strip_prefix(name))
            .is_some_and(|rest| rest.starts_with(['(', '<']))
    };
    let tested = |at: usize| {
        lines[..at]
            .iter()
            .rev()
            .take_while(|line| !line.is_empty() && **line != "}")
            .any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test"))
    };
    (0..lines.len()).any(|at| declares(lines[at]) && tested(at))
}

/// Whether a page has a heading that links of this fragment lead to.
fn has_heading(text: &str, fragment: &str) -> bool {
    let headings = text.lines().filter_map(|line| {
        let title = line.trim_start_matches('#');
        (title.len() < line.len()).then(|| title.trim())
    });
    headings
        .map(|title| {
            let kept = title.to_lowercase();
            let kept = kept
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.map(|c| if c == ' ' { '-' } else { c })
                .collect::<String>()
        })
        .any(|heading| heading == fragment)
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

/// Where the entries of the file begin.
struct Lines<'a> {
    text: Vec<&'a str>,
    headers: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a str) -> Self {
        let text: Vec<&str> = text.lines().collect();
        let headers = (0..text.len()).filter(|at| text[*at].trim() == "[[requirement]]");
        Self {
            headers: headers.collect(),
            text,
        }
    }

    /// The line of an entry's header, from 1.
    fn header(&self, index: usize) -> usize {
        self.headers.get(index).map_or(1, |at| at + 1)
    }

    /// The first line of an entry that has `needle` in it, else that of its header.
    fn of_text(&self, index: usize, needle: &str) -> usize {
        let from = self.headers.get(index).copied().unwrap_or_default();
        let to = self.headers.get(index + 1).copied();
        let to = to.unwrap_or(self.text.len());
        (from..to)
            .find(|at| !needle.is_empty() && self.text[*at].contains(needle))
            .map_or_else(|| self.header(index), |at| at + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# A page\n\n## What is kept, and how\n";
    const TESTS: &str = "mod tests {\n    #[test]\n    fn it_holds() {}\n\n    fn helper() {}\n\n    #[tokio::test]\n    async fn it_holds_async() {}\n}\n";

    fn findings(compliance: &str) -> Vec<String> {
        let files = [
            (PATH, compliance),
            ("docs/page.md", PAGE),
            ("crates/a/Cargo.toml", "[package]\nname = 'a'"),
            ("crates/a/tests/it/verify.rs", TESTS),
            ("crates/b/Cargo.toml", "[package]\nname = 'b'"),
            ("crates/b/src/lib.rs", ""),
        ];
        let found = check(&Workspace::planted(&files), &Config::planted());
        found.iter().map(ToString::to_string).collect()
    }

    fn entry(more: &str) -> String {
        format!("# head\n[[requirement]]\nid = \"AU-2\"\ntitle = \"t\"\nfeature = \"f\"\n{more}\n")
    }

    fn supported(test: &str) -> String {
        entry(&format!(
            "status = \"supported\"\ndoc = \"docs/page.md\"\ntests = [\"{test}\"]"
        ))
    }

    #[test]
    fn a_requirement_with_a_page_and_a_test_is_fine() {
        for test in [
            "a verify::it_holds",
            "a verify::tests::it_holds_async",
            "a it_holds",
        ] {
            assert_eq!(findings(&supported(test)), [] as [String; 0], "{test}");
        }
        for status in ["operator", "not"] {
            let entry = entry(&format!("status = \"{status}\""));
            assert_eq!(findings(&entry), [] as [String; 0]);
        }
    }

    #[test]
    fn a_test_that_does_not_exist_is_found_with_its_line() {
        for test in [
            "a verify::gone",
            "a verify::helper",
            "a other::it_holds",
            "b verify::it_holds",
            "c verify::it_holds",
            "it_holds",
        ] {
            let found = findings(&supported(test));
            assert_eq!(found.len(), 1, "{test}: {found:?}");
            assert!(
                found[0].starts_with("docs/compliance.toml:8: "),
                "{found:?}"
            );
        }
    }

    #[test]
    fn what_is_supported_needs_a_test_and_a_page() {
        let found = findings(&entry("status = \"partly\"\ntests = []"));
        assert!(found[0].contains("no `doc`"), "{found:?}");
        assert!(
            found[1].starts_with("docs/compliance.toml:6: what is supported names no test"),
            "{found:?}"
        );
    }

    #[test]
    fn an_id_that_stands_twice_is_found_at_the_second() {
        let twice = entry("status = \"not\"") + &entry("status = \"not\"");
        let found = findings(&twice);
        assert!(
            found[0].starts_with("docs/compliance.toml:9: the id `AU-2` stands in line 2 already"),
            "{found:?}"
        );
    }

    #[test]
    fn a_page_or_heading_that_is_not_there_is_found() {
        let of = |doc: &str| findings(&entry(&format!("status = \"not\"\ndoc = \"{doc}\"")));
        assert!(of("docs/gone.md")[0].contains("is not there"));
        assert!(of("docs/page.md#nothing")[0].contains("no heading"));
        assert_eq!(of("docs/page.md#what-is-kept-and-how"), [] as [String; 0]);
    }

    #[test]
    fn a_list_that_is_gone_is_found() {
        let found = check(&Workspace::planted(&[]), &Config::planted());
        assert!(found[0].to_string().contains("is not there"), "{found:?}");
    }

    #[test]
    fn an_unknown_status_or_member_and_an_empty_list_are_found() {
        assert!(findings(&entry("status = \"done\""))[0].contains("no known `status`"));
        let found = findings(&entry("status = \"not\"\nnote = \"x\""));
        assert!(
            found[0].starts_with("docs/compliance.toml:7: `note` is not known"),
            "{found:?}"
        );
        assert!(findings("# nothing\n")[0].contains("no [[requirement]]"));
        assert!(findings("[[requirement]\n")[0].contains("cannot be read"));
    }
}
