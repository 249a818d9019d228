//! Places within arguments, for messages about them.

use std::fmt::Write as _;

use hotswap_engine::EngineError;

/// Where in the arguments a value is; only written out when it is wrong.
#[derive(Clone, Copy)]
pub(crate) struct Path<'a> {
    pub(crate) parent: Option<&'a Path<'a>>,
    pub(crate) step: Step<'a>,
}

#[derive(Clone, Copy)]
pub(crate) enum Step<'a> {
    Argument(usize),
    Result,
    Index(u32),
    Key(&'a str),
}

impl<'a> Path<'a> {
    pub(crate) fn then(&'a self, step: Step<'a>) -> Path<'a> {
        Path { parent: Some(self), step }
    }

    pub(crate) fn write(&self, out: &mut String) {
        if let Some(parent) = self.parent {
            parent.write(out);
        }
        // Writing to a string cannot fail.
        let _ = match self.step {
            Step::Argument(index) => write!(out, "args[{index}]"),
            Step::Result => write!(out, "result"),
            Step::Index(index) => write!(out, "[{index}]"),
            Step::Key(key) => write!(out, ".{key}"),
        };
    }

    pub(crate) fn error(&self, expected: &str) -> EngineError {
        let mut path = String::new();
        self.write(&mut path);
        EngineError::argument(path, expected)
    }
}
