//! Sockets of guests by policy: which addresses and ports may be connected to. Listening is never allowed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::sockets::SocketAddrUse;

use crate::egress::address::{Scope, behind_nat64, scope, surrounds_nat64};
use crate::error::{EngineError, Result, bounded};
use crate::policy::SocketPolicy;

/// Parsed rules of one policy.
#[derive(Debug, Default)]
pub(crate) struct SocketRules {
    tcp: Arc<[SocketRule]>,
    udp: Arc<[SocketRule]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SocketRule {
    network: IpAddr,
    prefix: u32,
    /// `None`: any.
    port: Option<u16>,
    /// What all its addresses are, apart from single ones of another kind among them: those that are not public were meant then.
    meant: Option<Scope>,
}

impl SocketRules {
    /// Reads `address[/prefix]:port` rules.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` at the rule that is none.
    pub(crate) fn parse(policy: &SocketPolicy) -> Result<Self> {
        let rules = |kind: &str, texts: &[String]| {
            let rule = |(index, text): (usize, &String)| {
                rule(text).ok_or_else(|| {
                    EngineError::argument(
                        format!("policy.network.sockets.{kind}[{index}]"),
                        "`address:port` or `address/prefix:port`, an IPv6 address in brackets, `*` for any port",
                    )
                    .with("pattern", bounded(text, 200))
                })
            };
            texts.iter().enumerate().map(rule).collect::<Result<Arc<[_]>>>()
        };
        Ok(Self { tcp: rules("tcp", &policy.tcp)?, udp: rules("udp", &policy.udp)? })
    }

    /// Puts the rules into a context. Without rules it denies everything by itself. Names are looked up elsewhere: see `names.rs`.
    pub(crate) fn apply(&self, builder: &mut WasiCtxBuilder) {
        builder.allow_tcp(!self.tcp.is_empty());
        builder.allow_udp(!self.udp.is_empty());
        builder.allow_ip_name_lookup(false);
        if self.tcp.is_empty() && self.udp.is_empty() {
            return;
        }
        let (tcp, udp) = (self.tcp.clone(), self.udp.clone());
        builder.socket_addr_check(move |address, purpose| {
            let allowed = allowed(&tcp, &udp, address, purpose);
            Box::pin(std::future::ready(allowed))
        });
    }
}

fn allowed(tcp: &[SocketRule], udp: &[SocketRule], address: SocketAddr, purpose: SocketAddrUse) -> bool {
    match purpose {
        SocketAddrUse::TcpConnect => any(tcp, address),
        SocketAddrUse::UdpSend | SocketAddrUse::UdpReceive => any(udp, address),
        // What the system does for a socket that is about to connect.
        SocketAddrUse::TcpBind | SocketAddrUse::UdpBind => address.ip().is_unspecified() && address.port() == 0,
        SocketAddrUse::TcpListen | SocketAddrUse::TcpAccept => false,
    }
}

fn any(rules: &[SocketRule], address: SocketAddr) -> bool {
    let ip = address.ip().to_canonical();
    rules.iter().any(|rule| {
        rule.port.is_none_or(|port| port == address.port())
            && contains(rule.network, rule.prefix, ip)
            && (scope(ip) == Scope::Public || rule.meant == Some(scope(ip)))
    })
}

fn contains(network: IpAddr, prefix: u32, address: IpAddr) -> bool {
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let differs = network.to_bits() ^ address.to_bits();
            differs.checked_shr(32 - prefix).unwrap_or(0) == 0
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let differs = network.to_bits() ^ address.to_bits();
            differs.checked_shr(128 - prefix).unwrap_or(0) == 0
        }
        _ => false,
    }
}

fn rule(text: &str) -> Option<SocketRule> {
    let (network, port) = text.rsplit_once(':')?;
    let port = match port {
        "*" => None,
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some(digits.parse::<u16>().ok().filter(|port| *port != 0)?)
        }
        _ => return None,
    };
    let bracketed = network.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let (address, prefix) = match bracketed.unwrap_or(network).split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (bracketed.unwrap_or(network), None),
    };
    let address: IpAddr = if bracketed.is_some() {
        address.parse::<Ipv6Addr>().ok()?.into()
    } else {
        address.parse::<Ipv4Addr>().ok()?.into()
    };
    let bits = if address.is_ipv4() { 32 } else { 128 };
    let prefix = match prefix {
        None => bits,
        Some(digits) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            digits.parse().ok().filter(|prefix| *prefix <= bits)?
        }
        Some(_) => return None,
    };
    let (first, last) = ends(address, prefix);
    // `10.0.0.1/8` says two things at once.
    if first != address || (address.is_ipv6() && address.to_canonical().is_ipv4()) {
        return None;
    }
    Some(SocketRule { network: address, prefix, port, meant: meant(first, last, prefix) })
}

fn meant(first: IpAddr, last: IpAddr, prefix: u32) -> Option<Scope> {
    if let (IpAddr::V6(first), IpAddr::V6(last)) = (first, last) {
        if surrounds_nat64(first, prefix) {
            return None;
        }
        if let (Some(first), Some(last)) = (behind_nat64(first), behind_nat64(last)) {
            return meant(first.into(), last.into(), prefix - 96);
        }
    }
    (prefix >= 7 && scope(first) == scope(last)).then(|| scope(first))
}

fn ends(address: IpAddr, prefix: u32) -> (IpAddr, IpAddr) {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shr(prefix).unwrap_or(0);
            let bits = address.to_bits();
            (Ipv4Addr::from_bits(bits & !mask).into(), Ipv4Addr::from_bits(bits | mask).into())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shr(prefix).unwrap_or(0);
            let bits = address.to_bits();
            (Ipv6Addr::from_bits(bits & !mask).into(), Ipv6Addr::from_bits(bits | mask).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connects(rules: &[&str], address: &str) -> bool {
        let tcp = rules.iter().map(|text| (*text).to_owned()).collect();
        let policy = SocketPolicy { tcp, ..SocketPolicy::default() };
        let rules = SocketRules::parse(&policy).expect("the test's own rules");
        allowed(&rules.tcp, &rules.udp, address.parse().expect("an address"), SocketAddrUse::TcpConnect)
    }

    #[test]
    fn only_listed_addresses_and_ports_are_reached() {
        assert!(connects(&["192.0.2.10:5432"], "192.0.2.10:5432"));
        assert!(!connects(&["192.0.2.10:5432"], "192.0.2.10:5433"));
        assert!(!connects(&["192.0.2.10:5432"], "192.0.2.11:5432"));
        assert!(connects(&["8.8.8.0/24:*"], "8.8.8.8:53"));
        assert!(!connects(&["8.8.8.0/24:*"], "8.8.9.8:53"));
        assert!(connects(&["[2606:4700::/32]:443"], "[2606:4700::1111]:443"));
        assert!(connects(&["1.1.1.1:443"], "[::ffff:1.1.1.1]:443"));
        assert!(!connects(&[], "1.1.1.1:443"));
    }

    #[test]
    fn wide_ranges_do_not_open_private_addresses() {
        for address in
            ["127.0.0.1:80", "10.0.0.1:80", "169.254.169.254:80", "192.168.0.1:80", "[::1]:80", "[fe80::1]:80"]
        {
            assert!(!connects(&["0.0.0.0/0:*", "[::/0]:*"], address), "{address}");
        }
        assert!(connects(&["0.0.0.0/0:*"], "8.8.8.8:80"));
        assert!(!connects(&["8.0.0.0/5:*"], "10.0.0.1:80"));
        assert!(!connects(&["100.0.0.0/8:*"], "100.64.0.1:80"));
        assert!(connects(&["10.0.0.0/8:*"], "10.1.2.3:80"));
        assert!(connects(&["127.0.0.1:8080"], "127.0.0.1:8080"));
        assert!(connects(&["[::1]:8080"], "[::1]:8080"));
    }

    #[test]
    fn private_ranges_do_not_open_the_metadata_services_among_them() {
        assert!(connects(&["100.64.0.0/10:*"], "100.100.100.201:80"));
        assert!(!connects(&["100.64.0.0/10:*"], "100.100.100.200:80"));
        assert!(connects(&["100.100.100.200:80"], "100.100.100.200:80"));
        assert!(connects(&["[fd00::/8]:*"], "[fd00::1]:80"));
        for address in ["[fd00:ec2::254]:80", "[fd00:ec2::23]:80", "[fd20:ce::254]:80"] {
            assert!(!connects(&["[fd00::/8]:*"], address), "{address}");
        }
    }

    #[test]
    fn a_way_to_ipv4_opens_what_is_public_behind_it() {
        for rule in ["[64:ff9b::/96]:*", "[64::/16]:*", "[::/8]:*"] {
            assert!(connects(&[rule], "[64:ff9b::808:808]:80"), "{rule}");
            for address in ["[64:ff9b::7f00:1]:80", "[64:ff9b::a00:1]:80", "[64:ff9b::a9fe:a9fe]:80"] {
                assert!(!connects(&[rule], address), "{rule} {address}");
            }
        }
        assert!(connects(&["[64:ff9b::a00:0/104]:*"], "[64:ff9b::a00:1]:80"));
        assert!(connects(&["[64:ff9b::a00:1]:80"], "[64:ff9b::a00:1]:80"));
    }

    #[test]
    fn nothing_listens_and_only_nameless_sockets_bind() {
        let tcp = vec!["127.0.0.1:*".to_owned()];
        let rules = SocketRules::parse(&SocketPolicy { tcp, ..SocketPolicy::default() }).expect("rules");
        let check =
            |address: &str, purpose| allowed(&rules.tcp, &rules.udp, address.parse().expect("an address"), purpose);
        assert!(check("0.0.0.0:0", SocketAddrUse::TcpBind));
        assert!(!check("127.0.0.1:8080", SocketAddrUse::TcpBind));
        assert!(!check("127.0.0.1:8080", SocketAddrUse::TcpListen));
        assert!(!check("127.0.0.1:8080", SocketAddrUse::TcpAccept));
        assert!(!check("127.0.0.1:53", SocketAddrUse::UdpSend));
    }

    #[test]
    fn rules_that_say_nothing_clear_are_refused() {
        for text in [
            "example.org:80",
            "10.0.0.1",
            "10.0.0.1/8:80",
            "10.0.0.0/33:80",
            "10.0.0.0/:80",
            "::1:80",
            "[::1]",
            "1.2.3.4:0",
            "1.2.3.4:+1",
            "1.2.3.4:",
            "[::ffff:1.2.3.4]:80",
            "[1.2.3.4]:80",
            "",
        ] {
            let policy = SocketPolicy { udp: vec![text.to_owned()], ..SocketPolicy::default() };
            let error = SocketRules::parse(&policy).expect_err(text);
            assert_eq!(error.detail("path"), Some(&"policy.network.sockets.udp[0]".into()), "{text}");
        }
    }
}
