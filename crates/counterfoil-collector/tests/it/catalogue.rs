//! What every catalogue has to hold to, shown of the one on files.

use std::fs;
use std::io::Write as _;

use counterfoil::Timestamp;
use counterfoil_collector::{Catalogue, ChainEntry, ErrorKind, FileCatalogue};

fn entry(chain: &str, tenant: &str) -> ChainEntry {
    ChainEntry::new(
        chain.parse().unwrap(),
        tenant.parse().unwrap(),
        None,
        Timestamp::from_unix_seconds(1_700_000_000),
        "cfk_acme",
    )
}

/// The suite: `open` opens the same catalogue again and again.
fn conforms(open: impl Fn() -> Box<dyn Catalogue>) {
    let catalogue = open();
    assert_eq!(catalogue.entries().unwrap(), []);
    let first = entry("audit.example.com/leases/1", "acme");
    assert_eq!(catalogue.register(&first).unwrap(), first);
    let other = entry("audit.example.com/leases/1", "globex");
    assert_eq!(
        catalogue.register(&other).unwrap(),
        first,
        "the first stays"
    );
    let second = entry("audit.example.com/leases/2", "acme");
    assert_eq!(catalogue.register(&second).unwrap(), second);
    drop(catalogue);
    let again = open();
    assert_eq!(again.entries().unwrap(), [first.clone(), second]);
    assert_eq!(
        again.register(&other).unwrap(),
        first,
        "also after a restart"
    );
    at_the_same_time(&*again);
}

fn at_the_same_time(catalogue: &dyn Catalogue) {
    let tenants: Vec<_> = (0..8).map(|number| format!("t{number}")).collect();
    let kept: Vec<_> = std::thread::scope(|scope| {
        let all: Vec<_> = tenants
            .iter()
            .map(|tenant| {
                let entry = entry("audit.example.com/race/1", tenant);
                scope.spawn(move || catalogue.register(&entry).unwrap())
            })
            .collect();
        all.into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(kept.windows(2).all(|pair| pair[0] == pair[1]), "{kept:?}");
}

#[test]
fn the_catalogue_on_files_keeps_the_first_entry_of_a_chain() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalogue.jsonl");
    conforms(|| Box::new(FileCatalogue::open(&path).unwrap()));
}

#[test]
fn a_line_that_a_crash_cut_short_is_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalogue.jsonl");
    let kept = entry("audit.example.com/leases/1", "acme");
    FileCatalogue::open(&path).unwrap().register(&kept).unwrap();
    let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"{\"v\":1,\"chain\":\"audit.exa").unwrap();
    drop(file);
    let next = entry("audit.example.com/leases/2", "acme");
    let catalogue = FileCatalogue::open(&path).unwrap();
    assert_eq!(catalogue.entries().unwrap(), std::slice::from_ref(&kept));
    catalogue.register(&next).unwrap();
    let entries = FileCatalogue::open(&path).unwrap().entries().unwrap();
    assert_eq!(entries, [kept, next]);
}

#[test]
fn a_whole_line_that_is_no_entry_keeps_it_closed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("catalogue.jsonl");
    for text in ["{}\n", "nonsense\n", "{\"v\":2}\n"] {
        fs::write(&path, text).unwrap();
        let error = FileCatalogue::open(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{text}");
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            text,
            "and is left as it is"
        );
    }
}
