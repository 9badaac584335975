use cookbook_recipe_59_cost_attribution::{Bill, Period, Reconciliation, report, simulate};

use crate::log::{Desk, who};

/// Names that try to be something else in a terminal, a spreadsheet or a page.
const HOSTILE: [&str; 4] = [
    "=HYPERLINK(\"http://evil\")",
    "a\u{1b}[2Jb",
    "right\u{202e}left",
    "one, \"two\"\r\nthree",
];

fn hostile() -> (Desk, Bill) {
    let desk = Desk::new();
    for (lease, text) in (1..).zip(HOSTILE) {
        desk.grant(&who(text, Some(text)), lease, 1);
    }
    let (bill, _) = desk.billed(Period::ALL);
    (desk, bill)
}

#[test]
fn text_from_records_cannot_act_on_a_terminal_and_lines_fit_on_it() {
    let (desk, bill) = hostile();
    let (_, run) = desk.billed(Period::ALL);
    let both = Reconciliation::new(&run, &desk.observer.snapshot());
    let text = report::text(&bill, 3) + &report::reconciliation(&both);
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
        let acts = |c: char| c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c);
        assert!(!line.contains(acts), "{line:?}");
    }
    assert!(text.contains("a\\u{1b}[2Jb"), "{text}");
}

/// Read back as RFC 4180 says.
#[test]
fn a_cell_is_neither_a_formula_nor_two_cells() {
    let (_, bill) = hostile();
    let csv = report::csv(&bill);
    let rows = parsed(&csv);
    assert_eq!(rows.len(), 1 + HOSTILE.len(), "{csv}");
    let tenants: Vec<_> = rows[1..].iter().map(|row| row[0].as_str()).collect();
    for text in HOSTILE {
        let wanted = if text.starts_with('=') {
            format!("'{text}")
        } else {
            text.to_owned()
        };
        assert!(tenants.contains(&wanted.as_str()), "{tenants:?}");
    }
    assert!(rows.iter().all(|row| row.len() == rows[0].len()), "{csv}");
}

#[test]
fn json_says_the_same_and_keeps_every_digit() {
    let desk = Desk::new();
    desk.grant(&who("acme", Some("search/batch")), 1, u64::MAX);
    desk.pass(2);
    desk.release(&who("acme", None), 1);
    let (bill, run) = desk.billed(Period::ALL);
    let both = Reconciliation::new(&run, &desk.observer.snapshot());
    let json = report::json(&bill, 0, Some(&both));
    let row = &json["usage"][0];
    assert_eq!(row["project"], "search");
    assert_eq!(row["bytes"], u64::MAX.to_string());
    assert_eq!(
        row["byte_seconds"],
        format!("{}.000000000", 2 * u128::from(u64::MAX))
    );
    assert_eq!(json["reconciliation"]["agrees"], true);
    assert_eq!(json["head"]["seq"], bill.head.seq);
}

#[test]
fn the_day_is_billed_by_tenant_project_and_tag() {
    let directory = tempfile::tempdir().unwrap();
    let day = simulate(directory.path()).unwrap();
    let log =
        cookbook_recipe_59_cost_attribution::VerifiedLog::open(&day.log, &day.anchor).unwrap();
    let (bill, _) = cookbook_recipe_59_cost_attribution::bill(&log, Period::ALL).unwrap();
    let text = report::text(&bill, log.report().tail.records);
    // Five batch jobs of an hour at 64 GiB, and 16 GiB for 23 hours.
    for line in [
        "acme                              6        0       1        0          688.000",
        "search/batch                      5        0       0        0          320.000",
        "vision                            1        1       0        0          480.000",
    ] {
        assert!(text.contains(line), "{text}");
    }
}

fn parsed(csv: &str) -> Vec<Vec<String>> {
    let mut rows = vec![vec![String::new()]];
    let (mut quoted, mut chars) = (false, csv.chars().peekable());
    while let Some(c) = chars.next() {
        let row = rows.last_mut().unwrap();
        match (c, quoted) {
            ('"', true) if chars.peek() == Some(&'"') => {
                chars.next();
                row.last_mut().unwrap().push('"');
            }
            ('"', _) => quoted = !quoted,
            (',', false) => row.push(String::new()),
            ('\r', false) => {}
            ('\n', false) => rows.push(vec![String::new()]),
            (c, _) => row.last_mut().unwrap().push(c),
        }
    }
    rows.pop();
    rows
}
