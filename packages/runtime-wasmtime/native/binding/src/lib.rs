//! Node addon over `hotswap-engine`: converts values, throws errors, hands completions to the event loop. `binding.d.ts` is its contract.

mod bound_call;
mod dispatcher;
mod failure;
mod from_js;
mod handles;
mod js;
mod process;
mod slot_table;
mod to_js;
