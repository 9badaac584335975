//! Who may use the vault, by key.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use counterfoil::audit::PseudonymKey;
use counterfoil::metrics::Counter;
use counterfoil::{Sensitive, WorkloadIdentity};
use zeroize::Zeroizing;

use crate::address::Address;
use crate::metrics::Metrics;
use crate::telemetry::TENANT;

/// Fewest characters of a key: it is looked up by its digest, so it has to be one that nobody finds by trying.
const SHORTEST: usize = 20;

/// A key that this vault shows.
pub(crate) type Key = Sensitive<Zeroizing<String>>;

/// What a principal may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Put, get and query.
    Member,
    /// Give replicas to this vault.
    Peer,
}

/// A principal who has shown a key.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) name: Arc<str>,
    pub(crate) role: Role,
    /// Puts and gets of this principal.
    pub(crate) operations: Counter,
    identity: WorkloadIdentity,
}

/// The principals, by the digest of their keys. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Principals(Arc<HashMap<Address, Caller>>);

impl Principals {
    /// Reads lines of `<principal> <member|peer> <key>`; empty lines and those that begin with `#` are passed over. A message never
    /// repeats a line, which holds a key.
    pub(crate) fn read(
        path: &Path,
        pseudonyms: &PseudonymKey,
        metrics: &Metrics,
    ) -> Result<Self, String> {
        let text = read_secret(path)
            .map_err(|error| format!("cannot read the keys in {}: {error}", path.display()))?;
        let mut callers = HashMap::new();
        for (at, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let (name, role, key) =
                parse(line).map_err(|why| format!("{}:{}: {why}", path.display(), at + 1))?;
            let pseudonym = pseudonyms.pseudonym(TENANT, name);
            let caller = Caller {
                name: name.into(),
                role,
                operations: metrics.operations.with(&[name]),
                identity: WorkloadIdentity::tenant_only(TENANT).with_principal(&pseudonym),
            };
            if callers
                .insert(Address::of(key.as_bytes()), caller)
                .is_some()
            {
                let why = "this key stands on an earlier line; give each principal its own";
                return Err(format!("{}:{}: {why}", path.display(), at + 1));
            }
        }
        if callers.is_empty() {
            let next = "write lines of <principal> <member|peer> <key>";
            return Err(format!("{} has no key; {next}", path.display()));
        }
        Ok(Self(Arc::new(callers)))
    }

    /// The principal whose key a request carries.
    pub(crate) fn of(&self, request: &Parts) -> Option<&Caller> {
        let header = request.headers.get(AUTHORIZATION)?.to_str().ok()?;
        let key = header.strip_prefix("Bearer ")?;
        self.0.get(&Address::of(key.as_bytes()))
    }

    /// On whose behalf a request is made.
    pub(crate) fn identity(&self, request: &Parts) -> Option<WorkloadIdentity> {
        self.of(request).map(|caller| caller.identity.clone())
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// The key that this vault shows to its peer: the only line of a file.
pub(crate) fn read_peer_key(path: &Path) -> Result<Key, String> {
    let text = read_secret(path)
        .map_err(|error| format!("cannot read the peer's key in {}: {error}", path.display()))?;
    let key = text.trim();
    if key.len() < SHORTEST || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
        let next = "it holds one key of at least 20 visible characters and nothing else";
        return Err(format!("{}: {next}", path.display()));
    }
    Ok(Sensitive::new(Zeroizing::new(key.to_owned())))
}

/// A file that holds keys, which do not stay in memory.
fn read_secret(path: &Path) -> std::io::Result<Zeroizing<String>> {
    std::fs::read_to_string(path).map(Zeroizing::new)
}

fn parse(line: &str) -> Result<(&str, Role, &str), &'static str> {
    let mut words = line.split_whitespace();
    let (name, role, key) = (words.next(), words.next(), words.next());
    let name = name
        .filter(|it| it.len() <= 63)
        .ok_or("a principal has up to 63 characters")?;
    let role = match role {
        Some("member") => Role::Member,
        Some("peer") => Role::Peer,
        _ => return Err("behind the principal stands member or peer"),
    };
    let key = key.filter(|it| it.len() >= SHORTEST && words.next().is_none());
    Ok((
        name,
        role,
        key.ok_or("behind the role stands one key of at least 20 characters")?,
    ))
}

/// Shows how many there are, and neither name nor key.
impl fmt::Debug for Principals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Principals({})", self.len())
    }
}

#[cfg(test)]
mod tests {
    use counterfoil::metrics::Registry;

    use super::*;

    #[test]
    fn two_principals_do_not_share_a_key() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let lines = "alice member a-key-of-twenty-chars\nbob member a-key-of-twenty-chars\n";
        std::fs::write(&file, lines).unwrap();
        let metrics = Metrics::new(&Registry::new());
        let pseudonyms = PseudonymKey::from_bytes(&[1; 32]);
        let refused = Principals::read(file.path(), &pseudonyms, &metrics).unwrap_err();
        assert!(refused.contains(":2: this key stands"), "{refused}");
        assert!(!refused.contains("a-key-of"), "{refused}");
    }
}
