use std::fs;
use std::path::PathBuf;

use cookbook_recipe_60_tenant_audit_dashboard::demo::{self, Running};
use cookbook_recipe_60_tenant_audit_dashboard::{Proof, Question, View, json, look, page};
use counterfoil::anchor::Anchor;
use counterfoil::signer::Keyring;
use tempfile::TempDir;

fn running() -> (TempDir, Running) {
    let directory = tempfile::tempdir().unwrap();
    let running = demo::start(directory.path()).unwrap();
    (directory, running)
}

fn acme(running: &Running) -> View {
    look(&Question::new(running.log(), running.keys(), "acme")).unwrap()
}

fn segment(running: &Running) -> PathBuf {
    let mut segments = fs::read_dir(running.log().join("segments")).unwrap();
    segments.next().unwrap().unwrap().path()
}

fn proofs(view: &View) -> Vec<&Proof> {
    view.rows.iter().map(|row| &row.proof).collect()
}

#[test]
fn each_row_says_what_is_proved_of_it() {
    let (_directory, running) = running();
    let view = acme(&running);
    let covered = Proof::Covered {
        size: 5,
        signed: true,
    };
    assert_eq!(proofs(&view), [&covered, &covered, &Proof::NotYetAnchored]);
    let page = page(&view);
    assert!(page.contains("covered by checkpoint of size 5, inclusion proof verified"));
    assert!(page.contains("not yet anchored"));
}

#[test]
fn the_line_over_everything_says_how_far_and_since_when() {
    let (_directory, running) = running();
    let view = acme(&running);
    let at = view.anchored_at.unwrap();
    let line = format!("verified to seq 5, anchored at {at}, tail 2 records");
    assert_eq!(view.line(), line);
    assert!(page(&view).contains(&format!("<p class=\"line\">{line}</p>")));
    assert!(json(&view).contains(&line));
    // Nobody has touched the records since that one was sealed.
    assert!(at <= view.rows[2].time && at >= view.rows[0].time);
}

#[test]
fn what_is_anchored_later_is_covered_then() {
    let (_directory, running) = running();
    running.anchor().unwrap();
    let view = acme(&running);
    let covered = Proof::Covered {
        size: 7,
        signed: true,
    };
    assert_eq!(proofs(&view), [&covered; 3]);
}

/// Without a key the head that somebody kept says the same, and without either nothing is proved.
#[test]
fn a_head_that_was_kept_stands_in_for_a_key() {
    let (directory, running) = running();
    let anchor =
        Anchor::from_json(&fs::read(directory.path().join("anchor.json")).unwrap()).unwrap();
    let none = Keyring::new();
    let mut question = Question::new(running.log(), &none, "acme");
    let nothing = look(&question).unwrap();
    assert!(
        nothing
            .rows
            .iter()
            .all(|row| matches!(row.proof, Proof::NotVerified { .. }))
    );
    assert!(
        nothing.line().starts_with("NOT VERIFIED"),
        "{}",
        nothing.line()
    );

    question.anchor = Some(&anchor);
    let view = look(&question).unwrap();
    assert_eq!(
        view.rows[0].proof,
        Proof::Covered {
            size: 5,
            signed: false
        }
    );
}

#[test]
fn a_record_that_was_changed_is_not_verified_and_the_others_stay_proved() {
    let (_directory, running) = running();
    let segment = segment(&running);
    let text = fs::read_to_string(&segment).unwrap();
    // The first lease of this tenant becomes a smaller one.
    fs::write(&segment, text.replacen("\"4096\"", "\"1024\"", 1)).unwrap();

    let view = acme(&running);
    assert!(
        matches!(view.rows[0].proof, Proof::NotVerified { .. }),
        "{:?}",
        view.rows[0]
    );
    assert_eq!(
        view.rows[1].proof,
        Proof::Covered {
            size: 5,
            signed: true
        }
    );
    // Beyond the head nothing can be said in a log that was changed.
    assert!(matches!(view.rows[2].proof, Proof::NotVerified { .. }));
    assert_eq!(view.line(), "NOT VERIFIED: the log is TAMPERED");
    assert!(page(&view).contains("<p class=\"line bad\">NOT VERIFIED"));
}

/// Somebody who can write the log makes the hash of the line fit as well.
#[test]
fn a_record_with_a_hash_of_its_own_is_not_verified_either() {
    let (_directory, running) = running();
    let segment = segment(&running);
    let text = fs::read_to_string(&segment).unwrap();
    let forged: String = text
        .split_inclusive('\n')
        .map(|line| match line.contains("\"seq\":3,") {
            true => forge(line),
            false => line.to_owned(),
        })
        .collect();
    fs::write(&segment, forged).unwrap();
    let view = acme(&running);
    let Proof::NotVerified { why } = &view.rows[0].proof else {
        panic!("{:?}", view.rows[0]);
    };
    assert_eq!(why, "it is not the record that was sealed at this place");
}

fn forge(line: &str) -> String {
    let changed = line.replace("\"4096\"", "\"1024\"");
    let body = changed
        .split("\"body\":")
        .nth(1)
        .unwrap()
        .split(",\"hash\":")
        .next()
        .unwrap();
    let hash = counterfoil_merkle::leaf_hash(body.as_bytes());
    format!("{{\"body\":{body},\"hash\":\"{hash}\"}}\n")
}

#[test]
fn a_log_whose_end_is_gone_is_not_verified() {
    let (_directory, running) = running();
    let segment = segment(&running);
    let text = fs::read_to_string(&segment).unwrap();
    let lines: Vec<_> = text.split_inclusive('\n').collect();
    fs::write(&segment, lines[..4].concat()).unwrap();
    let view = acme(&running);
    assert_eq!(view.line(), "NOT VERIFIED: the log is INCOMPLETE");
    // What is left is in the tree all the same.
    assert_eq!(
        view.rows[0].proof,
        Proof::Covered {
            size: 5,
            signed: true
        }
    );
}
