//! What the machine or its container has, and how many instances at once that is good for.

use std::num::NonZeroUsize;

use crate::process;

/// Address space of one slot: the reservation of its memory and the guard beside it.
const SLOT_ADDRESS_BYTES: u64 = 4 * 1024 * 1024 * 1024 + 32 * 1024 * 1024;
/// What a slot keeps resident once it was used: memory, tables, stack.
const SLOT_RESIDENT_BYTES: u64 = 1536 * 1024;
/// Memory a free slot keeps, so that the next instance does not fault it in again (measured: half of the throughput without).
const KEEP_RESIDENT_BYTES: u64 = 1024 * 1024;
/// The same where the kernel says which pages were written: only those are kept. A guest with a JavaScript engine inside writes several MiB.
const KEEP_WRITTEN_BYTES: u64 = 16 * 1024 * 1024;
/// Less is not worth the copying.
const LEAST_KEPT_BYTES: u64 = 64 * 1024;
/// Mappings of one slot: its memory, its stack with a guard page, and parts of them with other rights.
const SLOT_MAPPINGS: u64 = 8;
const MAX_SLOTS: u64 = 1_000;
const MIN_SLOTS: u64 = 16;
/// Instances at once that one core can still serve in turn.
const SLOTS_PER_CORE: u64 = 512;

/// What was found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Machine {
    pub(crate) cores: usize,
    /// The smaller of the container's limit and the machine's memory.
    pub(crate) memory_bytes: Option<u64>,
    /// Limit of this process's address space.
    pub(crate) address_bytes: Option<u64>,
    pub(crate) max_mappings: Option<u64>,
}

impl Machine {
    pub(crate) fn look() -> Self {
        let number = |path: &str| std::fs::read_to_string(path).ok().and_then(|text| text.trim().parse::<u64>().ok());
        // A container sees its own limit at the root of its namespace; "max", or a number near 2^63, is none.
        let container = number("/sys/fs/cgroup/memory.max").or_else(own_group_limit);
        let container = container.or_else(|| number("/sys/fs/cgroup/memory/memory.limit_in_bytes"));
        let total = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| total_of(&text));
        Self {
            cores: std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
            memory_bytes: [container, total].into_iter().flatten().min(),
            address_bytes: process::address_space_limit(),
            max_mappings: number("/proc/sys/vm/max_map_count"),
        }
    }

    /// Instances at once that fit, and what is in shortest supply.
    pub(crate) fn pool_slots(&self) -> (u32, &'static str) {
        let bounds = [
            (MAX_SLOTS, "default"),
            (self.cores as u64 * SLOTS_PER_CORE, "cores"),
            (self.memory_bytes.map_or(u64::MAX, |bytes| bytes / 4 / SLOT_RESIDENT_BYTES), "memory"),
            (self.address_bytes.map_or(u64::MAX, |bytes| bytes / 2 / SLOT_ADDRESS_BYTES), "address space"),
            (self.max_mappings.map_or(u64::MAX, |mappings| mappings / 4 / SLOT_MAPPINGS), "mappings"),
        ];
        let (slots, by) = bounds.into_iter().min_by_key(|(slots, _)| *slots).unwrap_or((MAX_SLOTS, "default"));
        // Below the least useful number the pool is tried all the same; the probe says whether it fits.
        (slots.max(MIN_SLOTS) as u32, by)
    }

    /// Memory that one of so many free slots may keep: all of them together a quarter of what the machine has.
    pub(crate) fn kept_bytes(&self, slots: u32, knows_written: bool) -> usize {
        let most = if knows_written { KEEP_WRITTEN_BYTES } else { KEEP_RESIDENT_BYTES };
        let fair = self.memory_bytes.map_or(most, |bytes| bytes / 4 / u64::from(slots.max(1)));
        let whole_pages = fair.clamp(LEAST_KEPT_BYTES, most) / LEAST_KEPT_BYTES * LEAST_KEPT_BYTES;
        whole_pages as usize
    }
}

/// Limit of the group this process is in, where the root of the file system is the machine's own.
fn own_group_limit() -> Option<u64> {
    let groups = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = groups.lines().find_map(|line| line.strip_prefix("0::"))?;
    std::fs::read_to_string(format!("/sys/fs/cgroup{path}/memory.max")).ok()?.trim().parse().ok()
}

fn total_of(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().trim_end_matches("kB").trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;
    const GIB: u64 = 1024 * MIB;

    #[test]
    fn the_pool_follows_what_is_in_shortest_supply() {
        let large = Machine { cores: 8, memory_bytes: Some(64 * GIB), address_bytes: None, max_mappings: Some(65_530) };
        assert_eq!(large.pool_slots(), (1_000, "default"));
        assert_eq!(Machine { cores: 1, ..large }.pool_slots(), (512, "cores"));
        assert_eq!(Machine { memory_bytes: Some(GIB / 2), ..large }.pool_slots(), (85, "memory"));
        assert_eq!(Machine { address_bytes: Some(1024 * GIB), ..large }.pool_slots(), (127, "address space"));
        assert_eq!(Machine { max_mappings: Some(4_096), ..large }.pool_slots(), (128, "mappings"));
        assert_eq!(Machine { address_bytes: Some(8 * GIB), ..large }.pool_slots(), (16, "address space"));
    }

    #[test]
    fn free_slots_keep_what_the_machine_can_spare() {
        let machine = |memory_bytes| Machine { cores: 2, memory_bytes, address_bytes: None, max_mappings: None };
        let kept = |memory_bytes, slots| machine(Some(memory_bytes)).kept_bytes(slots, true) as u64;
        // A large machine keeps what any guest writes; a device of 512 MiB a good megabyte; none more than a quarter of its memory.
        assert_eq!(kept(256 * GIB, 1_000), 16 * MIB);
        assert_eq!(kept(24 * GIB, 1_000), 6 * MIB + 128 * 1024);
        assert_eq!(kept(GIB / 2, 85), 1536 * 1024);
        assert_eq!(kept(GIB / 2, 16), 8 * MIB);
        for (memory, slots) in [(256 * GIB, 1_000), (24 * GIB, 1_000), (4 * GIB, 682), (GIB / 2, 85), (GIB / 4, 42)] {
            assert!(kept(memory, slots) * u64::from(slots) <= memory / 4, "{slots} slots of {memory} bytes");
        }
        assert_eq!(kept(64 * MIB, 1_000), 64 * 1024, "never less than is worth it");
        assert_eq!(machine(None).kept_bytes(1_000, true) as u64, 16 * MIB);
        assert_eq!(machine(Some(24 * GIB)).kept_bytes(1_000, false) as u64, MIB);
        assert_eq!(machine(Some(GIB / 4)).kept_bytes(128, false), 512 * 1024);
    }

    #[test]
    fn the_machine_is_found() {
        let machine = Machine::look();
        assert!(machine.cores >= 1);
        if cfg!(target_os = "linux") {
            assert!(machine.memory_bytes.is_some_and(|bytes| bytes > 64 * 1024 * 1024), "{machine:?}");
        }
        assert_eq!(total_of("MemFree: 1 kB\nMemTotal:       24 kB\n"), Some(24 * 1024));
    }
}
