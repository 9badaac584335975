//! Whether a request was meant for this host.

use std::net::IpAddr;

use http::HeaderMap;
use http::header::HOST;
use http::uri::Authority;

/// Whether the one `Host` header names this host: `localhost`, a name below it, or an address that is loopback. A page in a browser
/// on this host can be given an address here for its own name (DNS rebinding), and would then be let read the answers; the
/// browser still sends that name.
pub(super) fn is_named(headers: &HeaderMap) -> bool {
    let mut all = headers.get_all(HOST).iter();
    let (Some(value), None) = (all.next(), all.next()) else {
        return false;
    };
    let Ok(authority) = Authority::try_from(value.as_bytes()) else {
        return false;
    };
    let host = authority.host().to_ascii_lowercase();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    // RFC 6761 §6.3: names below localhost lead to nothing but loopback addresses.
    host == "localhost"
        || host.ends_with(".localhost")
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(hosts: &[&str]) -> HeaderMap {
        let each = hosts.iter().map(|host| (HOST, host.parse().unwrap()));
        each.collect()
    }

    #[test]
    fn names_and_addresses_of_this_host_are_told_from_all_others() {
        for host in [
            "localhost",
            "LocalHost:9468",
            "collector.localhost:9468",
            "127.0.0.1",
            "127.8.8.8:1",
            "[::1]:9468",
            "[::ffff:127.0.0.1]:9468",
        ] {
            assert!(is_named(&headers(&[host])), "{host}");
        }
        for host in [
            "",
            "attacker.example:9468",
            "localhost.attacker.example",
            "notlocalhost",
            "127.0.0.1.attacker.example",
            "192.0.2.1:9468",
            "0.0.0.0:9468",
            "[2001:db8::1]:9468",
            "localhost:9468, attacker.example",
        ] {
            assert!(!is_named(&headers(&[host])), "{host}");
        }
        assert!(!is_named(&headers(&[])));
        assert!(!is_named(&headers(&["localhost", "attacker.example"])));
    }
}
