//! Keys: who gets in with which, and who tries to.

use std::convert::Infallible;
use std::fs;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;

use counterfoil_collector::auth::{
    ApiKey, AttemptLimits, AuthFiles, Authority, KeyEntry, ServerKey, TenantsFile,
};
use counterfoil_collector::{Scope, Scopes};
use counterfoil_testkit::FakeClock;

use super::serving::{Answer, Serving};

/// Files of tenants in a directory of their own.
pub(crate) struct Tenants {
    directory: tempfile::TempDir,
    server: ServerKey,
    next: std::cell::Cell<u8>,
    pub(crate) clock: Arc<FakeClock>,
}

impl Tenants {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let server = ServerKey::create(&directory.path().join("server.key"), |bytes| {
            bytes.fill(9);
            Ok::<_, Infallible>(())
        });
        fs::write(directory.path().join("tenants.toml"), "# kept\n").unwrap();
        Self {
            directory,
            server: server.unwrap(),
            next: std::cell::Cell::new(1),
            clock: Arc::new(FakeClock::new()),
        }
    }

    pub(crate) fn files(&self) -> AuthFiles {
        AuthFiles::new(self.path("tenants.toml"), self.path("server.key"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Adds a key, changed by `change`, and gives its text.
    pub(crate) fn key(
        &self,
        tenant: &str,
        scopes: impl Into<Scopes>,
        change: impl FnOnce(&mut KeyEntry),
    ) -> String {
        let seed = self.next.replace(self.next.get() + 1);
        let key = ApiKey::generate(|bytes| {
            bytes.fill(seed);
            Ok::<_, Infallible>(())
        })
        .unwrap();
        let mut entry = KeyEntry::new(&key, &self.server, tenant.parse().unwrap(), scopes.into());
        change(&mut entry);
        let files = self.files();
        TenantsFile::add(&files.tenants, &entry, &files.server_key).unwrap();
        key.text().expose().to_string()
    }

    pub(crate) fn authority(&self) -> Arc<Authority> {
        let clock = Arc::clone(&self.clock);
        let authority = Authority::guarded(self.files(), AttemptLimits::default(), clock);
        Arc::new(authority.unwrap())
    }
}

fn who(serving: &Serving, headers: &str) -> Answer {
    serving
        .client()
        .ask(&format!("GET /who HTTP/1.1\r\nhost: x\r\n{headers}\r\n"))
}

fn bearer(key: &str) -> String {
    format!("authorization: Bearer {key}\r\n")
}

#[test]
fn a_key_says_whose_it_is_and_what_it_may_do() {
    let tenants = Tenants::new();
    let key = tenants.key("acme", Scope::Ingest | Scope::Verify, |_| {});
    let serving = Serving::guarded(&tenants.authority());
    let answer = who(&serving, &bearer(&key));
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.body,
        format!("acme {{\"ingest\", \"verify\"}} {}", &key[..20])
    );
}

#[test]
fn no_header_but_authorization_says_who_asks() {
    let tenants = Tenants::new();
    let key = tenants.key("acme", Scope::Ingest, |_| {});
    let serving = Serving::guarded(&tenants.authority());
    let spoofed = "x-tenant: globex\r\nx-scope-orgid: globex\r\nx-counterfoil-tenant: globex\r\n\
        x-forwarded-client-cert: Subject=\"CN=globex\"\r\nx-ssl-client-s-dn: CN=globex\r\nforwarded: for=127.0.0.1\r\n";
    assert_eq!(who(&serving, spoofed).status, 401);
    let answer = who(&serving, &(bearer(&key) + spoofed));
    assert!(answer.body.starts_with("acme "), "{answer:?}");
}

#[test]
fn what_is_no_key_of_anybody_is_refused_and_told_nothing() {
    let tenants = Tenants::new();
    let key = tenants.key("acme", Scope::Ingest, |_| {});
    let forged = ApiKey::generate(|bytes| {
        bytes.fill(if bytes.len() == 8 { 1 } else { 77 });
        Ok::<_, Infallible>(())
    });
    let forged = forged.unwrap().text().expose().to_string();
    assert_eq!(forged[..20], key[..20], "a known id with another secret");
    let forgotten = {
        let other = Tenants::new();
        other.key("acme", Scope::Ingest, |_| {});
        other.key("acme", Scope::Ingest, |_| {})
    };
    let serving = Serving::guarded(&tenants.authority());
    let wrong_checksum = {
        let end = if key.ends_with('0') { '1' } else { '0' };
        format!("{}{end}", &key[..key.len() - 1])
    };
    for headers in [
        String::new(),
        bearer(""),
        bearer("cfk_"),
        bearer(&wrong_checksum),
        bearer(&forgotten),
        bearer(&forged),
        bearer(&key.to_uppercase()),
        format!("authorization: Basic {key}\r\n"),
        format!("authorization: {key}\r\n"),
        bearer(&key) + &bearer(&key),
        format!("cookie: key={key}\r\n"),
        format!("x-api-key: {key}\r\n"),
    ] {
        let answer = who(&serving, &headers);
        assert_eq!(answer.status, 401, "{headers}");
        assert!(
            answer.head.contains("www-authenticate: bearer"),
            "{answer:?}"
        );
        assert!(
            answer.body.contains("\"code\":\"unauthenticated\""),
            "{answer:?}"
        );
        assert!(!answer.body.contains(&key[4..20]), "{answer:?}");
    }
}

#[test]
fn a_key_is_valid_from_its_beginning_to_its_end() {
    let tenants = Tenants::new();
    let now = jiff::Timestamp::from_nanosecond(i128::from(
        counterfoil::Clock::utc(&*tenants.clock).unix_nanos(),
    ))
    .unwrap();
    let minute = jiff::SignedDuration::from_mins(1);
    let over = tenants.key("acme", Scope::Read, |entry| entry.not_after = Some(now));
    let early = tenants.key("acme", Scope::Read, |entry| {
        entry.not_before = Some(now + minute);
    });
    let valid = tenants.key("acme", Scope::Read, |entry| {
        entry.not_before = Some(now);
        entry.not_after = Some(now + minute);
    });
    let serving = Serving::guarded(&tenants.authority());
    assert_eq!(who(&serving, &bearer(&over)).status, 401);
    assert_eq!(who(&serving, &bearer(&early)).status, 401);
    assert_eq!(who(&serving, &bearer(&valid)).status, 200);
    tenants.clock.step(std::time::Duration::from_secs(60));
    assert_eq!(who(&serving, &bearer(&early)).status, 200);
    assert_eq!(who(&serving, &bearer(&valid)).status, 401);
}

#[test]
fn without_keys_nobody_is_answered_who_asks_for_another_host() {
    let serving = Serving::guarded(&Arc::new(Authority::open().unwrap()));
    let mut client = serving.client();
    let mut ask = |host: &str| client.ask(&format!("GET /who HTTP/1.1\r\nhost: {host}\r\n\r\n"));
    let rebound = ask("attacker.example:9468");
    assert_eq!(rebound.status, 403, "{rebound:?}");
    assert!(rebound.body.contains("set [auth]"), "{rebound:?}");
    assert_eq!(ask("localhost:9468").status, 200);
    assert_eq!(ask("127.0.0.1:9468").status, 200);
}

#[test]
fn a_key_is_replaced_with_overlap_and_revoked_by_removal_while_connections_stay_open() {
    let tenants = Tenants::new();
    let old = tenants.key("acme", Scope::Ingest, |_| {});
    let authority = tenants.authority();
    let serving = Serving::guarded(&authority);
    let mut client = serving.client();
    let mut ask = |key: &str| {
        client
            .ask(&format!(
                "GET /who HTTP/1.1\r\nhost: x\r\n{}\r\n",
                bearer(key)
            ))
            .status
    };
    assert_eq!(ask(&old), 200);
    let before = fs::read_to_string(tenants.files().tenants).unwrap();
    let new = tenants.key("acme", Scope::Ingest, |_| {});
    assert_eq!(ask(&new), 401, "not read yet");
    authority.reload().unwrap();
    assert_eq!((ask(&old), ask(&new)), (200, 200));
    let both = fs::read_to_string(tenants.files().tenants).unwrap();
    assert!(both.starts_with("# kept\n"), "comments stay");
    fs::write(
        tenants.files().tenants,
        both.replace(&before["# kept\n".len()..], ""),
    )
    .unwrap();
    authority.reload().unwrap();
    assert_eq!((ask(&old), ask(&new)), (401, 200));
}

#[test]
fn a_broken_file_of_tenants_leaves_what_was_in_force() {
    let tenants = Tenants::new();
    let key = tenants.key("acme", Scope::Ingest, |_| {});
    let authority = tenants.authority();
    let serving = Serving::guarded(&authority);
    let good = fs::read_to_string(tenants.files().tenants).unwrap();
    for broken in [
        "[[key]]\nid = 7".to_owned(),
        good.clone() + &good,
        good.replace("acme", "../etc"),
        good.replace("\"ingest\"", "\"root\""),
        good.clone() + "surprise = true\n",
        "[[certificate]]\ntenant = \"a\"\nscopes = [\"read\"]\n".to_owned(),
        "[[certificate]]\ntenant = \"a\"\nscopes = [\"read\"]\ndns = \"*.example.com\"\n"
            .to_owned(),
    ] {
        fs::write(tenants.files().tenants, &broken).unwrap();
        authority.reload().expect_err(&broken);
        assert_eq!(who(&serving, &bearer(&key)).status, 200);
    }
}

#[test]
fn an_address_that_guesses_is_slowed_down_and_a_valid_key_is_taken_all_the_same() {
    let tenants = Tenants::new();
    let key = tenants.key("acme", Scope::Ingest, |_| {});
    let clock = Arc::clone(&tenants.clock);
    let limits = AttemptLimits::per_minute(NonZeroU32::new(3).unwrap());
    let authority = Authority::guarded(tenants.files(), limits, clock).unwrap();
    let serving = Serving::guarded(&Arc::new(authority));
    for _ in 0..3 {
        assert_eq!(who(&serving, "").status, 401);
    }
    let answer = who(&serving, "");
    assert_eq!(answer.status, 429);
    assert!(answer.head.contains("retry-after: 20\r\n"), "{answer:?}");
    assert_eq!(who(&serving, &bearer(&key)).status, 200);
    tenants.clock.step(std::time::Duration::from_secs(20));
    assert_eq!(who(&serving, "").status, 401);
}

#[test]
fn the_key_is_gone_before_anything_else_sees_the_request() {
    let tenants = Tenants::new();
    let key = tenants.key("acme", Scope::Ingest, |_| {});
    let serving = Serving::guarded(&tenants.authority());
    let request = format!("GET /seen HTTP/1.1\r\nhost: x\r\n{}\r\n", bearer(&key));
    let answer = serving.client().ask(&request);
    assert_eq!(answer.status, 200);
    assert!(!answer.body.contains("cfk_"), "{answer:?}");
}
