//! `audit erase` and `audit reveal`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use counterfoil::anchor::FileAnchorStore;
use counterfoil::audit::{AuditEventData, AuditInput, AuditLog, ExtensionKind, Object, Text};
use counterfoil::signer::{Ed25519Signer, Signer};

use crate::run::{Ran, counterfoil, run_verify};

const BASE: &str = "audit.example.com/people";
const LONG: Duration = Duration::from_secs(30);

/// A log whose record 3 names a person, with its key and its anchor.
struct People {
    dir: tempfile::TempDir,
}

impl People {
    fn new() -> Self {
        let people = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        let signer = Ed25519Signer::generate(&format!("{BASE}/1"), getrandom::fill).unwrap();
        signer.save(people.path("key")).unwrap();
        let log = people.open();
        let kind = ExtensionKind::new(&"vault.object_get".into()).unwrap();
        let mut object = Object::new();
        object.insert("key", "a/b").unwrap();
        let mut input = AuditInput::unassigned(AuditEventData::Extension(kind, object));
        input.who.principal = Some(Text::erasable("alice\u{1b}[2J@example.com"));
        log.append(input).wait_durable(LONG).unwrap();
        assert!(log.close(LONG).finished);
        people
    }

    fn open(&self) -> AuditLog {
        let signer: Arc<dyn Signer> = Arc::new(Ed25519Signer::from_file(self.path("key")).unwrap());
        let anchors = FileAnchorStore::open(self.path("anchor.json")).unwrap();
        AuditLog::builder(self.path("log"), BASE)
            .signer(move |_| Ok(Arc::clone(&signer)))
            .anchor_store(Arc::new(anchors))
            .segment_bytes(1)
            .open()
            .unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn audit(&self, command: &str, args: &[&str]) -> Ran {
        let mut all = counterfoil();
        all.args(["audit", command])
            .arg(self.path("log"))
            .args(args);
        all.output().unwrap().into()
    }

    fn erase(&self, args: &[&str]) -> Ran {
        let (key, anchor) = (self.path("key"), self.path("anchor.json"));
        let own = ["--key-file", text(&key), "--anchor", text(&anchor)];
        self.audit("erase", &[&own, args].concat())
    }

    fn verify(&self) -> Ran {
        run_verify(&self.path("log"), Some(&self.path("anchor.json")), &[])
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

const PLACE: [&str; 4] = ["--seq", "3", "--field", "/who/principal"];
const WHY: [&str; 2] = ["--reason", "asked to"];

#[test]
fn a_value_is_revealed_erased_and_then_gone() {
    let people = People::new();
    let shown = people.audit("reveal", &PLACE);
    assert_eq!(shown.code, Some(0), "{shown:?}");
    assert_eq!(
        shown.stdout, "alice\\u{1b}[2J@example.com\n",
        "nothing steers a terminal"
    );
    let json = people.audit("reveal", &[&PLACE[..], &["--output", "json"]].concat());
    assert_eq!(json.json()["value"], "alice\u{1b}[2J@example.com");

    let erased = people.erase(&[PLACE.as_slice(), &WHY].concat());
    assert_eq!(erased.code, Some(0), "{erased:?}");
    assert!(
        erased
            .stdout
            .starts_with("/who/principal of record 3: erased, as record ")
    );
    let verified = people.verify();
    assert_eq!(verified.code, Some(0), "{verified:?}");
    assert!(verified.stdout.contains("0 opened, 1 erased"));

    let gone = people.audit("reveal", &PLACE);
    assert_eq!((gone.code, gone.stdout.as_str()), (Some(3), ""));
    assert!(gone.stderr.contains("was erased"), "{gone:?}");
    let again = people.erase(&[PLACE.as_slice(), &WHY, &["--output", "json"]].concat());
    assert_eq!(again.code, Some(0), "{again:?}");
    assert_eq!(again.json()["outcome"], "already_erased");
    // The log's own writer goes on, with the policy that it had.
    assert!(people.open().close(LONG).finished);
    assert_eq!(people.verify().code, Some(0));
}

#[test]
fn erasing_is_refused_while_a_writer_holds_the_log() {
    let people = People::new();
    let log = people.open();
    let refused = people.erase(&[PLACE.as_slice(), &WHY].concat());
    assert_eq!(refused.code, Some(4), "{refused:?}");
    assert!(refused.stderr.contains("AuditLog::erase"), "{refused:?}");
    assert!(log.close(LONG).finished);
    assert_eq!(
        people.audit("reveal", &PLACE).code,
        Some(0),
        "nothing was destroyed"
    );
}

#[test]
fn erasing_without_the_key_of_the_log_names_the_key_and_changes_nothing() {
    let people = People::new();
    let refused = people.audit("erase", &[PLACE.as_slice(), &WHY].concat());
    assert_eq!(refused.code, Some(5), "{refused:?}");
    assert!(refused.stderr.contains("--key-file"), "{refused:?}");
    let other = Ed25519Signer::generate(&format!("{BASE}/1"), getrandom::fill).unwrap();
    let path = people.path("other");
    other.save(&path).unwrap();
    let args = [&PLACE[..], &WHY, &["--key-file", text(&path)]].concat();
    let refused = people.audit("erase", &args);
    assert_eq!(refused.code, Some(5), "{refused:?}");
    assert_eq!(people.audit("reveal", &PLACE).code, Some(0));
}

#[test]
fn what_is_not_erasable_is_refused_and_what_is_there_is_named() {
    let people = People::new();
    let field = |seq, field| people.erase(&[&["--seq", seq, "--field", field][..], &WHY].concat());
    let refused = field("3", "/event/data/key");
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("/who/principal"), "{refused:?}");
    assert_eq!(field("3", "principal").code, Some(2));
    assert_eq!(field("99", "/who/principal").code, Some(2));
    let unreasoned = people.erase(&[PLACE.as_slice(), &["--reason", ""]].concat());
    assert_eq!(unreasoned.code, Some(2), "{unreasoned:?}");
}

#[test]
fn a_log_is_pruned_to_a_limit_and_still_verifies() {
    let people = People::new();
    let log = people.open();
    let node = counterfoil::Name::new("node-a");
    for lease in 0..2_000 {
        let event = counterfoil::FabricEvent::LeaseExpired {
            resource_type: counterfoil::ResourceType::Mem,
            lease_id: counterfoil::LeaseId(lease),
            node: node.clone(),
        };
        let context = counterfoil::Context::new(counterfoil::WorkloadIdentity::tenant_only("acme"));
        log.append_event(&event, &context);
    }
    assert!(log.close(LONG).finished);
    let (key, anchor) = (people.path("key"), people.path("anchor.json"));
    let own = ["--key-file", text(&key), "--anchor", text(&anchor)];
    let prune = |args: &[&str]| people.audit("prune", &[&own, args].concat());
    let unlimited = prune(&[]);
    assert_eq!(unlimited.code, Some(2), "{unlimited:?}");
    let young = prune(&["--max-age", "90d"]);
    assert!(
        young.stdout.ends_with("begins with record 1\n"),
        "{young:?}"
    );
    let pruned = prune(&["--max-bytes", "1", "--output", "json"]);
    assert_eq!(pruned.code, Some(0), "{pruned:?}");
    // The segment that is written to stays.
    assert_eq!(pruned.json()["first_seq"], 1_793);
    let verified = people.verify();
    assert_eq!(verified.code, Some(0), "{verified:?}");
    assert!(
        verified
            .stdout
            .contains("records 1 to 1792, as retention_applied says"),
        "{verified:?}"
    );
    assert_eq!(
        people.audit("reveal", &PLACE).code,
        Some(2),
        "the record is gone"
    );
}
