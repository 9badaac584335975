//! Where requests go, and how.

use std::fmt;
use std::time::Duration;

use counterfoil_core::Sensitive;
use counterfoil_exporter::{Error, ErrorKind};
use ureq::http::{HeaderName, HeaderValue, Uri};
use zeroize::Zeroizing;

pub(crate) const CONFIGURE: &str = "configure an OTLP exporter";

/// Where requests of one kind go, and how they are sent: one line of settings, so that traces may go to another place than
/// metrics. [`Config::from_env`](crate::Config::from_env) builds them from the standard variables.
///
/// ```
/// use counterfoil_exporter_otlp::Target;
/// let target = Target::http("http://collector.example:4318/v1/traces")?
///     .header("authorization", "Bearer s3cret")?
///     .gzip();
/// assert!(!format!("{target:?}").contains("s3cret"));
/// # Ok::<(), counterfoil_exporter::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Target {
    pub(crate) url: Url,
    pub(crate) protocol: Protocol,
    pub(crate) headers: Vec<Header>,
    pub(crate) timeout: Duration,
    pub(crate) gzip: bool,
    pub(crate) ca_certificate: Option<Pem>,
}

/// How requests are sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// `http/protobuf`: one `POST` per request.
    HttpProtobuf,
    /// `grpc`. Needs the feature `grpc`.
    Grpc,
}

/// The address of a receiver, without anything secret in it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Url(String);

/// Certificates as text, which nobody wants to see.
#[derive(Clone)]
pub(crate) struct Pem(pub(crate) Vec<u8>);

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// A header of each request. Its value is never printed.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    pub(crate) name: String,
    pub(crate) value: Sensitive<Zeroizing<String>>,
}

impl Target {
    /// Posts to exactly this URL, such as `http://localhost:4318/v1/traces`, without headers of its own, within ten seconds,
    /// not compressed, through the proxy that `HTTP_PROXY` and its like name, if any.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] when it is no URL that can be posted to, or holds a user name or a fragment.
    pub fn http(url: &str) -> Result<Self, Error> {
        Self::new(Protocol::HttpProtobuf, url)
    }

    /// Calls the collector at this URL, such as `http://localhost:4317`, by gRPC; otherwise as [`http`](Self::http). Without the
    /// feature `grpc` no exporter can be built with it.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] as for `http`.
    pub fn grpc(url: &str) -> Result<Self, Error> {
        Self::new(Protocol::Grpc, url)
    }

    pub(crate) fn new(protocol: Protocol, url: &str) -> Result<Self, Error> {
        Ok(Self {
            url: Url::parse(url).map_err(invalid)?,
            protocol,
            headers: Vec::new(),
            timeout: Duration::from_secs(10),
            gzip: false,
            ca_certificate: None,
        })
    }

    /// Sends this header with each request. The value is a secret: it is never printed.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidConfig`] when HTTP allows no such name or value, or the name is one that the protocol sets itself.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self, Error> {
        self.headers
            .push(Header::new(name, value).map_err(invalid)?);
        Ok(self)
    }

    /// Gives up on a request after this long, its answer included.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Compresses requests.
    #[must_use]
    pub const fn gzip(mut self) -> Self {
        self.gzip = true;
        self
    }

    /// Trusts a server whose certificate one of these has signed (PEM), and no other. Needs an `https` URL and the feature
    /// `tls`.
    #[must_use]
    pub fn ca_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.ca_certificate = Some(Pem(pem.into()));
        self
    }
}

impl Url {
    /// Checks a URL; an `Err` says why it is none to send to, and repeats nothing of it that may be secret.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let uri: Uri = text.parse().map_err(|_| {
            "the endpoint is no URL; it looks like http://collector.example:4318".to_owned()
        })?;
        if uri.authority().is_some_and(|it| it.as_str().contains('@')) {
            return Err(
                "the endpoint holds a user name or password; put it into a header".to_owned(),
            );
        }
        match uri.scheme_str() {
            _ if uri.host().is_none_or(str::is_empty) => {}
            Some("http") => return Ok(Self(text.to_owned())),
            Some("https") if cfg!(feature = "tls") => return Ok(Self(text.to_owned())),
            Some("https") => return Err(needs("tls")),
            _ => {}
        }
        Err("the endpoint begins with http:// or https:// and a host".to_owned())
    }

    /// All of it, for sending only: its query may hold a key.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }

    pub(crate) fn is_https(&self) -> bool {
        self.0
            .get(..8)
            .is_some_and(|start| start.eq_ignore_ascii_case("https://"))
    }
}

/// Without its query.
impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.split('?').next().unwrap_or_default();
        write!(f, "{}", shown.escape_debug())
    }
}

impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Header {
    /// Checks a header; an `Err` says what is wrong with it and does not repeat its value.
    pub(crate) fn new(name: &str, value: &str) -> Result<Self, String> {
        let known: HeaderName = name
            .parse()
            .map_err(|_| format!("{name:?} is no name of a header"))?;
        let ours = [
            "connection",
            "content-encoding",
            "content-length",
            "content-type",
            "host",
            "te",
            "transfer-encoding",
        ];
        if ours.contains(&known.as_str()) || known.as_str().starts_with("grpc-") {
            return Err(format!("the protocol sets the header {known} itself"));
        }
        HeaderValue::from_str(value).map_err(|_| {
            format!("the value of the header {known} has a character that HTTP does not allow")
        })?;
        Ok(Self {
            name: known.as_str().to_owned(),
            value: Sensitive::new(Zeroizing::new(value.to_owned())),
        })
    }

    /// The value for a request, marked so that nothing on its way prints it.
    pub(crate) fn to_value(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(self.value.expose()).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

pub(crate) fn needs(feature: &str) -> String {
    format!(
        "this program was built without the feature `{feature}` of counterfoil-exporter-otlp; build it with that, or choose \
         another endpoint or protocol"
    )
}

pub(crate) fn invalid(context: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidConfig, CONFIGURE, context)
}
