//! A condition in words.

/// One word of a condition, and where it begins, in bytes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token<'a> {
    pub(super) at: usize,
    pub(super) kind: TokenKind<'a>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind<'a> {
    /// A keyword or the name of what is compared.
    Word(&'a str),
    /// What stands between quotation marks, single or double; there are no escapes.
    Text(&'a str),
    Number(f64),
    /// An operator, a parenthesis, a bracket or a comma.
    Sign(&'static str),
}

/// Longest first, so that `>=` is not read as `>`.
const SIGNS: [&str; 11] = ["==", "!=", ">=", "<=", ">", "<", "(", ")", "[", "]", ","];

/// Splits a condition into its words; what is wrong with it otherwise, and where.
pub(super) fn tokens(text: &str) -> Result<Vec<Token<'_>>, (usize, String)> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        if c.is_whitespace() {
            at += c.len_utf8();
            continue;
        }
        let (kind, len) = token(&text[at..], c).map_err(|what| (at, what))?;
        tokens.push(Token { at, kind });
        at += len;
    }
    Ok(tokens)
}

fn token(rest: &str, first: char) -> Result<(TokenKind<'_>, usize), String> {
    if let Some(sign) = SIGNS.into_iter().find(|sign| rest.starts_with(sign)) {
        return Ok((TokenKind::Sign(sign), sign.len()));
    }
    if first == '\'' || first == '"' {
        let len = rest[1..].find(first).ok_or("a text that is not closed")?;
        return Ok((TokenKind::Text(&rest[1..=len]), len + 2));
    }
    let of_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    let len = rest.find(|c: char| !of_word(c)).unwrap_or(rest.len());
    let word = &rest[..len];
    if word.is_empty() {
        return Err(format!("{first:?}, which means nothing here"));
    }
    if first.is_ascii_digit() || first == '-' {
        let number = word
            .parse()
            .map_err(|_| format!("{word:?}, which is no number"))?;
        return Ok((TokenKind::Number(number), len));
    }
    Ok((TokenKind::Word(word), len))
}
