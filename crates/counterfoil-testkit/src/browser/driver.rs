//! The driver's process, and the one session that it has for us.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::Agent;

use super::PATIENCE;

/// More than the longest wait that a test has for a page.
const TIMEOUT: Duration = Duration::from_secs(90);

/// Arguments of a browser that shows nothing, contacts nobody by itself, and ends when its driver does: the pipe between them
/// breaks then.
const ARGUMENTS: [&str; 10] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
];

/// A session; its browser and its driver end when it is dropped.
#[derive(Debug)]
pub(super) struct Session {
    base: String,
    agent: Agent,
    driver: Child,
    /// The browser's process.
    browser: Option<u64>,
    /// The browser's profile, and the driver's home: removed last.
    profile: TempDir,
}

impl Session {
    pub(super) fn start() -> Self {
        let profile = tempfile::tempdir().unwrap_or_else(|error| panic!("no profile: {error}"));
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .env("HOME", profile.path())
            .env("TMPDIR", profile.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("chromedriver does not start: {error}"));
        let port = driver.stdout.take().and_then(port_of);
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(TIMEOUT))
            .build();
        let mut session = Self {
            base: format!("http://127.0.0.1:{}/session", port.unwrap_or_default()),
            agent: Agent::new_with_config(config),
            driver,
            browser: None,
            profile,
        };
        assert!(port.is_some(), "chromedriver does not say where it listens");
        session.open();
        session
    }

    fn open(&mut self) {
        let mut arguments = ARGUMENTS.map(str::to_owned).to_vec();
        let profile = self.profile.path().join("profile");
        arguments.push(format!("--user-data-dir={}", profile.display()));
        let wanted = json!({
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
            "unhandledPromptBehavior": "accept",
        });
        let opened = self.ask(
            "POST",
            "",
            Some(&json!({ "capabilities": { "alwaysMatch": wanted } })),
        );
        let id = opened["sessionId"].as_str().unwrap_or_default();
        self.base = format!("{}/{id}/", self.base);
        self.browser = opened["capabilities"]["goog:processID"].as_u64();
    }

    /// What a command with this body gives.
    #[track_caller]
    pub(super) fn post(&self, command: &str, body: &Value) -> Value {
        self.ask("POST", command, Some(body))
    }

    /// What is at this address of the session.
    #[track_caller]
    pub(super) fn get(&self, what: &str) -> Value {
        self.ask("GET", what, None)
    }

    #[track_caller]
    fn ask(&self, method: &str, command: &str, body: Option<&Value>) -> Value {
        let answer = self.exchange(method, command, body);
        let (status, value) = answer.unwrap_or_else(|error| panic!("{method} {command}: {error}"));
        assert!(
            status == 200,
            "{method} {command}: {}: {}",
            value["error"].as_str().unwrap_or("no reason given"),
            value["message"].as_str().unwrap_or_default()
        );
        value
    }

    fn exchange(
        &self,
        method: &str,
        command: &str,
        body: Option<&Value>,
    ) -> Result<(u16, Value), ureq::Error> {
        let url = format!("{}{command}", self.base);
        let mut answer = match body {
            Some(body) => self
                .agent
                .post(url)
                .content_type("application/json")
                .send(body.to_string())?,
            None if method == "DELETE" => self.agent.delete(url).call()?,
            None => self.agent.get(url).call()?,
        };
        let limited = answer.body_mut().with_config().limit(64 << 20);
        let text = limited.read_to_string()?;
        let mut value: Value = serde_json::from_str(&text).unwrap_or_default();
        Ok((answer.status().as_u16(), value["value"].take()))
    }
}

/// Closes the browser and ends its driver; a browser that does not listen loses the pipe and ends for that. It writes to its
/// profile until it is gone, so that is waited for.
impl Drop for Session {
    fn drop(&mut self) {
        let _closed = self.exchange("DELETE", "", None);
        let _killed = self.driver.kill();
        let _reaped = self.driver.wait();
        let begun = Instant::now();
        while self.browser.is_some_and(runs) && begun.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Whether a process runs, as Linux tells; elsewhere nobody knows.
fn runs(process: u64) -> bool {
    std::fs::read_link(format!("/proc/{process}/exe")).is_ok()
}

/// The port, which the driver says in its first lines. What it says later is read and forgotten, so that it never waits.
fn port_of(output: ChildStdout) -> Option<u16> {
    let mut output = BufReader::new(output);
    let port = output
        .by_ref()
        .lines()
        .map_while(Result::ok)
        .find_map(|line| {
            let (_, port) = line.split_once("successfully on port ")?;
            port.trim_end_matches('.').parse().ok()
        });
    thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
    port
}
