//! A headless Chromium that does what a test says, through its driver.
//!
//! What a person does goes through the browser's own input: [`click`](Browser::click), [`type_into`](Browser::type_into),
//! [`press`](Browser::press). Each waits for what it needs, and a test fails after a minute instead of hanging. Nothing but the
//! pages that a test goes to is contacted, and nothing is left behind: the profile is a folder that is removed, and browser and
//! driver end with the test, however it ends.
//!
//! ```
//! use counterfoil_testkit::browser::Browser;
//!
//! let Some(browser) = Browser::start() else { return };
//! browser.goto("data:text/html,<h1>Hello</h1><input id=name>");
//! browser.type_into("#name", "Ada");
//! assert_eq!(browser.text("h1").as_deref(), Some("Hello"));
//! assert_eq!(browser.script("return document.querySelector('#name').value"), "Ada");
//! assert!(browser.console().is_empty());
//! ```

#![allow(
    clippy::panic,
    reason = "without a browser that answers there is no test to go on with"
)]

mod driver;

use std::thread;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::programs::is_missing;
use driver::Session;

/// How long a test waits for a page to come to what it expects.
const PATIENCE: Duration = Duration::from_secs(60);
/// The key under which the protocol names an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// One window of a browser with a profile of its own.
#[derive(Debug)]
pub struct Browser {
    session: Session,
}

/// What a page, or the browser about it, wrote to the console.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConsoleEntry {
    /// `SEVERE`, `WARNING`, `INFO` or `DEBUG`.
    pub level: String,
    /// Where and what.
    pub message: String,
}

impl Browser {
    /// Starts one; `None` where there is no Chromium or no driver for it, as [`is_missing`] says.
    ///
    /// # Panics
    /// When it is there and does not start, or when it is missing and `CI` is set.
    #[must_use]
    pub fn start() -> Option<Self> {
        if is_missing("chromedriver") || is_missing("chromium") {
            return None;
        }
        let session = Session::start();
        Some(Self { session })
    }

    /// Goes to a page and waits until it is loaded.
    ///
    /// # Panics
    /// When there is none.
    pub fn goto(&self, url: &str) {
        self.session.post("url", &json!({ "url": url }));
    }

    /// Loads the page once more.
    ///
    /// # Panics
    /// When it cannot be had.
    pub fn reload(&self) {
        self.session.post("refresh", &json!({}));
    }

    /// The address of the page.
    #[must_use]
    pub fn url(&self) -> String {
        self.session.get("url").as_str().unwrap_or_default().into()
    }

    /// The text of the first element that a selector of CSS finds, as it is shown; `None` if there is no such element.
    #[must_use]
    pub fn text(&self, css: &str) -> Option<String> {
        self.texts(css).into_iter().next()
    }

    /// The texts of all the elements that a selector finds.
    #[must_use]
    pub fn texts(&self, css: &str) -> Vec<String> {
        let all =
            "return [...document.querySelectorAll(arguments[0])].map(it => it.innerText.trim())";
        let found = self.script_with(all, &json!([css]));
        let texts = found.as_array().into_iter().flatten();
        texts
            .filter_map(|text| Some(text.as_str()?.to_owned()))
            .collect()
    }

    /// Clicks on the first element that a selector finds, waiting for it to be there.
    ///
    /// # Panics
    /// When it does not come, or cannot be clicked on.
    pub fn click(&self, css: &str) {
        let element = self.element(css);
        self.session
            .post(&format!("element/{element}/click"), &json!({}));
    }

    /// Types into the first element that a selector finds, waiting for it to be there.
    ///
    /// # Panics
    /// When it does not come, or takes no text.
    pub fn type_into(&self, css: &str, text: &str) {
        let element = self.element(css);
        let body = json!({ "text": text });
        self.session
            .post(&format!("element/{element}/value"), &body);
    }

    /// Empties the first field that a selector finds, waiting for it to be there.
    ///
    /// # Panics
    /// When it does not come, or takes no text.
    pub fn clear(&self, css: &str) {
        let element = self.element(css);
        self.session
            .post(&format!("element/{element}/clear"), &json!({}));
    }

    /// Presses keys wherever the focus is. Those without a character have code points of their own in the protocol: `\u{E004}`
    /// is Tab, `\u{E007}` Enter, `\u{E00C}` Escape.
    ///
    /// # Panics
    /// When the browser does not answer.
    pub fn press(&self, keys: &str) {
        let strokes: Vec<Value> = keys
            .chars()
            .flat_map(|key| ["keyDown", "keyUp"].map(|what| json!({ "type": what, "value": key })))
            .collect();
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": strokes });
        self.session
            .post("actions", &json!({ "actions": [keyboard] }));
    }

    /// Runs the body of a function in the page, and gives what it returns.
    ///
    /// # Panics
    /// When it throws.
    #[must_use]
    pub fn script(&self, body: &str) -> Value {
        self.script_with(body, &json!([]))
    }

    /// The same with these `arguments`.
    ///
    /// # Panics
    /// When it throws.
    #[must_use]
    pub fn script_with(&self, body: &str, arguments: &Value) -> Value {
        self.session.post(
            "execute/sync",
            &json!({ "script": body, "args": arguments }),
        )
    }

    /// Waits until `condition` holds; `what` says what is waited for.
    ///
    /// # Panics
    /// When it does not come to that. The message has what the page shows then.
    #[track_caller]
    pub fn wait_until(&self, what: &str, condition: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !condition(self) {
            assert!(
                begun.elapsed() < PATIENCE,
                "waited in vain until {what}; {} shows:\n{}\nconsole: {:#?}",
                self.url(),
                self.text("body").unwrap_or_default(),
                self.console()
            );
            thread::sleep(Duration::from_millis(25));
        }
    }

    /// Waits until the first element that a selector finds shows this text somewhere.
    ///
    /// # Panics
    /// When it does not come to that.
    #[track_caller]
    pub fn wait_for_text(&self, css: &str, text: &str) {
        self.wait_until(&format!("{css} shows {text:?}"), |browser| {
            browser.text(css).is_some_and(|shown| shown.contains(text))
        });
    }

    /// What was written to the console since this was last asked: errors of scripts, refusals of a content security policy,
    /// answers with an error status.
    #[must_use]
    pub fn console(&self) -> Vec<ConsoleEntry> {
        let log = self.session.post("se/log", &json!({ "type": "browser" }));
        let text = |entry: &Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        let entries = log.as_array().into_iter().flatten();
        entries
            .map(|entry| ConsoleEntry {
                level: text(entry, "level"),
                message: text(entry, "message"),
            })
            .collect()
    }

    /// The cookies of the page, with their attributes as the protocol has them: `name`, `httpOnly`, `sameSite`, …
    #[must_use]
    pub fn cookies(&self) -> Vec<Value> {
        let cookies = self.session.get("cookie");
        cookies.as_array().cloned().unwrap_or_default()
    }

    /// Shows pages in a window of this size in pixels, be it that of a phone.
    ///
    /// # Panics
    /// When the browser does not answer.
    pub fn resize(&self, width: u32, height: u32) {
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// Shows pages as to somebody who wants them dark, or light.
    ///
    /// # Panics
    /// When the browser does not answer.
    pub fn prefer_dark(&self, dark: bool) {
        let value = if dark { "dark" } else { "light" };
        let media = json!({ "features": [{ "name": "prefers-color-scheme", "value": value }] });
        self.devtools("Emulation.setEmulatedMedia", &media);
    }

    /// What the window shows, as a PNG.
    ///
    /// # Panics
    /// When the browser does not answer.
    #[must_use]
    pub fn screenshot(&self) -> Vec<u8> {
        let image = self.session.get("screenshot");
        let image = STANDARD.decode(image.as_str().unwrap_or_default());
        image.unwrap_or_else(|error| panic!("the screenshot is no base64: {error}"))
    }

    fn devtools(&self, command: &str, parameters: &Value) {
        let body = json!({ "cmd": command, "params": parameters });
        self.session.post("goog/cdp/execute", &body);
    }

    #[track_caller]
    fn element(&self, css: &str) -> String {
        self.wait_until(&format!("there is {css}"), |browser| {
            browser.text(css).is_some()
        });
        let query = json!({ "using": "css selector", "value": css });
        let found = self.session.post("element", &query);
        found[ELEMENT].as_str().unwrap_or_default().to_owned()
    }
}
