//! The one table of error codes, and the error every public function of this crate returns.

use serde_json::{Map, Value as Json, json};

use crate::values::value::Value;

/// Declares the codes with their stable spelling and one sentence each, so that the table cannot drift from the enum.
macro_rules! error_codes {
    ($($variant:ident = $code:literal, $summary:literal;)*) => {
        /// What went wrong, stable across releases. The spelling is the contract with TypeScript; see [`ErrorCode::ALL`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorCode {
            $(#[doc = $summary] $variant,)*
        }

        impl ErrorCode {
            /// Every code in table order.
            pub const ALL: &'static [ErrorCode] = &[$(ErrorCode::$variant,)*];

            /// The stable spelling.
            pub const fn as_str(self) -> &'static str {
                match self { $(ErrorCode::$variant => $code,)* }
            }

            /// One sentence for people.
            pub const fn summary(self) -> &'static str {
                match self { $(ErrorCode::$variant => $summary,)* }
            }
        }
    };
}

error_codes! {
    InvalidModule = "INVALID_MODULE", "The bytes are no valid WebAssembly, or need a proposal that is switched off.";
    DigestMismatch = "DIGEST_MISMATCH", "The bytes are not those of the digest; nothing was parsed.";
    ModuleTooLarge = "MODULE_TOO_LARGE", "The binary is larger than allowed; nothing was parsed.";
    Unsupported = "UNSUPPORTED", "The module is valid, but this binding does not do what it asks for.";
    CompileFailed = "COMPILE_FAILED", "The compiler refused a valid module.";
    LinkFailed = "LINK_FAILED", "An import is missing, or denied by policy.";
    StartFailed = "START_FAILED", "Instantiation failed for a reason that is neither a trap nor a limit.";
    UnknownExport = "UNKNOWN_EXPORT", "The module exports no function of that name.";
    UnknownSlot = "UNKNOWN_SLOT", "No slot has that name.";
    UnknownVersion = "UNKNOWN_VERSION", "The slot does not hold the pinned version.";
    InvalidArgument = "INVALID_ARGUMENT", "An argument or option has the wrong type, shape or range.";
    GuestError = "GUEST_ERROR", "The function returned the error case of its result.";
    Trap = "TRAP", "The guest trapped.";
    Timeout = "TIMEOUT", "The call ran into its wall clock or CPU limit.";
    MemoryLimit = "MEMORY_LIMIT", "The guest needed more memory than its limit.";
    TableLimit = "TABLE_LIMIT", "The guest needed more table elements than its limit.";
    InstanceLimit = "INSTANCE_LIMIT", "The guest needed more instances than its limit.";
    InputLimit = "INPUT_LIMIT", "The arguments are larger than allowed.";
    OutputLimit = "OUTPUT_LIMIT", "The result is larger than allowed.";
    FuelExhausted = "FUEL_EXHAUSTED", "The call used up its fuel.";
    CompileLimit = "COMPILE_LIMIT", "Compiling the module took more time or memory than is allowed.";
    Cancelled = "CANCELLED", "The call was cancelled.";
    StateRefused = "STATE_REFUSED", "The state of a module was not handed over to its next version.";
    QueueFull = "QUEUE_FULL", "Too many calls are waiting; try again later.";
    Busy = "BUSY", "The instance is in another call.";
    StaleHandle = "STALE_HANDLE", "The module, instance or resource behind the handle is gone.";
    Closed = "CLOSED", "The dispatcher was closed.";
    NotSynchronous = "NOT_SYNCHRONOUS", "The function cannot run on the JavaScript thread.";
    SignalHandlerReplaced = "SIGNAL_HANDLER_REPLACED", "Another part of the process replaced the SIGSEGV handler.";
    CacheUnusable = "CACHE_UNUSABLE", "The cache folder is not private to this user, or cannot be used.";
    ListenFailed = "LISTEN_FAILED", "The address is in use, or may not be used.";
    IoFailed = "IO_FAILED", "Reading or writing a file failed.";
    Internal = "INTERNAL", "A caught panic, or an engine error without a name of its own.";
}

/// Result of this crate.
pub type Result<T, E = EngineError> = std::result::Result<T, E>;

/// An error with a stable code, a sentence for people, and facts for machines.
#[derive(Debug, Clone)]
pub struct EngineError(Box<ErrorParts>);

#[derive(Debug, Clone)]
struct ErrorParts {
    code: ErrorCode,
    message: String,
    details: Map<String, Json>,
    payload: Option<Value>,
}

impl EngineError {
    /// A new error. The message says what, why and what to do; it must not name host paths that a guest could see.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self(Box::new(ErrorParts { code, message: message.into(), details: Map::new(), payload: None }))
    }

    /// [`ErrorCode::Internal`] with the reason in its details.
    pub fn internal(reason: impl std::fmt::Display) -> Self {
        let reason = bounded(&format!("{reason:#}"), 2_000);
        Self::new(ErrorCode::Internal, format!("The runtime failed unexpectedly: {reason}")).with("reason", reason)
    }

    /// [`ErrorCode::InvalidArgument`] at a path such as `args[0].points[3].x`.
    pub fn argument(path: impl Into<String>, expected: impl Into<String>) -> Self {
        let (path, expected) = (path.into(), expected.into());
        Self::new(ErrorCode::InvalidArgument, format!("{path}: expected {expected}"))
            .with("path", path)
            .with("expected", expected)
    }

    /// Adds one fact.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Json>) -> Self {
        self.0.details.insert(key.to_owned(), value.into());
        self
    }

    /// Adds the value of a guest's error case.
    #[must_use]
    pub fn with_payload(mut self, payload: Option<Value>) -> Self {
        self.0.payload = payload;
        self
    }

    /// The stable code.
    pub fn code(&self) -> ErrorCode {
        self.0.code
    }

    /// The sentence for people.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// One fact, if present.
    pub fn detail(&self, key: &str) -> Option<&Json> {
        self.0.details.get(key)
    }

    /// All facts as a JSON object; `None` when there are none.
    pub fn details_json(&self) -> Option<String> {
        (!self.0.details.is_empty()).then(|| json!(self.0.details).to_string())
    }

    /// The error value a guest returned ([`ErrorCode::GuestError`] only).
    pub fn payload(&self) -> Option<&Value> {
        self.0.payload.as_ref()
    }
}

impl std::fmt::Display for EngineError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.0.code.as_str(), self.0.message)
    }
}

impl std::error::Error for EngineError {}

/// Cuts text that a guest can choose, on a character boundary.
pub(crate) fn bounded(text: &str, max_bytes: usize) -> String {
    if text.len() <= max_bytes {
        return text.to_owned();
    }
    let mut end = max_bytes;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

/// Turns what `catch_unwind` caught into an error.
pub fn panic_error(panic: &(dyn std::any::Any + Send)) -> EngineError {
    let reason = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panic without a message".to_owned());
    EngineError::internal(reason)
}
