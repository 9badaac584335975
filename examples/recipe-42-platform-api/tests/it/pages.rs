//! The pages, as somebody with a browser sees them.

use counterfoil_testkit::browser::Browser;

use crate::front::Front;
use crate::hostile_api::{HOSTILE, HostileApi};
use crate::platform::{ACME, OTHER, Platform};

#[test]
fn a_member_allocates_sees_it_become_active_and_gives_it_back() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let platform = Platform::start();
    let front = Front::of(&platform);
    front.sign_in(&browser, ACME);
    assert_eq!(browser.text(".who span").as_deref(), Some("acme · member"));
    assert_eq!(browser.texts("nav a"), ["Allocations"]);
    assert_eq!(
        browser.text(".empty").as_deref(),
        Some("○ No allocations yet.")
    );
    let cookies = browser.cookies();
    assert_eq!(cookies.len(), 1);
    assert_eq!(
        (&cookies[0]["httpOnly"], &cookies[0]["sameSite"]),
        (&true.into(), &"Strict".into())
    );

    browser.clear("#mebibytes");
    browser.type_into("#mebibytes", "3");
    browser.click(".fields button");
    browser.wait_for_text(".notice", "requested");
    browser.wait_for_text("tbody .badge", "active");
    let row = browser.text("tbody tr").unwrap();
    assert!(row.contains("3 MiB") && row.contains("node-"), "{row}");

    browser.click("tbody .actions button");
    browser.wait_for_text(".notice", "given back");
    browser.wait_for_text("tbody .badge", "released");
    assert!(browser.texts(".actions button").is_empty());
    assert_quiet(&browser);
}

#[test]
fn the_overview_fills_its_panels_and_says_when_they_are_stale_and_why() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let platform = Platform::without_worker();
    let front = Front::of(&platform);
    platform.create(r#"{"bytes": 1048576}"#);
    front.sign_in(&browser, OTHER);
    browser.click("nav a[href='/admin/ops/overview']");
    wait_for_states(&browser, ["data", "data", "partial", "partial", "no data"]);
    assert!(browser.text("#health").unwrap().contains("audit-disk"));
    browser.wait_for_text("#queues .lead", "1 messages wait");
    assert!(
        browser
            .text("#throughput .reason")
            .unwrap()
            .contains("the API started then")
    );
    assert!(
        browser
            .text("#curl")
            .unwrap()
            .ends_with("/admin/ops/overview")
    );
    assert!(
        !browser.text("body").unwrap().contains("acme"),
        "of no tenant but one's own"
    );
    assert_quiet(&browser);

    assert!(platform.api.terminate().status.success());
    wait_for_states(&browser, ["stale"; 5]);
    let reason = browser.text("#queues .reason").unwrap();
    assert!(
        reason.contains("The API does not answer. (web.api_unreachable, request "),
        "{reason}"
    );
    browser.wait_for_text("#queues .lead", "1 messages wait");
    browser.reload();
    wait_for_states(&browser, ["error"; 5]);
}

#[test]
fn the_overview_is_used_from_the_keyboard() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let platform = Platform::without_worker();
    let front = Front::of(&platform);
    front.sign_in(&browser, OTHER);
    browser.goto(&format!("{}/admin/ops/overview", front.url));
    wait_for_states(&browser, ["data", "data", "partial", "partial", "no data"]);
    let focused = || browser.script("return document.activeElement.id");
    browser.press("jj");
    assert_eq!(focused(), "queues");
    browser.press("k");
    assert_eq!(focused(), "health");
    browser.press("p");
    assert_eq!(browser.text("#pause").as_deref(), Some("Go on"));
    browser.wait_for_text("#summary", "paused");
    browser.press("?");
    assert_eq!(
        browser.script("return document.querySelector('#help').open"),
        true
    );
    browser.press("\u{E00C}");
    assert_eq!(
        browser.script("return document.querySelector('#help').open"),
        false
    );
    browser.click("#copy");
    browser.wait_until("it says what became of the copy", |browser| {
        browser.text("#copied").is_some_and(|text| !text.is_empty())
    });
    assert_quiet(&browser);
}

#[test]
fn a_member_is_refused_the_overview() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let platform = Platform::without_worker();
    let front = Front::of(&platform);
    front.sign_in(&browser, ACME);
    browser.goto(&format!("{}/admin/ops/overview", front.url));
    let shown = browser.text("main").unwrap();
    assert!(
        shown.contains("403") && shown.contains("auth.forbidden"),
        "{shown}"
    );
    assert!(browser.text("footer").unwrap().contains("Request "));
    browser.goto(&format!("{}/admin/ops/overview.json", front.url));
    assert!(browser.text("body").unwrap().contains("auth.forbidden"));
}

#[test]
fn text_from_elsewhere_is_shown_and_never_acts() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let api = HostileApi::start();
    let front = Front::start(&api.url(), |_| ());
    front.sign_in(&browser, "whatever-the-key-may-be");
    for css in [".who span", "tbody th", "tbody .badge", "tbody td.node"] {
        let shown = browser.text(css).unwrap();
        assert!(shown.contains(HOSTILE), "{css} shows {shown}");
    }
    assert!(!browser.text("tbody th").unwrap().contains('\u{202e}'));
    browser.goto(&format!("{}/admin/ops/overview", front.url));
    browser.wait_for_text("#health", HOSTILE);
    browser.wait_for_text("#incidents", HOSTILE);
    assert_eq!(browser.script("return window.owned === undefined"), true);
    assert_eq!(
        browser.script("return document.querySelectorAll('img').length"),
        0
    );
    assert_quiet(&browser);
}

#[test]
fn pages_fit_a_phone_dark_and_light() {
    let Some(browser) = Browser::start() else {
        return;
    };
    let platform = Platform::start();
    let front = Front::of(&platform);
    let id = platform.create(r#"{"bytes": 4096, "node": "node-that-is-gone"}"#);
    platform.wait_for(&id, "failed");
    browser.resize(400, 800);
    for (key, path) in [(ACME, "/allocations"), (OTHER, "/admin/ops/overview")] {
        browser.goto(&format!("{}/sign-in", front.url));
        front.sign_in(&browser, key);
        browser.goto(&format!("{}{path}", front.url));
        browser.wait_until("it is filled", |browser| {
            browser.texts("[data-state=loading]").is_empty()
        });
        for dark in [true, false] {
            browser.prefer_dark(dark);
            let background =
                browser.script("return getComputedStyle(document.body).backgroundColor");
            assert_eq!(
                background,
                if dark {
                    "rgb(14, 17, 27)"
                } else {
                    "rgb(245, 246, 249)"
                }
            );
            let wide = browser.script("return document.documentElement.scrollWidth - document.documentElement.clientWidth");
            assert_eq!(wide, 0, "{path} is wider than the window");
            assert_eq!(
                browser.script(LOW_CONTRAST),
                serde_json::json!([]),
                "{path}, dark: {dark}"
            );
        }
        browser.click(".who button");
        browser.wait_for_text("h1", "Sign in");
    }
}

/// The texts that stand out from what is behind them by less than 4.5 : 1.
const LOW_CONTRAST: &str = include_str!("low_contrast.js");

fn wait_for_states(browser: &Browser, states: [&str; 5]) {
    browser.wait_until(&format!("the panels are {states:?}"), |browser| {
        browser.texts(".panel .state .word") == states
    });
}

/// No script failed, and nothing was refused by the policy of the page.
fn assert_quiet(browser: &Browser) {
    let said = browser.console();
    let errors: Vec<_> = said.iter().filter(|entry| entry.level != "DEBUG").collect();
    assert!(errors.is_empty(), "{errors:#?}");
}
