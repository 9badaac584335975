//! Who is signed in: in memory, for a limited time, and never more than so many.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::http::header::COOKIE;
use axum::http::request::Parts;
use counterfoil::tower::ErrorCode;
use counterfoil::{Clock, Sensitive, Ticks};
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::api::Caller;
use super::errors::NO_RANDOMNESS;

/// The most sessions; with one more, the one that was used longest ago ends.
const MOST: usize = 10_000;
/// How long a session lasts that is not used.
const IDLE: Duration = Duration::from_secs(30 * 60);
/// How long a session lasts at most.
const LONGEST: Duration = Duration::from_secs(8 * 60 * 60);

/// A key of the API, as somebody signed in with it.
pub(crate) type ApiKey = Sensitive<Zeroizing<String>>;

/// Somebody who is signed in.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) key: ApiKey,
    pub(crate) caller: Caller,
    token: Sensitive<String>,
    /// The hash of its id.
    id: [u8; 32],
}

impl Session {
    /// What a form has to carry to be one of this session's own.
    pub(crate) fn token(&self) -> &str {
        self.token.expose()
    }

    /// Whether a form carries it.
    pub(crate) fn made(&self, token: &str) -> bool {
        self.token
            .expose()
            .as_bytes()
            .ct_eq(token.as_bytes())
            .into()
    }
}

/// The sessions. Cheap to clone; clones are one and the same.
#[derive(Clone, Debug)]
pub(crate) struct Sessions {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    clock: Arc<dyn Clock>,
    cookie: &'static str,
    secure: bool,
    /// By the hash of the id, so that how long a look takes tells nothing about an id.
    open: Mutex<HashMap<[u8; 32], Entry>>,
}

#[derive(Debug)]
struct Entry {
    session: Arc<Session>,
    opened: Ticks,
    used: Ticks,
}

impl Entry {
    fn has_ended(&self, now: Ticks) -> bool {
        since(self.used, now) > IDLE || since(self.opened, now) > LONGEST
    }
}

impl Sessions {
    /// None yet. With `https` browsers send the cookie over TLS alone.
    pub(crate) fn new(clock: Arc<dyn Clock>, https: bool) -> Self {
        Self {
            shared: Arc::new(Shared {
                clock,
                cookie: if https { "__Host-session" } else { "session" },
                secure: https,
                open: Mutex::default(),
            }),
        }
    }

    /// Opens one; the value of `Set-Cookie` for it.
    pub(crate) fn open(&self, key: ApiKey, caller: Caller) -> Result<String, ErrorCode> {
        let (id, token) = (random()?, Sensitive::new(random()?));
        let now = self.shared.clock.ticks();
        let mut open = self.shared.open.lock();
        if open.len() >= MOST {
            make_room(&mut open, now);
        }
        let hash = hash(&id);
        let session = Session {
            key,
            caller,
            token,
            id: hash,
        };
        let entry = Entry {
            session: Arc::new(session),
            opened: now,
            used: now,
        };
        open.insert(hash, entry);
        Ok(self.cookie(&id, LONGEST))
    }

    /// The one that a request belongs to, if it has not ended.
    pub(crate) fn of(&self, request: &Parts) -> Option<Arc<Session>> {
        let id = hash(self.id_of(request)?);
        let now = self.shared.clock.ticks();
        let mut open = self.shared.open.lock();
        let entry = open.get_mut(&id)?;
        if entry.has_ended(now) {
            open.remove(&id);
            return None;
        }
        entry.used = now;
        Some(Arc::clone(&entry.session))
    }

    /// Ends one; the value of `Set-Cookie` that makes the browser forget it.
    pub(crate) fn end(&self, session: &Session) -> String {
        self.shared.open.lock().remove(&session.id);
        self.cookie("", Duration::ZERO)
    }

    fn id_of<'a>(&self, request: &'a Parts) -> Option<&'a str> {
        let headers = request.headers.get_all(COOKIE).iter();
        let mut pairs = headers
            .filter_map(|header| header.to_str().ok())
            .flat_map(|header| header.split(';'))
            .filter_map(|pair| pair.trim().split_once('='));
        pairs.find_map(|(name, id)| (name == self.shared.cookie).then_some(id))
    }

    fn cookie(&self, id: &str, lasts: Duration) -> String {
        let secure = if self.shared.secure { "; Secure" } else { "" };
        format!(
            "{}={id}; Path=/; Max-Age={}; HttpOnly; SameSite=Strict{secure}",
            self.shared.cookie,
            lasts.as_secs()
        )
    }
}

/// Removes what has ended, or else the one that was used longest ago.
fn make_room(open: &mut HashMap<[u8; 32], Entry>, now: Ticks) {
    open.retain(|_, entry| !entry.has_ended(now));
    if open.len() >= MOST
        && let Some(oldest) = open
            .iter()
            .min_by_key(|(_, entry)| entry.used.0)
            .map(|it| *it.0)
    {
        open.remove(&oldest);
    }
}

fn hash(id: &str) -> [u8; 32] {
    Sha256::digest(id).into()
}

const fn since(earlier: Ticks, now: Ticks) -> Duration {
    Duration::from_nanos(now.0.saturating_sub(earlier.0))
}

/// 256 bits that nobody can guess, in hexadecimal.
pub(crate) fn random() -> Result<String, ErrorCode> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|_| NO_RANDOMNESS)?;
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // A string takes everything that is written to it.
        let _always_ok = write!(text, "{byte:02x}");
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use axum::http::Request;
    use counterfoil_testkit::FakeClock;

    use super::*;

    fn key() -> ApiKey {
        Sensitive::new(Zeroizing::new("key".to_owned()))
    }

    /// A request of a new session.
    fn open(sessions: &Sessions) -> Parts {
        let cookie = sessions.open(key(), Caller::default()).unwrap();
        let pair = cookie.split(';').next().unwrap();
        let request = Request::builder().header(COOKIE, pair).body(()).unwrap();
        request.into_parts().0
    }

    #[test]
    fn a_session_ends_when_it_is_not_used_and_after_eight_hours_even_if_it_is() {
        let clock = Arc::new(FakeClock::new());
        let sessions = Sessions::new(Arc::clone(&clock) as _, false);
        let idle = open(&sessions);
        clock.step(IDLE);
        assert!(sessions.of(&idle).is_some());
        clock.step(IDLE + Duration::from_nanos(1));
        assert!(sessions.of(&idle).is_none());

        let busy = open(&sessions);
        for _ in 0..LONGEST.as_secs() / IDLE.as_secs() {
            clock.step(IDLE);
            assert!(sessions.of(&busy).is_some());
        }
        clock.step(Duration::from_nanos(1));
        assert!(sessions.of(&busy).is_none());
        assert!(sessions.shared.open.lock().is_empty());
    }

    #[test]
    fn of_too_many_sessions_the_one_that_was_used_longest_ago_ends() {
        let clock = Arc::new(FakeClock::new());
        let sessions = Sessions::new(Arc::clone(&clock) as _, false);
        let tick = || clock.step(Duration::from_millis(1));
        let first = open(&sessions);
        tick();
        let second = open(&sessions);
        for _ in 2..MOST {
            tick();
            open(&sessions);
        }
        tick();
        assert!(sessions.of(&first).is_some());
        let last = open(&sessions);
        assert!(sessions.of(&second).is_none());
        assert!(sessions.of(&first).is_some() && sessions.of(&last).is_some());
        assert_eq!(sessions.shared.open.lock().len(), MOST);
    }

    #[test]
    fn a_session_that_was_ended_is_gone_and_a_token_is_of_one_session() {
        let sessions = Sessions::new(Arc::new(FakeClock::new()), false);
        let (one, other) = (open(&sessions), open(&sessions));
        let session = sessions.of(&one).unwrap();
        let token = sessions.of(&other).unwrap().token().to_owned();
        assert!(session.made(session.token()) && !session.made(&token) && !session.made(""));
        sessions.end(&session);
        assert!(sessions.of(&one).is_none() && sessions.of(&other).is_some());
    }

    #[test]
    fn scripts_do_not_see_the_cookie_and_other_sites_do_not_send_it() {
        let cookie = |https| {
            let sessions = Sessions::new(Arc::new(FakeClock::new()), https);
            sessions.open(key(), Caller::default()).unwrap()
        };
        let attributes = "; Path=/; Max-Age=28800; HttpOnly; SameSite=Strict";
        assert!(cookie(false).ends_with(attributes));
        let secure = cookie(true);
        assert!(secure.starts_with("__Host-session="), "{secure}");
        assert!(
            secure.ends_with(&format!("{attributes}; Secure")),
            "{secure}"
        );
    }
}
