//! Answers as text: what a CGI command prints, and what a core module's handler returns.

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, LOCATION, PROXY_AUTHENTICATE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

/// Larger heads are no heads.
const MAX_HEAD_BYTES: usize = 64 * 1024;
/// What is the plane's to say, or nobody's across a hop.
const OWN: [HeaderName; 7] = [CONNECTION, CONTENT_LENGTH, PROXY_AUTHENTICATE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE];

/// The document that a CGI command printed (RFC 3875, section 6): headers, an empty line, the body. The status is the header `Status`; without
/// it 302 where `Location` names an address, else 200.
///
/// # Errors
/// Why it is none.
pub(crate) fn read_cgi(text: &Bytes) -> Result<Response<Bytes>, &'static str> {
    let (lines, body) = split(text)?;
    let mut headers = HeaderMap::new();
    let mut status = None;
    for line in lines {
        let (name, value) = header(line)?;
        if name == "status" {
            status = Some(read_status(value.as_bytes().trim_ascii())?);
        } else if !OWN.contains(&name) {
            headers.append(name, value);
        }
    }
    if headers.is_empty() && status.is_none() {
        return Err("there are no headers before the body");
    }
    let found = || if headers.contains_key(LOCATION) { StatusCode::FOUND } else { StatusCode::OK };
    Ok(response(status.unwrap_or_else(found), headers, body))
}

/// The message that a handler returned: `HTTP/1.1 200 OK`, headers, an empty line, the body. No transfer coding is applied.
///
/// # Errors
/// Why it is none.
pub(crate) fn read_http(text: &Bytes) -> Result<Response<Bytes>, &'static str> {
    let (mut lines, body) = split(text)?;
    let first = lines.next().unwrap_or_default();
    let status = first.strip_prefix(b"HTTP/1.1 ").or_else(|| first.strip_prefix(b"HTTP/1.0 "));
    let status = read_status(status.ok_or("it does not begin with HTTP/1.1 and a status")?)?;
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = header(line)?;
        if !OWN.contains(&name) {
            headers.append(name, value);
        }
    }
    Ok(response(status, headers, body))
}

fn response(status: StatusCode, headers: HeaderMap, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

/// Lines of the head, and the body. Lines may end without a carriage return.
fn split(text: &Bytes) -> Result<(impl Iterator<Item = &[u8]>, Bytes), &'static str> {
    let mut at = 0;
    loop {
        let rest = text.get(at..).unwrap_or_default();
        let end = rest.iter().take(MAX_HEAD_BYTES).position(|byte| *byte == b'\n');
        let end = end.ok_or("no empty line ends its head")?;
        let empty = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]).is_empty();
        if empty {
            let lines = text[..at].split(|byte| *byte == b'\n');
            let lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line)).filter(|line| !line.is_empty());
            return Ok((lines, text.slice(at + end + 1..)));
        }
        at += end + 1;
        if at > MAX_HEAD_BYTES {
            return Err("its head is too large");
        }
    }
}

fn header(line: &[u8]) -> Result<(HeaderName, HeaderValue), &'static str> {
    const INVALID: &str = "a line of its head is no header";
    let colon = line.iter().position(|byte| *byte == b':').ok_or(INVALID)?;
    let name = HeaderName::from_bytes(&line[..colon]).map_err(|_| INVALID)?;
    let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).map_err(|_| INVALID)?;
    Ok((name, value))
}

fn read_status(text: &[u8]) -> Result<StatusCode, &'static str> {
    let digits = text.get(..3).filter(|_| text.get(3).is_none_or(|byte| *byte == b' '));
    let status = digits.and_then(|digits| StatusCode::from_bytes(digits).ok());
    // 1xx would be no answer yet.
    status.filter(|status| !status.is_informational()).ok_or("its status is none")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cgi(text: &'static str) -> Result<(u16, String, Bytes), &'static str> {
        read_cgi(&Bytes::from_static(text.as_bytes())).map(|response| {
            let (parts, body) = response.into_parts();
            (parts.status.as_u16(), format!("{:?}", parts.headers), body)
        })
    }

    #[test]
    fn documents_of_cgi_are_read() {
        let html = r#"{"content-type": "text/html"}"#.to_owned();
        assert_eq!(cgi("Content-Type: text/html\n\nhi\n"), Ok((200, html.clone(), Bytes::from("hi\n"))));
        let document = "Status: 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 99\r\n\r\n";
        assert_eq!(cgi(document), Ok((404, html, Bytes::new())));
        assert_eq!(cgi("Location: /there\n\n").map(|(status, ..)| status), Ok(302));
        assert_eq!(cgi("Status: 201\n\nx").map(|(status, ..)| status), Ok(201));
        for text in [
            "",
            "hello",
            "\n\nhello",
            "no header\n\n",
            "Status: abc\n\n",
            "Status: 2000\n\n",
            "Status: 100\n\n",
            "a b: c\n\n",
        ] {
            assert!(cgi(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn messages_of_handlers_are_read() {
        let read = |text: &'static str| read_http(&Bytes::from_static(text.as_bytes()));
        let response = read("HTTP/1.1 201 Created\r\nx-a: 1\r\nx-a: 2\r\ntransfer-encoding: chunked\r\n\r\nbody")
            .expect("a message");
        assert_eq!((response.status().as_u16(), response.body().as_ref()), (201, &b"body"[..]));
        assert_eq!(response.headers().get_all("x-a").iter().count(), 2);
        assert!(!response.headers().contains_key(TRANSFER_ENCODING));
        assert_eq!(read("HTTP/1.1 204\n\n").expect("a message").status(), StatusCode::NO_CONTENT);
        for text in ["", "HTTP/1.1 200 OK\r\n", "HTTP/2 200\r\n\r\n", "200 OK\r\n\r\n", "HTTP/1.1 99\r\n\r\n"] {
            assert!(read(text).is_err(), "{text:?}");
        }
    }
}
