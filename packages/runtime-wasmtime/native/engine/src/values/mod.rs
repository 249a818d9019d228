//! Values between the embedder and guests: types, and the ways into and out of guest memory.

pub(crate) mod buffers;
pub(crate) mod convert;
#[expect(unsafe_code, reason = "as in `lift`")]
pub(crate) mod host_values;
#[expect(
    unsafe_code,
    reason = "the engine's conversion traits are unsafe to implement; the module says why it is sound"
)]
pub(crate) mod lift;
#[expect(unsafe_code, reason = "as in `lift`")]
pub(crate) mod lower;
pub(crate) mod message;
#[expect(unsafe_code, reason = "as in `lift`")]
pub(crate) mod message_lift;
#[expect(unsafe_code, reason = "as in `lift`")]
pub(crate) mod message_lower;
pub(crate) mod pack;
pub(crate) mod type_text;
pub(crate) mod value;
