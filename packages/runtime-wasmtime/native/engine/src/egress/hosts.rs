//! The allow-list of outgoing HTTP: what a pattern may look like, and what a request must match.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::error::{EngineError, Result};

/// Where a request goes, in the one spelling that is compared and connected to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Target {
    /// `https` rather than `http`.
    pub(crate) tls: bool,
    pub(crate) host: Host,
    pub(crate) port: u16,
}

/// A host in canonical form.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Host {
    /// Lower case, without the dot of the root.
    Name(String),
    Address(IpAddr),
}

impl std::fmt::Display for Host {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Name(name) => formatter.write_str(name),
            Self::Address(IpAddr::V6(address)) => write!(formatter, "[{address}]"),
            Self::Address(IpAddr::V4(address)) => write!(formatter, "{address}"),
        }
    }
}

impl Host {
    /// Reads a host as it stands in a URI. Spellings of addresses that resolvers understand and people do not (`0177.0.0.1`,
    /// `2130706433`, `0x7f.1`) are no hosts.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if let Some(inner) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            return inner.parse::<Ipv6Addr>().ok().map(|address| Self::Address(IpAddr::V6(address).to_canonical()));
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        if ends_in_a_number(&name) {
            return name.parse::<Ipv4Addr>().ok().map(|address| Self::Address(address.into()));
        }
        is_name(&name).then_some(Self::Name(name))
    }
}

fn ends_in_a_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    let hex = last.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    hex || (!last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_'))
    };
    name.len() <= 253 && name.split('.').all(label)
}

/// Parsed patterns of one policy. No pattern, no request.
#[derive(Clone, Debug, Default)]
pub(crate) struct HostRules(Vec<HostRule>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct HostRule {
    tls: Option<bool>,
    host: HostPattern,
    port: PortRule,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostPattern {
    Exact(Host),
    /// With the dot in front: the name itself does not match.
    Below(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PortRule {
    /// 443 for https, 80 for http.
    Default,
    Any,
    Exact(u16),
}

impl HostRules {
    /// Reads `[scheme://]host[:port]` patterns.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` at the pattern that is none.
    pub(crate) fn parse(patterns: &[String]) -> Result<Self> {
        let rule = |(index, pattern): (usize, &String)| {
            rule(pattern).ok_or_else(|| {
                EngineError::argument(
                    format!("policy.network.allowedHosts[{index}]"),
                    "`host`, `*.domain`, an address, each with an optional `http://` or `https://` before and `:port` or `:*` after; \
                     no path, no other wildcard",
                )
                .with("pattern", crate::error::bounded(pattern, 200))
            })
        };
        patterns.iter().enumerate().map(rule).collect::<Result<_>>().map(Self)
    }

    /// Whether a request may go there by name; its address is looked at when it connects.
    pub(crate) fn allow(&self, target: &Target) -> bool {
        self.0.iter().any(|rule| {
            let port = match rule.port {
                PortRule::Any => true,
                PortRule::Exact(port) => port == target.port,
                PortRule::Default => target.port == default_port(target.tls),
            };
            let host = match (&rule.host, &target.host) {
                (HostPattern::Exact(host), other) => host == other,
                (HostPattern::Below(suffix), Host::Name(name)) => {
                    name.len() > suffix.len() && name.ends_with(suffix.as_str())
                }
                (HostPattern::Below(_), Host::Address(_)) => false,
            };
            port && host && rule.tls.is_none_or(|tls| tls == target.tls)
        })
    }
}

pub(crate) fn default_port(tls: bool) -> u16 {
    if tls { 443 } else { 80 }
}

fn rule(pattern: &str) -> Option<HostRule> {
    let (tls, rest) = match pattern.split_once("://") {
        Some(("https", rest)) => (Some(true), rest),
        Some(("http", rest)) => (Some(false), rest),
        Some(_) => return None,
        None => (None, pattern),
    };
    // The colons of an IPv6 address are inside its brackets.
    let port_at = rest.rfind(':').filter(|at| !rest[*at..].contains(']'));
    let (host, port) = match port_at {
        Some(at) => (&rest[..at], port_rule(&rest[at + 1..])?),
        None => (rest, PortRule::Default),
    };
    let host = match host.strip_prefix("*.") {
        Some(suffix) => match Host::parse(suffix)? {
            Host::Name(name) => HostPattern::Below(format!(".{name}")),
            Host::Address(_) => return None,
        },
        None => HostPattern::Exact(Host::parse(host)?),
    };
    Some(HostRule { tls, host, port })
}

fn port_rule(text: &str) -> Option<PortRule> {
    if text == "*" {
        return Some(PortRule::Any);
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port != 0).map(PortRule::Exact)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(patterns: &[&str]) -> Result<HostRules> {
        HostRules::parse(&patterns.iter().map(|pattern| (*pattern).to_owned()).collect::<Vec<_>>())
    }

    fn target(url: &str) -> Target {
        let (scheme, rest) = url.split_once("://").expect("a scheme");
        let tls = scheme == "https";
        let port_at = rest.rfind(':').filter(|at| !rest[*at..].contains(']'));
        let (host, port) =
            port_at.map_or((rest, default_port(tls)), |at| (&rest[..at], rest[at + 1..].parse().expect("a port")));
        Target { tls, host: Host::parse(host).expect("a host"), port }
    }

    fn allows(patterns: &[&str], url: &str) -> bool {
        rules(patterns).expect("patterns").allow(&target(url))
    }

    #[test]
    fn no_pattern_allows_nothing() {
        assert!(!allows(&[], "https://example.org"));
    }

    #[test]
    fn exact_hosts_match_whatever_their_case_and_final_dot() {
        assert!(allows(&["api.example.org"], "https://api.example.org"));
        assert!(allows(&["API.Example.ORG."], "https://api.example.org"));
        assert!(allows(&["api.example.org"], "https://API.EXAMPLE.org."));
        assert!(allows(&["api.example.org"], "http://api.example.org"));
        for other in ["https://example.org", "https://x.api.example.org", "https://api.example.org.evil.test"] {
            assert!(!allows(&["api.example.org"], other), "{other}");
        }
    }

    #[test]
    fn a_wildcard_stands_for_one_label_or_more_but_not_for_none() {
        assert!(allows(&["*.example.org"], "https://a.example.org"));
        assert!(allows(&["*.example.org"], "https://a.b.example.org"));
        for other in ["https://example.org", "https://badexample.org", "https://a.example.org.evil.test"] {
            assert!(!allows(&["*.example.org"], other), "{other}");
        }
    }

    #[test]
    fn ports_and_schemes_narrow_a_pattern() {
        assert!(!allows(&["example.org"], "https://example.org:8443"));
        assert!(!allows(&["example.org"], "http://example.org:443"));
        assert!(allows(&["example.org:8443"], "https://example.org:8443"));
        assert!(!allows(&["example.org:8443"], "https://example.org"));
        assert!(allows(&["example.org:*"], "http://example.org:1"));
        assert!(allows(&["https://example.org"], "https://example.org"));
        assert!(!allows(&["https://example.org"], "http://example.org"));
        assert!(allows(&["http://127.0.0.1:8080"], "http://127.0.0.1:8080"));
        assert!(allows(&["[::1]:8080"], "http://[::1]:8080"));
        assert!(allows(&["127.0.0.1"], "http://[::ffff:127.0.0.1]"));
    }

    #[test]
    fn patterns_that_look_like_more_than_they_are_get_refused() {
        for pattern in [
            "*com",
            "*foo",
            "*",
            "*.*.com",
            "a.*.com",
            "*.127.0.0.1",
            "example.org/path",
            "https://example.org/",
            "ftp://example.org",
            "HTTPS://example.org",
            "://example.org",
            "user@example.org",
            "example.org:0",
            "example.org:70000",
            "example.org:+80",
            "example.org:",
            "",
            ".",
            ".example.org",
            "exa mple.org",
            "-a.org",
            "2130706433",
            "0177.0.0.1",
            "0x7f.0.0.1",
            "127.1",
            "[::1",
            "::1",
            "bücher.example",
        ] {
            let error = rules(&["fine.example", pattern]).expect_err(pattern);
            assert_eq!(error.code(), crate::ErrorCode::InvalidArgument);
            assert_eq!(error.detail("path"), Some(&"policy.network.allowedHosts[1]".into()), "{pattern}");
        }
    }

    #[test]
    fn hosts_in_other_spellings_of_addresses_are_no_hosts() {
        for host in
            ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "127.0.0.1.1", "1.2.3.256", "01.2.3.4", "a.b.0x1", "0x"]
        {
            assert_eq!(Host::parse(host), None, "{host}");
        }
        for host in ["[::1%25lo]", "[127.0.0.1]", "a..b", "a_b.example.org:80", "%31.example.org", "a\u{0}b"] {
            assert_eq!(Host::parse(host), None, "{host}");
        }
        assert_eq!(Host::parse("127.0.0.1."), Some(Host::Address(Ipv4Addr::LOCALHOST.into())));
        assert_eq!(Host::parse("[::FFFF:7f00:1]"), Some(Host::Address(Ipv4Addr::LOCALHOST.into())));
    }
}
