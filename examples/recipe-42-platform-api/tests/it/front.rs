//! The web front beside the platform, asked as a browser asks it, and by one.

use std::process::Command;

use counterfoil_testkit::browser::Browser;
use counterfoil_testkit::service::Service;
use tempfile::TempDir;

use crate::platform::Platform;

/// The web front of an API.
pub(crate) struct Front {
    pub(crate) web: Service,
    pub(crate) url: String,
    _data: TempDir,
}

/// An answer to a form, or a page.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) location: Option<String>,
    /// The trace of the request, as the answer tells.
    pub(crate) trace: String,
    pub(crate) text: String,
    cookie: Option<String>,
}

impl Front {
    /// That of this platform, which sends to the same collector.
    pub(crate) fn of(platform: &Platform) -> Self {
        let api = format!("http://{}", platform.api.address());
        Self::start(&api, |command| {
            command
                .env("OTEL_EXPORTER_OTLP_ENDPOINT", platform.collector.endpoint())
                .env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
        })
    }

    /// That of the API at this address, with further settings.
    pub(crate) fn start(api: &str, add: impl FnOnce(&mut Command)) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_platform-web"));
        command.args(["--listen", "127.0.0.1:0", "--api", api]);
        add(&mut command);
        let web = Service::start(&mut command, data.path());
        let url = format!("http://{}", web.address());
        Self {
            web,
            url,
            _data: data,
        }
    }

    /// Signs in with a key of the API.
    pub(crate) fn sign_in(&self, browser: &Browser, key: &str) {
        browser.goto(&self.url);
        browser.type_into("#key", key);
        browser.click("main button");
        browser.wait_for_text("h1", "Allocations");
    }

    /// Asks for a page, or sends a form, with these headers. Redirects are not followed.
    pub(crate) fn ask(&self, path: &str, form: Option<&str>, headers: &[(&str, &str)]) -> Page {
        let method = if form.is_some() { "POST" } else { "GET" };
        let mut request = http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if form.is_some() {
            request = request.header("content-type", "application/x-www-form-urlencoded");
        }
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .allow_non_standard_methods(true)
            .build();
        let request = request.body(form.unwrap_or_default().to_owned()).unwrap();
        let mut answer = ureq::Agent::new_with_config(agent).run(request).unwrap();
        let text = answer.body_mut().read_to_string().unwrap();
        let header = |name: &str| {
            let value = answer.headers().get(name)?;
            Some(value.to_str().unwrap().to_owned())
        };
        Page {
            status: answer.status().as_u16(),
            location: header("location"),
            trace: header("x-trace-id").unwrap_or_default(),
            cookie: header("set-cookie"),
            text,
        }
    }

    /// Signs in without a browser. The cookie of the session, and the token of its forms.
    pub(crate) fn session(&self, key: &str) -> (String, String) {
        let signed_in = self.ask("/sign-in", Some(&format!("key={key}")), &[]);
        assert_eq!(signed_in.status, 303, "{signed_in:?}");
        let cookie = signed_in.cookie.unwrap();
        let cookie = cookie.split(';').next().unwrap().to_owned();
        let page = self.ask("/allocations", None, &[("cookie", &cookie)]);
        let (_, rest) = page.text.split_once("name=\"token\" value=\"").unwrap();
        let token = rest.split('"').next().unwrap().to_owned();
        (cookie, token)
    }
}
