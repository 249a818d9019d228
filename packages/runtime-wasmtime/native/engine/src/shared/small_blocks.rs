//! The allocator of our Rust: small blocks go round within a thread, all else is the system's.
//!
//! A request over HTTP makes some forty small objects and drops them again. The system's allocator keeps seven of a size for a thread and
//! takes the long way for the others, for those of more than a kilobyte, and for those that want a cache line of their own. What a thread
//! keeps here is bounded, and what streams through in large pieces never comes here: memory stays where the system's allocator has it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::ptr::null_mut;

const ALIGN: usize = 16;
/// Up to here every multiple of [`ALIGN`] has a list of its own,
const FINE_BYTES: usize = 1_024;
/// and up to here there are four between one power of two and the next.
const COARSE_BYTES: usize = 16 * 1_024;
/// Blocks that want more than [`ALIGN`] want no more than this, and come in multiples of it.
const WIDE_ALIGN: usize = 128;

const FINE: usize = FINE_BYTES / ALIGN;
const COARSE: usize = 4 * (COARSE_BYTES / FINE_BYTES).ilog2() as usize;
const WIDE: usize = FINE_BYTES / WIDE_ALIGN;
const LISTS: usize = FINE + COARSE + WIDE;

/// What one list keeps at most: so many bytes, and so many blocks.
const KEPT_BYTES: usize = 32 * 1_024;
const KEPT_BLOCKS: usize = 64;

/// See the module's description.
#[derive(Clone, Copy, Debug, Default)]
pub struct SmallBlocks;

/// A free block; its own memory holds the place of the next.
struct Free {
    next: *mut Free,
}

struct List {
    first: Cell<*mut Free>,
    blocks: Cell<usize>,
}

/// Free blocks of one thread.
struct Kept([List; LISTS]);

thread_local! {
    static KEPT: Kept = const { Kept([const { List { first: Cell::new(null_mut()), blocks: Cell::new(0) } }; LISTS]) };
}

impl Drop for Kept {
    fn drop(&mut self) {
        for (list, kept) in self.0.iter().enumerate() {
            while let Some(block) = kept.pop() {
                // SAFETY: every block of a list was given out by the system with that list's layout, and nobody else has it.
                unsafe { System.dealloc(block, layout_of(list)) };
            }
        }
    }
}

impl List {
    fn pop(&self) -> Option<*mut u8> {
        let block = self.first.get();
        if block.is_null() {
            return None;
        }
        // SAFETY: a block in a list is at least as large as `Free`, was written by `push`, and belongs to the list alone.
        self.first.set(unsafe { (*block).next });
        self.blocks.set(self.blocks.get() - 1);
        Some(block.cast())
    }

    /// # Safety
    /// `block` is of this list's layout, and its owner has given it up.
    unsafe fn push(&self, block: *mut u8) {
        #[expect(clippy::cast_ptr_alignment, reason = "every list's blocks are aligned for more than it")]
        let block = block.cast::<Free>();
        // SAFETY: the smallest blocks have room for a `Free`, and nobody else has this one.
        unsafe { block.write(Free { next: self.first.get() }) };
        self.first.set(block);
        self.blocks.set(self.blocks.get() + 1);
    }
}

// Never inlined, either of them: a guest's fiber may go on on another thread, and a function that it was in the midst of may still have the
// place of the first thread's lists in a register.

/// A block that this thread has kept. A thread that is ending keeps nothing.
#[inline(never)]
fn take(list: usize) -> Option<*mut u8> {
    KEPT.try_with(|kept| kept.0[list].pop()).ok().flatten()
}

/// Keeps a block, unless there are enough of them.
///
/// # Safety
/// `block` is of the list's layout, and its owner has given it up.
#[inline(never)]
unsafe fn keep(list: usize, block: *mut u8) -> bool {
    let kept = KEPT.try_with(|kept| {
        let kept = &kept.0[list];
        let fits = kept.blocks.get() < MOST[list];
        if fits {
            // SAFETY: the caller's promise.
            unsafe { kept.push(block) };
        }
        fits
    });
    kept.unwrap_or(false)
}

/// The list that a block belongs to; `None`: the system's.
#[inline]
fn list_of(layout: Layout) -> Option<usize> {
    let last = layout.size().saturating_sub(1);
    if layout.align() <= ALIGN {
        if last < FINE_BYTES {
            return Some(last / ALIGN);
        }
        if last < COARSE_BYTES {
            let power = last.ilog2();
            let quarter = (last >> (power - 2)) & 3;
            return Some(FINE + 4 * (power - FINE_BYTES.ilog2()) as usize + quarter);
        }
        return None;
    }
    (layout.align() <= WIDE_ALIGN && last < FINE_BYTES).then_some(FINE + COARSE + last / WIDE_ALIGN)
}

/// Size and alignment of the blocks in a list.
const fn shape_of(list: usize) -> (usize, usize) {
    if list < FINE {
        return ((list + 1) * ALIGN, ALIGN);
    }
    if list < FINE + COARSE {
        let (power, quarter) = ((list - FINE) / 4, (list - FINE) % 4);
        let base = FINE_BYTES << power;
        return (base + (quarter + 1) * (base / 4), ALIGN);
    }
    ((list - FINE - COARSE + 1) * WIDE_ALIGN, WIDE_ALIGN)
}

#[inline]
fn layout_of(list: usize) -> Layout {
    let (size, align) = shape_of(list);
    // SAFETY: both alignments are powers of two, and no size comes near the end of the address space.
    unsafe { Layout::from_size_align_unchecked(size, align) }
}

const MOST: [usize; LISTS] = {
    let mut most = [0; LISTS];
    let mut list = 0;
    while list < LISTS {
        let fit = KEPT_BYTES / shape_of(list).0;
        most[list] = if fit < KEPT_BLOCKS { fit } else { KEPT_BLOCKS };
        list += 1;
    }
    most
};

// SAFETY: a block of a list is always taken from the system with that list's layout, which is at least as large and as aligned as what was
// asked for, and `list_of` finds the same list when it comes back, because it looks at nothing but the layout. All else is passed on.
unsafe impl GlobalAlloc for SmallBlocks {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some(list) = list_of(layout) else {
            // SAFETY: the caller's promises are those that the system asks for.
            return unsafe { System.alloc(layout) };
        };
        // SAFETY: the layout of a list has a size.
        take(list).unwrap_or_else(|| unsafe { System.alloc(layout_of(list)) })
    }

    #[inline]
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some(list) = list_of(layout) else {
            // SAFETY: it came from the system with this layout.
            return unsafe { System.dealloc(block, layout) };
        };
        // SAFETY: the block was given out with the layout of this list, and the caller gives it up.
        if !unsafe { keep(list, block) } {
            // SAFETY: it came from the system with the layout of its list, and no list has it.
            unsafe { System.dealloc(block, layout_of(list)) };
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if list_of(layout).is_none() {
            // SAFETY: as for `alloc`.
            return unsafe { System.alloc_zeroed(layout) };
        }
        // SAFETY: the caller's promises are those of `alloc`; what that returns has the size that was asked for.
        unsafe {
            let block = self.alloc(layout);
            if !block.is_null() {
                block.write_bytes(0, layout.size());
            }
            block
        }
    }

    #[inline]
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller promises that the size fits the alignment.
        let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        match (list_of(layout), list_of(wanted)) {
            // SAFETY: it came from the system with this layout.
            (None, None) => unsafe { System.realloc(block, layout, size) },
            (from, to) if from == to => block,
            // SAFETY: both blocks are at least as large as what is copied, and they are two.
            _ => unsafe {
                let new = self.alloc(wanted);
                if !new.is_null() {
                    new.copy_from_nonoverlapping(block, layout.size().min(size));
                    self.dealloc(block, layout);
                }
                new
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).expect("a layout")
    }

    #[test]
    fn every_small_size_has_the_smallest_list_that_holds_it() {
        for align in [1, 8, 16, 32, 64, 128] {
            for size in 1..=COARSE_BYTES + 1 {
                let wide = align > ALIGN;
                let Some(list) = list_of(layout(size, align)) else {
                    assert!(size > if wide { FINE_BYTES } else { COARSE_BYTES }, "{size} bytes, aligned to {align}");
                    continue;
                };
                let (fits, aligned) = shape_of(list);
                assert!(fits >= size && aligned >= align && fits % aligned == 0, "{size} bytes, aligned to {align}");
                let smaller = list.checked_sub(1).map(shape_of).filter(|(_, other)| *other == aligned);
                assert!(smaller.is_none_or(|(smaller, _)| smaller < size), "{size} bytes, aligned to {align}");
                assert!(MOST[list] >= 2, "list {list} keeps too little to be of use");
            }
        }
        assert_eq!(list_of(layout(64, 256)), None);
    }

    #[test]
    fn blocks_keep_what_is_in_them_and_come_back() {
        for align in [1, 16, 128] {
            // SAFETY: each block is used within its layout and given back once, with the layout that it has then.
            unsafe {
                for size in [1, 15, 16, 17, 127, 1_000, 1_024, 1_025, 5_000, 16_384, 16_385, 100_000] {
                    let first = SmallBlocks.alloc(layout(size, align));
                    assert_eq!(first.addr() % align, 0);
                    first.write_bytes(7, size);
                    let mut at = (first, size);
                    for grown in [size + 1, 2 * size, 20_000 + size, size] {
                        let block = SmallBlocks.realloc(at.0, layout(at.1, align), grown);
                        assert!((0..size).all(|index| *block.add(index) == 7), "{size} bytes became {grown}");
                        at = (block, grown);
                    }
                    SmallBlocks.dealloc(at.0, layout(size, align));
                    let zeroed = SmallBlocks.alloc_zeroed(layout(size, align));
                    assert!((0..size).all(|index| *zeroed.add(index) == 0), "{size} bytes");
                    SmallBlocks.dealloc(zeroed, layout(size, align));
                }
            }
        }
    }

    #[test]
    fn a_thread_keeps_a_bounded_part() {
        let block = layout(512, 8);
        let list = list_of(block).expect("a small block");
        // SAFETY: each block is given back once, with its layout.
        unsafe {
            let blocks: Vec<_> = (0..1_000).map(|_| SmallBlocks.alloc(block)).collect();
            for one in blocks {
                SmallBlocks.dealloc(one, block);
            }
        }
        assert_eq!(KEPT.with(|kept| kept.0[list].blocks.get()), MOST[list]);
    }

    #[test]
    fn what_one_thread_makes_another_may_drop_as_it_ends() {
        let made: Vec<Box<[u8]>> = (1..2_000).map(|size| vec![1; size].into()).collect();
        std::thread::spawn(move || made.iter().map(|block| block.len()).sum::<usize>()).join().expect("no panic");
    }
}
