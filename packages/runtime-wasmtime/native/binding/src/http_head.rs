//! Heads of requests and answers as JavaScript has them: flat texts, header values as Latin-1.

use hotswap_engine::EngineError;
use hotswap_engine::http::RequestHead;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// Method, path and query, authority, scheme, remote address, then names and values.
pub(crate) fn head_texts(head: &RequestHead) -> Vec<String> {
    let mut texts = Vec::with_capacity(5 + head.headers.len() * 2);
    texts.push(head.method.as_str().to_owned());
    texts.push(head.url.clone());
    texts.push(head.authority.clone());
    texts.push(head.scheme.to_owned());
    texts.push(head.remote.ip().to_string());
    for (name, value) in &head.headers {
        texts.push(name.as_str().to_owned());
        texts.push(text_of(value));
    }
    texts
}

fn text_of(value: &HeaderValue) -> String {
    value.to_str().map_or_else(|_| value.as_bytes().iter().map(|byte| char::from(*byte)).collect(), ToOwned::to_owned)
}

/// Status and headers of an answer.
pub(crate) fn answer_head(status: u32, flat: &[String]) -> Result<(StatusCode, HeaderMap), EngineError> {
    let status = u16::try_from(status).ok().and_then(|status| StatusCode::from_u16(status).ok());
    let status = status
        .filter(|status| !status.is_informational())
        .ok_or_else(|| EngineError::argument("status", "a final status, 200 to 999"))?;
    let mut headers = HeaderMap::with_capacity(flat.len() / 2);
    for pair in flat.chunks_exact(2) {
        let (Some(name), Some(value)) = (pair.first(), pair.get(1)) else { continue };
        let named = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| EngineError::argument("headers", format!("a header name instead of {name:?}")))?;
        let value = latin1(value).and_then(|bytes| HeaderValue::from_bytes(&bytes).ok()).ok_or_else(|| {
            EngineError::argument(format!("headers.{named}"), "a value without line breaks and characters above U+00FF")
        })?;
        headers.append(named, value);
    }
    Ok((status, headers))
}

fn latin1(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|character| u8::try_from(u32::from(character)).ok()).collect()
}
