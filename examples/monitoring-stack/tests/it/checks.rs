//! The stack's files pass every check that needs no Docker.

use std::collections::BTreeSet;

use cookbook_monitoring_stack::check;
use counterfoil_testkit::programs;

#[test]
fn every_file_of_the_stack_passes_its_checks() {
    if programs::is_missing("promtool") {
        return;
    }
    let checks = check::all();
    let failed: Vec<_> = checks.iter().filter(|it| !it.found.is_empty()).collect();
    assert!(failed.is_empty(), "{failed:#?}");
    let files: BTreeSet<_> = checks.iter().map(|it| &it.file).collect();
    assert!(files.len() >= 12, "{files:#?}");
}
