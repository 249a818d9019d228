//! The child's side of the protocol between a node and an engine that lives in a process of its own: frames, messages,
//! the description of binaries, and the loop that serves one request after the other. An engine implements [`Engine`].

mod capture;
mod describe;
mod engine;
mod frame;
mod left_behind;
mod message;
mod serve;
mod standard_streams;

pub use capture::{Capture, Stdio};
pub use describe::{Description, describe};
pub use engine::{Engine, Usage};
pub use frame::{read_frame, write_frame};
pub use left_behind::LeftBehind;
pub use message::{Failure, Folder, Hello, PROTOCOL_VERSION, Policy, Value, ValueType, Wasi};
pub use serve::{refuse, serve};
pub use standard_streams::{Connection, limit_memory};
