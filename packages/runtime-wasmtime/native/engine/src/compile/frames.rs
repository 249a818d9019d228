//! What a compiling child and its parent say to each other: frames of a JSON header and a body, over two pipes.

use std::io::{Error, ErrorKind, Read, Result, Write};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::policy::RuntimeOptions;

const MAX_HEADER_BYTES: usize = 64 * 1024;
/// Compiled code is a few times the size of the module, which is bounded before it gets here.
const MAX_BODY_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// First frame to the child.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Hello {
    pub(crate) key: [u8; 32],
    pub(crate) options: RuntimeOptions,
    pub(crate) threads: usize,
    pub(crate) cpu_ms: u64,
    pub(crate) memory_bytes: u64,
}

/// One module to compile; its bytes are the body.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Job {
    pub(crate) id: u64,
    pub(crate) profile: String,
    pub(crate) is_component: bool,
}

/// The end of a job; compiled code is the body.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) id: u64,
    /// Why the compiler refused the module; then there is no body.
    pub(crate) refused: Option<String>,
    /// Authenticates the body, in hex.
    pub(crate) mac: String,
}

/// MAC over the answer to one job: another job's code, or code for another engine, never passes for it.
pub(crate) fn answer_mac(key: &[u8; 32], job: &Job, module: &[u8], code: &[u8]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new_keyed(key);
    hasher.update(b"hotswap-compiled-1");
    hasher.update(&job.id.to_le_bytes());
    hasher.update(&[u8::from(job.is_component), job.profile.len() as u8]);
    hasher.update(job.profile.as_bytes());
    hasher.update(blake3::hash(module).as_bytes());
    hasher.update(code);
    hasher.finalize()
}

pub(crate) fn write_frame(to: &mut impl Write, header: &impl Serialize, body: &[u8]) -> Result<()> {
    let header = serde_json::to_vec(header).map_err(Error::other)?;
    to.write_all(&(header.len() as u32).to_le_bytes())?;
    to.write_all(&(body.len() as u64).to_le_bytes())?;
    to.write_all(&header)?;
    to.write_all(body)?;
    to.flush()
}

/// `None` at the end of the stream.
pub(crate) fn read_frame<T: DeserializeOwned>(from: &mut impl Read) -> Result<Option<(T, Vec<u8>)>> {
    let mut lengths = [0; 12];
    match from.read_exact(&mut lengths) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let (header, body) = lengths.split_at(4);
    let header_bytes = header.try_into().map(u32::from_le_bytes).map_err(Error::other)? as usize;
    let body_bytes = body.try_into().map(u64::from_le_bytes).map_err(Error::other)?;
    if header_bytes > MAX_HEADER_BYTES || body_bytes > MAX_BODY_BYTES {
        return Err(Error::new(ErrorKind::InvalidData, "a frame is too large"));
    }
    let mut header = vec![0; header_bytes];
    from.read_exact(&mut header)?;
    // Grows with what really arrives: a length alone allocates nothing.
    let mut body = Vec::new();
    if from.take(body_bytes).read_to_end(&mut body)? as u64 != body_bytes {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    serde_json::from_slice(&header).map(|header| Some((header, body))).map_err(Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(id: u64) -> Job {
        Job { id, profile: "pooled".to_owned(), is_component: false }
    }

    #[test]
    fn frames_come_back_whole_and_cut_ones_are_errors() {
        let mut wire = Vec::new();
        write_frame(&mut wire, &job(7), b"body").expect("writes");
        let (header, body) = read_frame::<Job>(&mut wire.as_slice()).expect("reads").expect("a frame");
        assert_eq!((header.id, body.as_slice()), (7, b"body".as_slice()));
        assert!(read_frame::<Job>(&mut [].as_slice()).expect("the end").is_none());
        for length in 12..wire.len() {
            assert!(read_frame::<Job>(&mut &wire[..length]).is_err(), "{length} bytes");
        }
        let huge = [0xff; 64];
        assert!(read_frame::<Job>(&mut huge.as_slice()).is_err());
    }

    #[test]
    fn a_mac_is_good_for_one_answer_only() {
        let key = [1; 32];
        let mac = answer_mac(&key, &job(1), b"module", b"code");
        assert_eq!(mac, answer_mac(&key, &job(1), b"module", b"code"));
        for other in [
            answer_mac(&[2; 32], &job(1), b"module", b"code"),
            answer_mac(&key, &job(2), b"module", b"code"),
            answer_mac(&key, &Job { profile: "metered".to_owned(), ..job(1) }, b"module", b"code"),
            answer_mac(&key, &Job { is_component: true, ..job(1) }, b"module", b"code"),
            answer_mac(&key, &job(1), b"modulE", b"code"),
            answer_mac(&key, &job(1), b"module", b"codE"),
        ] {
            assert_ne!(mac, other);
        }
    }
}
