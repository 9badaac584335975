//! What takes secrets out is our redactor, or is built on it.

use crate::gate::finding::Finding;
use crate::gate::rules::Rule;
use crate::gate::workspace::File;

/// Policies that take nothing out, and those of one's own in files that do not name the redactor.
pub(super) fn policies(file: &File, found: &mut Vec<Finding>) {
    let source = &file.source;
    let is_ours = |path: &str, name: &str| {
        path.starts_with("counterfoil") && path.rsplit("::").next() == Some(name)
    };
    for mention in source.mentions.iter().filter(|it| it.is_used()) {
        if mention.names(|path| is_ours(path, "Unredacted")) {
            let message = "Unredacted takes nothing out".to_owned();
            found.push(Finding::of(Rule::Redaction, file, mention, message));
        }
    }
    if source.names(|path| is_ours(path, "Redactor")) {
        return;
    }
    let own = source.impls.iter();
    for it in own.filter(|it| it.of.iter().any(|path| is_ours(path, "Redact"))) {
        let subject = &it.subject;
        let message = format!("{subject} is a policy of its own that does not ask the Redactor");
        found.push(Finding::new(Rule::Redaction, file, it.at, message));
    }
}
