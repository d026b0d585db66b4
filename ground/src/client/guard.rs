//! Where a webhook may be sent. A storefront names the address, so the server must not be made to call itself or its neighbours.
//!
//! Live: https, to addresses of the public internet only. Sandbox: http and this machine as well, and no other private address.
//! An address in the URL is checked when the endpoint is made and before each attempt. A name is resolved once per attempt, by
//! [`Guarded`], and connected to at just those of its addresses that passed: an answer that changes between a check and the
//! connection (DNS rebinding) finds no such moment.
//!
//! Source: the IANA registries of special-purpose addresses for IPv4 and IPv6.

use std::fmt::Debug;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

const LONGEST_URL: usize = 2_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    Live,
    Sandbox,
}

/// Finds the addresses of a name. A test puts another one in its place.
pub trait Lookup: Debug + Send + Sync {
    fn lookup(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// The machine's own.
#[derive(Clone, Copy, Debug)]
pub struct SystemLookup;

impl Lookup for SystemLookup {
    fn lookup(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// A URL that may be sent to; or what is wrong with it, in words that follow its name.
pub fn check_url(policy: Policy, text: &str) -> Result<Url, &'static str> {
    const MALFORMED: &str = "is not an absolute URL such as https://shop.example/webhooks";
    let url = Url::parse(text.trim()).map_err(|_cause| MALFORMED)?;
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or(MALFORMED)?;
    if url.as_str().len() > LONGEST_URL {
        return Err("has more than 2000 characters");
    }
    match (url.scheme(), policy) {
        ("https", _) | ("http", Policy::Sandbox) => {}
        (_, Policy::Live) => return Err("must begin with https://"),
        (_, Policy::Sandbox) => return Err("must begin with https:// or, in the sandbox, http://"),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not have a user name or a password in it; deliveries are signed");
    }
    if url.fragment().is_some() {
        return Err("must not have a fragment (#…), which is never sent");
    }
    match literal(host) {
        Some(address) if !policy.allows(address) => Err("names an address that is not on the public internet"),
        _name_or_public => Ok(url),
    }
}

/// The parser has written every form of an IPv4 address (octal, hexadecimal, one number) as four decimal ones.
fn literal(host: &str) -> Option<IpAddr> {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host).parse().ok()
}

impl Policy {
    #[must_use]
    pub fn allows(self, address: IpAddr) -> bool {
        match address {
            IpAddr::V4(address) => self.allows_v4(address),
            IpAddr::V6(address) => self.allows_v6(address),
        }
    }

    fn allows_v4(self, address: Ipv4Addr) -> bool {
        is_public_v4(address) || (self == Self::Sandbox && address.is_loopback())
    }

    fn allows_v6(self, address: Ipv6Addr) -> bool {
        if let Some(mapped) = address.to_ipv4_mapped() {
            return self.allows_v4(mapped);
        }
        is_public_v6(address) || (self == Self::Sandbox && address.is_loopback())
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _d] = address.octets();
    !matches!(
        (a, b, c),
        // This network, private, shared (carrier-grade NAT), loopback, link-local, private,
        (0 | 10 | 127, _, _) | (100, 64..=127, _) | (169, 254, _) | (172, 16..=31, _)
        // IETF protocols, documentation, 6to4 relays, private, benchmarks, documentation,
        | (192, 0, 0 | 2) | (192, 88, 99) | (192, 168, _) | (198, 18..=19, _) | (198, 51, 100) | (203, 0, 113)
        // multicast, reserved, broadcast.
        | (224..=255, _, _)
    )
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        // NAT64: as public as the IPv4 address behind it.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        // 6to4, likewise.
        [0x2002, high, low, ..] => embedded(high, low),
        // IETF protocols, Teredo, ORCHID and benchmarks; documentation twice.
        [0x2001, 0..=0x1ff, ..] | [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => false,
        // Global unicast; nothing else is on the public internet.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

/// Why a name was not connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotConnected {
    #[error("the name of the URL's host is not known")]
    Unknown,
    #[error("the name of the URL's host leads to no address on the public internet")]
    NotPublic,
}

/// What the HTTP client finds addresses with.
#[derive(Clone, Debug)]
pub struct Guarded {
    pub policy: Policy,
    pub lookup: Arc<dyn Lookup>,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let (policy, finding) = (self.policy, self.lookup.lookup(name.as_str().to_owned()));
        Box::pin(async move {
            let found = finding.await.map_err(|cause| {
                tracing::debug!(%cause, "a name of an endpoint's host could not be resolved");
                NotConnected::Unknown
            })?;
            let known = !found.is_empty();
            let allowed: Vec<SocketAddr> =
                found.into_iter().filter(|ip| policy.allows(*ip)).map(|ip| SocketAddr::new(ip, 0)).collect();
            match (known, allowed.is_empty()) {
                (false, _) => Err(NotConnected::Unknown.into()),
                (true, true) => Err(NotConnected::NotPublic.into()),
                (true, false) => {
                    let addresses: Addrs = Box::new(allowed.into_iter());
                    Ok(addresses)
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEVER: [&str; 44] = [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "100.64.0.1",
        "100.127.255.255",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.1",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.9",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "fe80::1",
        "fec0::1",
        "fc00::1",
        "fd12:3456::1",
        "ff02::1",
        "2001:db8::1",
        "3fff::1",
        "2001::1",
        "2001:10::1",
        "2001:2::1",
        "100::1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::10.0.0.1",
        "::8.8.8.8",
        "64:ff9b::10.0.0.1",
        "64:ff9b::127.0.0.1",
        "64:ff9b:1::808:808",
        "2002:7f00:1::",
        "2002:a00:1::",
        "2002:c0a8:101::",
        "5f00::1",
        "4000::1",
    ];
    const LOOPBACK: [&str; 5] = ["127.0.0.1", "127.255.255.254", "::1", "::ffff:127.0.0.1", "::ffff:127.9.9.9"];
    const ALWAYS: [&str; 11] = [
        "1.1.1.1",
        "8.8.8.8",
        "100.63.255.255",
        "100.128.0.1",
        "172.15.0.1",
        "172.32.0.1",
        "223.255.255.255",
        "2606:4700::1111",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "2002:808:808::1",
    ];

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn only_public_addresses_are_allowed_and_in_the_sandbox_this_machine() {
        for text in NEVER {
            for policy in [Policy::Live, Policy::Sandbox] {
                assert!(!policy.allows(ip(text)), "{policy:?} {text}");
            }
        }
        for text in LOOPBACK {
            assert!(!Policy::Live.allows(ip(text)) && Policy::Sandbox.allows(ip(text)), "{text}");
        }
        for text in ALWAYS {
            assert!(Policy::Live.allows(ip(text)) && Policy::Sandbox.allows(ip(text)), "{text}");
        }
    }

    #[test]
    fn a_url_is_https_without_credentials_and_hides_no_address() {
        for text in [
            "https://shop.example/hooks?x=1",
            "https://shop.example:8443",
            "https://1.1.1.1/",
            "https://[2606:4700::1111]/",
        ] {
            assert!(check_url(Policy::Live, text).is_ok(), "{text}");
        }
        for text in [
            "http://shop.example/",
            "https://user@shop.example/",
            "https://user:pass@shop.example/",
            "https://shop.example/#x",
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://127.1/",
            "https://127.0.0.1./",
            "https://[::1]/",
            "https://[::ffff:7f00:1]/",
            "https://10.1.2.3/",
            "https://169.254.169.254/",
            "https://１２７.0.0.1/",
            "ftp://shop.example/",
            "file:///etc/passwd",
            "shop.example",
            "",
            "https://",
            "javascript:alert(1)",
        ] {
            assert!(check_url(Policy::Live, text).is_err(), "{text}");
        }
        for text in
            ["http://localhost:3000/", "http://127.0.0.1:3000/hooks", "http://[::1]:3000/", "http://shop.example/"]
        {
            assert!(check_url(Policy::Sandbox, text).is_ok(), "{text}");
        }
        for text in
            ["http://10.0.0.1/", "http://0.0.0.0:80/", "http://192.168.0.1/", "http://a@localhost/", "ws://localhost/"]
        {
            assert!(check_url(Policy::Sandbox, text).is_err(), "{text}");
        }
        assert!(check_url(Policy::Live, &format!("https://shop.example/{}", "x".repeat(2_000))).is_err());
    }
}
