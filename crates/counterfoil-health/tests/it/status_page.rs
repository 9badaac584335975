//! The status page, for terminals and for browsers.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use counterfoil_health::{Figure, Health, Outcome, Page};
use sha2::{Digest as _, Sha256};

use crate::{builder, finds, settled};

const HOSTILE: &str =
    "<script>alert('1')</script> & \"q\" \u{1b}]52;c;AAAA\u{7}\u{202e}\nsecond line";

fn health() -> Health {
    let (builder, clock) = builder();
    let disk = Outcome::degraded("82 % of the file system of /var/lib/orders/audit is used; above 95 % nothing can be recorded any more")
        .with(Figure::new("used", 0.82, "1"))
        .with(Figure::new("available", 1.8e10, "By"));
    let health = builder
        .check(finds("audit-disk", disk))
        .check(finds("database", Outcome::unhealthy(HOSTILE)).degrading())
        .check(finds("loop", Outcome::healthy()))
        .start()
        .unwrap();
    settled(&health);
    clock.step(Duration::from_secs(3));
    health.record_error("import", format!("{}{HOSTILE}", "x".repeat(200)));
    health
}

fn page(accept: Option<&str>) -> Page {
    let page = health().page("/status", None, accept).unwrap();
    assert_eq!(page.status, 200);
    assert!(page.headers.contains(&("vary", "accept")));
    page
}

#[test]
fn a_terminal_gets_at_most_eighty_columns_and_nothing_that_steers_it() {
    let page = page(Some("*/*"));
    assert_eq!(page.content_type, "text/plain; charset=utf-8");
    assert!(
        page.body.lines().all(|line| line.chars().count() <= 80),
        "{}",
        page.body
    );
    assert!(
        !page.body.contains(['\u{1b}', '\u{7}', '\u{202e}']),
        "{}",
        page.body
    );
}

#[test]
fn the_text_page_reads_well() {
    let page = page(None);
    let expected = include_str!("status.txt");
    assert_eq!(page.body, expected, "{}", page.body);
}

#[test]
fn a_browser_gets_one_file_in_which_nothing_from_elsewhere_is_markup() {
    let page = page(Some("text/html,application/xhtml+xml,*/*;q=0.8"));
    assert_eq!(page.content_type, "text/html; charset=utf-8");
    let body = &page.body;
    assert!(
        body.contains("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; &quot;q&quot;"),
        "{body}"
    );
    // What the page itself is made of; no other tag is there, and none with another attribute.
    let own = [
        "!DOCTYPE html",
        "html lang=\"en\"",
        "html",
        "head",
        "meta charset=\"utf-8\"",
        "meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"",
        "meta name=\"color-scheme\" content=\"light dark\"",
        "title",
        "style",
        "body",
        "main",
        "h1",
        "h2",
        "h3",
        "small",
        "p",
        "p class=\"whole\"",
        "ul",
        "li",
        "dl",
        "dt",
        "dd",
        "div",
        "span",
        "span aria-hidden=\"true\"",
        "span class=\"badge healthy\"",
        "span class=\"badge degraded\"",
        "span class=\"badge unhealthy\"",
    ];
    for tag in body.split('<').skip(1) {
        let tag = tag.split('>').next().unwrap();
        assert!(own.contains(&tag.trim_start_matches('/')), "<{tag}>");
    }
    for forbidden in ["http:", "https:", "url(", "@import", "\u{1b}", "\u{202e}"] {
        assert!(!body.contains(forbidden), "{forbidden:?}");
    }
}

#[test]
fn every_status_is_said_in_a_word_beside_its_mark() {
    let body = page(Some("text/html")).body;
    for (word, mark) in [("degraded", '▲'), ("unhealthy", '✗'), ("healthy", '✓')] {
        let badge = format!(
            "<span class=\"badge {word}\"><span aria-hidden=\"true\">{mark}</span> {word}</span>"
        );
        assert!(body.contains(&badge), "{badge}");
    }
}

#[test]
fn the_policy_allows_the_style_of_the_page_and_nothing_else() {
    let page = page(Some("text/html"));
    let (_, rest) = page.body.split_once("<style>").unwrap();
    let (style, _) = rest.split_once("</style>").unwrap();
    let hash = STANDARD.encode(Sha256::digest(style));
    let policy = page
        .headers
        .iter()
        .find(|(name, _)| *name == "content-security-policy");
    let expected = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    assert_eq!(policy.unwrap().1, expected);
}

#[test]
fn the_page_fits_a_phone_and_follows_dark_and_light() {
    let body = page(Some("text/html")).body;
    assert!(body.contains("width=device-width"));
    assert!(body.contains("prefers-color-scheme:dark"));
    assert!(!body.contains("<table"), "a table does not fit a phone");
}

#[test]
fn the_colours_of_words_can_be_read_on_their_paper() {
    let body = page(Some("text/html")).body;
    let mut schemes = 0;
    for scheme in body.split("--ink:").skip(1) {
        let scheme = scheme.split('}').next().unwrap();
        let colours: Vec<_> = scheme
            .split([';', ':'])
            .filter(|it| it.starts_with('#'))
            .collect();
        let [ink, paper, _line, rest @ ..] = &*colours else {
            panic!("ink, paper, line and the words: {colours:?}")
        };
        for colour in rest.iter().chain([ink]) {
            let ratio = contrast(colour, paper);
            assert!(ratio >= 4.5, "{colour} on {paper}: {ratio}");
        }
        schemes += 1;
    }
    assert_eq!(schemes, 2);
}

/// Contrast ratio of WCAG 2.2.
fn contrast(a: &str, b: &str) -> f64 {
    let (a, b) = (luminance(a) + 0.05, luminance(b) + 0.05);
    a.max(b) / a.min(b)
}

fn luminance(colour: &str) -> f64 {
    let digits = colour.trim_start_matches('#');
    let digits = if digits.len() == 3 {
        digits.chars().flat_map(|c| [c, c]).collect()
    } else {
        digits.to_owned()
    };
    let part = |at: usize| {
        let value = f64::from(u8::from_str_radix(&digits[at..at + 2], 16).unwrap()) / 255.0;
        if value <= 0.040_45 {
            value / 12.92
        } else {
            ((value + 0.055) / 1.055).powf(2.4)
        }
    };
    0.2126 * part(0) + 0.7152 * part(2) + 0.0722 * part(4)
}
