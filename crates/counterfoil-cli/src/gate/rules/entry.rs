//! Every binary calls `init`.

use crate::gate::finding::Finding;
use crate::gate::reach::Reach;
use crate::gate::rules::Rule;
use crate::gate::source::{Form, Mention};
use crate::gate::tokens::At;
use crate::gate::workspace::Workspace;

/// Binaries from whose root no call of `init` is reached.
pub(super) fn init(workspace: &Workspace, reach: &Reach<'_>, found: &mut Vec<Finding>) {
    for (number, tree) in workspace.trees.iter().enumerate() {
        let Some(root) = workspace.root_of(number).filter(|_| tree.is_binary) else {
            continue;
        };
        if (reach.of_file(root).iter()).any(|it| calls_init(it.mention)) {
            continue;
        }
        let file = &workspace.files[root];
        let main = file.source.items.iter().find(|it| it.name == "main");
        let at = main.map_or(At { line: 1, column: 1 }, |it| it.at);
        let message = format!("the binary {} never calls counterfoil::init", tree.name);
        found.push(Finding::new(Rule::Init, file, at, message));
    }
}

pub(super) fn calls_init(mention: &Mention) -> bool {
    mention.form == Form::Call
        && mention.names(|path| matches!(path, "counterfoil::init" | "counterfoil::init::init"))
}
