//! Memory for large results and arguments, used again: fresh pages from the operating system cost twenty times the copy that fills them.

use bytes::Bytes;
use parking_lot::Mutex;

/// Smaller ones come quickly from the allocator.
const POOLED_BYTES: usize = 64 * 1024;
/// What may lie idle; the rest goes back to the operating system.
const MAX_IDLE_BYTES: usize = 64 * 1024 * 1024;

#[derive(Default)]
struct Idle {
    buffers: Vec<Vec<u8>>,
    bytes: usize,
}

static IDLE: Mutex<Idle> = Mutex::new(Idle { buffers: Vec::new(), bytes: 0 });

/// Goes back when the last reader lets go.
struct Pooled(Vec<u8>);

impl AsRef<[u8]> for Pooled {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.0);
        let mut idle = IDLE.lock();
        if idle.bytes + buffer.capacity() <= MAX_IDLE_BYTES {
            idle.bytes += buffer.capacity();
            idle.buffers.push(buffer);
        }
    }
}

/// A copy with memory of its own.
pub fn copy(bytes: &[u8]) -> Bytes {
    if bytes.len() < POOLED_BYTES {
        return Bytes::copy_from_slice(bytes);
    }
    let found = {
        let mut idle = IDLE.lock();
        // The latest first: it is the warmest. One twice as large as needed is left to those who need it.
        let fits = |buffer: &Vec<u8>| (bytes.len()..=bytes.len() * 2).contains(&buffer.capacity());
        let found = idle.buffers.iter().rposition(fits).map(|at| idle.buffers.swap_remove(at));
        idle.bytes -= found.as_ref().map_or(0, Vec::capacity);
        found
    };
    let mut buffer = found.unwrap_or_else(|| Vec::with_capacity(bytes.len().next_power_of_two()));
    buffer.clear();
    buffer.extend_from_slice(bytes);
    Bytes::from_owner(Pooled(buffer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_comes_back_and_is_used_again() {
        let first = copy(&vec![1; 100_000]);
        let shared = first.clone();
        let at = first.as_ptr();
        drop(first);
        assert_eq!(shared, vec![1; 100_000]);
        drop(shared);
        let again = copy(&vec![2; 120_000]);
        assert_eq!(again.as_ptr(), at);
        assert_eq!(again, vec![2; 120_000]);
    }

    #[test]
    fn small_ones_are_not_kept() {
        assert_eq!(copy(b"abc")[..], *b"abc");
    }
}
