//! Times and ages on the command line.

use std::str::FromStr;
use std::time::Duration;

use counterfoil::Timestamp;

/// A point in time as a user writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    At(Timestamp),
    /// This long before now.
    Ago(Duration),
}

impl Moment {
    /// The point in time, seen from `now`.
    pub(crate) fn seen_from(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(time) => time,
            Self::Ago(age) => {
                let age = u64::try_from(age.as_nanos()).unwrap_or(u64::MAX);
                Timestamp::from_unix_nanos(now.unix_nanos().saturating_sub(age))
            }
        }
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(age) = text.strip_prefix('-') {
            return parse_age(age).map(Self::Ago);
        }
        let time: jiff::Timestamp = text.parse().map_err(|_| {
            "not an RFC 3339 time such as 2026-11-20T19:55:54Z, nor one relative to now such as -5m".to_owned()
        })?;
        let nanos = u64::try_from(time.as_nanosecond())
            .map_err(|_| "before 1970 or after 2554".to_owned())?;
        Ok(Self::At(Timestamp::from_unix_nanos(nanos)))
    }
}

/// A length of time such as `90s` or `1h30m`.
pub(crate) fn parse_age(text: &str) -> Result<Duration, String> {
    text.parse::<jiff::SignedDuration>()
        .ok()
        .and_then(|age| Duration::try_from(age).ok())
        .ok_or_else(|| "not a length of time such as 90s, 5m or 1h30m".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str) -> String {
        let now: Timestamp = "2026-11-20T20:00:00.000000000Z".parse().unwrap();
        text.parse::<Moment>().unwrap().seen_from(now).to_string()
    }

    #[test]
    fn absolute_times_come_with_or_without_a_fraction_and_in_any_offset() {
        assert_eq!(
            seen("2026-11-20T19:55:54Z"),
            "2026-11-20T19:55:54.000000000Z"
        );
        assert_eq!(
            seen("2026-11-20T19:55:54.25Z"),
            "2026-11-20T19:55:54.250000000Z"
        );
        assert_eq!(
            seen("2026-11-20T20:55:54.000000001+01:00"),
            "2026-11-20T19:55:54.000000001Z"
        );
    }

    #[test]
    fn relative_times_count_back_from_now() {
        assert_eq!(seen("-5m"), "2026-11-20T19:55:00.000000000Z");
        assert_eq!(seen("-1h30m"), "2026-11-20T18:30:00.000000000Z");
    }

    #[test]
    fn what_is_neither_is_refused() {
        for text in [
            "",
            "-",
            "yesterday",
            "5m",
            "--5m",
            "2026-11-20",
            "2026-11-20T19:55:54",
            "1950-01-01T00:00:00Z",
        ] {
            assert!(text.parse::<Moment>().is_err(), "{text} was accepted");
        }
        assert!(parse_age("-5m").is_err());
    }
}
