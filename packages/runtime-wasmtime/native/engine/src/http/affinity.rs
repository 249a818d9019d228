//! What names a client, so that it stays with one version while shares grow.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use http::header::COOKIE;

use super::router::StickyBy;

/// The client's name. One that sends no header or cookie of that name is known by its address.
pub(crate) fn sticky_key<'r>(by: &StickyBy, headers: &'r HeaderMap, remote: SocketAddr) -> Cow<'r, [u8]> {
    let named = match by {
        StickyBy::Address => None,
        StickyBy::Header(name) => headers.get(name).map(http::HeaderValue::as_bytes),
        StickyBy::Cookie(name) => cookie(headers, name),
    };
    named.filter(|key| !key.is_empty()).map_or_else(|| Cow::Owned(address(remote)), Cow::Borrowed)
}

fn address(remote: SocketAddr) -> Vec<u8> {
    match remote.ip().to_canonical() {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

fn cookie<'r>(headers: &'r HeaderMap, name: &str) -> Option<&'r [u8]> {
    headers.get_all(COOKIE).iter().find_map(|line| {
        line.as_bytes().split(|byte| *byte == b';').find_map(|pair| {
            let pair = pair.trim_ascii();
            let value = pair.strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
            Some(value)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_named_by_header_cookie_or_address() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, "theme=dark; sid=abc".parse().expect("a value"));
        headers.append("x-user", "7".parse().expect("a value"));
        let remote = "[::ffff:10.0.0.1]:4000".parse().expect("an address");
        let key = |by: StickyBy| sticky_key(&by, &headers, remote).into_owned();
        assert_eq!(key(StickyBy::Cookie("sid".into())), b"abc");
        assert_eq!(key(StickyBy::Header("x-user".parse().expect("a name"))), b"7");
        for by in
            [StickyBy::Address, StickyBy::Cookie("id".into()), StickyBy::Header("x-none".parse().expect("a name"))]
        {
            assert_eq!(key(by), [10, 0, 0, 1]);
        }
    }
}
