//! What is said of an audit log that was there already.

use std::sync::Arc;

use counterfoil::Observer;
use counterfoil::anchor::{AnchorStore, MemoryAnchorStore};
use counterfoil::audit::AuditLog;
use counterfoil::trace::LogWriter;
use counterfoil_testkit::files::MemFiles;

use super::{LONG, config, start};
use crate::tracing::support::Page;

fn open(files: &MemFiles, anchors: &Arc<dyn AnchorStore>) -> AuditLog {
    AuditLog::builder("/log/audit", "audit.example.com/opened")
        .file_system(Arc::new(files.clone()))
        .anchor_store(Arc::clone(anchors))
        .open()
        .unwrap()
}

/// What `init` says of a log, which is closed in the end.
fn said(log: AuditLog) -> String {
    let observer = Observer::builder().audit(log).build().unwrap();
    let page = Page::default();
    let writer = LogWriter::new(page.clone());
    let guard = start(config().observer(observer).log_writer(writer));
    assert!(guard.shutdown(LONG).is_complete());
    page.text()
}

#[test]
fn an_anchor_that_is_gone_is_a_warning_and_one_that_is_there_is_not() {
    let files = MemFiles::default();
    let anchors: Arc<dyn AnchorStore> = Arc::new(MemoryAnchorStore::new());
    for _ in ["a new log", "one that goes on from its anchor"] {
        let said = said(open(&files, &anchors));
        assert!(!said.contains("audit log"), "{said}");
    }
    let anchors: Arc<dyn AnchorStore> = Arc::new(MemoryAnchorStore::new());
    let said = said(open(&files, &anchors));
    assert!(said.contains("goes on without an anchor"), "{said}");
}

#[test]
fn a_log_that_was_not_closed_is_a_warning() {
    let files = MemFiles::default();
    let anchors: Arc<dyn AnchorStore> = Arc::new(MemoryAnchorStore::new());
    // It is closed after everything, or its anchor would be ahead of what the kill left.
    let _killed = open(&files, &anchors);
    let said = said(open(&files.after_kill(), &anchors));
    assert!(said.contains("had not been closed"), "{said}");
}
