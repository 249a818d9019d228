//! The target of a request, taken apart.

/// A path and the parameters behind it.
pub struct Query<'a> {
    path: &'a str,
    parameters: &'a str,
}

impl<'a> Query<'a> {
    /// Splits `/path?name=value&..`.
    pub fn of(target: &'a str) -> Self {
        let (path, parameters) = target.split_once('?').unwrap_or((target, ""));
        Self { path, parameters }
    }

    /// The path without its parameters.
    pub fn path(&self) -> &'a str {
        self.path
    }

    /// A parameter with its escapes undone; empty if it is not there.
    pub fn text(&self, name: &str) -> String {
        let pairs = self.parameters.split('&').filter_map(|pair| pair.split_once('='));
        pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| decoded(value)).unwrap_or_default()
    }

    /// A parameter as a number; the default if it is not there or is none.
    pub fn number(&self, name: &str, default: u64) -> u64 {
        self.text(name).parse().unwrap_or(default)
    }
}

/// Undoes `%41`; what is no escape stays as it is.
fn decoded(value: &str) -> String {
    let bytes = value.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let escape = bytes.get(index + 1..index + 3).filter(|_| bytes[index] == b'%');
        let byte = escape.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        plain.push(byte.unwrap_or(bytes[index]));
        index += if byte.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&plain).into_owned()
}
