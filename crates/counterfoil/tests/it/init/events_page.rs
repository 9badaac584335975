//! The page with the ring's recent events.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use counterfoil::init::Guard;
use counterfoil::{
    Context, DomainRecord, ExtensionKind, LeaseId, Name, Redact, ResourceType, TraceContext,
    WorkloadIdentity,
};
use serde_json::Value;

use super::{config, start};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

fn showing() -> Guard {
    start(config().metrics_port(0).events_page(true))
}

fn answer(guard: &Guard, query: &str) -> String {
    let address = guard.metrics_address().unwrap();
    let path = format!("/events{query}");
    get_at(address, &format!("host: {address}\r\n"), &path)
}

/// The answer to `GET path` with these headers, each of which ends its line.
fn get_at(address: SocketAddr, headers: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\n{headers}connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn lines(guard: &Guard, query: &str) -> Vec<Value> {
    let answer = answer(guard, query);
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(
        head.contains("content-type: application/x-ndjson"),
        "{head}"
    );
    let lines = body.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().unwrap()
}

fn leases(lines: &[Value]) -> Vec<&str> {
    let leases = lines.iter().map(|line| line["lease_id"].as_str().unwrap());
    leases.collect()
}

fn acquire(guard: &Guard, context: &Context, lease: u64) {
    let node = Name::new("node-a");
    let lease = LeaseId(lease);
    (guard.observer()).lease_acquired(context, ResourceType::Mem, lease, &node, 4_096);
}

fn of_tenant(tenant: &str) -> Context {
    Context::new(WorkloadIdentity::tenant_only(tenant))
}

#[test]
fn the_page_shows_events_oldest_first_in_the_form_of_json_lines() {
    let guard = showing();
    for lease in 1..=3 {
        acquire(&guard, &of_tenant("acme"), lease);
    }
    let lines = lines(&guard, "");
    assert_eq!(leases(&lines), ["1", "2", "3"]);
    assert_eq!(lines[0]["event"], "lease_acquired");
    assert_eq!(lines[0]["tenant"], "acme");
    assert_eq!(lines[0]["bytes"], 4_096);
}

#[test]
fn a_trace_a_tenant_and_a_kind_are_found_among_others() {
    let guard = showing();
    let trace: TraceContext = format!("00-{TRACE}-b7ad6b7169203331-01").parse().unwrap();
    acquire(&guard, &of_tenant("acme"), 1);
    acquire(&guard, &of_tenant("a b&c").with_trace(trace), 2);
    let kind: ExtensionKind = "vault.object_put".parse().unwrap();
    let put = DomainRecord::new(&kind, Default::default()).lease(LeaseId(3));
    guard.observer().record(&of_tenant("acme"), put);
    for (query, expected) in [
        (format!("?trace_id={TRACE}"), "2"),
        ("?tenant=a%20b%26c".to_owned(), "2"),
        ("?tenant=a+b%26c&kind=lease_acquired".to_owned(), "2"),
        ("?kind=vault.object_put".to_owned(), "3"),
        ("?tenant=acme&kind=lease_acquired".to_owned(), "1"),
    ] {
        assert_eq!(leases(&lines(&guard, &query)), [expected], "{query}");
    }
    assert!(lines(&guard, "?tenant=another").is_empty());
}

#[test]
fn a_limit_leaves_the_newest_and_is_bounded() {
    let guard = showing();
    for lease in 1..=1_500 {
        acquire(&guard, &of_tenant("acme"), lease);
    }
    assert_eq!(leases(&lines(&guard, "?limit=2")), ["1499", "1500"]);
    assert_eq!(lines(&guard, "").len(), 1_000);
    assert_eq!(lines(&guard, "?limit=10000").len(), 1_500);
}

#[test]
fn a_wrong_parameter_is_named_and_its_value_is_not_repeated() {
    let guard = showing();
    let long = format!("?tenant={}", "x".repeat(257));
    for (query, why) in [
        ("?trace_id=SECRET", "trace_id is not understood: use 32"),
        ("?trace_id=00000000000000000000000000000000", "not all zero"),
        ("?kind=SECRET%0A", "kind is not understood: use the name"),
        (
            "?tenant=",
            "tenant is not understood: use a name of 1 to 256",
        ),
        (long.as_str(), "tenant is not understood"),
        ("?limit=0", "limit is not understood: use a number from 1"),
        ("?limit=10001", "from 1 to 10000"),
        ("?limit=%2B5", "from 1 to 10000"),
        ("?limit=5&limit=6", "limit is there twice"),
        ("?SECRET=1", "use trace_id, kind, tenant and limit"),
    ] {
        let answer = answer(&guard, query);
        assert!(answer.starts_with("HTTP/1.1 400 "), "{query}: {answer}");
        assert!(answer.contains("text/plain"), "{query}: {answer}");
        assert!(answer.contains(why), "{query}: {answer}");
        assert!(!answer.contains("SECRET"), "{query}: {answer}");
    }
}

#[test]
fn names_pass_the_policy_that_init_was_given() {
    #[derive(Debug)]
    struct NoNodes;
    impl Redact for NoNodes {
        fn redact(&self, text: &str) -> Option<String> {
            text.starts_with("node-").then(|| "[gone]".to_owned())
        }
        fn redact_value(&self, _: &str, value: &str) -> Option<String> {
            self.redact(value)
        }
        fn redact_label(&self, _: &str, value: &str) -> Option<String> {
            self.redact(value)
        }
    }
    let config = config().metrics_port(0).events_page(true);
    let guard = start(config.redact(NoNodes));
    acquire(&guard, &of_tenant("acme"), 1);
    assert_eq!(lines(&guard, "")[0]["node_id"], "[gone]");
}

#[test]
fn the_page_is_not_there_unless_asked_for() {
    let guard = start(config().metrics_port(0));
    assert!(answer(&guard, "").starts_with("HTTP/1.1 404 "));
    assert!(answer(&showing(), "/more").starts_with("HTTP/1.1 404 "));
}

#[test]
fn a_host_that_is_no_address_of_this_listener_is_refused_and_told_what_to_ask_for() {
    let guard = showing();
    acquire(&guard, &of_tenant("acme"), 1);
    let address = guard.metrics_address().unwrap();
    let ask = |headers: &str| get_at(address, headers, "/events");
    for host in [
        "attacker.example",
        "localhost.attacker.example",
        "vault",
        "127.0.0.1.example",
    ] {
        let answer = ask(&format!("host: {host}:{}\r\n", address.port()));
        assert!(answer.starts_with("HTTP/1.1 403 "), "{host}: {answer}");
        assert!(
            answer.contains("ask for the address of this listener"),
            "{host}: {answer}"
        );
        assert!(!answer.contains("acme"), "{host}: {answer}");
    }
    for none_or_two in ["", "host: localhost\r\nhost: attacker.example\r\n"] {
        let answer = ask(none_or_two);
        assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    }
    // A name can be led anywhere by whoever owns it; an address says where it leads.
    for host in [
        "localhost:9464",
        "LOCALHOST",
        "127.0.0.1",
        "[::1]:9464",
        "192.0.2.7:9464",
    ] {
        let answer = ask(&format!("host: {host}\r\n"));
        assert!(answer.starts_with("HTTP/1.1 200 "), "{host}: {answer}");
    }
}

#[test]
fn pages_that_are_scraped_and_probed_by_a_name_stay_open_to_it() {
    let guard = showing();
    for path in ["/metrics", "/livez", "/readyz", "/health", "/status"] {
        let answer = get_at(
            guard.metrics_address().unwrap(),
            "host: vault:9464\r\n",
            path,
        );
        assert!(answer.starts_with("HTTP/1.1 200 "), "{path}: {answer}");
    }
}

#[test]
fn browsers_are_told_to_keep_guess_and_share_nothing() {
    let guard = showing();
    let foreign = "host: 127.0.0.1\r\norigin: http://attacker.example\r\n";
    for query in ["", "?limit=0"] {
        let path = format!("/events{query}");
        let answer = get_at(guard.metrics_address().unwrap(), foreign, &path);
        let (head, _) = answer.split_once("\r\n\r\n").unwrap();
        for header in [
            "cache-control: no-store",
            "x-content-type-options: nosniff",
            "cross-origin-resource-policy: same-origin",
        ] {
            assert!(head.contains(header), "{header}: {head}");
        }
        assert!(!head.contains("access-control-"), "{head}");
    }
}
