use cookbook_recipe_60_tenant_audit_dashboard::{Question, demo, json, look, page};

#[test]
fn a_tenant_sees_its_own_records_and_nothing_of_another_one() {
    let directory = tempfile::tempdir().unwrap();
    let running = demo::start(directory.path()).unwrap();
    let view = |tenant| look(&Question::new(running.log(), running.keys(), tenant)).unwrap();
    let (acme, globex) = (view("acme"), view("globex"));
    let numbers = |view: &cookbook_recipe_60_tenant_audit_dashboard::View| {
        view.rows.iter().map(|row| row.seq).collect::<Vec<_>>()
    };
    assert_eq!(
        (numbers(&acme), numbers(&globex)),
        (vec![3, 5, 7], vec![4, 6])
    );

    for (view, foreign) in [
        (&acme, ["globex", "node-b", "vision"]),
        (&globex, ["acme", "node-a", "search"]),
    ] {
        for text in [json(view), page(view)] {
            for word in foreign {
                assert!(!text.contains(word), "{word} of another tenant in {text}");
            }
        }
    }
}

#[test]
fn a_name_that_is_only_like_the_tenants_is_another_tenant() {
    let directory = tempfile::tempdir().unwrap();
    let running = demo::empty(directory.path()).unwrap();
    let like = ["acme", "Acme", "acme ", "acme\0", "acm\u{0435}", "acme/eu"];
    for (lease, tenant) in (1..).zip(like) {
        running
            .grant(&demo::booked(tenant, "a"), "node-a", lease)
            .unwrap();
    }
    let view = look(&Question::new(running.log(), running.keys(), "acme")).unwrap();
    let leases: Vec<_> = view.rows.iter().filter_map(|row| row.lease).collect();
    assert_eq!((leases, view.own), (vec![1], 1));
}

#[test]
fn the_newest_rows_are_shown_and_all_are_counted() {
    let directory = tempfile::tempdir().unwrap();
    let running = demo::empty(directory.path()).unwrap();
    for lease in 1..=5 {
        running
            .grant(&demo::booked("acme", "a"), "node-a", lease)
            .unwrap();
    }
    let mut question = Question::new(running.log(), running.keys(), "acme");
    question.most_rows = 2;
    let view = look(&question).unwrap();
    let leases: Vec<_> = view.rows.iter().filter_map(|row| row.lease).collect();
    assert_eq!((leases, view.own), (vec![4, 5], 5));
    assert!(page(&view).contains("2 of 5 records"));
}
