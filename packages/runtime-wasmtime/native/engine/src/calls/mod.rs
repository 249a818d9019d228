//! Calls: admission, instances fresh, kept or open, and how a call ends.

pub(crate) mod admission;
pub(crate) mod client;
pub(crate) mod command;
pub(crate) mod completions;
pub(crate) mod control;
#[expect(unsafe_code, reason = "calls that this crate has checked itself; the module says how")]
pub(crate) mod direct;
pub(crate) mod drain;
pub(crate) mod enter;
pub(crate) mod instance;
pub(crate) mod invoke;
mod ticket;
pub(crate) mod warm;
pub(crate) mod warm_call;
pub(crate) mod yardstick;
