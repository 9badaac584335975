//! What a file imports by its `use` declarations.

use std::collections::BTreeMap;

use proc_macro2::Delimiter;

use super::tokens::{At, Kind, Token, next_is};

/// The names that a file imports. Where they are imported is not looked at: a `use` within a function counts for the file.
#[derive(Debug, Default)]
pub(super) struct Imports {
    pub(super) names: BTreeMap<String, String>,
    pub(super) globs: Vec<String>,
}

impl Imports {
    pub(super) fn read(tokens: &[Token]) -> Self {
        let mut imports = Self::default();
        for at in 0..tokens.len() {
            if tokens[at].ident() == Some("use") && !next_is(tokens, at, '<') {
                for import in tree(tokens, at + 1, &[]).0 {
                    match import.name {
                        Some(name) => drop(imports.names.insert(name, import.path)),
                        None => imports.globs.push(import.path),
                    }
                }
            }
        }
        imports
    }

    /// The paths of one `use`, which begins at `at`.
    pub(super) fn of_statement(tokens: &[Token], at: usize) -> Vec<(String, At)> {
        let imports = tree(tokens, at + 1, &[]).0;
        imports.into_iter().map(|it| (it.path, it.at)).collect()
    }

    /// The paths that are imported.
    pub(super) fn paths_mut(&mut self) -> impl Iterator<Item = &mut String> {
        self.names.values_mut().chain(&mut self.globs)
    }

    /// What a path can mean: behind the name that was imported, or as it stands there and behind each glob.
    pub(super) fn resolve(&self, segments: &[String]) -> Vec<String> {
        let [first, rest @ ..] = segments else {
            return Vec::new();
        };
        if let Some(path) = self.names.get(first) {
            let mut path = path.clone();
            rest.iter().for_each(|it| path = format!("{path}::{it}"));
            return vec![path];
        }
        let written = segments.join("::");
        let by_globs = self.globs.iter().map(|glob| format!("{glob}::{written}"));
        let by_globs: Vec<String> = by_globs.collect();
        std::iter::once(written).chain(by_globs).collect()
    }
}

struct Import {
    /// `None` for `*`.
    name: Option<String>,
    path: String,
    at: At,
}

/// What the tree of a `use` at `at` imports, and what comes after it.
fn tree(tokens: &[Token], at: usize, prefix: &[String]) -> (Vec<Import>, usize) {
    let mut path = prefix.to_vec();
    let mut at = at;
    let here = |at: usize| tokens.get(at).map_or(At { line: 1, column: 1 }, |it| it.at);
    while let Some(token) = tokens.get(at) {
        match &token.kind {
            Kind::Ident(name) if name == "as" => {
                let name = tokens.get(at + 1).and_then(Token::ident).map(str::to_owned);
                let path = path.join("::");
                let at = at + 2;
                return (
                    vec![Import {
                        name: name.or(Some("_".into())),
                        path,
                        at: here(at - 1),
                    }],
                    at,
                );
            }
            Kind::Ident(name) => {
                // `use a::{self}` imports `a`.
                if name != "self" || path.is_empty() {
                    path.push(name.clone());
                }
                at += 1;
            }
            Kind::Punct(':') => at += 1,
            Kind::Punct('*') => {
                let path = path.join("::");
                return (
                    vec![Import {
                        name: None,
                        path,
                        at: token.at,
                    }],
                    at + 1,
                );
            }
            Kind::Open(Delimiter::Brace) => {
                let mut imports = Vec::new();
                at += 1;
                while let Some(token) = tokens.get(at) {
                    if matches!(token.kind, Kind::Close(_)) {
                        at += 1;
                        break;
                    }
                    if token.is(',') {
                        at += 1;
                        continue;
                    }
                    let before = at;
                    let (more, next) = tree(tokens, at, &path);
                    imports.extend(more);
                    at = next.max(before + 1);
                }
                return (imports, at);
            }
            _ => break,
        }
    }
    let name = path.last().cloned();
    let import = Import {
        name,
        path: path.join("::"),
        at: here(at.saturating_sub(1)),
    };
    (vec![import], at)
}
