//! The ring's recent events as a page.

use std::fmt;
use std::mem;
use std::sync::Arc;

use counterfoil_core::{Event, Redact, TraceId, json};
use counterfoil_events::Filter;
use counterfoil_exporter_prometheus::{Bytes, Host, Request, Response};

use crate::Observer;

/// Where it is.
const PATH: &str = "/events";
/// Events of an answer unless `limit` says otherwise.
const USUAL: usize = 1_000;
/// The most events of an answer.
const MOST: usize = 10_000;
/// Bytes of a name that is asked for: the longest that a ring keeps.
const LONGEST: usize = 256;

/// What is answered to requests for another host.
const FOREIGN: &str = "/events answers what is sent to localhost or to an IP address, and the Host of this request is another, which a \
                       page in a browser may have led here; ask for the address of this listener, as in http://127.0.0.1:9464/events\n";

/// Recent events as JSON lines, oldest first.
#[derive(Debug)]
pub(crate) struct EventsPage {
    pub(crate) observer: Observer,
    pub(crate) redact: Arc<dyn Redact>,
}

/// Which events are asked for, and at most how many.
struct Wanted {
    filter: Filter,
    kind: Option<String>,
    limit: usize,
}

/// What is wrong with a parameter.
struct Refused(String);

impl EventsPage {
    /// The answer to a `GET`; `None` for other paths.
    pub(crate) fn answer(&self, request: &Request<Bytes>) -> Option<Response<Bytes>> {
        if request.uri().path() != PATH {
            return None;
        }
        let plain = "text/plain; charset=utf-8";
        let (status, content_type, body) = if !is_meant_for_us(request) {
            (403, plain, FOREIGN.to_owned())
        } else {
            match Wanted::parse(request.uri().query()) {
                Ok(wanted) => (200, "application/x-ndjson", self.lines(&wanted)),
                Err(refused) => (400, plain, format!("{refused}\n")),
            }
        };
        // No header allows another origin anything, so that browsers keep the answer from its pages.
        let response = Response::builder()
            .status(status)
            .header("content-type", content_type)
            .header("cache-control", "no-store")
            .header("cross-origin-resource-policy", "same-origin")
            .header("x-content-type-options", "nosniff");
        // Status and headers are constants, so this is there.
        response.body(Bytes::from(body)).ok()
    }

    fn lines(&self, wanted: &Wanted) -> String {
        let mut events = self
            .observer
            .events()
            .matching(&wanted.filter)
            .into_events();
        events.retain(|event| wanted.is_of_kind(event));
        let newest = events.len().saturating_sub(wanted.limit);
        let mut lines = String::new();
        for event in &events[newest..] {
            json::push_event(&mut lines, event, Some(&*self.redact));
            lines.push('\n');
        }
        lines
    }
}

impl Wanted {
    fn parse(query: Option<&str>) -> Result<Self, Refused> {
        let mut wanted = Self {
            filter: Filter::new(),
            kind: None,
            limit: USUAL,
        };
        let mut seen = Vec::new();
        for (name, value) in form_urlencoded::parse(query.unwrap_or_default().as_bytes()) {
            if seen.contains(&name) {
                return Err(Refused(format!("{name} is there twice")));
            }
            wanted.set(&name, &value)?;
            seen.push(name);
        }
        Ok(wanted)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), Refused> {
        match name {
            "trace_id" => self.filter = mem::take(&mut self.filter).trace(trace(value)?),
            "tenant" => self.filter = mem::take(&mut self.filter).tenant(tenant(value)?),
            "kind" => self.kind = Some(kind(value)?),
            "limit" => self.limit = limit(value)?,
            _ => {
                let text = "there is a parameter that is unknown here; use trace_id, kind, tenant and limit";
                return Err(Refused(text.to_owned()));
            }
        }
        Ok(())
    }

    fn is_of_kind(&self, event: &Event) -> bool {
        let kind = self.kind.as_deref();
        kind.is_none_or(|kind| kind == event.event.kind_name())
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether the request names an address or localhost, which is all that a listener can be told to listen at. There is no login
/// here, and whoever owns another name can have it lead here for a page in a browser.
fn is_meant_for_us(request: &Request<Bytes>) -> bool {
    Host::of(request.headers()).is_some_and(|host| host.is_fixed())
}

/// What is refused is not repeated: it may be a secret in the wrong place.
fn refused(name: &str, advice: &str) -> Refused {
    Refused(format!("{name} is not understood: use {advice}"))
}

fn trace(value: &str) -> Result<TraceId, Refused> {
    let advice = "32 lower-case hexadecimal digits, not all zero";
    value.parse().map_err(|_| refused("trace_id", advice))
}

fn tenant(value: &str) -> Result<&str, Refused> {
    let fits = (1..=LONGEST).contains(&value.len());
    fits.then_some(value)
        .ok_or_else(|| refused("tenant", "a name of 1 to 256 bytes"))
}

fn kind(value: &str) -> Result<String, Refused> {
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_.".contains(&byte);
    let fits = (1..=LONGEST).contains(&value.len()) && value.bytes().all(plain);
    fits.then(|| value.to_owned()).ok_or_else(|| {
        refused(
            "kind",
            "the name of an event, such as lease_acquired or vault.object_put",
        )
    })
}

fn limit(value: &str) -> Result<usize, Refused> {
    let plain = value.bytes().all(|byte| byte.is_ascii_digit());
    let number = value.parse().ok();
    number
        .filter(|number| plain && (1..=MOST).contains(number))
        .ok_or_else(|| refused("limit", "a number from 1 to 10000"))
}
