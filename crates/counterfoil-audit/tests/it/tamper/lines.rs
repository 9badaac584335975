//! Whole lines taken out, doubled, exchanged and put in, at every position.

use counterfoil_audit::verify::Reason;

use super::subject::{
    EVERY_KIND, Expected, Kind, OTHER_ID, Recipe, Subject, VALID, absent, assert_found, tampered,
};

const RECORDS: usize = 24;

/// A way to rearrange lines: what it makes of them, and what who keeps the last head has to find.
struct Damage {
    name: &'static str,
    /// Positions from 1 to this one beyond the number of records.
    beyond: usize,
    change: fn(&mut Vec<Vec<u8>>, usize, &Subject),
    expected: fn(usize, usize) -> Expected,
}

const DAMAGES: [Damage; 8] = [
    Damage {
        name: "delete",
        beyond: 0,
        change: |lines, at, _| drop(lines.remove(at - 1)),
        expected: |at, records| match at {
            1 => absent(1),
            at if at == records => absent(at as u64),
            at => tampered(Reason::Seq, at as u64),
        },
    },
    Damage {
        name: "duplicate",
        beyond: 0,
        change: |lines, at, _| lines.insert(at, lines[at - 1].clone()),
        expected: |at, _| tampered(Reason::Seq, at as u64 + 1),
    },
    Damage {
        name: "swap with the next",
        beyond: 0,
        change: |lines, at, _| {
            let other = at % lines.len();
            lines.swap(at - 1, other);
        },
        // A first record that states another number shows an absent beginning; what follows it contradicts that.
        expected: |at, records| match at {
            at if at == 1 || at == records => tampered(Reason::Seq, 2),
            at => tampered(Reason::Seq, at as u64),
        },
    },
    Damage {
        name: "swap with one ten records on",
        beyond: 0,
        change: |lines, at, _| {
            let other = (at + 9) % lines.len();
            lines.swap(at - 1, other);
        },
        expected: |at, records| match (at - 1).min((at + 9) % records) {
            0 => tampered(Reason::Seq, 2),
            first => tampered(Reason::Seq, first as u64 + 1),
        },
    },
    Damage {
        name: "insert an empty line",
        beyond: 1,
        change: |lines, at, _| lines.insert(at - 1, b"\n".to_vec()),
        expected: |at, _| tampered(Reason::Grammar, at as u64),
    },
    Damage {
        name: "insert a copy of a record from elsewhere",
        beyond: 1,
        change: |lines, at, _| {
            let from = (at + 17) % lines.len();
            lines.insert(at - 1, lines[from].clone());
        },
        expected: |at, _| match at {
            1 => tampered(Reason::Seq, 2),
            at => tampered(Reason::Seq, at as u64),
        },
    },
    Damage {
        name: "splice in the record of another chain that has this number",
        beyond: 0,
        change: |lines, at, other| lines.insert(at - 1, other.lines[at - 1].clone()),
        expected: |at, _| tampered(Reason::Id, at as u64),
    },
    Damage {
        name: "put the record of another history in its place",
        beyond: 0,
        change: |lines, at, other| lines[at - 1] = other.lines[at - 1].clone(),
        expected: |at, _| tampered(Reason::Id, at as u64),
    },
];

fn other(subject: &Subject) -> Subject {
    let recipe = Recipe {
        id: OTHER_ID,
        seed: 99,
        ..subject.recipe
    };
    recipe.make()
}

fn every_position(kind: Kind, records: usize) -> u64 {
    let subject = Recipe::new(kind, records).make();
    let other = other(&subject);
    assert_found("untouched", &subject.judge(&subject.bytes()), VALID);
    let mut judged = 0;
    for damage in &DAMAGES {
        for at in 1..=records + damage.beyond {
            let mut lines = subject.lines.clone();
            (damage.change)(&mut lines, at, &other);
            let report = subject.judge(&lines.concat());
            let what = format!("{kind:?}: {} at {at}", damage.name);
            assert_found(&what, &report, (damage.expected)(at, records));
            judged += 1;
        }
    }
    judged
}

#[test]
fn lines_taken_out_doubled_exchanged_or_put_in_are_found_at_every_position() {
    for kind in EVERY_KIND {
        assert!(every_position(kind, RECORDS) >= 8 * RECORDS as u64);
    }
}

#[test]
#[ignore = "long: run by `cargo xtask tamper --long`"]
fn long_lines_are_found_at_every_position_of_two_thousand_records() {
    let judged: u64 = [Kind::Unsigned, Kind::Checkpoints]
        .into_iter()
        .map(|kind| every_position(kind, 2_000))
        .sum();
    println!("tamper: {judged} rearranged logs, all found at the right record");
}
