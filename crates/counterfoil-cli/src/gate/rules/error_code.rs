//! What a service answers instead of what was asked for is in its catalogue of errors.

use super::boundary::{lies_in, of_tower};
use super::handlers::registered;
use crate::gate::finding::Finding;
use crate::gate::items::{ItemKind, Type};
use crate::gate::metadata::Package;
use crate::gate::reach::{Reach, Reached};
use crate::gate::rules::Rule;
use crate::gate::source::{Form, Mention};
use crate::gate::workspace::{File, Workspace};

/// The constants of `StatusCode` from 400 on.
const STATUSES: &[&str] = &[
    "BAD_GATEWAY",
    "BAD_REQUEST",
    "CONFLICT",
    "EXPECTATION_FAILED",
    "FAILED_DEPENDENCY",
    "FORBIDDEN",
    "GATEWAY_TIMEOUT",
    "GONE",
    "HTTP_VERSION_NOT_SUPPORTED",
    "IM_A_TEAPOT",
    "INSUFFICIENT_STORAGE",
    "INTERNAL_SERVER_ERROR",
    "LENGTH_REQUIRED",
    "LOCKED",
    "LOOP_DETECTED",
    "METHOD_NOT_ALLOWED",
    "MISDIRECTED_REQUEST",
    "NETWORK_AUTHENTICATION_REQUIRED",
    "NOT_ACCEPTABLE",
    "NOT_EXTENDED",
    "NOT_FOUND",
    "NOT_IMPLEMENTED",
    "PAYLOAD_TOO_LARGE",
    "PAYMENT_REQUIRED",
    "PRECONDITION_FAILED",
    "PRECONDITION_REQUIRED",
    "PROXY_AUTHENTICATION_REQUIRED",
    "RANGE_NOT_SATISFIABLE",
    "REQUEST_HEADER_FIELDS_TOO_LARGE",
    "REQUEST_TIMEOUT",
    "SERVICE_UNAVAILABLE",
    "TOO_EARLY",
    "TOO_MANY_REQUESTS",
    "UNAUTHORIZED",
    "UNAVAILABLE_FOR_LEGAL_REASONS",
    "UNPROCESSABLE_ENTITY",
    "UNSUPPORTED_MEDIA_TYPE",
    "UPGRADE_REQUIRED",
    "URI_TOO_LONG",
    "VARIANT_ALSO_NEGOTIATES",
];

/// Handlers whose error is no entry of a catalogue.
pub(super) fn handlers(
    workspace: &Workspace,
    reach: &Reach<'_>,
    number: usize,
    found: &mut Vec<Finding>,
) {
    if !is_observed(&workspace.packages[workspace.files[number].package]) {
        return;
    }
    for handler in registered(workspace, reach, number) {
        let item = handler.place.and_then(|it| reach.item(it));
        let returned = item.and_then(|it| it.returned.as_ref());
        let (file, it) = (handler.file, &workspace.files[handler.file]);
        let error = returned.and_then(|it| error_of(reach, file, it));
        if let Some((file, error)) = error
            && !is_coded(workspace, reach, file, error)
        {
            let (name, error) = (&handler.name, shown(error));
            let message = format!("{name} fails with {error}, which is no entry of a catalogue");
            found.push(Finding::new(Rule::ErrorCode, it, handler.at, message));
        }
    }
}

/// Statuses from 400 on that are answered by hand.
pub(super) fn statuses(workspace: &Workspace, file: &File, found: &mut Vec<Finding>) {
    let package = &workspace.packages[file.package];
    if !package.uses("axum") || !is_observed(package) {
        return;
    }
    let source = &file.source;
    let matching = source.mentions.iter().filter(|it| compares(it));
    let matching: Vec<_> = matching.map(|it| &it.arguments).collect();
    for mention in &source.mentions {
        let Some(status) = mention.paths.iter().find_map(|path| status(path)) else {
            continue;
        };
        let is_compared =
            mention.is_compared || matching.iter().any(|it| it.contains(&mention.token));
        let around = source.item_at(mention.token);
        let around = around.map_or(&[][..], |it| source.mentions_in(&it.tokens));
        if mention.is_used() && !is_compared && !around.iter().any(hands_over) {
            let message = format!("{status} is answered past the catalogue of errors");
            found.push(Finding::of(Rule::ErrorCode, file, mention, message));
        }
    }
}

/// Whether its requests are observed by us, so that codes are looked for.
fn is_observed(package: &Package) -> bool {
    package.uses("counterfoil") || package.uses("counterfoil-tower")
}

/// `StatusCode::NAME` of an error, if the path is one.
fn status(path: &str) -> Option<&str> {
    let (before, name) = path.rsplit_once("::")?;
    let is_it = before.rsplit("::").next() == Some("StatusCode") && STATUSES.contains(&name);
    is_it.then(|| &path[before.rfind("::").map_or(0, |at| at + 2)..])
}

/// Macros that compare what they are given.
fn compares(mention: &Mention) -> bool {
    let names = [
        "matches",
        "assert",
        "assert_eq",
        "assert_ne",
        "debug_assert",
    ];
    matches!(mention.form, Form::Macro { .. }) && names.iter().any(|it| mention.is_called(it))
}

/// Whether a response is given something that goes with it, such as its code, or takes its status from an entry of a catalogue.
fn hands_over(mention: &Mention) -> bool {
    mention.calls_method(&["extension", "extensions_mut", "http_status"])
        || mention.form == Form::Call && mention.is_called("Extension")
}

/// What a `Result` has for its error, and the file in which that stands; aliases are followed.
fn error_of<'a>(reach: &Reach<'a>, file: usize, returned: &'a Type) -> Option<(usize, &'a Type)> {
    let is_result = |path: &String| path.rsplit("::").next() == Some("Result");
    if let [_, error] = &returned.arguments[..]
        && returned.paths.iter().any(is_result)
    {
        return Some((file, error));
    }
    let places = returned.paths.iter().flat_map(|it| reach.of_path(file, it));
    places.into_iter().find_map(|place| {
        let alias = reach.item(place).filter(|it| it.kind == ItemKind::Alias)?;
        match alias.returned.as_ref()?.arguments.as_slice() {
            [_, error] => Some((place.file, error)),
            _ => None,
        }
    })
}

/// Whether an error is an entry of a catalogue or knows its own. What cannot be told is given the benefit of the doubt.
fn is_coded(workspace: &Workspace, reach: &Reach<'_>, file: usize, error: &Type) -> bool {
    let ends_in = |names: &[&str]| {
        let last = |path: &String| path.rsplit("::").next().map(str::to_owned);
        let mut last = error.paths.iter().filter_map(last);
        last.any(|it| names.contains(&it.as_str()) || it.ends_with("Rejection"))
    };
    if error.paths == ["()"] || ends_in(&["StatusCode", "String", "str"]) {
        return false;
    }
    let mut places = error.paths.iter().flat_map(|it| reach.of_path(file, it));
    let is_type = |it: &crate::gate::items::Item| it.kind == ItemKind::Other;
    let declared = places.find_map(|it| Some((it.file, reach.item(it).filter(|it| is_type(it))?)));
    let Some((_, declared)) = declared else {
        return true;
    };
    workspace.files.iter().enumerate().any(|(number, file)| {
        let of_type = file
            .source
            .impls
            .iter()
            .filter(|it| it.subject == declared.name);
        of_type.into_iter().any(|it| {
            let of = |name: &str| it.of.iter().any(|it| it.rsplit("::").next() == Some(name));
            let answers = || {
                let reached = reach.of_mentions(number, file.source.mentions_in(&it.tokens));
                reached.iter().any(answers_with_code)
            };
            of("Coded") || of("IntoResponse") && answers()
        })
    })
}

fn answers_with_code(reached: &Reached<'_>) -> bool {
    let is_code = |path: &str| {
        of_tower(path).is_some_and(|rest| lies_in(rest, "ErrorCode") || lies_in(rest, "Coded"))
    };
    reached.mention.names(is_code)
}

fn shown(error: &Type) -> String {
    match error.paths.first().map(String::as_str) {
        Some("()") => {
            let parts = error.arguments.iter().map(shown).collect::<Vec<_>>();
            format!("({})", parts.join(", "))
        }
        path => path
            .unwrap_or_default()
            .rsplit("::")
            .next()
            .unwrap_or_default()
            .to_owned(),
    }
}
