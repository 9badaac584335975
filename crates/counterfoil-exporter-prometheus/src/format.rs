//! The two text formats, and which of them a scraper is given.

use counterfoil_core::MetricKind;

use crate::accept::Accept;

/// A text format that Prometheus reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// The classic one, version 0.0.4: no exemplars.
    #[default]
    Classic,
    /// OpenMetrics 1.0: exemplars and units.
    OpenMetrics,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 2] = [Self::Classic, Self::OpenMetrics];

    /// The value of the `Content-Type` header that goes with the text.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Classic => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }

    /// The format that an `Accept` header asks for: the one with the higher `q`, OpenMetrics when both have the same and it
    /// is named, and the classic one when neither is acceptable or there is no header.
    ///
    /// Only `version=1.0.0` of `application/openmetrics-text` and `version=0.0.4` of `text/plain` are spoken, or either
    /// without a version. A header that cannot be read is as good as none.
    ///
    /// ```
    /// use counterfoil_exporter_prometheus::Format;
    ///
    /// let prometheus = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
    /// assert_eq!(Format::negotiate(Some(prometheus)), Format::OpenMetrics);
    /// assert_eq!(Format::negotiate(Some("*/*")), Format::Classic);
    /// assert_eq!(Format::negotiate(None), Format::Classic);
    /// ```
    #[must_use]
    pub fn negotiate(accept: Option<&str>) -> Self {
        let accept = Accept::parse(accept.unwrap_or_default());
        let open = accept.media("application", "openmetrics-text", "1.0.0");
        let classic = accept.media("text", "plain", "0.0.4");
        match open {
            Some(open) if open.named && open.quality > 0 => {
                if classic.is_none_or(|classic| open.quality >= classic.quality) {
                    Self::OpenMetrics
                } else {
                    Self::Classic
                }
            }
            _ => Self::Classic,
        }
    }

    /// The name of the family in its metadata, for samples of this name: OpenMetrics names a counter without `_total`.
    pub(crate) fn family_name(self, sample: &str, kind: MetricKind) -> &str {
        match (self, kind) {
            (Self::OpenMetrics, MetricKind::Counter) => {
                sample.strip_suffix("_total").unwrap_or(sample)
            }
            _ => sample,
        }
    }
}
