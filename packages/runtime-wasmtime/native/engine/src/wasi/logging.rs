//! `wasi:logging/logging`: what a component logs through it is a line of its standard error, with its level in front.

use wasmtime::StoreContextMut;
use wasmtime::component::{ComponentType, Lift, Linker, WasmStr};

use crate::error::{EngineError, Result};
use crate::store::StoreData;

pub(crate) const INTERFACE: &str = "wasi:logging/logging";

/// Text of one message that is taken.
const MAX_MESSAGE_BYTES: usize = 64 * 1024;
/// Of one message as it is written, with what each of its lines begins with.
const MAX_TEXT_BYTES: usize = 2 * MAX_MESSAGE_BYTES;
/// Text of one context that is taken.
const MAX_CONTEXT_BYTES: usize = 200;

#[expect(dead_code, reason = "guests make them")]
#[derive(Clone, Copy, Debug, ComponentType, Lift)]
#[component(enum)]
#[repr(u8)]
enum Level {
    #[component(name = "trace")]
    Trace,
    #[component(name = "debug")]
    Debug,
    #[component(name = "info")]
    Info,
    #[component(name = "warn")]
    Warn,
    #[component(name = "error")]
    Error,
    #[component(name = "critical")]
    Critical,
}

impl Level {
    fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
            Self::Critical => "CRITICAL",
        }
    }
}

/// Offers the interface under the names that the component imports it by, but for those that `taken` says somebody else offers.
pub(crate) fn link(linker: &mut Linker<StoreData>, imports: &[String], taken: impl Fn(&str) -> bool) -> Result<()> {
    for name in imports.iter().filter(|name| is_logging(name) && !taken(name)) {
        linker
            .instance(name)
            .and_then(|mut interface| {
                interface.func_wrap(
                    "log",
                    |store: StoreContextMut<'_, StoreData>, (level, context, message): (Level, WasmStr, WasmStr)| {
                        let (context, message) = (context.to_str(&store)?, message.to_str(&store)?);
                        if let Some(streams) = store.data().streams() {
                            streams.stderr.append(line(level, &context, &message).as_bytes());
                        }
                        Ok(())
                    },
                )
            })
            .map_err(EngineError::internal)?;
    }
    Ok(())
}

/// Whatever version: there is no released one, and all drafts have this function.
fn is_logging(import: &str) -> bool {
    import.strip_prefix(INTERFACE).is_some_and(|rest| rest.is_empty() || rest.starts_with('@'))
}

/// A message of several lines is as many lines, each with its level.
fn line(level: Level, context: &str, message: &str) -> String {
    let (context, message) = (head(context, MAX_CONTEXT_BYTES), head(message, MAX_MESSAGE_BYTES));
    let mut text = String::with_capacity(message.len() + context.len() + 16);
    for part in message.lines().chain(message.is_empty().then_some("")) {
        // Every line repeats level and context: a message of line ends alone would be a hundred times as long.
        if text.len() > MAX_TEXT_BYTES {
            text.push_str("…\n");
            break;
        }
        text.push_str(level.as_str());
        text.push(' ');
        if !context.is_empty() {
            text.extend(context.chars().map(|char| if char == '\n' { ' ' } else { char }));
            text.push_str(": ");
        }
        text.push_str(part);
        text.push('\n');
    }
    text
}

fn head(text: &str, max_bytes: usize) -> &str {
    &text[..text.floor_char_boundary(max_bytes)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_lines_with_its_level_and_its_context() {
        assert_eq!(line(Level::Warn, "orders", "low"), "WARN orders: low\n");
        assert_eq!(line(Level::Critical, "", "a\nb\n"), "CRITICAL a\nCRITICAL b\n");
        assert_eq!(line(Level::Info, "a\nb", ""), "INFO a b: \n");
        let flood = line(Level::Info, &"c".repeat(200), &"\n".repeat(60_000));
        assert!(flood.len() <= MAX_TEXT_BYTES + 300 && flood.ends_with(": \n…\n"), "{}", flood.len());
        assert_eq!(line(Level::Debug, "", &"ä".repeat(40_000)).len(), "DEBUG ".len() + 65_536 + 1);
    }

    #[test]
    fn its_name_has_any_version_or_none() {
        assert!(is_logging("wasi:logging/logging") && is_logging("wasi:logging/logging@0.1.0-draft"));
        assert!(!is_logging("wasi:logging/logging-more") && !is_logging("wasi:cli/stdout@0.2.0"));
    }
}
