//! The functions that a router of axum calls.

use crate::gate::items::ItemKind;
use crate::gate::reach::{Place, Reach};
use crate::gate::source::{Form, Mention};
use crate::gate::tokens::At;
use crate::gate::workspace::Workspace;

/// Methods that change something.
const CHANGING: [&str; 4] = ["delete", "patch", "post", "put"];
/// The others that a route may be for.
const READING: [&str; 5] = ["any", "get", "head", "options", "trace"];

/// What answers a route.
#[derive(Clone, Debug)]
pub(super) struct Handler<'a> {
    /// `create`, or `the closure` where it is one.
    pub(super) name: String,
    /// The route's method.
    pub(super) method: &'a str,
    /// Where it is written.
    pub(super) file: usize,
    pub(super) at: At,
    /// The function, unless it is a closure.
    pub(super) place: Option<Place>,
    /// What it names.
    pub(super) mentions: &'a [Mention],
}

impl Handler<'_> {
    pub(super) fn changes(&self) -> bool {
        CHANGING.contains(&self.method)
    }
}

/// The handlers that are registered in a file, wherever they are written.
pub(super) fn registered<'a>(
    workspace: &'a Workspace,
    reach: &Reach<'a>,
    file: usize,
) -> Vec<Handler<'a>> {
    let it = &workspace.files[file];
    if !workspace.packages[it.package].uses("axum") {
        return Vec::new();
    }
    let mentions = it.source.mentions.iter();
    mentions
        .filter_map(|mention| Some((mention, method(mention)?)))
        .flat_map(|(mention, method)| handlers(workspace, reach, file, mention, method))
        .collect()
}

/// The method of the route that is registered here, if one is.
fn method(mention: &Mention) -> Option<&'static str> {
    let of = |name: &str| {
        let known = CHANGING.into_iter().chain(READING);
        known.into_iter().find(|it| *it == name)
    };
    match mention.form {
        Form::Call => mention.paths.iter().find_map(|path| {
            let name = path.strip_prefix("axum::routing::")?;
            of(name.strip_prefix("method_routing::").unwrap_or(name))
        }),
        Form::Method => mention.paths.first().and_then(|it| of(it)),
        _ => None,
    }
}

fn handlers<'a>(
    workspace: &'a Workspace,
    reach: &Reach<'a>,
    file: usize,
    mention: &'a Mention,
    method: &'static str,
) -> Vec<Handler<'a>> {
    let source = &workspace.files[file].source;
    let arguments = source.mentions_in(&mention.arguments);
    let first = arguments.first();
    let named = first.filter(|it| it.token == mention.arguments.start && it.form == Form::Other);
    let is_closure = match first {
        Some(first) if first.token == mention.arguments.start => {
            ["async", "move"].iter().any(|word| first.is_called(word))
        }
        _ => !mention.arguments.is_empty(),
    };
    if is_closure {
        // A method of that name that is given a closure may be anybody's.
        let is_route = mention.form == Form::Call;
        let closure = Handler {
            name: "the closure".to_owned(),
            method,
            file,
            at: mention.at,
            place: None,
            mentions: arguments,
        };
        return is_route.then_some(closure).into_iter().collect();
    }
    let places = named.map_or_else(Vec::new, |it| reach.places(file, it));
    let functions = places.into_iter().filter_map(|place| {
        let item = reach.item(place)?;
        matches!(item.kind, ItemKind::Function | ItemKind::Method).then(|| Handler {
            name: item.name.clone(),
            method,
            file: place.file,
            at: item.at,
            place: Some(place),
            mentions: reach.mentions_of(place),
        })
    });
    functions.collect()
}
