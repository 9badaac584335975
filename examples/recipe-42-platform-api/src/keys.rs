//! The file that says who may use the platform, read once at the start.

use std::path::Path;

use counterfoil::Sensitive;
use zeroize::Zeroizing;

use crate::domain::{Member, is_name};

/// An API key, and whose it is.
#[derive(Debug)]
pub(crate) struct Key {
    pub(crate) member: Member,
    pub(crate) secret: Sensitive<Zeroizing<String>>,
    pub(crate) projects: Vec<String>,
}

/// Fewest characters of a key: it is compared by its digest, so it has to be one that nobody finds by trying.
const SHORTEST: usize = 20;
/// What is to be done about a file without keys.
const WHAT: &str = "write lines of <tenant> <admin|member> <key> into the file of --keys";

/// Reads lines of `<tenant> <admin|member> <key> [<project>,…]`; a tenant without projects has one called `default`. Blank lines and
/// those that begin with `#` are passed over. A message never repeats a line, which holds a key.
pub(crate) fn read(path: &Path) -> Result<Vec<Key>, String> {
    let text = read_secret(path).map_err(|error| format!("{error}; {WHAT}"))?;
    let mut keys = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let key = parse(line).map_err(|why| format!("{}:{}: {why}", path.display(), at + 1))?;
        keys.push(key);
    }
    if keys.is_empty() {
        return Err(format!("{} has no key; {WHAT}", path.display()));
    }
    Ok(keys)
}

/// Reads a file that holds a secret.
pub(crate) fn read_secret(path: &Path) -> Result<Zeroizing<String>, String> {
    std::fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))
}

fn parse(line: &str) -> Result<Key, &'static str> {
    let mut words = line.split_whitespace();
    let tenant = words.next().filter(|it| is_name(it));
    let tenant = tenant.ok_or("a tenant is up to 63 of a-z, 0-9, - and _")?;
    let role = words.next().and_then(|it| it.parse().ok());
    let role = role.ok_or("behind the tenant stands admin or member")?;
    let secret = words.next().filter(|it| it.len() >= SHORTEST);
    let secret = secret.ok_or("behind the role stands a key of at least 20 characters")?;
    let projects = words.next().unwrap_or("default").split(',');
    let projects: Vec<_> = projects.map(str::to_owned).collect();
    if words.next().is_some() || !projects.iter().all(|it| is_name(it)) {
        return Err("behind the key stand at most names of projects, with a comma between them");
    }
    Ok(Key {
        member: Member {
            tenant: tenant.to_owned(),
            role,
        },
        secret: Sensitive::new(Zeroizing::new(secret.to_owned())),
        projects,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_missing_or_empty_is_named_with_what_belongs_into_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys.txt");
        let missing = read(&path).unwrap_err();
        std::fs::write(&path, "# nobody yet\n").unwrap();
        let empty = read(&path).unwrap_err();
        for message in [missing, empty] {
            assert!(message.contains("keys.txt"), "{message}");
            assert!(message.ends_with(WHAT), "{message}");
        }
    }
}
