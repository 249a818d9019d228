//! Just enough of HTTP/1.1 to know where an answer ends and what was in it.

/// Where an answer stands in its buffer.
pub struct Answer<'a> {
    /// Status code.
    pub status: u16,
    /// The header lines, without the status line.
    pub head: &'a [u8],
    /// Bytes of the buffer that it took.
    pub length: usize,
    /// Whether the server closes the connection after it.
    pub closes: bool,
}

/// What is wrong with an answer that cannot be read any further.
#[derive(Debug)]
pub struct Malformed;

/// The next answer of the buffer, its body without chunk heads in `body`. `None`: not all of it is there yet.
pub fn next_answer<'a>(buffer: &'a [u8], body: &mut Vec<u8>) -> Result<Option<Answer<'a>>, Malformed> {
    let Some(head_end) = find(buffer, b"\r\n\r\n") else { return Ok(None) };
    let status_end = find(buffer, b"\r\n").ok_or(Malformed)?;
    let head = &buffer[(status_end + 2).min(head_end + 2)..head_end + 2];
    let status = status_of(&buffer[..status_end])?;
    let rest = &buffer[head_end + 4..];
    body.clear();
    let (taken, closes) = match framing(head)? {
        Framing { chunked: true, closes, .. } => (dechunk(rest, body)?, closes),
        Framing { length: Some(length), closes, .. } => {
            let whole = rest.get(..length);
            if let Some(bytes) = whole {
                body.extend_from_slice(bytes);
            }
            (whole.map(<[u8]>::len), closes)
        }
        // A body that ends with its connection is not what a keep-alive load is for.
        Framing { closes, .. } if status == 204 || status == 304 => (Some(0), closes),
        Framing { .. } => return Err(Malformed),
    };
    Ok(taken.map(|taken| Answer { status, head, length: head_end + 4 + taken, closes }))
}

/// The value of a header; its name in lower case.
pub fn header<'a>(head: &'a [u8], name: &str) -> Option<&'a [u8]> {
    lines(head).find_map(|(key, value)| key.eq_ignore_ascii_case(name.as_bytes()).then_some(value))
}

#[derive(Default)]
struct Framing {
    length: Option<usize>,
    chunked: bool,
    closes: bool,
}

fn framing(head: &[u8]) -> Result<Framing, Malformed> {
    let mut framing = Framing::default();
    for (key, value) in lines(head) {
        match key.len() {
            14 if key.eq_ignore_ascii_case(b"content-length") => {
                let digits = std::str::from_utf8(value).map_err(|_| Malformed)?;
                framing.length = Some(digits.parse().map_err(|_| Malformed)?);
            }
            17 if key.eq_ignore_ascii_case(b"transfer-encoding") => framing.chunked = value == b"chunked",
            10 if key.eq_ignore_ascii_case(b"connection") => framing.closes = value.eq_ignore_ascii_case(b"close"),
            _ => {}
        }
    }
    Ok(framing)
}

fn lines(head: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    head.split(|byte| *byte == b'\n').filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        Some((&line[..colon], line[colon + 1..].trim_ascii()))
    })
}

fn status_of(line: &[u8]) -> Result<u16, Malformed> {
    let digits = line.strip_prefix(b"HTTP/1.1 ").and_then(|rest| rest.get(..3)).ok_or(Malformed)?;
    std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).ok_or(Malformed)
}

/// How many bytes the chunks took, trailers included; `None` while some are missing.
fn dechunk(bytes: &[u8], body: &mut Vec<u8>) -> Result<Option<usize>, Malformed> {
    let mut at = 0;
    loop {
        let Some(line_end) = find(&bytes[at..], b"\r\n") else { return Ok(None) };
        let digits = bytes[at..at + line_end].split(|byte| *byte == b';').next().unwrap_or_default();
        let text = std::str::from_utf8(digits).map_err(|_| Malformed)?;
        let size = usize::from_str_radix(text, 16).map_err(|_| Malformed)?;
        at += line_end + 2;
        if size == 0 {
            return Ok(trailers_end(&bytes[at..]).map(|length| at + length));
        }
        let Some(chunk) = bytes.get(at..at + size) else { return Ok(None) };
        match bytes.get(at + size..at + size + 2) {
            Some(b"\r\n") => {}
            Some(_) => return Err(Malformed),
            None => return Ok(None),
        }
        body.extend_from_slice(chunk);
        at += size + 2;
    }
}

fn trailers_end(bytes: &[u8]) -> Option<usize> {
    if bytes.starts_with(b"\r\n") {
        return Some(2);
    }
    find(bytes, b"\r\n\r\n").map(|at| at + 4)
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = bytes[from..].iter().position(|byte| *byte == wanted[0]) {
        if bytes[from + at..].starts_with(wanted) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{header, next_answer};

    fn whole(text: &str) -> (u16, String, usize) {
        let mut body = Vec::new();
        let answer = next_answer(text.as_bytes(), &mut body).expect("well formed").expect("complete");
        (answer.status, String::from_utf8(body).expect("text"), answer.length)
    }

    #[test]
    fn reads_bodies_of_known_length_and_chunks() {
        let plain = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
        assert_eq!(whole(plain), (200, "hello".into(), plain.len()));
        let chunked = "HTTP/1.1 503 No\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n";
        assert_eq!(whole(&format!("{chunked}HTTP/1.1 2")), (503, "hello".into(), chunked.len()));
        let trailers = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: y\r\n\r\n";
        assert_eq!(whole(trailers), (200, String::new(), trailers.len()));
    }

    #[test]
    fn waits_for_the_rest_and_refuses_nonsense() {
        let text = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n0\r\n\r\n";
        for end in 0..text.len() {
            assert!(next_answer(&text.as_bytes()[..end], &mut Vec::new()).expect("no error yet").is_none(), "{end}");
        }
        for text in ["nonsense\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n"] {
            assert!(next_answer(text.as_bytes(), &mut Vec::new()).is_err(), "{text:?}");
        }
    }

    #[test]
    fn finds_headers_by_name() {
        let mut body = Vec::new();
        let text = b"HTTP/1.1 200 OK\r\nX-HotSwap-Version:  1.0.0 \r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
        let answer = next_answer(text, &mut body).expect("well formed").expect("complete");
        assert!(answer.closes);
        assert_eq!(header(answer.head, "x-hotswap-version"), Some(&b"1.0.0"[..]));
    }
}
