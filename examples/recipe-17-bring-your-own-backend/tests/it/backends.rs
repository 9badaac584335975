use cookbook_recipe_17_bring_your_own_backend::backends;

fn refused(anchors: &str, exporter: &str) -> String {
    backends(anchors, exporter).unwrap_err().to_string()
}

#[test]
fn a_word_names_each_backend() {
    let directory = tempfile::tempdir().unwrap();
    let journal = format!(
        "journal:{}",
        directory.path().join("anchors.jsonl").display()
    );
    let shown = format!(
        "{:?}",
        backends(&journal, "syslog+tcp://127.0.0.1:601").unwrap()
    );
    assert!(
        shown.contains("JournalAnchorStore") && shown.contains("Tcp(127.0.0.1:601)"),
        "{shown}"
    );
    let shown = format!("{:?}", backends("memory", "syslog+unix:/dev/log").unwrap());
    assert!(
        shown.contains("MemoryAnchorStore") && shown.contains("Unix(\"/dev/log\")"),
        "{shown}"
    );
}

#[test]
fn a_word_that_names_none_is_told_which_do() {
    assert!(refused("etcd", "memory").contains("journal:PATH"));
    assert!(refused("memory", "udp://127.0.0.1:514").contains("syslog+tcp://ADDRESS:PORT"));
    assert!(refused("memory", "syslog+tcp://somewhere").contains("syslog+tcp://127.0.0.1:601"));
}
