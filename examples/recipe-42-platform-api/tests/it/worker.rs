//! What the worker does with messages.

use serde_json::json;

use crate::platform::{Platform, wait_until};

#[test]
fn an_allocation_lies_on_a_node_while_it_is_active_and_no_longer() {
    let platform = Platform::start();
    let id = platform.create(r#"{"bytes": 8192, "node": "node-b"}"#);
    let allocation = platform.wait_for(&id, "active");
    assert_eq!(allocation["node"], "node-b");
    let volume = platform.at("nodes/node-b").join(format!("{id}.volume"));
    assert_eq!(std::fs::metadata(&volume).unwrap().len(), 8192);
    let path = format!("/v1/allocations/{id}");
    let (status, allocation) = platform.ask("DELETE", &path, "", &[]);
    assert_eq!((status, &allocation["state"]), (200, &json!("released")));
    wait_until("the node is clear", || (!volume.exists()).then_some(()));
    let (status, answer) = platform.ask("DELETE", &path, "", &[]);
    assert_eq!(
        (status, &answer["error_code"]),
        (409, &json!("allocation.not_releasable"))
    );
}

#[test]
fn what_was_asked_for_without_a_worker_is_shown_as_waiting_and_done_by_the_next_one() {
    let mut platform = Platform::without_worker();
    let kept = platform.create(r#"{"bytes": 4096}"#);
    let released = platform.create(r#"{"bytes": 4096}"#);
    platform.ask("DELETE", &format!("/v1/allocations/{released}"), "", &[]);
    let line = "platform_queue_depth{state=\"ready\"} 3";
    wait_until("three messages wait", || {
        platform.api.page("/metrics").contains(line).then_some(())
    });
    platform.start_worker();
    platform.wait_for(&kept, "active");
    let worker = platform.worker.as_ref().unwrap();
    let text = wait_until("all messages are done", || {
        let text = worker.page("/metrics");
        let line = "platform_tasks_total{event_type=\"allocation.released\",outcome=\"done\"} 1";
        text.contains(line).then_some(text)
    });
    // What was released before anybody began was not provisioned at all.
    let skipped = "platform_tasks_total{event_type=\"allocation.requested\",outcome=\"skipped\"} 1";
    assert!(text.contains(skipped), "{text}");
}

#[test]
fn a_node_that_comes_back_in_time_makes_no_incident() {
    let platform = Platform::start();
    let worker = platform.worker.as_ref().unwrap();
    let id = platform.create(r#"{"bytes": 4096, "node": "node-c"}"#);
    let failed = platform.wait_for(&id, "failed");
    assert_eq!(failed["error_code"], "node.unreachable");
    std::fs::create_dir(platform.at("nodes/node-c")).unwrap();
    let id = platform.create(r#"{"bytes": 4096, "node": "node-c"}"#);
    platform.wait_for(&id, "active");
    let text = worker.page("/metrics");
    for line in [
        "platform_tasks_total{event_type=\"allocation.requested\",outcome=\"retried\"} 1",
        "platform_tasks_total{event_type=\"allocation.requested\",outcome=\"dead\"} 1",
        "platform_dead_letters_total{event_type=\"allocation.requested\"} 1",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
}

#[test]
fn an_allocation_that_failed_costs_nothing() {
    let platform = Platform::start();
    // All of the credit, again and again: each failure gives it back.
    for _ in 0..3 {
        let ids: Vec<_> = (0..97)
            .map(|_| platform.create(r#"{"bytes": 1073741824, "node": "node-x"}"#))
            .collect();
        for id in ids {
            platform.wait_for(&id, "failed");
        }
    }
}
