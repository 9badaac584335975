//! Which page is asked for.

use crate::render::{health, livez, readyz, status_html, status_text};
use crate::{Health, Page};

/// The most parameters of a query that are looked at; what follows is ignored.
const MAX_PARAMETERS: usize = 64;

/// What a probe may be asked for beside the verdict.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Query {
    /// `?verbose`: a line for each check.
    pub verbose: bool,
    exclude: Vec<String>,
}

impl Query {
    /// Reads the part of an address behind the question mark: `verbose`, and `exclude=NAME` as often as wanted. Unknown
    /// parameters are ignored.
    #[must_use]
    pub fn parse(query: &str) -> Self {
        let mut parsed = Self::default();
        for parameter in query.split('&').take(MAX_PARAMETERS) {
            // Nothing has to be decoded: names of checks hold no character that an address has to escape.
            match parameter.split_once('=').unwrap_or((parameter, "")) {
                ("verbose", value) => parsed.verbose = !matches!(value, "0" | "false"),
                ("exclude", name) if !parsed.excludes(name) => parsed.exclude.push(name.into()),
                _ => {}
            }
        }
        parsed
    }

    /// Whether the check of this name is left out of the verdict.
    #[must_use]
    pub fn excludes(&self, name: &str) -> bool {
        self.exclude.iter().any(|it| it == name)
    }

    /// How many different names are left out.
    pub(crate) const fn excluded(&self) -> usize {
        self.exclude.len()
    }
}

impl Health {
    /// The paths that [`page`](Self::page) answers.
    pub const PATHS: [&str; 5] = ["/livez", "/readyz", "/health", "/healthz", "/status"];

    /// The answer to `GET` (or, without its body, `HEAD`) for `path`, with what stands behind the question mark and the value
    /// of the header `Accept`; `None` for a path that is not among [`PATHS`](Self::PATHS). It never waits for a check.
    ///
    /// `/healthz` is `/health` under its older name. `/status` is HTML where `Accept` names `text/html`, else plain text.
    ///
    /// The pages `/health` and `/status` say why something fails. Serve them where only operators reach them.
    #[must_use]
    pub fn page(&self, path: &str, query: Option<&str>, accept: Option<&str>) -> Option<Page> {
        let query = || query.map(Query::parse).unwrap_or_default();
        Some(match path {
            "/livez" => livez(&self.report(), &query()),
            "/readyz" => readyz(&self.report(), &query()),
            "/health" | "/healthz" => health(&self.report()),
            "/status" => {
                let wants_html = accept.is_some_and(|accept| accept.contains("text/html"));
                let page = if wants_html {
                    status_html(&self.report())
                } else {
                    status_text(&self.report())
                };
                page.with_header("vary", "accept")
            }
            _ => return None,
        })
    }
}
