//! Whether a request was meant for this host.

use counterfoil_http::Host;
use http::HeaderMap;

/// Whether the one `Host` header names this host: `localhost`, a name below it, or an address that is loopback. Only there does a
/// collector without [auth] listen, and a page in a browser on this host cannot send such a name for one of its own.
pub(super) fn is_named(headers: &HeaderMap) -> bool {
    Host::of(headers).is_some_and(|host| host.is_loopback())
}
