//! The keys of tenants, and the key that hashes them.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use counterfoil::Sensitive;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize as _, Zeroizing};

use crate::{Error, ErrorKind};

const PREFIX: &str = "cfk_";
const ID_BYTES: usize = 8;
const SECRET_BYTES: usize = 32;
const CHECKSUM_BYTES: usize = 4;
const TEXT_LEN: usize = PREFIX.len() + 2 * (ID_BYTES + SECRET_BYTES + CHECKSUM_BYTES) + 1;
/// Keeps the checksum, which is no secret, apart from other uses of SHA-256.
const CHECKSUM_DOMAIN: &[u8] = b"counterfoil.key.checksum.v1\n";
const HASH_DOMAIN: &[u8] = b"counterfoil.key.hash.v1\n";

/// A tenant's key: `cfk_<id>_<secret><checksum>`, of 16, 64 and 8 hexadecimal digits in lower case.
///
/// The id is public: it finds the entry and names the credential in logs. The checksum is that of everything before it, so that a
/// mistyped or cut key is told from an unknown one without looking it up, and a scanner for leaked secrets finds no false ones.
#[derive(Debug)]
pub struct ApiKey {
    id: String,
    secret: Sensitive<Zeroizing<[u8; SECRET_BYTES]>>,
}

impl ApiKey {
    /// A new key from 40 bytes of `random`, which fills a slice with what nobody can foretell.
    ///
    /// # Errors
    /// What `random` fails with.
    pub fn generate<E>(random: impl Fn(&mut [u8]) -> Result<(), E>) -> Result<Self, E> {
        let mut id = [0; ID_BYTES];
        let mut secret = Zeroizing::new([0; SECRET_BYTES]);
        random(&mut id)?;
        random(&mut *secret)?;
        Ok(Self {
            id: hex(&id),
            secret: Sensitive::new(secret),
        })
    }

    /// Reads a key; `None` when it is not of the form, or its checksum is wrong.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != TEXT_LEN || !text.is_ascii() {
            return None;
        }
        let (id, rest) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let (secret, checksum) = rest.split_at_checked(2 * SECRET_BYTES)?;
        let _: [u8; ID_BYTES] = unhex(id)?;
        let key = Self {
            id: id.to_owned(),
            secret: Sensitive::new(Zeroizing::new(unhex(secret)?)),
        };
        let checksum: [u8; CHECKSUM_BYTES] = unhex(checksum)?;
        bool::from(checksum.ct_eq(&key.checksum())).then_some(key)
    }

    /// The public part, which names the credential: 16 hexadecimal digits.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The whole key, for whoever is to use it.
    #[must_use]
    pub fn text(&self) -> Sensitive<Zeroizing<String>> {
        let mut text = Zeroizing::new(String::with_capacity(TEXT_LEN));
        let secret = Zeroizing::new(hex(&**self.secret.expose()));
        for part in [PREFIX, &self.id, "_", &secret, &hex(&self.checksum())] {
            text.push_str(part);
        }
        Sensitive::new(text)
    }

    fn checksum(&self) -> [u8; CHECKSUM_BYTES] {
        let mut hash = Sha256::new();
        hash.update(CHECKSUM_DOMAIN);
        hash.update(self.id.as_bytes());
        hash.update(self.secret.expose().as_slice());
        let mut checksum = [0; CHECKSUM_BYTES];
        checksum.copy_from_slice(&hash.finalize()[..CHECKSUM_BYTES]);
        checksum
    }
}

/// The key that hashes the keys of tenants, so that the file of tenants alone, however it was lost, lets nobody in and lets nobody
/// test a guess.
#[derive(Debug)]
pub struct ServerKey(Sensitive<Zeroizing<[u8; 32]>>);

impl ServerKey {
    /// Reads the key file: 64 hexadecimal digits and a line feed, readable for its owner alone.
    ///
    /// # Errors
    /// [`ErrorKind::Credential`] when it cannot be read, is not of that form, or others can read it.
    pub fn from_file(path: &Path) -> Result<Self, Error> {
        let refuse = |why: String| Error::new(ErrorKind::Credential, "read the server key", why);
        let file = File::open(path).map_err(|source| {
            refuse(format!(
                "{} cannot be read; `counterfoil tenant key` makes it",
                path.display()
            ))
            .with_source(source)
        })?;
        let cannot = |source: io::Error| {
            refuse(format!("{} cannot be read", path.display())).with_source(source)
        };
        let mode = file.metadata().map_err(cannot)?.mode();
        if mode & 0o077 != 0 {
            return Err(refuse(format!(
                "others can read {}; take their rights away with: chmod 600 {0}",
                path.display()
            )));
        }
        let mut text = Zeroizing::new(String::new());
        file.take(128).read_to_string(&mut text).map_err(cannot)?;
        unhex(text.trim_ascii_end())
            .map(|key| Self(Sensitive::new(Zeroizing::new(key))))
            .ok_or_else(|| {
                refuse(format!(
                    "{} does not hold 64 hexadecimal digits",
                    path.display()
                ))
            })
    }

    /// Makes a key file that only its owner can read.
    ///
    /// # Errors
    /// [`ErrorKind::Credential`] when it exists already or cannot be written.
    pub fn create<E>(
        path: &Path,
        random: impl Fn(&mut [u8]) -> Result<(), E>,
    ) -> Result<Self, Error>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let refuse = |source: Box<dyn std::error::Error + Send + Sync>| {
            let context = format!("{} cannot be made", path.display());
            Error::new(ErrorKind::Credential, "make the server key", context).with_source(source)
        };
        let mut key = Zeroizing::new([0; 32]);
        random(&mut *key).map_err(|source| refuse(Box::new(source)))?;
        let mut text = Zeroizing::new(hex(&*key));
        text.push('\n');
        let write = || {
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()
        };
        write().map_err(|source: io::Error| refuse(Box::new(source)))?;
        Ok(Self(Sensitive::new(key)))
    }

    /// The hash under which `key` is kept: HMAC-SHA256 over a domain, the id and the secret.
    #[must_use]
    pub fn hash(&self, key: &ApiKey) -> KeyHash {
        let mut mac = self.mac();
        mac.update(HASH_DOMAIN);
        mac.update(key.id.as_bytes());
        mac.update(key.secret.expose().as_slice());
        KeyHash(mac.finalize().into_bytes().into())
    }

    fn mac(&self) -> Hmac<Sha256> {
        match Hmac::<Sha256>::new_from_slice(self.0.expose().as_slice()) {
            Ok(mac) => mac,
            Err(_) => unreachable!("HMAC takes keys of any length"),
        }
    }
}

/// What is kept of a key. Compared in constant time.
#[derive(Clone, Copy, Debug)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// Compares in constant time.
    #[must_use]
    pub fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    /// The hash in hexadecimal digits.
    #[must_use]
    pub fn to_hex(self) -> String {
        hex(&self.0)
    }

    /// Reads 64 hexadecimal digits.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        unhex(text).map(Self)
    }
}

/// In hexadecimal digits, in lower case.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // Writing to a string does not fail.
        let _written = write!(text, "{byte:02x}");
    }
    text
}

/// Exactly `N` bytes from hexadecimal digits in lower case.
pub(super) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let Some(value) = digit(pair[0]).zip(digit(pair[1])) else {
            bytes.zeroize();
            return None;
        };
        *byte = value.0 << 4 | value.1;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::convert::Infallible;
    use std::os::unix::fs::PermissionsExt as _;

    fn filled(with: u8) -> impl Fn(&mut [u8]) -> Result<(), Infallible> {
        move |bytes| {
            bytes.fill(with);
            Ok(())
        }
    }

    #[test]
    fn a_key_reads_as_it_was_written_and_not_with_one_character_changed() {
        let key = ApiKey::generate(filled(0x5a)).unwrap();
        let text = key.text().expose().to_string();
        assert_eq!(text.len(), TEXT_LEN);
        assert_eq!(
            ApiKey::parse(&text).unwrap().text().expose(),
            key.text().expose()
        );
        for at in 0..text.len() {
            let mut changed = text.clone().into_bytes();
            changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
            let changed = String::from_utf8(changed).unwrap();
            assert!(ApiKey::parse(&changed).is_none(), "{at}");
        }
        for other in [
            "",
            "cfk_",
            &text[1..],
            &text[..text.len() - 1],
            &text.to_uppercase(),
            &format!("{text}0"),
        ] {
            assert!(ApiKey::parse(other).is_none(), "{other}");
        }
        assert!(ApiKey::parse(&"é".repeat(TEXT_LEN / 2)).is_none());
    }

    #[test]
    fn a_key_and_its_secret_are_shown_by_nothing_but_text() {
        let key = ApiKey::generate(filled(0x5a)).unwrap();
        let shown = format!("{key:?} {:?} {}", key.text(), key.text());
        assert!(!shown.contains("5a5a5a5a5a5a5a5a5"), "{shown}");
    }

    #[test]
    fn the_hash_depends_on_server_key_id_and_secret() {
        let server = |with| ServerKey(Sensitive::new(Zeroizing::new([with; 32])));
        let key = ApiKey::generate(filled(1)).unwrap();
        let other = ApiKey::generate(filled(2)).unwrap();
        let renamed = ApiKey {
            id: other.id.clone(),
            secret: key.secret.clone(),
        };
        let hash = server(1).hash(&key);
        assert!(hash.is(&server(1).hash(&key)));
        assert!(!hash.is(&server(2).hash(&key)));
        assert!(!hash.is(&server(1).hash(&other)));
        assert!(!hash.is(&server(1).hash(&renamed)));
        assert!(KeyHash::from_hex(&hash.to_hex()).unwrap().is(&hash));
    }

    #[test]
    fn a_server_key_that_others_can_read_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("server.key");
        let made = ServerKey::create(&path, filled(7)).unwrap();
        let key = ApiKey::generate(filled(1)).unwrap();
        let read = ServerKey::from_file(&path).unwrap();
        assert!(read.hash(&key).is(&made.hash(&key)));
        assert!(
            ServerKey::create(&path, filled(8)).is_err(),
            "it is never replaced"
        );
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let error = ServerKey::from_file(&path).unwrap_err().to_string();
        assert!(error.contains("chmod 600"), "{error}");
    }
}
