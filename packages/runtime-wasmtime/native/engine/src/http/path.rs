//! A path as most servers read it (RFC 3986, section 6.2.2): percent-encodings undone, slashes merged, `.` and `..` followed.

/// `None`: it reads as it is written.
pub(crate) fn reading(path: &str) -> Option<String> {
    let bytes = path.as_bytes();
    let differs = |pair: &[u8]| matches!(pair, [b'/', b'/' | b'.']);
    if !bytes.iter().any(|byte| matches!(byte, b'%' | b'\\')) && !bytes.windows(2).any(differs) {
        return None;
    }
    let decoded = decode(bytes);
    let mut segments: Vec<&[u8]> = Vec::new();
    // Addresses of browsers, and with them guests in JavaScript, take a backslash for a slash.
    for segment in decoded.split(|byte| matches!(byte, b'/' | b'\\')) {
        match segment {
            b"" | b"." => {}
            b".." => {
                segments.pop();
            }
            _ => segments.push(segment),
        }
    }
    Some(format!("/{}", String::from_utf8_lossy(&segments.join(&b'/'))))
}

fn decode(bytes: &[u8]) -> Vec<u8> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16).map(|digit| digit as u8);
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, after @ ..] = rest {
        if let (b'%', [high, low, after @ ..]) = (first, after)
            && let (Some(high), Some(low)) = (digit(high), digit(low))
        {
            out.push((high << 4) | low);
            rest = after;
        } else {
            out.push(*first);
            rest = after;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_as_most_servers_do() {
        for (path, read) in [
            ("/a/../b", "/b"),
            ("/a/%2e%2E/b", "/b"),
            ("/a/..%2fb", "/b"),
            ("/a\\..\\b", "/b"),
            ("/a%5c..%5Cb", "/b"),
            ("//a///b/", "/a/b"),
            ("/./a/.", "/a"),
            ("/../../a", "/a"),
            ("/%61dmin", "/admin"),
            ("/%2561", "/%61"),
            ("/a%", "/a%"),
            ("/a%4", "/a%4"),
            ("/a%zz", "/a%zz"),
            ("/.well-known/x", "/.well-known/x"),
            ("/a/...", "/a/..."),
            ("/a/..", "/"),
            ("/gr%C3%BC%C3%9Fe", "/grüße"),
        ] {
            assert_eq!(reading(path).as_deref(), Some(read), "{path}");
        }
        for path in ["/", "/a", "/a/b/", "/a.b/c..d", "*", ""] {
            assert_eq!(reading(path), None, "{path}");
        }
    }
}
