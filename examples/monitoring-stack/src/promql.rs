//! Queries: Grafana's variables in them, the series that they select, and within which function.

use std::borrow::Cow;

use promql_parser::parser::{self, Expr, VectorSelector};

/// What stands for `$__rate_interval` when a query is parsed: no query would have it by chance.
pub(crate) const RATE_INTERVAL: &str = "11277h12m53s";

/// What stands for `$__range`.
pub(crate) const RANGE: &str = "11278h12m53s";

/// Variables of Grafana's own that a query may use, with what stands for them when it is parsed.
const GLOBALS: [(&str, &str); 6] = [
    ("__rate_interval", RATE_INTERVAL),
    ("__interval", "1m"),
    ("__range", RANGE),
    ("__range_s", "3600"),
    ("__from", "1700000000000"),
    ("__to", "1700003600000"),
];

/// A selector in a query.
#[derive(Debug)]
#[non_exhaustive]
pub struct Selection<'a> {
    /// What it selects.
    pub selector: &'a VectorSelector,
    /// The length of its range in milliseconds; without one it is instant.
    pub range: Option<u128>,
    /// The function that is called on it directly.
    pub function: Option<&'static str>,
}

/// Parses a query of Prometheus.
///
/// # Errors
/// What is wrong with it, and where.
pub fn parse(query: &str) -> Result<Expr, String> {
    parser::parse(query).map_err(|error| format!("{query}: {error}"))
}

/// Every selector in a query, left to right.
#[must_use]
pub fn selections(query: &Expr) -> Vec<Selection<'_>> {
    let mut found = Vec::new();
    walk(query, None, &mut found);
    found
}

fn walk<'a>(expr: &'a Expr, function: Option<&'static str>, found: &mut Vec<Selection<'a>>) {
    match expr {
        Expr::VectorSelector(selector) => found.push(Selection {
            selector,
            range: None,
            function,
        }),
        Expr::MatrixSelector(matrix) => found.push(Selection {
            selector: &matrix.vs,
            range: Some(matrix.range.as_millis()),
            function,
        }),
        Expr::Call(call) => {
            for argument in &call.args.args {
                walk(argument, Some(call.func.name), found);
            }
        }
        Expr::Paren(paren) => walk(&paren.expr, function, found),
        Expr::Aggregate(aggregate) => {
            walk(&aggregate.expr, None, found);
            if let Some(parameter) = &aggregate.param {
                walk(parameter, None, found);
            }
        }
        Expr::Unary(unary) => walk(&unary.expr, None, found),
        Expr::Binary(binary) => {
            walk(&binary.lhs, None, found);
            walk(&binary.rhs, None, found);
        }
        Expr::Subquery(subquery) => walk(&subquery.expr, None, found),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
    }
}

/// The query with something that parses in place of each variable: `$name`, `${name}` or `${name:format}`. Variables of the
/// dashboard stand in strings, so they are left there as `$name`.
///
/// # Errors
/// A variable that is neither Grafana's nor among `variables`.
pub fn expand(query: &str, variables: &[&str]) -> Result<String, String> {
    let mut expanded = String::with_capacity(query.len());
    let mut rest = query;
    while let Some((before, after)) = rest.split_once('$') {
        expanded.push_str(before);
        let (name, after) = variable(after).ok_or_else(|| format!("{query}: a lone $"))?;
        let global = GLOBALS.iter().find(|(global, _)| *global == name);
        let value = match global {
            Some((_, value)) => Cow::Borrowed(*value),
            None if variables.contains(&name) => Cow::Owned(format!("${name}")),
            None => return Err(format!("{query}: there is no variable {name}")),
        };
        expanded.push_str(&value);
        rest = after;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

/// The name of a variable behind `$`, and what follows it.
fn variable(text: &str) -> Option<(&str, &str)> {
    if let Some(braced) = text.strip_prefix('{') {
        let (inner, rest) = braced.split_once('}')?;
        let name = inner.split_once(':').map_or(inner, |(name, _)| name);
        return Some((name, rest));
    }
    let end = text.find(|it: char| !it.is_ascii_alphanumeric() && it != '_');
    let (name, rest) = text.split_at(end.unwrap_or(text.len()));
    (!name.is_empty()).then_some((name, rest))
}

/// The query and the label of `label_values(query, label)`; the query may be left out.
pub(crate) fn label_values(definition: &str) -> Option<(Option<&str>, &str)> {
    let inner = definition
        .trim()
        .strip_prefix("label_values(")?
        .strip_suffix(')')?;
    // A label has no comma; a query may.
    Some(match inner.rsplit_once(',') {
        Some((query, label)) => (Some(query.trim()), label.trim()),
        None => (None, inner.trim()),
    })
}
