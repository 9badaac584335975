//! The context of a task.

use counterfoil::{
    Context, Current, InContext, LeaseId, Name, Observer, ResourceType, WorkloadIdentity,
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
    let observer = Observer::builder().default_context(of("nobody")).build();
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
    let observer = Observer::builder().build();
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
