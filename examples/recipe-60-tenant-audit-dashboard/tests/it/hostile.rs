//! Text from a tenant that tries to be more than text.

use std::collections::BTreeMap;

use base64::Engine as _;
use cookbook_recipe_60_tenant_audit_dashboard::{Question, View, demo, json, look, page};
use html5gum::{Token, Tokenizer};
use sha2::{Digest as _, Sha256};

/// One for each way into a page that is known, and characters that act without any tag.
const CORPUS: [&str; 24] = [
    "<script>alert(1)</script>",
    "</td></tr></table><script src=//evil></script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "\"><script>alert(1)</script>",
    "' onmouseover='alert(1)",
    "\" autofocus onfocus=alert(1) x=\"",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "</title><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "<!--<img src=\"--><img src=x onerror=alert(1)>\">",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<math><mi xlink:href=\"data:x,<script>alert(1)</script>\">",
    "<a href=\"javascript:alert(1)\">x</a>",
    "<base href=//evil>",
    "<meta http-equiv=refresh content='0;url=//evil'>",
    "<link rel=stylesheet href=//evil>",
    "<form action=//evil><button>",
    "&lt;script&gt;alert(1)&lt;/script&gt; &#60;b&#62;",
    "\u{feff}<script\u{a0}>\u{2028}alert(1)\u{2029}</script>",
    "a\u{202e}drow\u{202c}\u{2066}b\u{2069}\u{200f}",
    "\u{1b}[2J\u{7}\u{8}\u{9b}31m",
    "one\r\ntwo\tthree\u{85}four",
    "\u{e0001}\u{ad}\u{200b}tag",
];

fn attacked() -> View {
    let directory = tempfile::tempdir().unwrap();
    let running = demo::empty(directory.path()).unwrap();
    // Tenants choose their own names, too.
    let tenant = "<b onclick=x>acme\u{202e}</b>";
    for (lease, text) in (1..).zip(CORPUS) {
        running
            .grant(&demo::booked(tenant, text), text, lease)
            .unwrap();
    }
    let view = look(&Question::new(running.log(), running.keys(), tenant)).unwrap();
    assert_eq!(view.own, CORPUS.len() as u64);
    view
}

/// The same page with harmless text.
fn harmless() -> View {
    let mut view = attacked();
    view.tenant = "acme".to_owned();
    for text in view.rows.iter_mut().flat_map(|row| &mut row.texts) {
        text.1 = "harmless".to_owned();
    }
    view
}

/// How often each tag occurs with each set of attributes, and the text between them.
fn parsed(page: &str) -> (BTreeMap<String, usize>, String) {
    let (mut tags, mut text) = (BTreeMap::new(), String::new());
    for Ok(token) in Tokenizer::new(page) {
        match token {
            Token::StartTag(tag) => {
                let mut shown = String::from_utf8_lossy(&tag.name).into_owned();
                for (name, value) in &tag.attributes {
                    let name = String::from_utf8_lossy(name);
                    shown += &format!(" {name}={}", String::from_utf8_lossy(value));
                }
                *tags.entry(shown).or_default() += 1;
            }
            Token::String(part) => text.push_str(&String::from_utf8_lossy(&part)),
            Token::EndTag(_) | Token::Doctype(_) => {}
            Token::Comment(_) | Token::Error(_) => panic!("{token:?} in {page}"),
        }
    }
    (tags, text)
}

#[test]
fn no_text_becomes_a_tag_or_an_attribute() {
    let (attacked, text) = parsed(&page(&attacked()));
    let (harmless, _) = parsed(&page(&harmless()));
    assert_eq!(attacked, harmless);
    // It is all there to be read.
    for wanted in [
        "<script>alert(1)</script>",
        "' onmouseover='alert(1)",
        "&lt;script&gt;",
    ] {
        assert!(text.contains(wanted), "{wanted} is not in {text}");
    }
}

#[test]
fn no_character_acts_on_the_page_or_on_a_terminal() {
    let view = attacked();
    for (what, text) in [("page", page(&view)), ("json", json(&view))] {
        let acts = |c: char| {
            (c.is_control() && c != '\n')
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
                || matches!(c, '\u{ad}' | '\u{feff}' | '\u{e0001}')
        };
        assert!(!text.contains(acts), "{what}: {text:?}");
    }
    assert!(page(&view).contains("a\\u{202e}drow\\u{202c}"));
}

#[test]
fn the_policy_allows_its_own_style_and_nothing_else() {
    let page = page(&attacked());
    let style = page
        .split("<style>")
        .nth(1)
        .unwrap()
        .split("</style>")
        .next()
        .unwrap();
    let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(style));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'"
    );
    let (tags, _) = parsed(&page);
    let meta = format!("meta content={policy} http-equiv=Content-Security-Policy");
    assert!(tags.contains_key(&meta), "{tags:?}");
    // It stands before the style that it is about, and there is nothing that it would have to forbid.
    assert!(page.find("Content-Security-Policy") < page.find("<style>"));
    for tag in tags.keys() {
        let name = tag.split(' ').next().unwrap();
        assert!(!["script", "img", "link", "iframe", "object", "form", "base"].contains(&name));
        assert!(
            !tag.contains(" on") && !tag.contains("href=") && !tag.contains("style="),
            "{tag}"
        );
    }
}

#[test]
fn json_is_the_text_as_it_was_sealed() {
    let view = attacked();
    let document: serde_json::Value = serde_json::from_str(&json(&view)).unwrap();
    assert!(!json(&view).contains(['<', '>', '&']));
    for (row, text) in view.rows.iter().zip(CORPUS) {
        let shown =
            &document["rows"].as_array().unwrap()[row.seq as usize - view.rows[0].seq as usize];
        assert_eq!(shown["keys"]["tag"], text);
    }
}
