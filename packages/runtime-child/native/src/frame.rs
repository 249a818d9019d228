//! Frames: `u32` length of all that follows, `u32` length of the JSON text, the JSON text, then raw bytes. Little-endian.

use std::io::{self, Read, Write};

/// Longest frame that is read; the parent never sends more.
const MAX_FRAME_BYTES: u32 = 1 << 30;

/// Reads one frame; `None` at the end of the stream.
///
/// # Errors
/// When the stream breaks inside of a frame, or a length is impossible.
pub fn read_frame(input: &mut impl Read) -> io::Result<Option<(Vec<u8>, Vec<u8>)>> {
    let mut prefix = [0; 4];
    match input.read_exact(&mut prefix) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let total = u32::from_le_bytes(prefix);
    input.read_exact(&mut prefix)?;
    let text = u32::from_le_bytes(prefix);
    let Some(attached) = total.checked_sub(4).and_then(|rest| rest.checked_sub(text)) else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "lengths of a frame contradict each other"));
    };
    if total > MAX_FRAME_BYTES {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame is longer than 1 GiB"));
    }
    let mut json = vec![0; text as usize];
    input.read_exact(&mut json)?;
    let mut bytes = vec![0; attached as usize];
    input.read_exact(&mut bytes)?;
    Ok(Some((json, bytes)))
}

/// Writes one frame and flushes.
///
/// # Errors
/// When the stream is closed, or the frame is longer than its length can say.
pub fn write_frame(output: &mut impl Write, json: &[u8], attached: &[&[u8]]) -> io::Result<()> {
    let bytes: usize = attached.iter().map(|part| part.len()).sum();
    let too_long = |_| io::Error::new(io::ErrorKind::InvalidInput, "a frame is too long");
    let text = u32::try_from(json.len()).map_err(too_long)?;
    let total = u32::try_from(4 + json.len() + bytes).map_err(too_long)?;
    let mut frame = Vec::with_capacity(8 + json.len() + bytes);
    frame.extend_from_slice(&total.to_le_bytes());
    frame.extend_from_slice(&text.to_le_bytes());
    frame.extend_from_slice(json);
    for part in attached {
        frame.extend_from_slice(part);
    }
    output.write_all(&frame)?;
    output.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_comes_back_as_it_was_sent() {
        let mut stream = Vec::new();
        write_frame(&mut stream, b"{}", &[b"ab", b"c"]).unwrap();
        assert_eq!(read_frame(&mut stream.as_slice()).unwrap(), Some((b"{}".to_vec(), b"abc".to_vec())));
    }

    #[test]
    fn the_end_between_frames_is_an_end_and_within_one_an_error() {
        assert_eq!(read_frame(&mut [].as_slice()).unwrap(), None);
        let mut stream = Vec::new();
        write_frame(&mut stream, b"{}", &[]).unwrap();
        stream.pop();
        assert!(read_frame(&mut stream.as_slice()).is_err());
    }

    #[test]
    fn impossible_lengths_are_refused() {
        assert!(read_frame(&mut [1, 0, 0, 0, 9, 0, 0, 0].as_slice()).is_err());
        assert!(read_frame(&mut [255, 255, 255, 255, 0, 0, 0, 0].as_slice()).is_err());
    }
}
