//! Which host a request was meant for.

use std::net::IpAddr;

use hyper::header::{HOST, HeaderMap};
use hyper::http::uri::Authority;

/// The host that a request names, without its port.
///
/// A page in a browser can have its own name lead to an address of the browser's machine or network (DNS rebinding), and would then
/// be let read what a server without a login answers there. The browser still sends that name, so such a server refuses names
/// that are not its own. An address cannot be led elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_enums, reason = "an authority has one or the other")]
pub enum Host {
    /// An IP address.
    Address(IpAddr),
    /// A name, in lower case.
    Name(String),
}

impl Host {
    /// That of the one `Host` header; `None` where there is none, several, or one that is not understood.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let mut all = headers.get_all(HOST).iter();
        let (Some(value), None) = (all.next(), all.next()) else {
            return None;
        };
        let authority = Authority::try_from(value.as_bytes()).ok()?;
        let host = authority.host();
        let address = host.trim_start_matches('[').trim_end_matches(']');
        Some(match address.parse() {
            Ok(address) => Self::Address(address),
            Err(_) => Self::Name(host.to_ascii_lowercase()),
        })
    }

    /// Whether it is `localhost`, a name below it, or an address of the loopback interface.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self {
            Self::Address(address) => address.to_canonical().is_loopback(),
            // RFC 6761 §6.3: names below localhost lead to nothing but loopback addresses.
            Self::Name(name) => name == "localhost" || name.ends_with(".localhost"),
        }
    }

    /// Whether it is an address, or leads to the loopback interface: nothing that a page in a browser can have led elsewhere.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        matches!(self, Self::Address(_)) || self.is_loopback()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(hosts: &[&str]) -> Option<Host> {
        let each = hosts.iter().map(|host| (HOST, host.parse().unwrap()));
        Host::of(&each.collect())
    }

    #[test]
    fn names_and_addresses_of_this_host_are_told_from_all_others() {
        for this in [
            "localhost",
            "LocalHost:9468",
            "collector.localhost:9468",
            "127.0.0.1",
            "127.8.8.8:1",
            "[::1]:9468",
            "[::ffff:127.0.0.1]:9468",
        ] {
            assert!(host(&[this]).unwrap().is_loopback(), "{this}");
        }
        for other in [
            "attacker.example:9468",
            "localhost.attacker.example",
            "notlocalhost",
            "127.0.0.1.attacker.example",
            "192.0.2.1:9468",
            "0.0.0.0:9468",
            "[2001:db8::1]:9468",
        ] {
            assert!(!host(&[other]).unwrap().is_loopback(), "{other}");
        }
    }

    #[test]
    fn addresses_are_fixed_and_names_beyond_this_host_are_not() {
        for fixed in ["192.0.2.1:9468", "[2001:db8::1]", "0.0.0.0", "localhost"] {
            assert!(host(&[fixed]).unwrap().is_fixed(), "{fixed}");
        }
        for name in ["attacker.example", "192.0.2.1.attacker.example", "vault"] {
            assert!(!host(&[name]).unwrap().is_fixed(), "{name}");
        }
    }

    #[test]
    fn no_header_two_headers_and_nonsense_name_no_host() {
        assert_eq!(host(&[]), None);
        assert_eq!(host(&["localhost", "attacker.example"]), None);
        assert_eq!(host(&[""]), None);
        assert_eq!(host(&["localhost:9468, attacker.example"]), None);
    }
}
