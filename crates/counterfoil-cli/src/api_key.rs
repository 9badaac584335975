//! The key that a command shows to a collector: from the environment or a file, never from the command line.

use std::path::Path;

use counterfoil::Sensitive;
use counterfoil_collector::auth::ApiKey;
use counterfoil_exporter_collector::{check_key_transport, is_loopback};
use ureq::config::ConfigBuilder;
use ureq::typestate::AgentScope;

use crate::bounded::bounded;
use crate::failure::{Code, Exit, Failure};

/// Where it is looked for when no file is named.
pub(crate) const VARIABLE: &str = "COUNTERFOIL_KEY";
/// More is no key.
const LONGEST: u64 = 4096;

const IN_CLEAR: &str = "the key would go over plain http to another host, where others can read it; use an https address, or a tunnel that begins on this host, or --plaintext where the network encrypts by itself";

/// The value of an `Authorization` header, if there is a key.
#[derive(Debug)]
pub(crate) struct Bearer(Sensitive<String>);

impl Bearer {
    /// The key in `file`, or else in the environment variable COUNTERFOIL_KEY, for the collector at `url`; `None` where there is
    /// neither. It does not go in clear to another host, unless `plaintext` allows that.
    pub(crate) fn find(
        file: Option<&Path>,
        url: &str,
        plaintext: bool,
    ) -> Result<Option<Self>, Failure> {
        let found = Self::read(file)?;
        if found.is_some() && !plaintext {
            check_key_transport(url).map_err(|_| Failure::usage(IN_CLEAR))?;
        }
        Ok(found)
    }

    fn read(file: Option<&Path>) -> Result<Option<Self>, Failure> {
        let refused = |why: String| Failure::new(Exit::Policy, why).with_code(Code::KeyFile);
        let (text, place) = if let Some(file) = file {
            let bytes = bounded(file, LONGEST).map_err(|error| {
                refused(format!(
                    "cannot read the key in {}: {error}; give a file that holds a key of a tenant and nothing else",
                    file.display()
                ))
            })?;
            let text = String::from_utf8(bytes).unwrap_or_default();
            (Sensitive::new(text), file.display().to_string())
        } else {
            match std::env::var(VARIABLE) {
                Ok(text) => (Sensitive::new(text), VARIABLE.to_owned()),
                Err(std::env::VarError::NotPresent) => return Ok(None),
                Err(_) => {
                    return Err(refused(format!(
                        "cannot take the key in {VARIABLE}: it is no text"
                    )));
                }
            }
        };
        let text = text.expose().trim();
        if ApiKey::parse(text).is_none() {
            return Err(refused(format!(
                "cannot take the key in {place}: it is none, or was mistyped or cut; a key looks like cfk_<id>_<digits>, and the collector's operator makes it"
            )));
        }
        Ok(Some(Self(Sensitive::new(format!("Bearer {text}")))))
    }

    /// The header's value. Every call of this is a place to look at in a review.
    pub(crate) fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// A proxy is another host: what is for this one does not go through it.
pub(crate) fn direct(config: ConfigBuilder<AgentScope>, url: &str) -> ConfigBuilder<AgentScope> {
    if is_loopback(url) {
        config.proxy(None)
    } else {
        config
    }
}
