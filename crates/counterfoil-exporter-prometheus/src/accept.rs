//! What a client prefers, by the headers that say so.

/// Parts of a header that are looked at; Prometheus sends half a dozen.
const PARTS: usize = 64;

/// An `Accept` or `Accept-Encoding` header: what is acceptable, and how much (RFC 9110, sections 12.4.2 and 12.5).
pub(crate) struct Accept<'a> {
    ranges: Vec<Range<'a>>,
}

struct Range<'a> {
    name: &'a str,
    version: Option<&'a str>,
    quality: u16,
}

/// How welcome something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Preference {
    /// From 0, which is not acceptable, to 1000.
    pub(crate) quality: u16,
    /// Whether it was named, rather than covered by `*`.
    pub(crate) named: bool,
}

impl<'a> Accept<'a> {
    /// Reads a header; parts that are no range are passed over.
    pub(crate) fn parse(header: &'a str) -> Self {
        let parts = header.split(',').take(PARTS);
        Self {
            ranges: parts.filter_map(Range::parse).collect(),
        }
    }

    /// How welcome a media type of this version is; `None` when the header does not speak of it.
    pub(crate) fn media(&self, kind: &str, subtype: &str, version: &str) -> Option<Preference> {
        let fits = |range: &&Range<'_>| range.version.is_none_or(|it| it == version);
        let named = |name: &str| {
            name.split_once('/').is_some_and(|(a, b)| {
                a.eq_ignore_ascii_case(kind) && b.eq_ignore_ascii_case(subtype)
            })
        };
        let of_kind = |name: &str| {
            name.split_once('/')
                .is_some_and(|(a, b)| a.eq_ignore_ascii_case(kind) && b == "*")
        };
        self.best(|range| named(range.name) && fits(&range))
            .map(|quality| Preference {
                quality,
                named: true,
            })
            .or_else(|| {
                let quality = self
                    .best(|range| of_kind(range.name))
                    .or_else(|| self.best(|range| range.name == "*/*"))?;
                Some(Preference {
                    quality,
                    named: false,
                })
            })
    }

    /// Whether a content coding is welcome.
    #[cfg(feature = "http")]
    pub(crate) fn takes_coding(&self, coding: &str) -> bool {
        self.best(|range| range.name.eq_ignore_ascii_case(coding))
            .or_else(|| self.best(|range| range.name == "*"))
            .is_some_and(|quality| quality > 0)
    }

    fn best(&self, fits: impl Fn(&Range<'_>) -> bool) -> Option<u16> {
        let fitting = self.ranges.iter().filter(|it| fits(it));
        fitting.map(|it| it.quality).max()
    }
}

impl<'a> Range<'a> {
    fn parse(part: &'a str) -> Option<Self> {
        let mut pieces = part.split(';').map(str::trim);
        let name = pieces.next().filter(|it| !it.is_empty())?;
        let (mut version, mut quality) = (None, 1000);
        for (key, value) in pieces.filter_map(|it| it.split_once('=')) {
            let value = value.trim().trim_matches('"');
            match key.trim() {
                it if it.eq_ignore_ascii_case("version") => version = Some(value),
                it if it.eq_ignore_ascii_case("q") => quality = parse_quality(value)?,
                _ => {}
            }
        }
        Some(Self {
            name,
            version,
            quality,
        })
    }
}

/// A weight with at most three decimals, in thousandths.
fn parse_quality(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |it: &str| it.bytes().all(|byte| byte.is_ascii_digit());
    if fraction.len() > 3 || !digits(fraction) || !matches!(whole, "0" | "1") {
        return None;
    }
    let thousandths: u16 = format!("{whole}{fraction:0<3}").parse().ok()?;
    (thousandths <= 1000).then_some(thousandths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Format::{self, Classic, OpenMetrics};
    use proptest::prelude::*;

    #[test]
    fn scrapers_get_the_format_that_they_prefer() {
        for (accept, expected) in [
            // Prometheus 2.5 to 2.48.
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                OpenMetrics,
            ),
            // Prometheus 3, as it comes.
            (
                "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
                OpenMetrics,
            ),
            // Prometheus 3 with scrape_protocols [PrometheusText0.0.4, OpenMetricsText1.0.0].
            (
                "text/plain;version=0.0.4;q=0.5,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.4,*/*;q=0.2",
                Classic,
            ),
            // With native histograms: protobuf first, which is not spoken here.
            (
                "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.6,application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
                OpenMetrics,
            ),
            ("text/html,application/xhtml+xml,*/*;q=0.8", Classic),
            ("application/openmetrics-text; version=0.0.1", Classic),
            ("application/openmetrics-text;q=0, */*", Classic),
            (
                "Application/OpenMetrics-Text ; Version=\"1.0.0\"",
                OpenMetrics,
            ),
            ("text/plain,application/openmetrics-text", OpenMetrics),
            ("application/*", Classic),
            ("application/openmetrics-text;q=7", Classic),
            ("", Classic),
            (",;=,/", Classic),
        ] {
            assert_eq!(Format::negotiate(Some(accept)), expected, "{accept}");
        }
    }

    #[cfg(feature = "http")]
    #[test]
    fn codings_are_taken_where_they_are_named_or_everything_is() {
        for (header, expected) in [
            ("gzip", true),
            ("deflate, GZIP;q=0.5", true),
            ("*", true),
            ("*, gzip;q=0", false),
            ("gzip;q=0.000", false),
            ("identity", false),
            ("", false),
        ] {
            assert_eq!(
                Accept::parse(header).takes_coding("gzip"),
                expected,
                "{header}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_header_is_too_strange(header in ".{0,200}", tidy in "[a-z*/;=,.q01 ]{0,200}") {
            for header in [header, tidy] {
                prop_assert!(Format::ALL.contains(&Format::negotiate(Some(&header))));
            }
        }
    }
}
