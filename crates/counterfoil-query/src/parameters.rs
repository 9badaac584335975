//! A filter as the parameters of a request, which client and server share.

use std::str::FromStr;

use counterfoil_audit::{MAX_INTEGER, Outcome};
use counterfoil_core::{LeaseId, Timestamp};

use crate::{Error, ErrorKind, Filter};

/// Characters of a text that is looked for; the OpenAPI document of the collector says the same.
const LONGEST: usize = 255;
/// More kinds than there are is a mistake.
const MOST_KINDS: usize = 64;

impl Filter {
    /// The conditions as names and values, to be percent-encoded: `after` (the number before the first), `last`, `kind` (as often
    /// as there are kinds), `outcome`, `since`, `until`, `lease`, `node`, `tenant`, `trace`, `request`, `principal`.
    #[must_use]
    pub fn parameters(&self) -> Vec<(&'static str, String)> {
        let mut all = Vec::new();
        let mut put = |name, value: Option<String>| all.extend(value.map(|value| (name, value)));
        put(
            "after",
            self.first.map(|first| first.saturating_sub(1).to_string()),
        );
        put("last", self.last.map(|last| last.to_string()));
        for kind in &self.kinds {
            put("kind", Some(kind.to_string()));
        }
        put(
            "outcome",
            self.outcome.map(|outcome| outcome.as_str().to_owned()),
        );
        put("since", self.since.map(|since| since.to_string()));
        put("until", self.until.map(|until| until.to_string()));
        put("lease", self.lease.map(|lease| lease.to_string()));
        put("node", self.node.clone());
        put("tenant", self.tenant.clone());
        put("trace", self.trace.map(|trace| trace.to_string()));
        put("request", self.request.map(|request| request.to_string()));
        put("principal", self.principal.clone());
        all
    }

    /// Adds the condition of one parameter; `false` when it is none of a filter. Times are RFC 3339 of any offset and fraction;
    /// those before 1970 and after 2554 stand for these years, which no record lies beyond.
    ///
    /// # Errors
    /// [`Invalid`](ErrorKind::Invalid) when the value is not of its form, or a condition is there twice (of `kind` there may be
    /// 64).
    pub fn set(&mut self, name: &str, value: &str) -> Result<bool, Error> {
        match name {
            "after" => put(name, &mut self.first, number(name, value, 0)? + 1)?,
            "last" => put(name, &mut self.last, number(name, value, 1)?)?,
            "kind" if self.kinds.len() == MOST_KINDS => {
                return Err(invalid(name, "there are too many"));
            }
            "kind" => self
                .kinds
                .push(parsed(name, value, "it is none of the specification")?),
            "outcome" => put(name, &mut self.outcome, outcome(value)?)?,
            "since" => put(name, &mut self.since, time(name, value)?)?,
            "until" => put(name, &mut self.until, time(name, value)?)?,
            "lease" => put(name, &mut self.lease, lease(value)?)?,
            "node" => put(name, &mut self.node, text(name, value)?)?,
            "tenant" => put(name, &mut self.tenant, text(name, value)?)?,
            "trace" => put(
                name,
                &mut self.trace,
                parsed(
                    name,
                    value,
                    "use 32 lower-case hexadecimal digits, not all zero",
                )?,
            )?,
            "request" => put(
                name,
                &mut self.request,
                parsed(name, value, "use 1 to 64 of A-Z, a-z, 0-9, ., _ and -")?,
            )?,
            "principal" => put(name, &mut self.principal, text(name, value)?)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn put<T>(name: &str, slot: &mut Option<T>, value: T) -> Result<(), Error> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(invalid(name, "it is there twice")),
    }
}

fn number(name: &str, value: &str, least: u64) -> Result<u64, Error> {
    let plain = value.bytes().all(|byte| byte.is_ascii_digit());
    value
        .parse()
        .ok()
        .filter(|number| plain && (least..=MAX_INTEGER).contains(number))
        .ok_or_else(|| invalid(name, &format!("use a number from {least} to {MAX_INTEGER}")))
}

fn parsed<T: FromStr>(name: &str, value: &str, advice: &str) -> Result<T, Error> {
    value.parse().map_err(|_| invalid(name, advice))
}

fn lease(value: &str) -> Result<LeaseId, Error> {
    let advice = "use a decimal number below 2^64, without sign and leading zeros";
    let lease: LeaseId = parsed("lease", value, advice)?;
    if lease.to_string() == value {
        Ok(lease)
    } else {
        Err(invalid("lease", advice))
    }
}

fn outcome(value: &str) -> Result<Outcome, Error> {
    [Outcome::Success, Outcome::Failure, Outcome::Unknown]
        .into_iter()
        .find(|outcome| outcome.as_str() == value)
        .ok_or_else(|| invalid("outcome", "use success, failure or unknown"))
}

fn text(name: &str, value: &str) -> Result<String, Error> {
    if value.chars().count() > LONGEST {
        return Err(invalid(name, &format!("use at most {LONGEST} characters")));
    }
    Ok(value.to_owned())
}

fn time(name: &str, value: &str) -> Result<Timestamp, Error> {
    let time: jiff::Timestamp = parsed(
        name,
        value,
        "use an RFC 3339 time such as 2026-11-20T19:55:54Z",
    )?;
    let nanos = time.as_nanosecond().clamp(0, i128::from(u64::MAX));
    Ok(Timestamp::from_unix_nanos(
        u64::try_from(nanos).unwrap_or(u64::MAX),
    ))
}

fn invalid(name: &str, advice: &str) -> Error {
    Error::new(
        ErrorKind::Invalid,
        "take",
        format!("the parameter {name}: {advice}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parameters_of_a_filter_make_the_same_filter() {
        let mut filter = Filter::default();
        for (name, value) in [
            ("after", "6"),
            ("last", "9"),
            ("kind", "lease_expired"),
            ("kind", "vault.object_put"),
            ("outcome", "failure"),
            ("since", "2026-11-20T20:55:54.5+01:00"),
            ("until", "2026-11-20T19:55:55Z"),
            ("lease", "18446744073709551615"),
            ("node", "node a&b"),
            ("tenant", "acme"),
            ("trace", "0af7651916cd43dd8448eb211c80319c"),
            ("request", "r-1"),
            ("principal", &"\u{10ffff}".repeat(255)),
        ] {
            assert!(filter.set(name, value).unwrap(), "{name}");
        }
        assert_eq!(filter.first, Some(7));
        assert_eq!(
            filter.since.unwrap().to_string(),
            "2026-11-20T19:55:54.500000000Z"
        );
        let mut again = Filter::default();
        for (name, value) in filter.parameters() {
            again.set(name, &value).unwrap();
        }
        assert_eq!(filter, again);
    }

    #[test]
    fn what_is_not_of_its_form_or_there_twice_is_refused_by_name() {
        for (name, value) in [
            ("after", "-1"),
            ("after", "+1"),
            ("last", "0"),
            ("last", "9007199254740992"),
            ("kind", "nothing"),
            ("outcome", "maybe"),
            ("since", "yesterday"),
            ("lease", "0x1"),
            ("lease", "+1"),
            ("lease", "01"),
            ("node", &"n".repeat(256)),
            ("trace", "00000000000000000000000000000000"),
            ("request", "a b"),
        ] {
            let error = Filter::default().set(name, value).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid);
            assert!(error.to_string().contains(name), "{error}");
        }
        let mut filter = Filter::default();
        filter.set("lease", "1").unwrap();
        assert!(filter.set("lease", "1").is_err());
        assert!(!filter.set("colour", "red").unwrap());
        filter.set("since", "0001-01-01T00:00:00Z").unwrap();
        filter.set("until", "9999-12-30T00:00:00Z").unwrap();
        assert_eq!(filter.since.map(Timestamp::unix_nanos), Some(0));
        assert_eq!(filter.until.map(Timestamp::unix_nanos), Some(u64::MAX));
    }
}
