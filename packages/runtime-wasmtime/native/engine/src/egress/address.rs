//! Which addresses a guest may reach: what is public, what is private, and what stays closed whatever the policy says.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How far an address reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Routed on the internet.
    Public,
    /// This machine, this network, or one reserved for documents and measurements: open only by policy.
    Private,
    /// Nobody's business partner: unspecified, link-local, multicast, reserved, tunnels, and the metadata services of clouds.
    Closed,
}

/// Services of a cloud for its machines, which know their secrets, where they are not link-local: Azure, Alibaba, Oracle.
const METADATA_V4: [Ipv4Addr; 3] =
    [Ipv4Addr::new(168, 63, 129, 16), Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(192, 0, 0, 192)];
/// First bits and their count: all local services of AWS (metadata at `::254`, credentials of pods at `::23`), Google, Oracle, Scaleway.
const METADATA_V6: [(Ipv6Addr, u32); 4] = [
    (Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0), 32),
    (Ipv6Addr::new(0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254), 128),
    (Ipv6Addr::new(0xfd00, 0x00c1, 0, 0, 0, 0, 0xa9fe, 0xa9fe), 128),
    (Ipv6Addr::new(0xfd00, 0x0042, 0, 0, 0, 0, 0, 0x0042), 128),
];
/// NAT64 is how hosts without IPv4 reach it; what counts is where it ends.
const NAT64: (Ipv6Addr, u32) = (Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96);

/// First bytes, their count in bits, and the scope; the first match counts (IANA special-purpose registry).
const V4: [([u8; 4], u32, Scope); 16] = [
    ([0, 0, 0, 0], 8, Scope::Closed),
    ([10, 0, 0, 0], 8, Scope::Private),
    ([100, 64, 0, 0], 10, Scope::Private),
    ([127, 0, 0, 0], 8, Scope::Private),
    ([169, 254, 0, 0], 16, Scope::Closed),
    ([172, 16, 0, 0], 12, Scope::Private),
    ([192, 0, 0, 0], 24, Scope::Closed),
    ([192, 0, 2, 0], 24, Scope::Private),
    ([192, 31, 196, 0], 24, Scope::Closed),
    ([192, 52, 193, 0], 24, Scope::Closed),
    ([192, 88, 99, 0], 24, Scope::Closed),
    ([192, 168, 0, 0], 16, Scope::Private),
    ([198, 18, 0, 0], 15, Scope::Private),
    ([198, 51, 100, 0], 24, Scope::Private),
    ([203, 0, 113, 0], 24, Scope::Private),
    ([224, 0, 0, 0], 3, Scope::Closed),
];

/// The scope of an address, after looking into the forms of IPv6 that carry one of IPv4.
pub(crate) fn scope(address: IpAddr) -> Scope {
    match address.to_canonical() {
        IpAddr::V4(address) => scope_v4(address),
        IpAddr::V6(address) => scope_v6(address),
    }
}

fn scope_v4(address: Ipv4Addr) -> Scope {
    if METADATA_V4.contains(&address) {
        return Scope::Closed;
    }
    let bits = address.to_bits();
    V4.iter()
        .find(|(network, length, _)| (bits ^ u32::from_be_bytes(*network)) >> (32 - length) == 0)
        .map_or(Scope::Public, |(_, _, scope)| *scope)
}

/// The address of IPv4 that one of NAT64 leads to.
pub(crate) fn behind_nat64(address: Ipv6Addr) -> Option<Ipv4Addr> {
    within(address, NAT64).then(|| Ipv4Addr::from_bits(address.to_bits() as u32))
}

/// Whether a network of so many bits has addresses of NAT64 among others.
pub(crate) fn surrounds_nat64(first: Ipv6Addr, bits: u32) -> bool {
    bits < NAT64.1 && within(NAT64.0, (first, bits))
}

fn within(address: Ipv6Addr, (network, bits): (Ipv6Addr, u32)) -> bool {
    (address.to_bits() ^ network.to_bits()).checked_shr(128 - bits).unwrap_or(0) == 0
}

fn scope_v6(address: Ipv6Addr) -> Scope {
    if METADATA_V6.iter().any(|network| within(address, *network)) {
        return Scope::Closed;
    }
    if let Some(behind) = behind_nat64(address) {
        return scope_v4(behind);
    }
    let within = |network: Ipv6Addr, bits: u32| within(address, (network, bits));
    if address == Ipv6Addr::LOCALHOST || within(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7) {
        return Scope::Private;
    }
    // Documentation, as its IPv4 sisters.
    if within(Ipv6Addr::new(0x2001, 0x0db8, 0, 0, 0, 0, 0, 0), 32)
        || within(Ipv6Addr::new(0x3fff, 0, 0, 0, 0, 0, 0, 0), 20)
    {
        return Scope::Private;
    }
    // Only 2000::/3 is handed out. Of that, 2001::/23 is protocols (Teredo, ORCHID) and 2002::/16 tunnels to any IPv4 address.
    let unicast = within(Ipv6Addr::new(0x2000, 0, 0, 0, 0, 0, 0, 0), 3);
    let special = within(Ipv6Addr::new(0x2001, 0, 0, 0, 0, 0, 0, 0), 23)
        || within(Ipv6Addr::new(0x2002, 0, 0, 0, 0, 0, 0, 0), 16);
    if unicast && !special { Scope::Public } else { Scope::Closed }
}

/// Whether a connection may go there.
pub(crate) fn permitted(address: IpAddr, allow_private: bool) -> bool {
    match scope(address) {
        Scope::Public => true,
        Scope::Private => allow_private,
        Scope::Closed => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope_of(text: &str) -> Scope {
        scope(text.parse().expect("the test's own address"))
    }

    #[test]
    fn public_addresses_are_public() {
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "99.255.255.255",
            "100.63.255.255",
            "100.128.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "2606:4700:4700::1111",
            "2a00:1450::1",
            "64:ff9b::808:808",
            "::ffff:8.8.8.8",
        ] {
            assert_eq!(scope_of(address), Scope::Public, "{address}");
        }
    }

    #[test]
    fn private_addresses_need_the_policy() {
        for address in [
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.255.255.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "198.18.0.1",
            "203.0.113.9",
            "::1",
            "fc00::1",
            "fdff::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b::a00:1",
            "2001:db8::1",
        ] {
            assert_eq!(scope_of(address), Scope::Private, "{address}");
            let address: IpAddr = address.parse().expect("parsed above");
            assert!(!permitted(address, false) && permitted(address, true), "{address}");
        }
    }

    #[test]
    fn closed_addresses_stay_closed_even_where_private_ones_are_allowed() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "169.254.169.254",
            "169.254.0.1",
            "168.63.129.16",
            "100.100.100.200",
            "192.0.0.192",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::7f00:1",
            "::ffff:169.254.169.254",
            "::ffff:0.0.0.0",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd20:ce::254",
            "fd00:c1::a9fe:a9fe",
            "fd00:42::42",
            "5f00::1",
            "100::1",
        ] {
            assert_eq!(scope_of(address), Scope::Closed, "{address}");
            assert!(!permitted(address.parse().expect("parsed above"), true), "{address}");
        }
    }
}
