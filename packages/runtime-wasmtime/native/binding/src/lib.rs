//! Node addon over `hotswap-engine`: converts values, throws errors, hands completions to the event loop. `binding.d.ts` is its contract.

#![allow(
    clippy::needless_pass_by_value,
    clippy::too_many_arguments,
    clippy::trivially_copy_pass_by_ref,
    reason = "the #[napi] macro decides how arguments arrive, and flat ones spare a property read each"
)]
#![cfg_attr(test, allow(dead_code, reason = "under test nothing registers the exports"))]

mod bound_call;
mod completion_batch;
mod dispatcher;
mod failure;
mod from_js;
mod handles;
mod host_functions;
mod http_events;
mod http_head;
mod http_plane;
mod http_requests;
mod js;
mod js_function;
mod messages;
mod path;
mod process;
mod slot_table;
mod to_js;
mod typed_arrays;
