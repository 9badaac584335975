//! `tracestate`: the cases of the W3C Trace Context test suite, and what no list may do.

use counterfoil_core::TraceState;
use proptest::prelude::*;

fn parsed(text: &str) -> Option<String> {
    text.parse::<TraceState>().ok().map(|it| it.to_string())
}

#[test]
fn white_space_and_empty_members_are_left_out() {
    for (given, kept) in [
        ("foo=1", "foo=1"),
        ("foo=1 \t , \t bar=2, \t baz=3", "foo=1,bar=2,baz=3"),
        ("foo=1,", "foo=1"),
        (",foo=1,,bar=2,", "foo=1,bar=2"),
        ("foo= 1", "foo= 1"),
    ] {
        assert_eq!(parsed(given).as_deref(), Some(kept), "{given:?}");
    }
}

#[test]
fn a_member_outside_the_grammar_spoils_the_list() {
    let (simple, tenant, system) = ("k".repeat(257), "t".repeat(242), "s".repeat(15));
    for bad in [
        "",
        ",",
        "foo",
        "foo=",
        "=1",
        "foo =1",
        "FOO=1",
        "foo.bar=1",
        "foo@=1,bar=2",
        "@foo=1,bar=2",
        "foo@@bar=1,bar=2",
        "foo@bar@baz=1,bar=2",
        "foo@1bar=1",
        "foo=bar=baz",
        "foo=1,foo=1",
        "foo=1,foo=2",
        "foo=\u{7f}",
        "foo=ü",
        "foo=1\r\nx-evil: 1",
        &format!("{simple}=1"),
        &format!("{tenant}@v=1"),
        &format!("t@{system}=1"),
        &format!("foo={}", "v".repeat(257)),
    ] {
        assert_eq!(parsed(bad), None, "{bad:?}");
    }
}

#[test]
fn the_longest_keys_and_every_allowed_character_are_kept() {
    let lower: String = ('a'..='z').chain('0'..='9').collect();
    let value: String = (' '..='~').filter(|it| !matches!(it, ',' | '=')).collect();
    for good in [
        format!("{}=1", "z".repeat(256)),
        format!("{}@{}=1", "t".repeat(241), "v".repeat(14)),
        format!("{lower}_-*/=1"),
        format!("{lower}_-*/@a-z0-9_-*/=1"),
        format!("foo={}", value.trim()),
        "0foo@v=1".to_owned(),
    ] {
        assert_eq!(parsed(&good), Some(good));
    }
}

#[test]
fn thirty_two_members_are_kept_and_one_more_spoils_the_list() {
    let list = |n: usize| {
        (0..n)
            .map(|it| format!("k{it}=1"))
            .collect::<Vec<_>>()
            .join(",")
    };
    assert_eq!(parsed(&list(32)), Some(list(32)));
    assert_eq!(parsed(&list(33)), None);
}

#[test]
fn a_list_that_is_too_long_loses_long_members_first_and_then_the_last_ones() {
    let long = format!("long={}", "x".repeat(130));
    let short: Vec<_> = (0..20)
        .map(|it| format!("k{it:02}={}", "v".repeat(20)))
        .collect();
    let list = format!("{},{long},{}", short[0], short[1..].join(","));
    let kept = parsed(&list).unwrap();
    assert_eq!(kept, short[..20].join(","), "{} bytes", kept.len());

    let more: Vec<_> = (0..30)
        .map(|it| format!("k{it:02}={}", "v".repeat(20)))
        .collect();
    let kept = parsed(&more.join(",")).unwrap();
    assert_eq!(kept, more[..20].join(","));
}

proptest! {
    #[test]
    fn whatever_is_accepted_keeps_within_the_limits_and_is_accepted_again(text in "([a-z0-9@_*/-]{0,20}=[ -~]{0,40},?[ \t]?){0,40}|\\PC{0,600}") {
        if let Some(kept) = parsed(&text) {
            prop_assert!(kept.len() <= TraceState::MAX_LEN);
            prop_assert!(kept.split(',').count() <= TraceState::MAX_MEMBERS);
            prop_assert!(kept.bytes().all(|b| matches!(b, b' '..=b'~')));
            prop_assert_eq!(parsed(&kept), Some(kept));
        }
    }
}
