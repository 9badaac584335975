//! What the listener serves.

use std::net::TcpListener;
use std::time::Duration;

use counterfoil::ErrorKind;
use counterfoil::init::Guard;

use super::{LONG, config, get, start};

fn listening() -> Guard {
    start(config().metrics_port(0))
}

fn metrics(guard: &Guard) -> String {
    get(guard.metrics_address().unwrap(), "/metrics")
}

#[test]
fn the_process_is_shown_under_the_names_that_dashboards_know() {
    let text = metrics(&listening());
    let value = |name: &str| -> f64 {
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("{name} ")))
            .unwrap_or_else(|| panic!("{name} is missing:\n{text}"));
        line.rsplit_once(' ').unwrap().1.parse().unwrap()
    };
    assert!(text.contains("# TYPE process_cpu_seconds_total counter\n"));
    assert!(value("process_cpu_seconds_total") > 0.0);
    assert!(value("process_resident_memory_bytes") > 1e6);
    assert!(value("process_virtual_memory_bytes") >= value("process_resident_memory_bytes"));
    assert!(value("process_open_fds") >= 3.0);
    assert!(value("process_max_fds") >= value("process_open_fds"));
    assert!(value("process_threads") >= 4.0);
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_secs_f64();
    let age = now - value("process_start_time_seconds");
    assert!((-2.0..3_600.0).contains(&age), "started {age} s ago");
}

#[test]
fn the_build_is_shown_with_name_and_version_of_the_service() {
    let text = metrics(&listening());
    let version = env!("CARGO_PKG_VERSION");
    let line = format!(
        "counterfoil_build_info{{counterfoil_version=\"{version}\",service_name=\"orders\",service_version=\"1.2.3\"}} 1\n"
    );
    assert!(text.contains(&line), "{text}");
}

#[test]
fn a_runtime_is_shown_whether_init_was_called_in_it_or_it_was_handed_over() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(3)
        .build()
        .unwrap();
    let inside = {
        let _entered = runtime.enter();
        listening()
    };
    assert!(metrics(&inside).contains("\ntokio_runtime_worker_limit 3\n"));
    let outside = listening();
    assert!(!metrics(&outside).contains("tokio_runtime"));
    outside.observe_runtime(runtime.handle());
    let text = metrics(&outside);
    assert!(text.contains("\ntokio_runtime_task_alive 0\n"), "{text}");
    assert!(text.contains("# TYPE tokio_runtime_worker_busy_time_seconds_total counter\n"));
}

#[test]
fn probes_and_pages_are_there_and_readiness_ends_with_the_drain() {
    let guard = listening();
    let address = guard.metrics_address().unwrap();
    for path in ["/livez", "/readyz", "/health", "/status"] {
        let answer = get(address, path);
        assert!(
            answer.starts_with("HTTP/1.1 200 OK\r\n"),
            "{path}: {answer}"
        );
    }
    assert!(get(address, "/health").contains("\"1.2.3\""));
    assert!(get(address, "/livez?verbose").len() > get(address, "/livez").len());
    guard.draining().begin();
    assert!(get(address, "/readyz").starts_with("HTTP/1.1 503 "));
    assert!(get(address, "/livez").starts_with("HTTP/1.1 200 "));
}

#[test]
fn a_port_that_is_taken_is_an_error_that_says_what_to_do() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let error = counterfoil::init(config().metrics_address(address)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddressTaken);
    let text = error.to_string();
    assert!(
        text.contains(&format!("{address} is taken")) && text.contains("port 0"),
        "{text}"
    );
}

#[test]
fn the_port_is_free_again_after_the_end() {
    let guard = listening();
    let address = guard.metrics_address().unwrap();
    assert!(guard.shutdown(LONG).finished);
    drop(TcpListener::bind(address).unwrap());
}

#[test]
fn whoever_waits_for_the_drain_wakes_up_when_it_begins() {
    let guard = listening();
    let draining = guard.draining().clone();
    assert!(!draining.wait(Duration::ZERO));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let waiting = runtime.spawn(draining.begun());
    runtime.block_on(tokio::task::yield_now());
    assert!(!waiting.is_finished());
    std::thread::scope(|scope| {
        let waiter = scope.spawn(|| draining.wait(LONG));
        guard.draining().begin();
        assert!(waiter.join().unwrap());
    });
    runtime.block_on(waiting).unwrap();
    runtime.block_on(draining.begun());
}

#[test]
fn an_exporter_that_delivers_nothing_is_on_the_health_page_and_in_the_metrics() {
    let (stuck, _keep) = super::exporters::Stuck::new();
    let config = config().metrics_port(0).drop_deadline(Duration::ZERO);
    let guard = start(config.exporter("Slow sink", stuck));
    super::record(&guard);
    assert!(!guard.flush(Duration::ZERO).finished);
    let health = get(guard.metrics_address().unwrap(), "/health");
    assert!(health.contains("\"export-slow-sink\""), "{health}");
    assert!(health.contains("\"clock\""), "{health}");
    let text = metrics(&guard);
    assert!(
        text.contains("counterfoil_health_check_status{check=\"export-slow-sink\""),
        "{text}"
    );
    assert!(
        text.contains("counterfoil_export_queue_size{exporter=\"Slow sink\",signal=\"spans\"}")
    );
}

#[test]
fn panics_are_not_shown_as_none_where_nobody_counts_them() {
    let text = metrics(&listening());
    assert!(!text.contains("counterfoil_panic_seen"), "{text}");
}

#[test]
fn what_only_init_knows_of_is_fed_whole() {
    let guard = start(config().exporter("memory", super::exporters::memory()));
    super::record(&guard);
    assert!(guard.flush(LONG).is_complete());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    guard.observe_runtime(runtime.handle());
    let families = guard.observer().snapshot().families;
    // Of panics there is a test of its own, in a process of its own; of utilization there is none before a second is over.
    let elsewhere = ["counterfoil.panic.seen", "tokio.runtime.worker.utilization"];
    let tables = counterfoil::names::TABLES.iter();
    for row in tables.flat_map(|table| table.instruments) {
        let ours = [
            "counterfoil.export.",
            "counterfoil.build.",
            "process.",
            "tokio.",
        ];
        assert!(
            !ours.iter().any(|prefix| row.name.starts_with(prefix))
                || elsewhere.contains(&row.name)
                || families.iter().any(|family| &*family.name == row.name),
            "{} is in the table and init does not feed it",
            row.name
        );
    }
}
