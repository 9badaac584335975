//! What text comes in is what text goes out, and nothing else is accepted.

mod propagation;
mod redaction;
mod trace_state;

use counterfoil_core::{ChainId, Digest, LeaseId, RequestId, Timestamp, TraceContext};
use proptest::prelude::*;

proptest! {
    #[test]
    fn a_time_survives_its_text_form(nanos: u64) {
        let time = Timestamp::from_unix_nanos(nanos);
        prop_assert_eq!(time.to_string().parse::<Timestamp>().unwrap(), time);
    }

    #[test]
    fn the_text_form_orders_times_as_their_numbers_do(a: u64, b: u64) {
        let text = |nanos| Timestamp::from_unix_nanos(nanos).to_text();
        prop_assert_eq!(a.cmp(&b), text(a).cmp(&text(b)));
    }

    #[test]
    fn a_text_that_parses_as_a_time_is_its_only_spelling(text in "[0-9]{4}-[0-1][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-6][0-9]\\.[0-9]{9}Z") {
        if let Ok(time) = text.parse::<Timestamp>() {
            prop_assert_eq!(time.to_string(), text);
        }
    }

    #[test]
    fn a_digest_survives_its_text_form(bytes: [u8; 32]) {
        let digest = Digest::from_bytes(bytes);
        prop_assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        prop_assert_eq!(digest.to_hex().to_vec(), digest.to_string().into_bytes());
    }

    #[test]
    fn a_trace_context_survives_its_header(trace in "[0-9a-f]{32}", span in "[0-9a-f]{16}", flags in "[0-9a-f]{2}") {
        let header = format!("00-{trace}-{span}-{flags}");
        match header.parse::<TraceContext>() {
            Ok(context) => prop_assert_eq!(context.to_string(), header),
            Err(_) => prop_assert!(trace.bytes().all(|b| b == b'0') || span.bytes().all(|b| b == b'0')),
        }
    }

    #[test]
    fn no_text_makes_a_parser_panic(text in "\\PC{0,80}") {
        let _accepted = [
            text.parse::<ChainId>().is_ok(),
            text.parse::<Digest>().is_ok(),
            text.parse::<LeaseId>().is_ok(),
            text.parse::<RequestId>().is_ok(),
            text.parse::<Timestamp>().is_ok(),
            text.parse::<TraceContext>().is_ok(),
        ];
    }
}

#[test]
fn chain_ids_follow_the_grammar_of_the_specification() {
    let longest = format!("a.b/{}/1", "x".repeat(63));
    for good in [
        "audit.example.com/leases/1",
        "a.b/c/d/e/18446744073709551615",
        "x1.y/0_-/7",
        &longest,
    ] {
        assert_eq!(good.parse::<ChainId>().unwrap().as_str(), good);
    }
    let too_long = format!("a.b/{}/1", "x".repeat(64));
    for bad in [
        "",
        "example/leases/1",
        "a.b/1",
        "a.b//1",
        "a.b/c/0",
        "a.b/c/01",
        "a.b/c/x",
        "a.b/C/1",
        "A.b/c/1",
        "a.b/-c/1",
        "a.b/c/d/e/f/1",
        "https://a.b/c/1",
        "a.b/c/1/",
        "a..b/c/1",
        "-a.b/c/1",
        "a.b/c d/1",
        "a.b/c/18446744073709551616",
        &too_long,
    ] {
        assert!(bad.parse::<ChainId>().is_err(), "{bad:?} was accepted");
    }
}

#[test]
fn the_next_incarnation_keeps_the_base() {
    let id: ChainId = "a.b/c/9".parse().unwrap();
    let next = id.next_incarnation().unwrap();
    assert_eq!((next.as_str(), next.base()), ("a.b/c/10", id.base()));
}

#[test]
fn there_is_no_incarnation_after_the_last_and_none_that_makes_the_id_too_long() {
    let last: ChainId = format!("a.b/c/{}", u64::MAX).parse().unwrap();
    assert!(last.next_incarnation().is_err());
    let host = format!("{}.{}", "h".repeat(63), "h".repeat(63));
    let path = "p".repeat(ChainId::MAX_LEN - host.len() - "/".len() - "/9".len() - 63 - 1);
    let longest: ChainId = format!("{host}/{}/{path}/9", "q".repeat(63))
        .parse()
        .unwrap();
    assert_eq!(longest.as_str().len(), ChainId::MAX_LEN);
    assert!(longest.next_incarnation().is_err());
}

#[test]
fn a_traceparent_of_a_later_version_is_read_and_ff_is_not() {
    let ids = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let sampled: TraceContext = format!("00-{ids}").parse().unwrap();
    assert!(sampled.is_sampled());
    assert!(format!("cc-{ids}-later").parse::<TraceContext>().is_ok());
    assert!(format!("00-{ids}-more").parse::<TraceContext>().is_err());
    assert!(format!("ff-{ids}").parse::<TraceContext>().is_err());
    assert!(
        format!("00-{}", ids.to_uppercase())
            .parse::<TraceContext>()
            .is_err()
    );
}

#[test]
fn a_refusal_names_the_text_and_shows_a_valid_one() {
    let error = "leases/1".parse::<ChainId>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot parse a chain id: \"leases/1\" does not begin with a DNS name that has a dot; \
         an id looks like audit.example.com/leases/1"
    );
}
