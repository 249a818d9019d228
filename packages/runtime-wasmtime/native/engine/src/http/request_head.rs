//! The head of a request: refused where it is none, and brought into the one form that routes, guests and the plane's owner read.

use std::net::{Ipv6Addr, SocketAddr};

use http::header::{COOKIE, HOST, TRANSFER_ENCODING};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, Version};

use super::options::HttpLimits;
use super::problem::Problem;

/// How HTTP/1.1 itself counts a header: name, colon, space, value, line end.
const HEADER_OVERHEAD_BYTES: usize = 4;

type Checked = Result<(), Problem>;

/// Refuses what no request may be, whoever answers it. Afterwards [`authority`] says where it was sent to.
pub(crate) fn check<B>(request: &mut Request<B>, limits: &HttpLimits, local: SocketAddr) -> Checked {
    if request.method() == Method::CONNECT {
        return Err(Problem::bad_request("This is no proxy: CONNECT is not served."));
    }
    check_sizes(request, limits)?;
    check_coding(request.headers())?;
    check_target(request)?;
    check_host(request, local)?;
    if request.version() == Version::HTTP_2 {
        join_cookies(request.headers_mut());
    }
    Ok(())
}

/// Where a checked request was sent to: what its address says, else its one header `host`. Guests are told the same.
pub(crate) fn authority<B>(request: &Request<B>) -> &str {
    let host = || request.headers().get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    request.uri().authority().map_or_else(host, |authority| authority.as_str())
}

fn check_sizes<B>(request: &Request<B>, limits: &HttpLimits) -> Checked {
    let uri_bytes = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    if uri_bytes > limits.max_uri_bytes {
        return Err(Problem::uri_too_long(limits.max_uri_bytes));
    }
    let headers = request.headers().iter();
    let header_bytes: usize =
        headers.map(|(name, value)| name.as_str().len() + value.len() + HEADER_OVERHEAD_BYTES).sum();
    if header_bytes > limits.max_header_bytes {
        return Err(Problem::headers_too_large(limits.max_header_bytes));
    }
    Ok(())
}

/// Nobody behind the plane undoes another coding than `chunked`, or knows that there was one (RFC 9112, section 6.1).
fn check_coding(headers: &HeaderMap) -> Checked {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => Ok(()),
        (Some(coding), None) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(()),
        _ => Err(Problem::unknown_coding()),
    }
}

/// A path, or an address with one; `*` for OPTIONS alone (RFC 9112, section 3.2).
fn check_target<B>(request: &mut Request<B>) -> Checked {
    const INVALID: Problem = Problem::bad_request("The target of the request is neither a path nor an HTTP address.");
    let uri = request.uri();
    let fits = match (uri.scheme_str(), uri.authority()) {
        (Some(scheme), Some(authority)) => is_http(scheme) && is_authority(authority.as_str()),
        (scheme, authority) => scheme.is_none() && authority.is_none(),
    };
    let path = uri.path();
    if !fits || !(path.starts_with('/') || (path == "*" && request.method() == Method::OPTIONS)) {
        return Err(INVALID);
    }
    let Some(query) = uri.path_and_query().map(PathAndQuery::as_str).filter(|text| text.starts_with('?')) else {
        return Ok(());
    };
    // An address may leave its path out, which is `/`. In HTTP/2 the path is told by itself and may not.
    if request.version() == Version::HTTP_2 {
        return Err(INVALID);
    }
    let whole = format!("/{query}").parse().map_err(|_| INVALID)?;
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(whole);
    *request.uri_mut() = Uri::from_parts(parts).map_err(|_| INVALID)?;
    Ok(())
}

fn is_http(scheme: &str) -> bool {
    ["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
}

/// One valid name, wherever it stands (RFC 9112, section 3.2; RFC 9113, section 8.3.1).
fn check_host<B>(request: &mut Request<B>, local: SocketAddr) -> Checked {
    const MISSING: Problem = Problem::bad_request("The request names no host: send the header host.");
    const INVALID: Problem = Problem::bad_request("The header host is not one valid host name.");
    const DIFFERENT: Problem = Problem::bad_request("The header host names another host than :authority.");
    let version = request.version();
    let mut hosts = request.headers().get_all(HOST).iter();
    let host =
        hosts.next().map(|host| host.to_str().ok().filter(|name| is_authority(name)).ok_or(INVALID)).transpose()?;
    if hosts.next().is_some() {
        return Err(INVALID);
    }
    match (request.uri().authority(), host) {
        (Some(authority), Some(host)) if version == Version::HTTP_2 => {
            if authority.as_str().eq_ignore_ascii_case(host) { Ok(()) } else { Err(DIFFERENT) }
        }
        (Some(_), None) if version == Version::HTTP_11 => Err(MISSING),
        (Some(_), _) | (None, Some(_)) => Ok(()),
        // Before HTTP/1.1 clients did not say: it is whoever they have reached.
        (None, None) if version == Version::HTTP_10 => {
            let name = SocketAddr::new(local.ip().to_canonical(), local.port()).to_string();
            request.headers_mut().insert(HOST, HeaderValue::try_from(name).map_err(|_| MISSING)?);
            Ok(())
        }
        (None, None) => Err(MISSING),
    }
}

/// `host` or `host:port`, without a user's name (RFC 3986, section 3.2).
fn is_authority(text: &str) -> bool {
    let (fits, port) = if let Some(text) = text.strip_prefix('[') {
        let Some((address, port)) = text.split_once(']') else { return false };
        (address.parse::<Ipv6Addr>().is_ok(), port)
    } else {
        let (name, port) = text.split_at(text.find(':').unwrap_or(text.len()));
        (is_name(name.as_bytes()), port)
    };
    let is_port =
        |port: &str| port.bytes().all(|byte| byte.is_ascii_digit()) && (port.is_empty() || port.parse::<u16>().is_ok());
    fits && (port.is_empty() || port.strip_prefix(':').is_some_and(is_port))
}

fn is_name(name: &[u8]) -> bool {
    let encoded = |at: usize| name.get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
    let fits = |(at, byte): (usize, &u8)| {
        byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(byte) || (*byte == b'%' && encoded(at))
    };
    !name.is_empty() && name.iter().enumerate().all(fits)
}

/// HTTP/2 lets clients send each cookie by itself; who knows nothing of HTTP/2 reads the first one alone (RFC 9113, section 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let cookies: Vec<_> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if cookies.len() > 1
        && let Ok(joined) = HeaderValue::from_bytes(&cookies.join(&b"; "[..]))
    {
        headers.insert(COOKIE, joined);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_told_from_what_is_none() {
        for host in ["a", "a.b", "a.b.", "a:", "a:80", "127.0.0.1:65535", "[::1]", "[::1]:80", "a_b", "a%2Db", "a,b"] {
            assert!(is_authority(host), "{host}");
        }
        let none =
            ["", ":80", "a:b", "a:65536", "a:80:80", "a:+1", "::1", "[::1", "[::1]80", "[a]", "[]", "a%zz", "a%2"];
        for host in none.into_iter().chain(["u@a", "u:p@a", "a/b", "a b", "a?b", "ä", "a\\b"]) {
            assert!(!is_authority(host), "{host}");
        }
    }
}
