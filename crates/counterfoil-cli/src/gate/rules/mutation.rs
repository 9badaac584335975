//! A handler that changes something gives each of its steps a span.

use super::boundary::{lies_in, of_tower};
use super::handlers::{Handler, registered};
use crate::gate::finding::Finding;
use crate::gate::reach::{Reach, Reached, acts_on};
use crate::gate::rules::Rule;
use crate::gate::workspace::Workspace;

/// Who asks and what about, the change itself, and the record of it.
const STEPS: [&str; 3] = ["resolve", "apply", "record"];

/// Handlers of POST, PUT, PATCH and DELETE that do not take each step through `Mutation`.
pub(super) fn handlers(
    workspace: &Workspace,
    reach: &Reach<'_>,
    number: usize,
    found: &mut Vec<Finding>,
) {
    let handlers = registered(workspace, reach, number).into_iter();
    for handler in handlers.filter(Handler::changes) {
        let reached = reach.of_mentions(handler.file, handler.mentions);
        let (name, method) = (&handler.name, handler.method.to_ascii_uppercase());
        let missing = missing(&reached);
        let message = match missing.as_slice() {
            [] => continue,
            all if all.len() == STEPS.len() => {
                format!("{name} answers {method}, and none of its steps is one of a Mutation")
            }
            some => format!(
                "{name} answers {method}, and its Mutation has no step {}",
                some.join(" and no step ")
            ),
        };
        let file = &workspace.files[handler.file];
        found.push(Finding::new(Rule::Mutation, file, handler.at, message));
    }
}

/// The steps that are not taken through a `Mutation`.
fn missing(reached: &[Reached<'_>]) -> Vec<&'static str> {
    let is_mutation = |path: &str| of_tower(path).is_some_and(|rest| lies_in(rest, "Mutation"));
    let steps = STEPS.into_iter();
    steps
        .filter(|step| !acts_on(reached, is_mutation, &[(step, 1)]))
        .collect()
}
