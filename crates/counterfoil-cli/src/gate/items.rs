//! The items of a file: what has a name and may be followed.

use std::ops::Range;

use proc_macro2::Delimiter;

use super::imports::Imports;
use super::source::{Impl, Path, arity};
use super::tokens::{At, Kind, Token, after_generics, after_group, next_is};

/// A function, a constant, a type or a macro.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) name: String,
    pub(super) kind: ItemKind,
    /// The type in whose `impl` it stands.
    pub(super) of: Option<String>,
    pub(super) at: At,
    /// All of it, from its keyword on.
    pub(super) tokens: Range<usize>,
    /// How many parameters a function has, without `self`.
    pub(super) parameters: usize,
    /// What a function returns and what an alias stands for.
    pub(super) returned: Option<Type>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ItemKind {
    /// Without `self`.
    Function,
    /// With `self`.
    Method,
    /// `type`.
    Alias,
    Macro,
    Other,
}

/// A type as it is written: references and modifiers are left out.
#[derive(Debug)]
pub(super) struct Type {
    /// What its path can mean; `()` for a tuple.
    pub(super) paths: Vec<String>,
    pub(super) arguments: Vec<Self>,
}

/// The items of a file, those within others included.
pub(super) fn items(tokens: &[Token], impls: &[Impl], imports: &Imports) -> Vec<Item> {
    let found = (0..tokens.len()).filter_map(|at| item(tokens, at, imports));
    let mut items: Vec<Item> = found.collect();
    for item in &mut items {
        let around = impls
            .iter()
            .filter(|it| it.tokens.contains(&item.tokens.start));
        let around = around.min_by_key(|it| it.tokens.len());
        item.of = around.map(|it| it.subject.clone());
    }
    items
}

impl Type {
    /// Its paths and those of its arguments.
    pub(super) fn paths_mut(&mut self) -> Vec<&mut String> {
        let of_arguments = self.arguments.iter_mut().flat_map(Self::paths_mut);
        self.paths.iter_mut().chain(of_arguments).collect()
    }

    fn read(tokens: &[Token], at: usize, imports: &Imports) -> Option<(Self, usize)> {
        let mut at = at;
        while tokens.get(at)?.is('&') || matches!(tokens[at].ident(), Some("mut" | "dyn" | "impl"))
        {
            at += 1;
            if tokens.get(at)?.is('\'') {
                at += 2;
            }
        }
        if tokens.get(at)?.kind == Kind::Open(Delimiter::Parenthesis) {
            let end = after_group(tokens, at);
            let it = Self {
                paths: vec!["()".to_owned()],
                arguments: Self::list(tokens, at + 1..end.saturating_sub(1), imports),
            };
            return Some((it, end));
        }
        let path = Path::read(tokens, at)?;
        let generic = tokens.get(path.end).is_some_and(|it| it.is('<'));
        let end = match generic {
            true => after_generics(tokens, path.end),
            false => path.end,
        };
        let it = Self {
            paths: imports.resolve(&path.segments),
            arguments: match generic {
                true => Self::list(tokens, path.end + 1..end.saturating_sub(1), imports),
                false => Vec::new(),
            },
        };
        Some((it, end))
    }

    /// Types with commas between them; what is none, such as a lifetime, is left out.
    fn list(tokens: &[Token], within: Range<usize>, imports: &Imports) -> Vec<Self> {
        let mut types = Vec::new();
        let mut at = within.start;
        while at < within.end {
            let read = Self::read(&tokens[..within.end], at, imports);
            let mut next = read.as_ref().map_or(at, |(_, end)| *end);
            types.extend(read.map(|(it, _)| it));
            while next < within.end && !tokens[next].is(',') {
                next = match &tokens[next] {
                    it if it.is('<') => after_generics(tokens, next),
                    it if matches!(it.kind, Kind::Open(_)) => after_group(tokens, next),
                    _ => next + 1,
                };
            }
            at = next + 1;
        }
        types
    }
}

fn item(tokens: &[Token], at: usize, imports: &Imports) -> Option<Item> {
    let word = tokens[at].ident()?;
    let before = at.checked_sub(1).map(|it| &tokens[it]);
    // `&'static`, `*const`, and `const` among generic parameters.
    if before.is_some_and(|it| ['\'', '*', '<', ','].into_iter().any(|punct| it.is(punct))) {
        return None;
    }
    let name_at = match word {
        "macro_rules" if next_is(tokens, at, '!') => at + 2,
        "static" if tokens.get(at + 1)?.ident() == Some("mut") => at + 2,
        "fn" | "const" | "static" | "struct" | "enum" | "union" | "trait" | "type" => at + 1,
        _ => return None,
    };
    let name = tokens.get(name_at)?.ident()?;
    if word == "const" && matches!(name, "fn" | "unsafe" | "async" | "extern") {
        return None;
    }
    let end = end_of_item(
        tokens,
        name_at + 1,
        matches!(word, "const" | "static" | "type"),
    );
    let mut item = Item {
        name: name.to_owned(),
        kind: ItemKind::Other,
        of: None,
        at: tokens[name_at].at,
        tokens: at..end,
        parameters: 0,
        returned: None,
    };
    match word {
        "fn" => signature(tokens, name_at + 1, imports, &mut item)?,
        "macro_rules" => item.kind = ItemKind::Macro,
        "type" => {
            item.kind = ItemKind::Alias;
            let stands_for = (name_at..end).find(|it| tokens[*it].is('='))? + 1;
            item.returned = Type::read(tokens, stands_for, imports).map(|(it, _)| it);
        }
        _ => {}
    }
    Some(item)
}

/// Behind its semicolon or, unless that is the only end that it can have, its block.
fn end_of_item(tokens: &[Token], from: usize, to_semicolon: bool) -> usize {
    let mut at = from;
    while let Some(token) = tokens.get(at) {
        match token.kind {
            Kind::Open(Delimiter::Brace) if !to_semicolon => return after_group(tokens, at),
            Kind::Open(_) => at = after_group(tokens, at),
            // Of what it stands in.
            Kind::Close(_) => return at,
            _ if token.is(';') => return at + 1,
            _ => at += 1,
        }
    }
    tokens.len()
}

/// Whether a function has `self`, how many other parameters, and what it returns.
fn signature(tokens: &[Token], at: usize, imports: &Imports, item: &mut Item) -> Option<()> {
    let opens = match tokens.get(at)?.is('<') {
        true => after_generics(tokens, at),
        false => at,
    };
    if tokens.get(opens)?.kind != Kind::Open(Delimiter::Parenthesis) {
        return None;
    }
    let closes = after_group(tokens, opens);
    let first = tokens[opens..closes].iter().take_while(|it| !it.is(','));
    let mut first = first.take_while(|it| !it.is(':'));
    let has_self = first.any(|it| it.ident() == Some("self"));
    item.kind = match has_self {
        true => ItemKind::Method,
        false => ItemKind::Function,
    };
    let within = opens + 1..closes.saturating_sub(1);
    item.parameters = arity(tokens, &within).saturating_sub(usize::from(has_self));
    if tokens.get(closes)?.is('-') && next_is(tokens, closes, '>') {
        item.returned = Type::read(tokens, closes + 2, imports).map(|(it, _)| it);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::source::Source;
    use super::*;

    fn named(text: &str, name: &str) -> Item {
        let items = Source::read(text).unwrap().items;
        items.into_iter().find(|it| it.name == name).unwrap()
    }

    #[test]
    fn items_are_found_wherever_they_stand_with_what_they_are() {
        let text = "pub const A: [u8; 2] = [1, 2]; static mut B: u8 = 1; struct C(u8); enum D { E } \
            impl<T> F<T> { async fn g(&self, x: &'static str) {} fn h(x: u8) {} } mod i { pub fn j() { fn k() {} } } macro_rules! l { () => {} }";
        let items = Source::read(text).unwrap().items;
        let found: Vec<_> = items
            .iter()
            .map(|it| (it.name.as_str(), it.kind, it.of.as_deref()))
            .collect();
        let expected = [
            ("A", ItemKind::Other, None),
            ("B", ItemKind::Other, None),
            ("C", ItemKind::Other, None),
            ("D", ItemKind::Other, None),
            ("g", ItemKind::Method, Some("F")),
            ("h", ItemKind::Function, Some("F")),
            ("j", ItemKind::Function, None),
            ("k", ItemKind::Function, None),
            ("l", ItemKind::Macro, None),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn an_item_ends_where_it_ends() {
        let text =
            "fn a() -> u8 { b(); [0; 2] } const fn c() {} const D: fn() = || { e() }; fn f();";
        let source = Source::read(text).unwrap();
        let mentions = |name: &str| -> Vec<String> {
            let item = source.items.iter().find(|it| it.name == name).unwrap();
            let mentions = source.mentions_in(&item.tokens).iter();
            mentions.flat_map(|it| it.paths.clone()).collect()
        };
        assert!(
            mentions("a").contains(&"b".to_owned()) && !mentions("a").contains(&"c".to_owned())
        );
        assert!(
            mentions("D").contains(&"e".to_owned()) && !mentions("D").contains(&"f".to_owned())
        );
    }

    #[test]
    fn what_a_function_returns_is_read_with_its_arguments() {
        let text = "use axum::{Json, http::StatusCode as S}; async fn a<T: Fn() -> u8>(x: u8) -> Result<(S, Json<Vec<u8>>), &'static my::E<'a>> {}";
        let returned = named(text, "a").returned.unwrap();
        assert_eq!(returned.paths, ["Result"]);
        assert_eq!(returned.arguments.len(), 2);
        assert_eq!(
            returned.arguments[0].arguments[0].paths,
            ["axum::http::StatusCode"]
        );
        assert_eq!(returned.arguments[1].paths, ["my::E"]);
        assert!(named("fn a() {}", "a").returned.is_none());
        let method = "impl A { fn a(&mut self, b: B<C, D>, c: impl Fn(A, B) -> C,) {} }";
        assert_eq!(named(method, "a").parameters, 2);
        let alias = named("type A<T> = Result<T, my::E>;", "A")
            .returned
            .unwrap();
        assert_eq!(alias.arguments[1].paths, ["my::E"]);
    }
}
