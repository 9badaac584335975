//! A Rust file as a flat list of tokens, without comments, attributes and code for tests.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Nesting deeper than this is not followed; no hand-written code comes near it.
const DEEPEST: usize = 256;

/// A token and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) at: At,
}

/// A place in a file, both counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct At {
    pub(super) line: usize,
    pub(super) column: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Ident(String),
    Punct(char),
    /// A literal string, whatever its form, or another literal.
    Literal {
        is_string: bool,
    },
    Open(Delimiter),
    Close(Delimiter),
    /// `#[path = "…"]` before a `mod`.
    PathAttribute(String),
}

impl Token {
    pub(super) fn ident(&self) -> Option<&str> {
        match &self.kind {
            Kind::Ident(name) => Some(name),
            _ => None,
        }
    }

    pub(super) fn is(&self, punct: char) -> bool {
        self.kind == Kind::Punct(punct)
    }
}

/// The tokens of `text`, or where it is no Rust.
///
/// What stands behind `#[cfg(test)]`, `#[test]` and the like is left out, a whole file behind `#![cfg(test)]` too.
pub(super) fn read(text: &str) -> Result<Vec<Token>, At> {
    // A byte order mark and a line for a shell are no tokens.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let code = match text.strip_prefix("#!") {
        Some(rest) if !rest.trim_start().starts_with('[') => {
            rest.split_once('\n').map_or("", |(_, code)| code)
        }
        _ => text,
    };
    let lines_before = text[..text.len() - code.len()].matches('\n').count();
    // What the spans of other files say is not needed any more, and its memory adds up.
    proc_macro2::extra::invalidate_current_thread_spans();
    let stream: TokenStream = code.parse().map_err(|error: proc_macro2::LexError| {
        let start = error.span().start();
        At {
            line: start.line + lines_before,
            column: start.column + 1,
        }
    })?;
    let mut out = Flat {
        tokens: Vec::new(),
        lines_before,
    };
    out.push_all(stream, 0);
    Ok(out.tokens)
}

/// Whether `punct` comes after the token at `at`.
pub(super) fn next_is(tokens: &[Token], at: usize, punct: char) -> bool {
    tokens.get(at + 1).is_some_and(|it| it.is(punct))
}

/// What comes after the generic arguments whose `<` is at `at`.
pub(super) fn after_generics(tokens: &[Token], at: usize) -> usize {
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

/// What comes after the group that opens at `at`.
pub(super) fn after_group(tokens: &[Token], at: usize) -> usize {
    let mut depth = 0_usize;
    for (end, token) in tokens.iter().enumerate().skip(at) {
        match token.kind {
            Kind::Open(_) => depth += 1,
            Kind::Close(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return end + 1;
        }
    }
    tokens.len()
}

struct Flat {
    tokens: Vec<Token>,
    lines_before: usize,
}

impl Flat {
    fn push_all(&mut self, stream: TokenStream, depth: usize) {
        let trees: Vec<TokenTree> = stream.into_iter().collect();
        let mut at = 0;
        while let Some(tree) = trees.get(at) {
            if let Some((attribute, next)) = attribute(&trees, at) {
                let is_inner =
                    matches!(trees.get(at + 1), Some(TokenTree::Punct(it)) if it.as_char() == '!');
                match (is_for_tests(&attribute), is_inner) {
                    (true, true) => return,
                    (true, false) => at = after_item(&trees, next),
                    (false, _) => {
                        self.push_path_attribute(&attribute, tree);
                        at = next;
                    }
                }
                continue;
            }
            self.push(tree, depth);
            at += 1;
        }
    }

    fn push(&mut self, tree: &TokenTree, depth: usize) {
        let kind = match tree {
            TokenTree::Group(group) => {
                self.push_kind(Kind::Open(group.delimiter()), group.span_open());
                if depth < DEEPEST {
                    self.push_all(group.stream(), depth + 1);
                }
                self.push_kind(Kind::Close(group.delimiter()), group.span_close());
                return;
            }
            TokenTree::Ident(ident) => {
                let name = ident.to_string();
                Kind::Ident(name.strip_prefix("r#").map_or(name.clone(), str::to_owned))
            }
            TokenTree::Punct(punct) => Kind::Punct(punct.as_char()),
            TokenTree::Literal(literal) => Kind::Literal {
                is_string: is_string(&literal.to_string()),
            },
        };
        self.push_kind(kind, tree.span());
    }

    fn push_kind(&mut self, kind: Kind, span: proc_macro2::Span) {
        let start = span.start();
        let at = At {
            line: start.line + self.lines_before,
            column: start.column + 1,
        };
        self.tokens.push(Token { kind, at });
    }

    fn push_path_attribute(&mut self, attribute: &TokenStream, hash: &TokenTree) {
        let trees: Vec<TokenTree> = attribute.clone().into_iter().collect();
        if let [
            TokenTree::Ident(name),
            TokenTree::Punct(_),
            TokenTree::Literal(path),
        ] = &*trees
            && name == "path"
        {
            let path = path.to_string();
            let path = path.trim_matches('"').to_owned();
            self.push_kind(Kind::PathAttribute(path), hash.span());
        }
    }
}

/// The inside of the attribute that begins at `at`, and what comes after it.
fn attribute(trees: &[TokenTree], at: usize) -> Option<(TokenStream, usize)> {
    let is = |at: usize, c: char| matches!(trees.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == c);
    if !is(at, '#') {
        return None;
    }
    let group = if is(at + 1, '!') { at + 2 } else { at + 1 };
    match trees.get(group) {
        Some(TokenTree::Group(it)) if it.delimiter() == Delimiter::Bracket => {
            Some((it.stream(), group + 1))
        }
        _ => None,
    }
}

/// `test`, `tokio::test` and `cfg(test)`, also within `all` and `any`, and not within `not`.
fn is_for_tests(attribute: &TokenStream) -> bool {
    let trees: Vec<TokenTree> = attribute.clone().into_iter().collect();
    match &*trees {
        [TokenTree::Ident(name), TokenTree::Group(condition)] if name == "cfg" => {
            names_test(&condition.stream())
        }
        [TokenTree::Ident(name)] => name == "test",
        [path @ .., TokenTree::Ident(last)]
        | [path @ .., TokenTree::Ident(last), TokenTree::Group(_)] => {
            last == "test"
                && path
                    .iter()
                    .all(|it| matches!(it, TokenTree::Ident(_) | TokenTree::Punct(_)))
        }
        _ => false,
    }
}

fn names_test(condition: &TokenStream) -> bool {
    let trees: Vec<TokenTree> = condition.clone().into_iter().collect();
    trees.iter().enumerate().any(|(at, tree)| match tree {
        TokenTree::Ident(name) => name == "test",
        TokenTree::Group(inner) => {
            let is_not =
                at > 0 && matches!(&trees[at - 1], TokenTree::Ident(name) if name == "not");
            !is_not && names_test(&inner.stream())
        }
        _ => false,
    })
}

/// What comes after the item at `at`: behind its semicolon or its block.
fn after_item(trees: &[TokenTree], at: usize) -> usize {
    let ends = |tree: &TokenTree| match tree {
        TokenTree::Punct(punct) => punct.as_char() == ';',
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        _ => false,
    };
    let rest = trees.get(at..).unwrap_or_default();
    rest.iter()
        .position(ends)
        .map_or(trees.len(), |end| at + end + 1)
}

fn is_string(literal: &str) -> bool {
    let literal = literal.trim_start_matches(['b', 'c', 'r']);
    literal.starts_with(['"', '#'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn idents(text: &str) -> Vec<String> {
        let tokens = read(text).unwrap();
        let idents = tokens.iter().filter_map(Token::ident);
        idents.map(str::to_owned).collect()
    }

    #[test]
    fn comments_strings_and_attributes_are_no_code() {
        let text = "// println!\n/* dbg! */ #[doc = \"counter!\"] fn a() { \"print!\"; r#\"x\"#; }";
        assert_eq!(idents(text), ["fn", "a"]);
    }

    #[test]
    fn code_for_tests_is_left_out_and_what_follows_is_kept() {
        let text = "#[cfg(test)] mod tests { fn x() {} } #[cfg(all(test, unix))] use y; #[test] #[ignore] fn z() {} \
            #[tokio::test(flavor = \"x\")] async fn w() {} #[cfg(not(test))] fn kept() {} fn also() {}";
        assert_eq!(idents(text), ["fn", "kept", "fn", "also"]);
        assert_eq!(idents("#![cfg(test)] fn x() {}"), [""; 0]);
    }

    #[test]
    fn places_are_those_of_the_file_also_behind_a_line_for_a_shell() {
        let tokens = read("#!/usr/bin/env run\nfn main() {}\n").unwrap();
        assert_eq!(tokens[1].at, At { line: 2, column: 4 });
        assert_eq!(read("fn a() {\n  \"\n").unwrap_err().line, 2);
    }
}
