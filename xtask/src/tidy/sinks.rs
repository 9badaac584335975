//! A sink is where text leaves: it has a row in the canary test, or a reason why nothing secret can come out of it.
//!
//! Found lexically: implementations of the contracts and of `tracing`'s layers, servers over HTTP, and files that write to a
//! standard stream. What is hidden behind a macro or another crate is not seen.

use std::collections::{BTreeMap, BTreeSet};

use super::config::{PATH, Sink};
use super::{Config, Finding};
use crate::workspace::Workspace;

/// The table of sinks that the canary test runs through.
const CANARY: &str = "crates/counterfoil/tests/it/canary/sinks.rs";
const CONTRACTS: [&str; 5] = [
    "Exporter",
    "EventSink",
    "FormatEvent",
    "Layer",
    "MakeWriter",
];
const STREAMS: [&str; 6] = [
    "io::stdout()",
    "io::stderr()",
    "anstream::stdout()",
    "anstream::stderr()",
    "println!(",
    "print!(",
];

pub(super) fn check(workspace: &Workspace, config: &Config) -> Vec<Finding> {
    let mut found = BTreeMap::new();
    for (path, text) in workspace.texts(".rs") {
        let ours =
            path.starts_with("crates/") && path.contains("/src/") && !path.contains("/tests/");
        let supports = workspace
            .package_of(path)
            .is_some_and(|package| config.support.contains_key(&package.name));
        if ours && !supports {
            for sink in sinks(path, text) {
                found.entry(sink).or_insert_with(|| path.to_owned());
            }
        }
    }
    let canary = workspace.text(CANARY).unwrap_or_default();
    let mut findings = Vec::new();
    for (sink, path) in &found {
        if !config.sinks.contains_key(sink) {
            let next = format!(
                "add it to the canary test ({CANARY}) and to [sink] in {PATH}, or say there why nothing secret comes out of it"
            );
            findings.push(Finding::new(
                path,
                format!("`{sink}` is a sink that no canary knows"),
                next,
            ));
        }
    }
    for (sink, entry) in &config.sinks {
        if !found.contains_key(sink) {
            let what = format!("`{sink}` is listed as a sink and is none");
            findings.push(Finding::new(PATH, what, "take it out of [sink]"));
        } else if let Sink::Canary(row) = entry
            && !canary.contains(&format!("(\"{row}\","))
            && !canary.contains(&format!("\"{row}\",\n"))
        {
            let what =
                format!("`{sink}` names the row {row:?}, which the canary test does not have");
            findings.push(Finding::new(
                CANARY,
                what,
                "add the row, or name the one that it has",
            ));
        }
    }
    findings
}

/// The sinks of a file: types by their names, servers and writers to a stream by the file's path.
fn sinks(path: &str, text: &str) -> BTreeSet<String> {
    let text = text.split("\n#[cfg(test)]\nmod ").next().unwrap_or(text);
    let code: Vec<_> = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect();
    let mut sinks: BTreeSet<_> = headers(&code).filter_map(|it| implementor(&it)).collect();
    let code = code.join("\n");
    let serves = code.contains("counterfoil_http::") && code.contains("Server");
    if serves || STREAMS.iter().any(|stream| code.contains(stream)) {
        sinks.insert(path.to_owned());
    }
    sinks
}

/// The heads of implementations, each on one line.
fn headers(code: &[&str]) -> impl Iterator<Item = String> {
    let begins = (0..code.len()).filter(|at| code[*at].starts_with("impl"));
    begins.map(|at| {
        let head: Vec<_> = code[at..]
            .iter()
            .scan(false, |done, line| {
                let wanted = !*done;
                *done = line.contains('{');
                wanted.then(|| line.trim())
            })
            .collect();
        head.join(" ")
    })
}

/// The type that implements one of the contracts, if it is one; pointers to any other are none.
fn implementor(head: &str) -> Option<String> {
    let (before, after) = head.split_once(" for ")?;
    let contract = before.rsplit_once(' ').map_or(before, |(_, last)| last);
    let contract = contract.split('<').next()?.rsplit("::").next()?;
    let name: String = after
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    let is_pointer = ["Arc", "Box"].contains(&name.as_str());
    (CONTRACTS.contains(&contract) && !is_pointer).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROWS: &str = "const SINKS = &[(\"Lines\", x), (\n    \"Page, JSON\",\n    x)];";

    fn findings(sinks: &[(&str, Sink)], files: &[(&str, &str)]) -> Vec<String> {
        let mut config = Config::planted();
        config.sinks = sinks
            .iter()
            .map(|(name, sink)| ((*name).to_owned(), sink.clone()))
            .collect();
        let mut all = vec![
            (CANARY, ROWS),
            ("crates/a/Cargo.toml", "[package]\nname = 'a'"),
        ];
        all.extend(files);
        let found = check(&Workspace::planted(&all), &config);
        found.iter().map(ToString::to_string).collect()
    }

    fn row(name: &str) -> Sink {
        Sink::Canary(name.to_owned())
    }

    #[test]
    fn a_new_sink_without_a_canary_is_found_whatever_it_implements() {
        for code in [
            "impl Exporter for Lines {",
            "impl<W: Write + Send + 'static> Exporter for Lines<W> {",
            "impl<S> Layer<S> for Lines\nwhere\n    S: Subscriber,\n{",
            "impl<W>\n    counterfoil_events::EventSink for Lines<W>\n{",
        ] {
            let file = [("crates/a/src/lib.rs", code)];
            let found = findings(&[], &file);
            assert!(
                found[0].contains("`Lines` is a sink that no canary knows"),
                "{code}: {found:?}"
            );
            assert!(
                findings(&[("Lines", row("Lines"))], &file).is_empty(),
                "{code}"
            );
        }
    }

    #[test]
    fn servers_and_writers_to_a_standard_stream_are_sinks_by_their_path() {
        for code in [
            "use counterfoil_http::{Request, Server};",
            "fn f() { println!(\"x\"); }",
            "fn f() { io::stderr().write_all(b\"x\"); }",
        ] {
            let found = findings(&[], &[("crates/a/src/main.rs", code)]);
            assert!(
                found[0].contains("`crates/a/src/main.rs` is a sink"),
                "{code}: {found:?}"
            );
        }
    }

    #[test]
    fn tests_comments_pointers_support_crates_and_other_impls_are_no_sinks() {
        let fine = [
            (
                "crates/a/src/lib.rs",
                "// impl Exporter for Lines {\nimpl<E> Exporter for Arc<E> {\nimpl Layered for Lines {",
            ),
            (
                "crates/a/src/b.rs",
                "fn f() {}\n#[cfg(test)]\nmod tests {\nimpl Exporter for Lines {\n",
            ),
            ("crates/a/tests/it/main.rs", "impl Exporter for Lines {"),
            (
                "crates/a/tests/x.in/b/src/c.rs",
                "impl Exporter for Lines {",
            ),
            (
                "crates/counterfoil-testkit/Cargo.toml",
                "[package]\nname = 'counterfoil-testkit'",
            ),
            (
                "crates/counterfoil-testkit/src/lib.rs",
                "impl Exporter for Lines {",
            ),
        ];
        assert_eq!(findings(&[], &fine), [] as [String; 0]);
    }

    #[test]
    fn a_row_that_the_test_does_not_have_and_a_sink_that_is_gone_are_found() {
        let file = [("crates/a/src/lib.rs", "impl Exporter for Lines {")];
        let found = findings(&[("Lines", row("Other"))], &file);
        assert!(found[0].contains("does not have"), "{found:?}");
        assert!(findings(&[("Lines", row("Page, JSON"))], &file).is_empty());
        let gone = Sink::Because("it passes on".to_owned());
        let found = findings(&[("Lines", row("Lines")), ("Gone", gone)], &file);
        assert!(
            found[0].contains("`Gone` is listed as a sink and is none"),
            "{found:?}"
        );
    }
}
