//! What a process has only one of, each time in a process of its own.
#![allow(clippy::print_stderr, reason = "a child says what it does")]

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use counterfoil::init::{Config, PanicHook};
use counterfoil::{ErrorKind, Observer};

use super::LONG;

const CHILD: &str = "COUNTERFOIL_TEST_INIT";

/// Not a test of its own: the process that the tests below start, which does what the variable says.
#[test]
#[ignore = "started by the tests of this module"]
fn child() {
    match std::env::var(CHILD).unwrap().as_str() {
        "twice" => twice(),
        "foreign" => foreign(),
        "recorder" => recorder(),
        "panic" => panic_in_a_thread(PanicHook::Chain),
        "replaced" => panic_in_a_thread(PanicHook::Replace),
        "panics" => many_panics(),
        "subscriber" => a_panic_in_the_subscriber(),
        "drain" => drain(),
        "log" => log_lines(),
        #[cfg(feature = "log")]
        "bridge" => bridge(),
        other => panic!("{other} is nothing to do"),
    }
}

fn command(what: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            "--exact",
            "init::process::child",
            "--ignored",
            "--nocapture",
        ])
        .env(CHILD, what)
        .env_remove("RUST_LOG")
        .env_remove("RUST_BACKTRACE")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Runs a child to its end; its standard error.
fn run(what: &str) -> (Output, String) {
    let output = command(what).output().unwrap();
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    (output, said)
}

fn run_well(what: &str) -> String {
    let (output, said) = run(what);
    let all = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{all}\n{said}");
    said
}

fn config() -> Config {
    Config::new("orders", "1.2.3").without_listener()
}

#[test]
fn a_second_init_is_refused_and_one_after_a_failure_is_not() {
    run_well("twice");
}

fn twice() {
    let wrong = config().log_filter("my_crate=loud");
    assert_eq!(
        counterfoil::init(wrong).unwrap_err().kind(),
        ErrorKind::InvalidConfig
    );
    let guard = counterfoil::init(config()).unwrap();
    let error = counterfoil::init(config()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyInstalled);
    assert!(error.to_string().contains("without_globals"), "{error}");
    drop(guard);
    // What it installed is still there.
    assert!(counterfoil::init(config()).is_err());
    drop(counterfoil::init(config().without_globals()).unwrap());
}

#[test]
fn what_another_crate_has_installed_is_an_error_that_says_so() {
    run_well("foreign");
}

fn foreign() {
    counterfoil::metrics::Registry::new().install().unwrap();
    let error = counterfoil::init(config()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyInstalled);
    assert!(
        error.to_string().contains("metrics_recorder(false)"),
        "{error}"
    );
    tracing::subscriber::set_global_default(tracing::subscriber::NoSubscriber::default()).unwrap();
    let error = counterfoil::init(config().metrics_recorder(false)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AlreadyInstalled);
    assert!(
        error.to_string().contains("`tracing` subscriber"),
        "{error}"
    );
}

#[test]
fn native_handles_count_from_before_init_and_those_of_the_facade_from_then_on() {
    run_well("recorder");
}

fn recorder() {
    let observer = Observer::builder().build().unwrap();
    observer.metrics().connections_lost.increment();
    let guard = counterfoil::init(config().observer(observer)).unwrap();
    metrics::counter!("orders_started", "kind" => "a").increment(3);
    let snapshot = guard.observer().snapshot();
    let sum = |name: &str| -> u64 {
        let families = snapshot
            .families
            .iter()
            .filter(|family| &*family.name == name);
        families
            .flat_map(|family| &family.series)
            .map(|series| match series.value {
                counterfoil::MetricValue::Counter(count) => count,
                _ => 0,
            })
            .sum()
    };
    assert_eq!(sum("orders_started"), 3);
    assert_eq!(sum("counterfoil.connection.lost"), 1);
}

#[test]
fn a_panic_is_logged_escaped_counted_put_into_the_ring_and_flushed_and_the_hook_before_is_called() {
    let said = run_well("panic");
    let line = said
        .lines()
        .find(|line| line.contains(" ERROR ") && line.contains("panicked: "))
        .unwrap_or_else(|| panic!("{said}"));
    assert!(
        line.contains("trace_id=0af7651916cd43dd8448eb211c80319c"),
        "{line}"
    );
    assert!(
        !said.contains("hunter2") && line.contains("[REDACTED]"),
        "{said}"
    );
    assert!(
        line.contains("worker-7") && line.contains("process.rs:"),
        "{line}"
    );
    assert!(
        !line.contains('\u{1b}') && line.contains(r"a \u{1b}[31mred\nline"),
        "{line}"
    );
    assert!(said.contains("the hook before was called"), "{said}");
}

#[test]
fn a_panic_hook_may_replace_the_one_before() {
    let said = run_well("replaced");
    assert!(said.contains("panicked: "), "{said}");
    assert!(!said.contains("the hook before was called"), "{said}");
}

fn panic_in_a_thread(hook: PanicHook) {
    use counterfoil::{Context, Current, WorkloadIdentity};
    use counterfoil_exporter::Signals;

    std::panic::set_hook(Box::new(|_| eprintln!("the hook before was called")));
    let memory = super::exporters::memory();
    let exporter = std::sync::Arc::clone(&memory);
    let guard = counterfoil::init(config().panic_hook(hook).exporter("memory", exporter)).unwrap();
    let panicked = std::thread::Builder::new()
        .name("worker-7".into())
        .spawn(|| {
            let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
            let context = Context::new(WorkloadIdentity::tenant_only("acme"));
            let _entered = Current::enter(context.with_trace(trace.parse().unwrap()));
            panic!("a \u{1b}[31mred\nline, password=hunter2");
        })
        .unwrap()
        .join();
    assert!(panicked.is_err());
    // Flushed by the hook, before anybody asked for it.
    assert!(super::exporters::arrived(&memory, Signals::LOGS) >= 1);
    let ring = guard.observer().events().snapshot();
    assert_eq!(ring.events()[0].event.kind_name(), "error.panic");
    let trace = ring.events()[0].context.trace().unwrap().trace_id;
    assert_eq!(trace.to_string(), "0af7651916cd43dd8448eb211c80319c");
    let snapshot = guard.observer().snapshot();
    let mut families = snapshot.families.iter();
    let seen = families
        .find(|it| &*it.name == "counterfoil.panic.seen")
        .unwrap();
    assert!(matches!(
        seen.series[0].value,
        counterfoil::MetricValue::Counter(1)
    ));
    assert!(guard.shutdown(LONG).is_complete());
}

#[test]
fn panics_in_any_number_hold_nobody_up_for_long_and_are_all_counted() {
    run_well("panics");
}

fn many_panics() {
    let (stuck, _keep) = super::exporters::Stuck::new();
    let config = config()
        .panic_hook(PanicHook::Replace)
        .exporter("stuck", stuck)
        .drop_deadline(Duration::from_millis(100));
    let guard = counterfoil::init(config).unwrap();
    for _ in 0..500 {
        assert!(std::panic::catch_unwind(|| panic!("again")).is_err());
    }
    let snapshot = guard.observer().snapshot();
    let mut families = snapshot.families.iter();
    let seen = families
        .find(|it| &*it.name == "counterfoil.panic.seen")
        .unwrap();
    assert!(matches!(
        seen.series[0].value,
        counterfoil::MetricValue::Counter(500)
    ));
}

#[test]
fn a_panic_while_something_is_being_logged_does_not_hang_and_is_logged() {
    let said = run_well("subscriber");
    assert!(
        said.contains("panicked: a value that cannot be shown"),
        "{said}"
    );
}

fn a_panic_in_the_subscriber() {
    struct Unshowable;

    impl std::fmt::Display for Unshowable {
        fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            panic!("a value that cannot be shown")
        }
    }

    let guard = counterfoil::init(config()).unwrap();
    let logged = std::panic::catch_unwind(|| tracing::info!(value = %Unshowable, "shown"));
    assert!(logged.is_err());
    tracing::info!("the next line is logged again");
    assert!(guard.shutdown(LONG).is_complete());
}

#[test]
fn the_first_signal_begins_the_drain_and_the_service_ends_in_its_own_time() {
    let (mut child, mut said) = drained();
    signal(&child, "TERM");
    wait_for(&mut said, "draining at last");
    drop(child.stdin.take());
    wait_for(&mut said, "everything was flushed");
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_second_signal_ends_the_process_at_once() {
    let (mut child, mut said) = drained();
    signal(&child, "INT");
    wait_for(&mut said, "draining at last");
    // One that comes at once is taken for an echo of the first.
    let ended = loop {
        signal(&child, "TERM");
        if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    assert_eq!(ended.code(), Some(128 + 15));
}

/// Says when the drain begins, and ends when its standard input does.
fn drain() {
    let guard = counterfoil::init(config().drain_on_signals(true)).unwrap();
    eprintln!("ready for signals");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(guard.draining().begun());
    eprintln!("draining at last");
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    eprintln!("{}", guard.shutdown(LONG));
}

type Said = BufReader<std::process::ChildStderr>;

fn drained() -> (Child, Said) {
    let mut child = command("drain").stdin(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap());
    wait_for(&mut said, "ready for signals");
    (child, said)
}

fn wait_for(said: &mut Said, text: &str) {
    let mut line = String::new();
    while !line.contains(text) {
        line.clear();
        assert!(
            said.read_line(&mut line).unwrap() > 0,
            "it never said {text:?}"
        );
    }
}

fn signal(child: &Child, name: &str) {
    let kill = format!("kill -s {name} {}", child.id());
    let sent = Command::new("sh").args(["-c", &kill]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn log_lines_follow_the_filter_of_the_environment_and_go_to_standard_error() {
    let output = command("log")
        .env("RUST_LOG", "warn,init=debug")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    let lines: Vec<serde_json::Value> = said
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    let messages: Vec<_> = lines
        .iter()
        .map(|line| line["message"].as_str().unwrap())
        .collect();
    assert_eq!(messages, ["seen", "seen as well", "close"]);
    assert_eq!(lines[0]["level"], "DEBUG");
    assert!(lines[2]["fields"]["busy_ns"].is_u64(), "{}", lines[2]);
}

fn log_lines() {
    let config = config()
        .log_format(counterfoil::trace::LogFormat::Json)
        .span_close(true)
        .env()
        .unwrap();
    let guard = counterfoil::init(config).unwrap();
    tracing::info!("not seen");
    tracing::debug!(target: "init", "seen");
    tracing::info_span!(target: "init", "work").in_scope(|| tracing::warn!("seen as well"));
    tracing::trace!(target: "init", "not seen");
    assert!(guard.flush(LONG).is_complete());
    std::process::exit(0);
}

#[cfg(feature = "log")]
#[test]
fn what_libraries_log_through_the_crate_log_is_logged_too() {
    let said = run_well("bridge");
    let line = said.lines().find(|line| line.contains("said by a library"));
    assert!(line.is_some_and(|line| line.contains(" WARN ")), "{said}");
    assert!(!said.contains("not seen"), "{said}");
}

#[cfg(feature = "log")]
fn bridge() {
    use tracing_log::log;

    let guard = counterfoil::init(config()).unwrap();
    log::warn!("said by a library");
    log::debug!("not seen");
    assert_eq!(log::max_level(), log::LevelFilter::Info);
    assert!(guard.shutdown(LONG).is_complete());
}
