//! The context of a task.

use std::future::Future as _;

use counterfoil::{
    Clock, Context, Current, InContext, LeaseId, Name, Observer, ResourceType, Ticks, Timestamp,
    WorkloadIdentity,
};

fn of(tenant: &str) -> Context {
    Context::new(WorkloadIdentity::tenant_only(tenant))
}

fn tenants(observer: &Observer) -> Vec<String> {
    let snapshot = observer.events().snapshot();
    snapshot
        .events()
        .iter()
        .map(|event| event.context.tenant().to_owned())
        .collect()
}

fn expire(observer: &Observer) {
    observer.lease_expired(
        &Current,
        ResourceType::Mem,
        LeaseId(1),
        &Name::new("node-a"),
    );
}

#[test]
fn the_innermost_entered_context_counts_and_the_outer_one_comes_back() {
    let observer = Observer::builder()
        .default_context(of("nobody"))
        .build()
        .unwrap();
    expire(&observer);
    {
        let _outer = Current::enter(of("outer"));
        {
            let _inner = Current::enter(of("inner"));
            expire(&observer);
        }
        expire(&observer);
    }
    expire(&observer);
    assert_eq!(tenants(&observer), ["nobody", "inner", "outer", "nobody"]);
}

#[test]
fn a_thread_does_not_see_the_context_of_another() {
    let _entered = Current::enter(of("here"));
    let there = std::thread::spawn(Current::get).join().unwrap();
    assert!(there.is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spawned_task_has_the_context_it_was_given_across_awaits() {
    let observer = Observer::builder().build().unwrap();
    let tasks: Vec<_> = (0..20)
        .map(|task| {
            let observer = observer.clone();
            let run = async move {
                for _ in 0..10 {
                    expire(&observer);
                    tokio::task::yield_now().await;
                }
                Current::get().unwrap().tenant().to_owned()
            };
            tokio::spawn(run.in_context(of(&format!("tenant-{task}"))))
        })
        .collect();
    for (number, task) in tasks.into_iter().enumerate() {
        assert_eq!(task.await.unwrap(), format!("tenant-{number}"));
    }
    let mut seen = tenants(&observer);
    seen.sort();
    assert_eq!(seen.len(), 200);
    assert_eq!(
        seen.iter().filter(|tenant| *tenant == "tenant-7").count(),
        10
    );
    assert!(Current::get().is_none());
}

#[tokio::test]
async fn a_task_can_take_the_current_context_along() {
    let task = {
        let _entered = Current::enter(of("acme"));
        tokio::spawn(async { Current::get().unwrap().tenant().to_owned() }.in_current_context())
    };
    assert_eq!(task.await.unwrap(), "acme");
}

/// Gives its lease back when it is dropped.
struct Holding(Observer);

impl Drop for Holding {
    fn drop(&mut self) {
        expire(&self.0);
    }
}

#[test]
fn what_a_cancelled_task_gives_back_is_recorded_under_its_context() {
    let observer = Observer::builder().build().unwrap();
    let holding = Holding(observer.clone());
    let mut task = Box::pin(
        async move {
            let _holding = holding;
            std::future::pending::<()>().await;
        }
        .in_context(of("acme")),
    );
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(task.as_mut().poll(&mut cx).is_pending());
    drop(task);
    assert_eq!(tenants(&observer), ["acme"]);
}

#[test]
fn guards_dropped_out_of_order_leave_no_context_behind() {
    let (outer, inner) = (Current::enter(of("outer")), Current::enter(of("inner")));
    drop(outer);
    assert_eq!(Current::get().unwrap().tenant(), "inner");
    drop(inner);
    assert!(Current::get().is_none());
}

/// A clock that does in `ticks` what no clock should.
#[derive(Debug)]
struct EnteringClock;

impl Clock for EnteringClock {
    fn ticks(&self) -> Ticks {
        let _entered = Current::enter(of("clock"));
        Ticks(1)
    }

    fn utc(&self) -> Timestamp {
        Timestamp::default()
    }
}

#[test]
fn a_clock_that_enters_a_context_does_not_make_a_call_panic() {
    let observer = Observer::builder()
        .clock(EnteringClock)
        .default_context(of("nobody"))
        .build()
        .unwrap();
    expire(&observer);
    assert_eq!(tenants(&observer), ["nobody"]);
}
