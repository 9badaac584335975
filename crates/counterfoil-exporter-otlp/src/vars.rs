//! Reading environment variables so that an error names the variable and never repeats a secret.

use std::ffi::OsString;
use std::fmt;
use std::time::Duration;

use counterfoil_exporter::Error;
use percent_encoding::percent_decode_str;

use crate::target::invalid;

/// Where variables are looked up.
pub(crate) struct Vars<'a>(pub(crate) &'a dyn Fn(&str) -> Option<OsString>);

/// A variable that is set, and not to nothing.
pub(crate) struct Var {
    pub(crate) name: String,
    pub(crate) text: String,
}

impl Vars<'_> {
    /// The first of these that is set; the specification has empty values stand for unset ones.
    pub(crate) fn first(&self, names: &[String]) -> Result<Option<Var>, Error> {
        for name in names {
            match (self.0)(name).map(OsString::into_string) {
                None => {}
                Some(Err(_)) => return Err(invalid(format!("{name} is no UTF-8 text"))),
                Some(Ok(text)) if text.trim().is_empty() => {}
                Some(Ok(text)) => {
                    let (name, text) = (name.clone(), text.trim().to_owned());
                    return Ok(Some(Var { name, text }));
                }
            }
        }
        Ok(None)
    }

    pub(crate) fn one(&self, name: &str) -> Result<Option<Var>, Error> {
        self.first(&[name.to_owned()])
    }

    /// Whether a switch is on; off unless set.
    pub(crate) fn switch(&self, names: &[String]) -> Result<bool, Error> {
        let Some(var) = self.first(names)? else {
            return Ok(false);
        };
        match var.text.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(var.wrong("is neither true nor false")),
        }
    }

    /// A time in milliseconds.
    pub(crate) fn millis(&self, names: &[String]) -> Result<Option<Duration>, Error> {
        let Some(var) = self.first(names)? else {
            return Ok(None);
        };
        match var.text.parse() {
            Ok(millis) if millis > 0 => Ok(Some(Duration::from_millis(millis))),
            _ => Err(var.wrong("is no number of milliseconds from 1 on")),
        }
    }
}

impl Var {
    /// The error that this variable is wrong; `why` must not repeat what may be secret.
    pub(crate) fn wrong(&self, why: impl fmt::Display) -> Error {
        invalid(format!("{} {why}", self.name))
    }

    /// The pairs of a list `key=value,key=value`, each value percent-decoded.
    pub(crate) fn pairs(&self) -> Result<Vec<(String, String)>, Error> {
        let pairs = self.text.split(',').map(str::trim).enumerate();
        let given = pairs.filter(|(_, pair)| !pair.is_empty());
        given.map(|(at, pair)| self.pair(at + 1, pair)).collect()
    }

    fn pair(&self, at: usize, pair: &str) -> Result<(String, String), Error> {
        let wrong = |why| self.wrong(format!("has a pair {at} {why}"));
        let (key, value) = pair
            .split_once('=')
            .filter(|(key, _)| !key.trim().is_empty())
            .ok_or_else(|| wrong("that is not of the form key=value"))?;
        let value = percent_decode_str(value.trim()).decode_utf8();
        let value = value.map_err(|_| wrong("whose value is no UTF-8 text once %XX is decoded"))?;
        Ok((key.trim().to_owned(), value.into_owned()))
    }
}
