//! UTC with nanoseconds.

use std::fmt;
use std::str::FromStr;

use crate::Error;

/// A moment in UTC, in nanoseconds since 1970. Covers 1970 to 2554.
///
/// Written and read in one form only: RFC 3339 with a capital `T` and `Z` and exactly nine digits, such as
/// `2026-11-20T19:55:54.000000001Z` (audit specification §2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(u64);

const NANOS: u64 = 1_000_000_000;
const DAY: u64 = 86_400;

impl Timestamp {
    /// Length of the text form, in bytes.
    pub const TEXT_LEN: usize = 30;

    /// A moment by nanoseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn from_unix_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// A moment by whole seconds since 1970; saturates in the year 2554.
    #[must_use]
    pub const fn from_unix_seconds(seconds: u64) -> Self {
        Self(seconds.saturating_mul(NANOS))
    }

    /// Nanoseconds since 1970.
    #[must_use]
    pub const fn unix_nanos(self) -> u64 {
        self.0
    }

    /// How long after `earlier` this is; zero when it is not after it.
    #[must_use]
    pub const fn since(self, earlier: Self) -> std::time::Duration {
        std::time::Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The text form, on the stack.
    #[must_use]
    pub fn to_text(self) -> [u8; Self::TEXT_LEN] {
        let seconds = self.0 / NANOS;
        let (year, month, day) = civil_from_days(seconds / DAY);
        let of_day = seconds % DAY;
        let mut out = *b"0000-00-00T00:00:00.000000000Z";
        put(&mut out[0..4], year);
        put(&mut out[5..7], month);
        put(&mut out[8..10], day);
        put(&mut out[11..13], of_day / 3_600);
        put(&mut out[14..16], of_day / 60 % 60);
        put(&mut out[17..19], of_day % 60);
        put(&mut out[20..29], self.0 % NANOS);
        out
    }

    /// Parses the text form; `None` for every other spelling and for days that do not exist.
    #[must_use]
    pub fn from_text(text: &[u8]) -> Option<Self> {
        let text: &[u8; Self::TEXT_LEN] = text.try_into().ok()?;
        let punctuation = [
            (4, b'-'),
            (7, b'-'),
            (10, b'T'),
            (13, b':'),
            (16, b':'),
            (19, b'.'),
            (29, b'Z'),
        ];
        if punctuation.iter().any(|&(at, byte)| text[at] != byte) {
            return None;
        }
        let (year, month, day) = (get(&text[0..4])?, get(&text[5..7])?, get(&text[8..10])?);
        let (hour, minute, second) = (
            get(&text[11..13])?,
            get(&text[14..16])?,
            get(&text[17..19])?,
        );
        if year < 1970
            || hour > 23
            || minute > 59
            || second > 59
            || !(1..=12).contains(&month)
            || day == 0
        {
            return None;
        }
        let days = days_from_civil(year, month, day);
        if civil_from_days(days) != (year, month, day) {
            return None;
        }
        let seconds = days * DAY + hour * 3_600 + minute * 60 + second;
        seconds
            .checked_mul(NANOS)?
            .checked_add(get(&text[20..29])?)
            .map(Self)
    }
}

/// Right-aligned decimal digits, as many as `out` has room for.
fn put(out: &mut [u8], mut value: u64) {
    for digit in out.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

fn get(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0, |value, digit| {
        digit
            .is_ascii_digit()
            .then(|| value * 10 + u64::from(digit - b'0'))
    })
}

/// Days since 1970 to year, month, day, for dates from 1970 on (the well-known algorithm over 400-year eras that begin in
/// March).
const fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let of_era = shifted % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 {
        march_month + 3
    } else {
        march_month - 9
    };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

const fn days_from_civil(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year / 400;
    let year_of_era = year % 400;
    let march_month = if month > 2 { month - 3 } else { month + 9 };
    let of_year = (153 * march_month + 2) / 5 + day - 1;
    let of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + of_year;
    era * 146_097 + of_era - 719_468
}

impl FromStr for Timestamp {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        Self::from_text(text.as_bytes()).ok_or_else(|| {
            Error::invalid(
                "parse a time",
                format!("{text:?} is not of the form 2026-11-20T19:55:54.000000000Z"),
            )
        })
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Digits and punctuation only, so this never takes the empty way out.
        f.write_str(std::str::from_utf8(&self.to_text()).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments_have_their_known_text() {
        let cases = [
            (0, "1970-01-01T00:00:00.000000000Z"),
            (951_782_400_000_000_000, "2000-02-29T00:00:00.000000000Z"),
            (1_700_000_000_000_000_001, "2023-11-14T22:13:20.000000001Z"),
            (u64::MAX, "2554-07-21T23:34:33.709551615Z"),
        ];
        for (nanos, text) in cases {
            assert_eq!(Timestamp::from_unix_nanos(nanos).to_string(), text);
            assert_eq!(text.parse::<Timestamp>().unwrap().unix_nanos(), nanos);
        }
    }

    #[test]
    fn other_spellings_and_impossible_days_are_refused() {
        for text in [
            "2026-11-20T19:55:54Z",
            "2026-11-20t19:55:54.000000000Z",
            "2026-11-20T19:55:54.000000000+00:00",
            "2026-02-29T00:00:00.000000000Z",
            "2026-13-01T00:00:00.000000000Z",
            "2026-11-20T24:00:00.000000000Z",
            "2026-11-20T23:59:60.000000000Z",
            "2555-01-01T00:00:00.000000000Z",
            "1969-12-31T23:59:59.999999999Z",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text} was accepted");
        }
    }
}
