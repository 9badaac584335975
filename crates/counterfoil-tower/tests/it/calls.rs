//! Methods of one's own, and the steps of a mutation.

use std::future::{pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use counterfoil_tower::{Calls, ErrorCode, Mutation};

use crate::Bench;
use crate::spans::Seen;

counterfoil_tower::error_codes! {
    /// What can go wrong.
    CATALOGUE;
    /// The card was declined.
    DECLINED: "card.declined", http 402, grpc 9;
}

fn bench() -> (Bench, Calls) {
    let bench = Bench::new();
    let calls = Calls::with_clock(&bench.registry, "charge", Arc::clone(&bench.clock));
    (bench, calls)
}

fn counted(bench: &Bench) -> String {
    let series = bench.series("counterfoil.call.duration");
    let seen = series.lines().filter(|it| !it.contains(" 0 in "));
    seen.map(|it| it.replace("method=charge outcome=", ""))
        .collect::<Vec<_>>()
        .join("\n")
}

#[tokio::test]
async fn a_call_is_counted_by_what_came_of_it() {
    let (bench, calls) = bench();
    let slow = async {
        assert_eq!(bench.series("counterfoil.call.active"), "method=charge 1");
        bench.step(30);
        Ok::<_, ErrorCode>("done")
    };
    assert_eq!(calls.run(slow).await, Ok("done"));
    assert_eq!(calls.call(|| Err::<(), _>(DECLINED)), Err(DECLINED));
    assert_eq!(
        calls.run(ready(Err::<(), _>(DECLINED))).await,
        Err(DECLINED)
    );
    let given_up = calls.run(pending::<Result<(), ErrorCode>>());
    assert!(
        tokio::time::timeout(Duration::ZERO, given_up)
            .await
            .is_err()
    );
    drop(calls.run(pending::<Result<(), ErrorCode>>()));
    let panics = || -> Result<(), ErrorCode> { panic!("in the middle") };
    assert!(catch_unwind(AssertUnwindSafe(|| calls.call(panics))).is_err());
    let in_future = calls.clone();
    let spawned = tokio::spawn(async move { in_future.run(async move { panics() }).await });
    assert!(spawned.await.unwrap_err().is_panic());
    assert_eq!(
        counted(&bench),
        "cancelled 2 in 0.000 s\nerror 2 in 0.000 s\nok 1 in 0.030 s\npanic 2 in 0.000 s"
    );
    assert_eq!(bench.series("counterfoil.call.active"), "method=charge 0");
}

#[tokio::test]
async fn the_steps_of_a_mutation_have_spans_and_the_one_that_failed_says_why() {
    let seen = Seen::default();
    let _watching = seen.watch();
    let mutation = Mutation::new("order.create");
    let changed: Result<(), ErrorCode> = async {
        let tenant = mutation.resolve(ready(Ok::<_, ErrorCode>("acme"))).await?;
        assert_eq!(tenant, "acme");
        mutation.apply(ready(Ok::<_, ErrorCode>(()))).await?;
        mutation.record(ready(Err(DECLINED))).await
    }
    .await;
    assert_eq!(changed, Err(DECLINED));
    let steps: Vec<_> = seen
        .spans()
        .into_iter()
        .map(|(name, fields)| {
            let field = |key: &str| fields.get(key).cloned().unwrap_or_default();
            [
                name,
                field("otel.name"),
                field("otel.status_code"),
                field("error_code"),
            ]
            .join("|")
        })
        .collect();
    assert_eq!(
        steps,
        [
            "mutation.resolve|order.create resolve||",
            "mutation.apply|order.create apply||",
            "mutation.record|order.create record|ERROR|card.declined",
        ]
    );
    assert_eq!(CATALOGUE, [DECLINED]);
}
