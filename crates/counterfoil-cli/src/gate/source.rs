//! A file: the paths that it names, resolved by its `use` declarations, and the modules that it declares.

use std::collections::BTreeMap;
use std::ops::Range;

use proc_macro2::Delimiter;

use super::imports::Imports;
use super::items::{Item, Type, items};
use super::tokens::{At, Kind, Token, after_generics, after_group, next_is, read};

/// What is known of a file.
#[derive(Debug, Default)]
pub(super) struct Source {
    /// In the order in which they stand there.
    pub(super) mentions: Vec<Mention>,
    pub(super) items: Vec<Item>,
    pub(super) imports: Imports,
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
    /// The token that it begins with.
    pub(super) token: usize,
    /// The tokens between the parentheses behind it.
    pub(super) arguments: Range<usize>,
    /// How many arguments that are.
    pub(super) arity: usize,
    /// What a method is called on, where that is a name or a field: `b` of `a.b.name(…)`.
    pub(super) receiver: Option<String>,
    /// The name that it is given to: `a` of `let a = path(…)` and of `a: &path`.
    pub(super) bound: Option<String>,
    /// Whether it is compared with something, or a pattern.
    pub(super) is_compared: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `path(…)`.
    Call,
    /// `path!(…)`, and whether its first argument is a literal string.
    Macro { literal_first: bool },
    /// `.name(…)`; the path is the name.
    Method,
    /// `.name` without parentheses; the path is the name.
    Field,
    /// In a `use`.
    Import,
    /// The name behind `fn`.
    Definition,
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

/// `impl Trait for Type` or `impl Type`.
#[derive(Debug)]
pub(super) struct Impl {
    /// The paths of the trait and its arguments.
    pub(super) of: Vec<String>,
    /// The name of the type.
    pub(super) subject: String,
    pub(super) at: At,
    /// The tokens of all of it.
    pub(super) tokens: Range<usize>,
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
        source.items = items(&tokens, &source.impls, &imports);
        source.imports = imports;
        Ok(source)
    }

    /// Gives crates that were renamed in the manifest their own names.
    pub(super) fn rename(&mut self, names: &BTreeMap<String, String>) {
        let of_mentions = self.mentions.iter_mut().flat_map(|it| &mut it.paths);
        let of_statics = self.statics.iter_mut().flat_map(|it| &mut it.types);
        let of_impls = self.impls.iter_mut().flat_map(|it| &mut it.of);
        let of_types = self.items.iter_mut().filter_map(|it| it.returned.as_mut());
        let of_types = of_types.flat_map(Type::paths_mut);
        let of_code = of_mentions.chain(of_statics).chain(of_impls);
        for path in of_code.chain(of_types).chain(self.imports.paths_mut()) {
            let first = path.split("::").next().unwrap_or_default();
            if let Some(name) = names.get(first) {
                *path = format!("{name}{}", &path[first.len()..]);
            }
        }
    }

    /// Whether a path in the file can mean one that `wanted` accepts.
    pub(super) fn names(&self, wanted: impl Fn(&str) -> bool) -> bool {
        self.mentions.iter().any(|it| it.names(&wanted))
    }

    /// The paths, methods and macros that stand in these tokens.
    pub(super) fn mentions_in(&self, tokens: &Range<usize>) -> &[Mention] {
        let before = |at: usize| self.mentions.partition_point(|it| it.token < at);
        &self.mentions[before(tokens.start)..before(tokens.end)]
    }

    /// The innermost item in which the token stands.
    pub(super) fn item_at(&self, token: usize) -> Option<&Item> {
        let around = self.items.iter().filter(|it| it.tokens.contains(&token));
        around.min_by_key(|it| it.tokens.len())
    }

    fn take(&mut self, tokens: &[Token], at: usize, imports: &Imports) -> usize {
        match tokens[at].ident() {
            Some("use") if !next_is(tokens, at, '<') => {
                let end = end_of_statement(tokens, at);
                for (path, place) in Imports::of_statement(tokens, at) {
                    self.mentions.push(Mention {
                        paths: vec![path],
                        form: Form::Import,
                        at: place,
                        token: at,
                        arguments: at..at,
                        arity: 0,
                        receiver: None,
                        bound: None,
                        is_compared: false,
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
        let begins = at.checked_sub(1).is_none_or(|before| {
            let before = &tokens[before];
            let word = matches!(before.ident(), Some("unsafe" | "default"));
            let brace = Kind::Open(Delimiter::Brace) == before.kind
                || Kind::Close(Delimiter::Brace) == before.kind;
            word || brace || before.is(';')
        });
        let body = |token: &Token| token.kind == Kind::Open(Delimiter::Brace) || token.is(';');
        let Some(body) = tokens[at..].iter().position(body).filter(|_| begins) else {
            return;
        };
        let body = at + body;
        let head = match next_is(tokens, at, '<') {
            true => after_generics(tokens, at + 1),
            false => at + 1,
        };
        let mut within = tokens[at..body].iter();
        let of = within.position(|it| it.ident() == Some("for"));
        let subject = of.map_or(head, |of| at + of + 1);
        let subject = (subject..body).find_map(|at| Path::read(tokens, at));
        self.impls.push(Impl {
            of: of.map_or_else(Vec::new, |of| paths_in(&tokens[..at + of], at + 1, imports)),
            subject: subject
                .and_then(|path| path.segments.last().cloned())
                .unwrap_or_default(),
            at: tokens[at].at,
            tokens: at..after_group(tokens, body),
        });
    }
}

impl Mention {
    /// Whether it can mean a path that `wanted` accepts.
    pub(super) fn names(&self, wanted: impl Fn(&str) -> bool) -> bool {
        !matches!(self.form, Form::Method | Form::Field | Form::Definition)
            && self.paths.iter().any(|it| wanted(it))
    }

    /// Whether the code does something with it, other than importing or defining it.
    pub(super) const fn is_used(&self) -> bool {
        matches!(self.form, Form::Call | Form::Method | Form::Other)
    }

    /// Whether it calls a function or a method of this name, or hands it on. A plain name that is not called may be a variable.
    pub(super) fn uses(&self, name: &str) -> bool {
        let is_plain = self.form == Form::Other && !self.paths.iter().any(|it| it.contains("::"));
        self.is_used() && !is_plain && self.is_called(name)
    }

    /// Whether its path ends with this name, or with these.
    pub(super) fn is_called(&self, name: &str) -> bool {
        let ends = |path: &String| {
            let before = path.strip_suffix(name);
            before.is_some_and(|before| before.is_empty() || before.ends_with("::"))
        };
        self.paths.iter().any(ends)
    }

    /// Whether it calls one of these methods.
    pub(super) fn calls_method(&self, names: &[&str]) -> bool {
        self.form == Form::Method && self.paths.iter().any(|it| names.contains(&it.as_str()))
    }
}

/// A path in the code, as it is written.
pub(super) struct Path {
    pub(super) segments: Vec<String>,
    pub(super) end: usize,
}

impl Path {
    pub(super) fn read(tokens: &[Token], at: usize) -> Option<Self> {
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
        let (form, opens) = self.form(tokens, at);
        let is_member = matches!(form, Form::Method | Form::Field);
        let arguments = match opens {
            Some(opens) => opens + 1..after_group(tokens, opens).saturating_sub(1),
            None => self.end..self.end,
        };
        let receiver = at.checked_sub(2).and_then(|it| tokens[it].ident());
        Mention {
            paths: match is_member {
                true => vec![self.segments.join("::")],
                false => imports.resolve(&self.segments),
            },
            form,
            at: tokens[at].at,
            token: at,
            receiver: receiver.filter(|_| is_member).map(str::to_owned),
            bound: bound(tokens, at).map(str::to_owned),
            is_compared: is_compared(tokens, at, arguments.end.max(self.end)),
            arity: arity(tokens, &arguments),
            arguments,
        }
    }

    /// What it is, and where its parentheses open.
    fn form(&self, tokens: &[Token], at: usize) -> (Form, Option<usize>) {
        let opens =
            |at: usize| matches!(tokens.get(at), Some(it) if matches!(it.kind, Kind::Open(_)));
        let is_called = tokens
            .get(self.end)
            .is_some_and(|it| it.kind == Kind::Open(Delimiter::Parenthesis));
        let before = at.checked_sub(1).map(|it| &tokens[it]);
        if before.is_some_and(|it| it.is('.')) {
            match is_called {
                true => (Form::Method, Some(self.end)),
                false => (Form::Field, None),
            }
        } else if before.is_some_and(|it| it.ident() == Some("fn")) {
            (Form::Definition, None)
        } else if next_is(tokens, self.end - 1, '!') && opens(self.end + 1) {
            let first = tokens.get(self.end + 2);
            let is_literal = first.is_some_and(|it| it.kind == Kind::Literal { is_string: true });
            let form = Form::Macro {
                literal_first: is_literal,
            };
            (form, Some(self.end + 1))
        } else if is_called {
            (Form::Call, Some(self.end))
        } else {
            (Form::Other, None)
        }
    }
}

/// How many arguments or parameters stand in these tokens: a comma at the end begins none, and those within the parameters of a
/// closure and within generic arguments do not count.
pub(super) fn arity(tokens: &[Token], within: &Range<usize>) -> usize {
    let (mut count, mut at, mut is_begun) = (0, within.start, false);
    while at < within.end {
        let token = &tokens[at];
        count += usize::from(!token.is(',') && !is_begun);
        let begins_closure = token.is('|')
            && (!is_begun || matches!(tokens[at - 1].ident(), Some("async" | "move")));
        is_begun = !token.is(',');
        at = if begins_closure {
            let rest = tokens[at + 1..within.end].iter();
            rest.take_while(|it| !it.is('|')).count() + at + 2
        } else if token.is('<') && is_generic(tokens, at) {
            after_generics(tokens, at)
        } else if matches!(token.kind, Kind::Open(_)) {
            after_group(tokens, at)
        } else {
            at + 1
        };
    }
    count
}

/// Whether the `<` at `at` is no comparison: behind `::`, or behind the name of a type.
fn is_generic(tokens: &[Token], at: usize) -> bool {
    at.checked_sub(1).is_some_and(|before| {
        let name = tokens[before].ident();
        tokens[before].is(':') || name.is_some_and(|it| it.starts_with(char::is_uppercase))
    })
}

/// The name that what begins at `at` is given to.
fn bound(tokens: &[Token], at: usize) -> Option<&str> {
    let mut before = at.checked_sub(1)?;
    while tokens[before].is('&') || tokens[before].ident() == Some("mut") {
        before = before.checked_sub(1)?;
    }
    let name = before.checked_sub(1)?;
    let gives = tokens[before].is('=') || tokens[before].is(':');
    gives.then(|| tokens[name].ident()).flatten()
}

/// Whether what stands from `from` to `end` is an operand of `==` or `!=`, or a pattern.
fn is_compared(tokens: &[Token], from: usize, end: usize) -> bool {
    let is = |at: Option<usize>, punct: char| {
        at.and_then(|at| tokens.get(at))
            .is_some_and(|it| it.is(punct))
    };
    let (before, before_that) = (from.checked_sub(1), from.checked_sub(2));
    let after_equal = is(before, '=') && (is(before_that, '=') || is(before_that, '!'));
    if after_equal || is(before, '|') && !ends_parameters(&tokens[..from]) {
        return true;
    }
    let closes = |at: usize| {
        (tokens.get(at)).is_some_and(|it| it.kind == Kind::Close(Delimiter::Parenthesis))
    };
    let after = (end..).find(|at| !closes(*at)).unwrap_or(end);
    let (first, second) = (Some(after), Some(after + 1));
    let is_equal = is(second, '=') && (is(first, '=') || is(first, '!'));
    let is_arm = is(first, '=') && is(second, '>');
    let is_bound = is(first, '=') && after > end;
    is(first, '|') || is_arm || is_equal || is_bound
}

/// Whether the `|` that `before` ends with closes the parameters of a closure.
fn ends_parameters(before: &[Token]) -> bool {
    let Some((_, before)) = before.split_last() else {
        return false;
    };
    let Some(opens) = before.iter().rposition(|it| it.is('|')) else {
        return false;
    };
    opens.checked_sub(1).is_none_or(|it| {
        let it = &before[it];
        let begins = matches!(it.kind, Kind::Open(_)) || it.is(',') || it.is('=');
        begins || matches!(it.ident(), Some("async" | "move" | "return"))
    })
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

fn end_of_statement(tokens: &[Token], at: usize) -> usize {
    let end = tokens[at..].iter().position(|it| it.is(';'));
    end.map_or(tokens.len(), |end| at + end + 1)
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
        let subjects: Vec<_> = source.impls.iter().map(|it| &it.subject).collect();
        assert_eq!(subjects, ["X", "X"]);
        assert!(source.impls[1].of.is_empty());
        assert!(source.impls[0].of.contains(&"my::Exporter".to_owned()));
    }

    #[test]
    fn arguments_receivers_and_what_a_value_is_given_to_are_known() {
        let text =
            "fn f(step: &my::Step) { let a = my::new(); self.b.call(x, y,); c::<u8>(y).other(); }";
        let source = Source::read(text).unwrap();
        let of = |path: &str| {
            let is_it = |it: &&Mention| it.paths == [path];
            source.mentions.iter().find(is_it).unwrap()
        };
        assert_eq!(of("my::Step").bound.as_deref(), Some("step"));
        assert_eq!(of("my::new").bound.as_deref(), Some("a"));
        assert!(of("my::new").arguments.is_empty());
        assert_eq!(of("call").receiver.as_deref(), Some("b"));
        assert_eq!((of("call").arguments.len(), of("call").arity), (4, 2));
        assert_eq!(of("other").receiver, None);
        let arity_of = |code: &str| {
            let source = Source::read(&format!("fn f() {{ x.call({code}); }}")).unwrap();
            let is_it = |it: &&Mention| it.paths == ["call"];
            source.mentions.iter().find(is_it).unwrap().arity
        };
        assert_eq!(arity_of("|a, b| a, async move |c, d| c"), 2);
        assert_eq!(arity_of("g(a, b), h::<A, B>(), Vec::<(A, B)>::new()"), 3);
        assert_eq!(source.item_at(of("call").token).unwrap().name, "f");
    }

    #[test]
    fn what_is_compared_is_told_from_what_is_given() {
        let compared = |code: &str| {
            let source = Source::read(&format!("fn f() {{ {code} }}")).unwrap();
            let is_it = |it: &&Mention| it.paths == ["S::A"];
            source.mentions.iter().find(is_it).unwrap().is_compared
        };
        for code in [
            "x == S::A",
            "S::A != x",
            "match x { S::A => 1 }",
            "match x { S::B | S::A => 1 }",
            "match x { Some(S::A | S::B) => 1 }",
            "if let Ok(S::A) = x {}",
        ] {
            assert!(compared(code), "{code}");
        }
        for code in [
            "S::A",
            "Err(S::A)",
            "x.map_err(|_| S::A)",
            "x.map_err(|a, b| S::A)",
            "x.map_err(move || S::A)",
            "x.fallback(async || S::A)",
            "let x = S::A;",
            "*x.status_mut() = S::A;",
            "match x { 1 => S::A }",
            "(S::A, \"text\")",
        ] {
            assert!(!compared(code), "{code}");
        }
    }

    #[test]
    fn captures_of_a_type_are_no_import() {
        let text = "fn f() -> impl Fn() + use<> { g() }";
        assert!(resolved(text, Form::Import).is_empty());
        assert!(resolved(text, Form::Call).contains(&"g".to_owned()));
    }
}
