//! WASI commands as CGI programs (CGI/1.1, RFC 3875): the request in the environment and on standard input, the answer on standard output.
//!
//! | variable | what it has |
//! |---|---|
//! | `GATEWAY_INTERFACE`, `SERVER_SOFTWARE` | `CGI/1.1`, `HotSwap` |
//! | `REQUEST_METHOD`, `QUERY_STRING` | of the request; the query without `?` |
//! | `SCRIPT_NAME`, `PATH_INFO` | the part of the path that chose the module, if it is stripped, and the rest |
//! | `SERVER_NAME`, `SERVER_PORT`, `SERVER_PROTOCOL` | as the client named them |
//! | `REMOTE_ADDR` | the client's address |
//! | `CONTENT_TYPE`, `CONTENT_LENGTH` | of the body, where there is one |
//! | `HTTP_*` | the other headers, except `Authorization`, `Proxy` and those with an underscore in their name |
//!
//! The command's own environment and arguments, as its policy has them, stay. The answer is sent when the command has ended with status 0.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST};
use http::request::Parts;

/// What a command is told about its request.
pub(crate) fn environment(
    request: &Parts,
    script_name: &str,
    authority: &str,
    scheme: &str,
    remote: SocketAddr,
    body_bytes: usize,
) -> BTreeMap<String, String> {
    let mut env = BTreeMap::new();
    let mut set = |name: &str, value: &str| {
        env.insert(name.to_owned(), value.to_owned());
    };
    let (name, port) = match authority.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (name, port),
        _ => (authority, if scheme == "https" { "443" } else { "80" }),
    };
    set("GATEWAY_INTERFACE", "CGI/1.1");
    set("SERVER_SOFTWARE", "HotSwap");
    set("SERVER_PROTOCOL", &format!("{:?}", request.version));
    set("REQUEST_METHOD", request.method.as_str());
    set("SCRIPT_NAME", script_name);
    set("PATH_INFO", request.uri.path());
    set("QUERY_STRING", request.uri.query().unwrap_or_default());
    set("SERVER_NAME", name);
    set("SERVER_PORT", port);
    // What the address says, whatever the header does.
    set("HTTP_HOST", authority);
    set("REMOTE_ADDR", &remote.ip().to_canonical().to_string());
    if scheme == "https" {
        set("HTTPS", "on");
    }
    if body_bytes > 0 {
        set("CONTENT_LENGTH", &body_bytes.to_string());
    }
    for name in request.headers.keys() {
        // `HTTP_PROXY` is what many programs take for their own configuration.
        if name == AUTHORIZATION || name == CONTENT_LENGTH || name == HOST || name == "proxy" {
            continue;
        }
        // `x_one` and `x-one` are one variable: a client would write over what a proxy has set.
        if name.as_str().contains('_') {
            continue;
        }
        let values: Vec<_> =
            request.headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        let joined = values.join(if name == "cookie" { "; " } else { ", " });
        // A NUL cannot be in an environment; header values have none.
        if name == CONTENT_TYPE {
            set("CONTENT_TYPE", &joined);
        } else {
            set(&format!("HTTP_{}", name.as_str().to_ascii_uppercase().replace('-', "_")), &joined);
        }
    }
    env
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_describes_the_request() {
        let request = http::Request::post("/a/b?x=1&y")
            .header("content-type", "text/plain")
            .header("content-length", "3")
            .header("host", "another.test")
            .header("x-one", "1")
            .header("x-one", "2")
            .header("x-real-ip", "10.0.0.9")
            .header("x_real_ip", "evil")
            .header("x_other", "evil")
            .header("proxy", "evil")
            .header("authorization", "Bearer secret")
            .body(())
            .expect("a request");
        let remote = "[::ffff:10.0.0.1]:4000".parse().expect("an address");
        let env = environment(&request.into_parts().0, "/api", "host.test:8443", "https", remote, 3);
        for (name, value) in [
            ("GATEWAY_INTERFACE", "CGI/1.1"),
            ("REQUEST_METHOD", "POST"),
            ("SCRIPT_NAME", "/api"),
            ("PATH_INFO", "/a/b"),
            ("QUERY_STRING", "x=1&y"),
            ("SERVER_NAME", "host.test"),
            ("SERVER_PORT", "8443"),
            ("SERVER_PROTOCOL", "HTTP/1.1"),
            ("REMOTE_ADDR", "10.0.0.1"),
            ("CONTENT_TYPE", "text/plain"),
            ("CONTENT_LENGTH", "3"),
            ("HTTP_HOST", "host.test:8443"),
            ("HTTP_X_ONE", "1, 2"),
            ("HTTP_X_REAL_IP", "10.0.0.9"),
            ("HTTPS", "on"),
        ] {
            assert_eq!(env.get(name).map(String::as_str), Some(value), "{name}");
        }
        assert!(!env.contains_key("HTTP_X_OTHER"));
        assert!(!env.contains_key("HTTP_PROXY") && !env.contains_key("HTTP_AUTHORIZATION"));
    }
}
