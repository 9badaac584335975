//! Tenants, their projects, and who may act for them, by API key. Only the digest of a key is kept.

use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};

use crate::Member;
use crate::errors::Failure;
use crate::keys::Key;

/// Takes over what a file of keys says: a key that is no longer in it is nobody's any more. Tenants and projects stay, and a new
/// tenant begins with this credit.
pub(crate) fn take_over(connection: &Connection, keys: &[Key], credit: i64) -> Result<(), Failure> {
    connection.execute("DELETE FROM members", [])?;
    for key in keys {
        let Member { tenant, role } = &key.member;
        connection.execute(
            "INSERT INTO tenants (name, balance) VALUES (?, ?) ON CONFLICT DO NOTHING",
            params![tenant, credit],
        )?;
        for project in &key.projects {
            connection.execute(
                "INSERT INTO projects (tenant, name) VALUES (?, ?) ON CONFLICT DO NOTHING",
                [tenant, project],
            )?;
        }
        connection.execute(
            "INSERT INTO members (key_hash, tenant, role) VALUES (?1, ?2, ?3)
                ON CONFLICT (key_hash) DO UPDATE SET tenant = ?2, role = ?3",
            params![
                digest(key.secret.expose().as_bytes()),
                tenant,
                role.as_str()
            ],
        )?;
    }
    Ok(())
}

/// Whose API key this is.
pub(crate) fn find(connection: &Connection, key: &str) -> Result<Option<Member>, Failure> {
    let sql = "SELECT tenant, role FROM members WHERE key_hash = ?";
    let mut statement = connection.prepare_cached(sql)?;
    let found = statement.query_row([digest(key.as_bytes())], |row| {
        Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
    });
    Ok(found
        .optional()?
        .and_then(|(tenant, role)| role.parse().ok().map(|role| Member { tenant, role })))
}

/// Whether a tenant has a project of this name.
pub(crate) fn has_project(
    connection: &Connection,
    tenant: &str,
    project: &str,
) -> Result<bool, Failure> {
    let sql = "SELECT 1 FROM projects WHERE tenant = ? AND name = ?";
    Ok(connection.prepare_cached(sql)?.exists([tenant, project])?)
}

/// The projects of a tenant, by name.
pub(crate) fn projects(connection: &Connection, tenant: &str) -> Result<Vec<String>, Failure> {
    let sql = "SELECT name FROM projects WHERE tenant = ? ORDER BY name LIMIT 100";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([tenant], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Whether there is a tenant of this name.
pub(crate) fn has_tenant(connection: &Connection, tenant: &str) -> Result<bool, Failure> {
    let sql = "SELECT 1 FROM tenants WHERE name = ?";
    Ok(connection.prepare_cached(sql)?.exists([tenant])?)
}

/// The digest of a key. A key is long and random, so a plain digest is as good as a slow one.
fn digest(key: &[u8]) -> [u8; 32] {
    Sha256::digest(key).into()
}

#[cfg(test)]
mod tests {
    use counterfoil::Sensitive;
    use zeroize::Zeroizing;

    use super::*;
    use crate::Role;
    use crate::store::schema::TABLES;

    fn key(secret: &str) -> Key {
        Key {
            member: Member {
                tenant: "acme".to_owned(),
                role: Role::Admin,
            },
            secret: Sensitive::new(Zeroizing::new(secret.to_owned())),
            projects: vec!["default".to_owned()],
        }
    }

    #[test]
    fn a_key_that_is_no_longer_in_the_file_lets_nobody_in() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(TABLES).unwrap();
        take_over(&connection, &[key("first"), key("second")], 7).unwrap();
        take_over(&connection, &[key("second")], 7).unwrap();
        assert_eq!(find(&connection, "first").unwrap(), None);
        assert!(find(&connection, "second").unwrap().is_some());
    }
}
