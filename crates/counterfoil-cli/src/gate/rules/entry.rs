//! Every binary calls `init`.

use crate::gate::finding::Finding;
use crate::gate::rules::Rule;
use crate::gate::source::Form;
use crate::gate::tokens::At;
use crate::gate::workspace::{File, Workspace};

/// Binaries from whose root no file is reached that calls `init`.
pub(super) fn init(workspace: &Workspace, found: &mut Vec<Finding>) {
    for (number, tree) in workspace.trees.iter().enumerate() {
        let Some(root) = workspace.root_of(number).filter(|_| tree.is_binary) else {
            continue;
        };
        if workspace.reaches(root, calls_init) {
            continue;
        }
        let main = root
            .source
            .mentions
            .iter()
            .find(|it| it.paths.iter().any(|path| path == "main"));
        let at = main.map_or(At { line: 1, column: 1 }, |it| it.at);
        let message = format!("the binary {} never calls counterfoil::init", tree.name);
        found.push(Finding::new(Rule::Init, root, at, message));
    }
}

fn calls_init(file: &File) -> bool {
    let is_it = |path: &String| {
        matches!(
            path.as_str(),
            "counterfoil::init" | "counterfoil::init::init"
        )
    };
    file.source
        .mentions
        .iter()
        .any(|it| it.form == Form::Call && it.paths.iter().any(is_it))
}
