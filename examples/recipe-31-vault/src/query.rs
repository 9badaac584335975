//! What is said about objects in the parameters of a URL: `type=note&ttl=3600&attribute=colour:blue`.

use std::time::Duration;

use counterfoil::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::errors::{Failure, MALFORMED};
use crate::store::{About, Wanted, stored};

/// Parameters, in their order.
pub(crate) type Parameters = Vec<(String, String)>;

/// The most attributes, and the longest of any text.
const MOST_ATTRIBUTES: usize = 16;
const LONGEST: usize = 128;
/// The longest time to live: ten years.
const LONGEST_TTL: u64 = 10 * 365 * 24 * 3600;
/// The most entries of an answer, and how many there are unless more are asked for.
const MOST_ENTRIES: u32 = 1000;
const ENTRIES: u32 = 100;

/// Reads `type`, `ttl` in seconds, and `attribute` as often as there are some.
pub(crate) fn about(parameters: Parameters) -> Result<About, Failure> {
    let mut about = About {
        kind: "object".to_owned(),
        ..About::default()
    };
    for (name, value) in parameters {
        match &*name {
            "type" => about.kind = kind(value)?,
            "ttl" => {
                let seconds = number(&value).filter(|it| (1..=LONGEST_TTL).contains(it));
                let wrong = "ttl is a number of seconds, ten years at most";
                about.ttl = Some(Duration::from_secs(
                    seconds.ok_or_else(|| malformed(wrong))?,
                ));
            }
            "attribute" => about.attributes.push(attribute(&value)?),
            _ => return Err(malformed("the parameters are type, ttl and attribute")),
        }
    }
    bounded(about.attributes).map(|attributes| About {
        attributes,
        ..about
    })
}

/// Writes what [`about`] reads.
pub(crate) fn write(about: &About) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let mut query = format!("type={}", encoded(&about.kind));
    if let Some(ttl) = about.ttl {
        // What is left of a second counts as one, so that nothing is replicated for no time.
        query.push_str(&format!("&ttl={}", ttl.as_secs() + 1));
    }
    for (name, value) in &about.attributes {
        query.push_str(&format!(
            "&attribute={}",
            encoded(&format!("{name}:{value}"))
        ));
    }
    query
}

/// Reads `type`, `attribute`, `since` and `until` in RFC 3339, and `limit`.
pub(crate) fn wanted(parameters: Parameters) -> Result<Wanted, Failure> {
    let mut wanted = Wanted {
        limit: ENTRIES,
        ..Wanted::default()
    };
    for (name, value) in parameters {
        match &*name {
            "type" => wanted.kind = Some(kind(value)?),
            "attribute" => wanted.attributes.push(attribute(&value)?),
            "since" => wanted.since = Some(time(&value)?),
            "until" => wanted.until = Some(time(&value)?),
            "limit" => {
                let limit = number(&value).and_then(|it| u32::try_from(it).ok());
                let limit = limit.filter(|it| (1..=MOST_ENTRIES).contains(it));
                wanted.limit = limit.ok_or_else(|| malformed("limit is from 1 to 1000"))?;
            }
            _ => {
                let next = "the parameters are type, attribute, since, until and limit";
                return Err(malformed(next));
            }
        }
    }
    bounded(wanted.attributes).map(|attributes| Wanted {
        attributes,
        ..wanted
    })
}

fn kind(value: String) -> Result<String, Failure> {
    let word = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    let fits = (1..=63).contains(&value.len()) && value.bytes().all(word);
    fits.then_some(value)
        .ok_or_else(|| malformed("a type has 1 to 63 of a-z, 0-9 and -"))
}

fn attribute(value: &str) -> Result<(String, String), Failure> {
    let fits =
        |text: &str| (1..=LONGEST).contains(&text.len()) && !text.chars().any(char::is_control);
    value
        .split_once(':')
        .filter(|(name, value)| fits(name) && fits(value))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .ok_or_else(|| malformed("an attribute is name:value, each of 1 to 128 bytes"))
}

fn bounded(attributes: Parameters) -> Result<Parameters, Failure> {
    match attributes.len() {
        0..=MOST_ATTRIBUTES => Ok(attributes),
        _ => Err(malformed("16 attributes at most")),
    }
}

fn number(value: &str) -> Option<u64> {
    value.parse().ok()
}

fn time(value: &str) -> Result<i64, Failure> {
    Timestamp::from_text(value.as_bytes())
        .map(stored)
        .ok_or_else(|| malformed("a time is written as 2026-11-26T08:00:00.000000000Z"))
}

fn malformed(why: &'static str) -> Failure {
    Failure::because(MALFORMED, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameters(pairs: &[(&str, &str)]) -> Parameters {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        pairs.iter().map(owned).collect()
    }

    #[test]
    fn what_is_written_for_the_peer_is_what_it_reads() {
        let pairs = [("type", "note"), ("ttl", "60"), ("attribute", "a&b: c=d/é")];
        let told = about(parameters(&pairs)).unwrap();
        assert_eq!(
            write(&told),
            "type=note&ttl=61&attribute=a%26b%3A%20c%3Dd%2F%C3%A9"
        );
    }

    #[test]
    fn what_is_out_of_bounds_is_refused() {
        for pair in [
            ("type", "A"),
            ("ttl", "0"),
            ("ttl", "forever"),
            ("attribute", "novalue"),
            ("color", "blue"),
        ] {
            assert!(about(parameters(&[pair])).is_err(), "{pair:?}");
        }
        for pair in [("limit", "0"), ("limit", "1001"), ("since", "yesterday")] {
            assert!(wanted(parameters(&[pair])).is_err(), "{pair:?}");
        }
        assert!(about(vec![("attribute".into(), "a:b".into()); 17]).is_err());
    }
}
