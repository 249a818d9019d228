//! What all guests of a process share: processors, memory, threads, time, lookups of names.

pub(crate) mod cpu_share;
pub(crate) mod lanes;
pub(crate) mod lookups;
pub(crate) mod machine;
pub(crate) mod memory_budget;
pub(crate) mod short_lane;
pub(crate) mod ticker;
