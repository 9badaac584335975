//! The key that a command shows to a collector: from the environment or a file, never from the command line.

use std::path::Path;

use counterfoil::Sensitive;
use counterfoil_collector::auth::ApiKey;

use crate::bounded::bounded;
use crate::failure::{Code, Exit, Failure};

/// Where it is looked for when no file is named.
pub(crate) const VARIABLE: &str = "COUNTERFOIL_KEY";
/// More is no key.
const LONGEST: u64 = 4096;

/// The value of an `Authorization` header, if there is a key.
#[derive(Debug)]
pub(crate) struct Bearer(Sensitive<String>);

impl Bearer {
    /// The key in `file`, or else in the environment variable COUNTERFOIL_KEY; `None` where there is neither.
    pub(crate) fn find(file: Option<&Path>) -> Result<Option<Self>, Failure> {
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
