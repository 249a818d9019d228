//! Compiling in child processes with limits of their own.

pub(crate) mod child;
pub(crate) mod frames;
pub(crate) mod worker;
