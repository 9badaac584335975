//! A file: the paths that it names, resolved by its `use` declarations, and the modules that it declares.

use std::collections::BTreeMap;

use proc_macro2::Delimiter;

use super::tokens::{At, Kind, Token, read};

/// What is known of a file.
#[derive(Debug, Default)]
pub(super) struct Source {
    pub(super) mentions: Vec<Mention>,
    pub(super) modules: Vec<Declared>,
    pub(super) statics: Vec<Static>,
    pub(super) impls: Vec<Impl>,
}

/// A path, a method or a macro in the code.
#[derive(Debug)]
pub(super) struct Mention {
    /// What it can mean: the path behind the names that were imported, and one for each `use …::*` that could bring it.
    pub(super) paths: Vec<String>,
    pub(super) form: Form,
    pub(super) at: At,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `path(…)`.
    Call,
    /// `path!(…)`, and whether its first argument is a literal string.
    Macro { literal_first: bool },
    /// `.name(…)`; the path is the name.
    Method,
    /// In a `use`.
    Import,
    /// Anywhere else.
    Other,
}

/// `mod name;`, possibly within `mod outer { … }`.
#[derive(Debug)]
pub(super) struct Declared {
    pub(super) path: Vec<String>,
    /// What `#[path = "…"]` says.
    pub(super) file: Option<String>,
}

/// `static NAME: Type`.
#[derive(Debug)]
pub(super) struct Static {
    pub(super) name: String,
    /// The paths in its type.
    pub(super) types: Vec<String>,
    pub(super) at: At,
}

/// `impl Trait for Type`.
#[derive(Debug)]
pub(super) struct Impl {
    pub(super) of: Vec<String>,
    pub(super) at: At,
}

impl Source {
    /// Reads a file's text; where it is no Rust, if it is none.
    pub(super) fn read(text: &str) -> Result<Self, At> {
        let tokens = read(text)?;
        let imports = Imports::read(&tokens);
        let mut source = Self {
            modules: modules(&tokens),
            ..Self::default()
        };
        let mut at = 0;
        while at < tokens.len() {
            at = source.take(&tokens, at, &imports);
        }
        Ok(source)
    }

    /// Gives crates that were renamed in the manifest their own names.
    pub(super) fn rename(&mut self, names: &BTreeMap<String, String>) {
        let of_mentions = self.mentions.iter_mut().flat_map(|it| &mut it.paths);
        let of_statics = self.statics.iter_mut().flat_map(|it| &mut it.types);
        let of_impls = self.impls.iter_mut().flat_map(|it| &mut it.of);
        for path in of_mentions.chain(of_statics).chain(of_impls) {
            let first = path.split("::").next().unwrap_or_default();
            if let Some(name) = names.get(first) {
                *path = format!("{name}{}", &path[first.len()..]);
            }
        }
    }

    /// Whether a path in the file can mean one that `wanted` accepts.
    pub(super) fn names(&self, wanted: impl Fn(&str) -> bool) -> bool {
        let of = |mention: &Mention| {
            mention.form != Form::Method && mention.paths.iter().any(|it| wanted(it))
        };
        self.mentions.iter().any(of)
    }

    fn take(&mut self, tokens: &[Token], at: usize, imports: &Imports) -> usize {
        match tokens[at].ident() {
            Some("use") if !next_is(tokens, at, '<') => {
                let end = end_of_statement(tokens, at);
                for (path, at) in imports.of_statement(tokens, at) {
                    self.mentions.push(Mention {
                        paths: vec![path],
                        form: Form::Import,
                        at,
                    });
                }
                return end;
            }
            // A declaration leads nowhere: what counts is whether the module is used.
            Some("mod") => return at + 2,
            Some("static") => self.take_static(tokens, at, imports),
            Some("impl") => self.take_impl(tokens, at, imports),
            _ => {}
        }
        let Some(path) = Path::read(tokens, at) else {
            return at + 1;
        };
        self.mentions.push(path.mention(tokens, at, imports));
        path.end
    }

    fn take_static(&mut self, tokens: &[Token], at: usize, imports: &Imports) {
        // `static mut`, and `static ref` of lazy_static.
        let word = tokens.get(at + 1).and_then(Token::ident);
        let skipped = usize::from(matches!(word, Some("mut" | "ref")));
        let Some(name) = tokens.get(at + 1 + skipped).and_then(Token::ident) else {
            return;
        };
        if !next_is(tokens, at + 1 + skipped, ':') {
            return;
        }
        let end = tokens[at..].iter().position(|it| it.is('=') || it.is(';'));
        let end = end.map_or(tokens.len(), |end| at + end);
        self.statics.push(Static {
            name: name.to_owned(),
            types: paths_in(&tokens[..end], at + 3 + skipped, imports),
            at: tokens[at].at,
        });
    }

    fn take_impl(&mut self, tokens: &[Token], at: usize, imports: &Imports) {
        let body = |token: &Token| token.kind == Kind::Open(Delimiter::Brace) || token.is(';');
        let end = tokens[at..]
            .iter()
            .position(body)
            .map_or(tokens.len(), |end| at + end);
        let Some(of) = tokens[at..end]
            .iter()
            .position(|it| it.ident() == Some("for"))
        else {
            return;
        };
        self.impls.push(Impl {
            of: paths_in(&tokens[..at + of], at + 1, imports),
            at: tokens[at].at,
        });
    }
}

/// A path in the code, as it is written.
struct Path {
    segments: Vec<String>,
    end: usize,
}

impl Path {
    fn read(tokens: &[Token], at: usize) -> Option<Self> {
        let mut segments = vec![tokens[at].ident()?.to_owned()];
        let mut end = at + 1;
        while next_is(tokens, end - 1, ':') && next_is(tokens, end, ':') {
            match tokens.get(end + 2) {
                Some(token) if token.is('<') => {
                    end = after_generics(tokens, end + 2);
                    continue;
                }
                Some(token) => match token.ident() {
                    Some(name) => segments.push(name.to_owned()),
                    None => break,
                },
                None => break,
            }
            end += 3;
        }
        Some(Self { segments, end })
    }

    fn mention(&self, tokens: &[Token], at: usize, imports: &Imports) -> Mention {
        let opens =
            |at: usize| matches!(tokens.get(at), Some(it) if matches!(it.kind, Kind::Open(_)));
        let is_method = at > 0 && tokens[at - 1].is('.');
        let is_definition = at > 0 && tokens[at - 1].ident() == Some("fn");
        let form = if is_method {
            Form::Method
        } else if is_definition {
            Form::Other
        } else if next_is(tokens, self.end - 1, '!') && opens(self.end + 1) {
            let first = tokens.get(self.end + 2);
            Form::Macro {
                literal_first: first.is_some_and(|it| it.kind == Kind::Literal { is_string: true }),
            }
        } else if tokens
            .get(self.end)
            .is_some_and(|it| it.kind == Kind::Open(Delimiter::Parenthesis))
        {
            Form::Call
        } else {
            Form::Other
        };
        let paths = if is_method {
            vec![self.segments.join("::")]
        } else {
            imports.resolve(&self.segments)
        };
        Mention {
            paths,
            form,
            at: tokens[at].at,
        }
    }
}

/// The names that a file imports. Where they are imported is not looked at: a `use` within a function counts for the file.
#[derive(Debug, Default)]
struct Imports {
    names: BTreeMap<String, String>,
    globs: Vec<String>,
}

impl Imports {
    fn read(tokens: &[Token]) -> Self {
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
    fn of_statement(&self, tokens: &[Token], at: usize) -> Vec<(String, At)> {
        let imports = tree(tokens, at + 1, &[]).0;
        imports.into_iter().map(|it| (it.path, it.at)).collect()
    }

    fn resolve(&self, segments: &[String]) -> Vec<String> {
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

/// The modules that a file declares to lie in files of their own.
fn modules(tokens: &[Token]) -> Vec<Declared> {
    let mut found = Vec::new();
    let mut within: Vec<Option<String>> = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match &token.kind {
            Kind::Open(Delimiter::Brace) => {
                let named = at
                    .checked_sub(2)
                    .is_some_and(|it| tokens[it].ident() == Some("mod"));
                within.push(
                    named
                        .then(|| tokens[at - 1].ident().map(str::to_owned))
                        .flatten(),
                );
            }
            Kind::Close(Delimiter::Brace) => drop(within.pop()),
            Kind::Ident(word) if word == "mod" => {
                let Some(name) = tokens.get(at + 1).and_then(Token::ident) else {
                    continue;
                };
                if !next_is(tokens, at + 1, ';') {
                    continue;
                }
                let mut path: Vec<String> = within.iter().flatten().cloned().collect();
                path.push(name.to_owned());
                let file = path_attribute_before(tokens, at);
                found.push(Declared { path, file });
            }
            _ => {}
        }
    }
    found
}

/// `#[path = "…"]` before the `mod` at `at`, with or without a visibility between.
fn path_attribute_before(tokens: &[Token], at: usize) -> Option<String> {
    let is_visibility = |token: &Token| {
        matches!(token.ident(), Some("pub" | "crate" | "super" | "in"))
            || matches!(token.kind, Kind::Open(_) | Kind::Close(_))
    };
    let before = tokens[..at].iter().rev().find(|it| !is_visibility(it))?;
    match &before.kind {
        Kind::PathAttribute(path) => Some(path.clone()),
        _ => None,
    }
}

fn paths_in(tokens: &[Token], from: usize, imports: &Imports) -> Vec<String> {
    let mut paths = Vec::new();
    let mut at = from;
    while at < tokens.len() {
        match Path::read(tokens, at) {
            Some(path) => {
                paths.extend(imports.resolve(&path.segments));
                at = path.end;
            }
            None => at += 1,
        }
    }
    paths
}

fn next_is(tokens: &[Token], at: usize, punct: char) -> bool {
    tokens.get(at + 1).is_some_and(|it| it.is(punct))
}

fn end_of_statement(tokens: &[Token], at: usize) -> usize {
    let end = tokens[at..].iter().position(|it| it.is(';'));
    end.map_or(tokens.len(), |end| at + end + 1)
}

/// What comes after the generic arguments whose `<` is at `at`.
fn after_generics(tokens: &[Token], at: usize) -> usize {
    let mut depth = 0_usize;
    for (end, token) in tokens.iter().enumerate().skip(at) {
        if token.is('<') {
            depth += 1;
        } else if token.is('>') && !tokens[end - 1].is('-') {
            depth = depth.saturating_sub(1);
        }
        if depth == 0 {
            return end + 1;
        }
    }
    tokens.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(text: &str, form: Form) -> Vec<String> {
        let source = Source::read(text).unwrap();
        let of_form = source.mentions.into_iter().filter(|it| it.form == form);
        of_form.flat_map(|it| it.paths).collect()
    }

    #[test]
    fn names_are_followed_to_what_they_import() {
        let text = "use a::{b::{self, c as d}, e}; use f; fn x() { d(); b::g(); e::h::<u8>::i(); f::j(); ::k::l(); m(); }";
        let expected = ["a::b::c", "a::b::g", "a::e::h::i", "f::j", "k::l", "m"];
        let calls = resolved(text, Form::Call);
        assert_eq!(calls, expected);
    }

    #[test]
    fn what_a_glob_could_bring_is_one_of_the_meanings() {
        let text = "use counterfoil::*; fn main() { init(1); }";
        assert_eq!(resolved(text, Form::Call), ["init", "counterfoil::init"]);
    }

    #[test]
    fn methods_and_macros_are_told_from_calls() {
        let text = "use metrics::counter; fn x() { y.subscribe(1); counter!(\"a\"); counter!(NAME); a != (b); }";
        assert_eq!(resolved(text, Form::Method), ["subscribe"]);
        assert_eq!(
            resolved(
                text,
                Form::Macro {
                    literal_first: true
                }
            ),
            ["metrics::counter"]
        );
        assert_eq!(
            resolved(
                text,
                Form::Macro {
                    literal_first: false
                }
            ),
            ["metrics::counter"]
        );
    }

    #[test]
    fn modules_are_found_with_where_they_lie() {
        let text = "mod a; pub(crate) mod b { mod c; } #[path = \"x/y.rs\"] pub(super) mod d; fn f() { mod g {} }";
        let found = Source::read(text).unwrap().modules;
        let found: Vec<_> = found
            .iter()
            .map(|it| (it.path.join("::"), it.file.as_deref()))
            .collect();
        let expected = [
            ("a".into(), None),
            ("b::c".into(), None),
            ("d".into(), Some("x/y.rs")),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn types_of_statics_and_implemented_traits_are_resolved() {
        let text = "use metrics::Counter; use std::sync::LazyLock; static A: LazyLock<Counter> = x(); fn f(a: &'static str) {} \
            impl<T> my::Exporter for X<T> {} impl X {}";
        let source = Source::read(text).unwrap();
        assert_eq!(source.statics.len(), 1);
        assert_eq!(
            source.statics[0].types,
            ["std::sync::LazyLock", "metrics::Counter"]
        );
        assert_eq!(source.impls.len(), 1);
        assert!(source.impls[0].of.contains(&"my::Exporter".to_owned()));
    }

    #[test]
    fn captures_of_a_type_are_no_import() {
        let text = "fn f() -> impl Fn() + use<> { g() }";
        assert!(resolved(text, Form::Import).is_empty());
        assert!(resolved(text, Form::Call).contains(&"g".to_owned()));
    }
}
