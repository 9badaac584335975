//! Addresses of collectors, and which of them a key may go to.

use std::net::IpAddr;

use ureq::http::Uri;

use crate::{Error, ErrorKind};

const CONFIGURE: &str = "configure the way to a collector";
const NO_ADDRESS: &str = "the address is no URL; it looks like https://collector.example:9468";

/// Refuses an address to which a key would go in clear: plain `http` to a host that is not this one. Everybody on the way could
/// read the key, and be the tenant from then on.
///
/// # Errors
/// [`ErrorKind::InvalidConfig`] when it is such an address, or none.
pub fn check_key_transport(url: &str) -> Result<(), Error> {
    let uri: Uri = url.parse().map_err(|_| invalid(NO_ADDRESS))?;
    if uri.scheme_str() == Some("https") || is_loopback(url) {
        return Ok(());
    }
    Err(invalid(
        "the key would go over plain http to another host, where others can read it; use an https address, or a tunnel that \
         begins on this host, or allow plaintext where the network encrypts by itself",
    ))
}

/// Whether the host of an address is this one by its name: `localhost`, or an address that is loopback.
#[must_use]
pub fn is_loopback(url: &str) -> bool {
    let uri: Option<Uri> = url.parse().ok();
    let Some(host) = uri.as_ref().and_then(Uri::host) else {
        return false;
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
}

/// Whether it is an https address; an error says why it is none to send to, and repeats nothing of it that may be secret.
pub(crate) fn check(url: &str) -> Result<bool, Error> {
    let uri: Uri = url.parse().map_err(|_| invalid(NO_ADDRESS))?;
    if uri.authority().is_some_and(|it| it.as_str().contains('@')) {
        return Err(invalid(
            "the address holds a user name or password; keys go into COUNTERFOIL_KEY or a file",
        ));
    }
    if uri.query().is_some() || url.contains('#') {
        return Err(invalid(
            "the address holds a query or a fragment; leave it away",
        ));
    }
    match uri.scheme_str() {
        _ if uri.host().is_none_or(str::is_empty) => Err(invalid(NO_ADDRESS)),
        Some("http") => Ok(false),
        Some("https") if cfg!(feature = "tls") => Ok(true),
        Some("https") => Err(invalid(
            "this program was built without the feature `tls` of counterfoil-exporter-collector, which https addresses need",
        )),
        _ => Err(invalid(NO_ADDRESS)),
    }
}

pub(crate) fn invalid(context: &str) -> Error {
    Error::new(ErrorKind::InvalidConfig, CONFIGURE, context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_goes_in_clear_to_this_host_only() {
        for url in [
            "https://collector.example:9468",
            "HTTPS://collector.example",
            "http://localhost:9468",
            "http://LOCALHOST",
            "http://127.0.0.1:9468",
            "http://127.8.9.1",
            "http://[::1]:9468",
            "http://[::ffff:127.0.0.1]:9468",
        ] {
            assert!(check_key_transport(url).is_ok(), "{url}");
        }
        for url in [
            "http://collector.example:9468",
            "http://192.0.2.1:9468",
            "http://[2001:db8::1]:9468",
            "http://0.0.0.0:9468",
            "http://localhost.example",
            "http://127.0.0.1.example",
            "http://127.0.0.1@collector.example",
            "ftp://localhost.example",
            "",
        ] {
            assert!(check_key_transport(url).is_err(), "{url}");
        }
    }
}
