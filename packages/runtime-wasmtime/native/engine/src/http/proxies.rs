//! Proxies that a port takes the choice of a version from.

use std::net::IpAddr;

use crate::error::{EngineError, Result};

/// Addresses and networks of the proxies in front of a port.
#[derive(Debug, Default)]
pub(crate) struct Proxies(Vec<Network>);

/// All addresses that begin with the same bits.
#[derive(Debug, PartialEq, Eq)]
struct Network {
    first: IpAddr,
    bits: u32,
}

impl Proxies {
    /// # Errors
    /// `INVALID_ARGUMENT` for what is neither an address nor a network.
    pub(crate) fn new(names: &[String]) -> Result<Self> {
        let networks = names.iter().enumerate().map(|(index, name)| {
            let expected = "an IP address, or a network such as 10.0.0.0/8";
            network(name).ok_or_else(|| EngineError::argument(format!("trustedProxies[{index}]"), expected))
        });
        networks.collect::<Result<_>>().map(Self)
    }

    pub(crate) fn include(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| shared_bits(network.first, address).is_some_and(|bits| bits >= network.bits))
    }
}

fn network(name: &str) -> Option<Network> {
    let (first, bits) = name.split_once('/').map_or((name, None), |(first, bits)| (first, Some(bits)));
    let first: IpAddr = first.parse().ok()?;
    let most = if first.is_ipv4() { 32 } else { 128 };
    let bits: u32 = bits.map_or(Some(most), |bits| bits.parse().ok()).filter(|bits| *bits <= most)?;
    // Clients of the older family are known by their addresses in it, however a network of them was written.
    match first.to_canonical() {
        canonical @ IpAddr::V4(_) if first.is_ipv6() && bits >= 96 => {
            Some(Network { first: canonical, bits: bits - 96 })
        }
        _ => Some(Network { first, bits }),
    }
}

/// How many bits two addresses of one family have in common at their beginning.
fn shared_bits(one: IpAddr, other: IpAddr) -> Option<u32> {
    match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => Some((one.to_bits() ^ other.to_bits()).leading_zeros()),
        (IpAddr::V6(one), IpAddr::V6(other)) => Some((one.to_bits() ^ other.to_bits()).leading_zeros()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn include(names: &[&str], address: &str) -> bool {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        Proxies::new(&names).expect("the test's own").include(address.parse().expect("the test's own"))
    }

    #[test]
    fn addresses_and_networks_are_recognised() {
        for (name, address, expected) in [
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
            ("10.0.0.0/8", "10.255.1.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/9", "10.128.0.1", false),
            ("0.0.0.0/0", "1.2.3.4", true),
            ("0.0.0.0/0", "::2", false),
            ("10.0.0.1", "::ffff:10.0.0.1", true),
            ("::ffff:10.0.0.1", "10.0.0.1", true),
            ("::ffff:10.0.0.0/104", "10.1.2.3", true),
            ("::ffff:10.0.0.0/104", "11.0.0.1", false),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::1", "::1", true),
        ] {
            assert_eq!(include(&[name], address), expected, "{address} in {name}");
        }
        assert!(!include(&[], "127.0.0.1"));
        assert!(include(&["::1", "127.0.0.0/8"], "127.0.0.1"));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for name in ["", "localhost", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/", "::/129", "10.0.0.0/-1", "10.0.0.1/8/8"] {
            assert!(Proxies::new(&[name.to_owned()]).is_err(), "{name}");
        }
    }
}
