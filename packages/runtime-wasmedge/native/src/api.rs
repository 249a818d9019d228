//! The part of WasmEdge's C interface that is used. It is the same in 0.14.1 and from 0.17.1 on, but for the width of page
//! counts: narrower arguments are passed wide, which both read alike, and results are cut to what both can say.

use std::ffi::{CStr, c_char, c_void};

use libloading::Library;

use crate::find_library::Version;

/// Any context of the library.
pub(crate) type Handle = *mut c_void;

/// Outcome of a call; 0 is success. The lower 24 bits are the code.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outcome {
    pub(crate) code: u32,
}

/// A string that is not terminated.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text {
    pub(crate) length: u32,
    pub(crate) start: *const c_char,
}

impl Text {
    pub(crate) fn of(text: &str) -> Self {
        Self { length: text.len() as u32, start: text.as_ptr().cast() }
    }
}

/// Bytes that belong to the caller.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bytes {
    pub(crate) length: u32,
    pub(crate) start: *const u8,
}

/// A type of values, opaque.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub(crate) struct TypeTag([u8; 8]);

/// A value. The C type is aligned as its 128-bit number.
#[repr(C, align(16))]
#[derive(Debug, Clone, Copy)]
pub(crate) struct WasmValue {
    pub(crate) bits: u128,
    pub(crate) ty: TypeTag,
}

/// A message of the library's log, as far as it is read.
#[repr(C)]
pub(crate) struct LogMessage {
    pub(crate) message: Text,
}

type List = *const *const c_char;

macro_rules! functions {
    ($( $field:ident = $symbol:literal : fn($($arg:ty),*) $(-> $ret:ty)?; )*) => {
        /// The library, open, and its functions.
        pub(crate) struct Api {
            $( pub(crate) $field: unsafe extern "C" fn($($arg),*) $(-> $ret)?, )*
            pub(crate) log_set_callback: Option<unsafe extern "C" fn(extern "C" fn(*const LogMessage))>,
            // Last: it must outlive the functions.
            _library: Library,
        }

        impl Api {
            /// # Errors
            /// The name of the first function that is not there.
            pub(crate) fn load(library: Library) -> Result<Self, &'static str> {
                Ok(Self {
                    $(
                        // SAFETY: the types are those of the library's headers; see the module's documentation.
                        $field: unsafe { *library.get($symbol.as_bytes()).map_err(|_| $symbol)? },
                    )*
                    // SAFETY: as above. Only the newer library has it.
                    log_set_callback: unsafe { library.get(b"WasmEdge_LogSetCallback").ok().map(|found| *found) },
                    _library: library,
                })
            }
        }
    };
}

functions! {
    version_major = "WasmEdge_VersionGetMajor": fn() -> u32;
    version_minor = "WasmEdge_VersionGetMinor": fn() -> u32;
    version_patch = "WasmEdge_VersionGetPatch": fn() -> u32;
    log_off = "WasmEdge_LogOff": fn();
    log_set_error_level = "WasmEdge_LogSetErrorLevel": fn();
    configure_create = "WasmEdge_ConfigureCreate": fn() -> Handle;
    configure_delete = "WasmEdge_ConfigureDelete": fn(Handle);
    configure_set_max_memory_page = "WasmEdge_ConfigureSetMaxMemoryPage": fn(Handle, u64);
    configure_count_instructions = "WasmEdge_ConfigureStatisticsSetInstructionCounting": fn(Handle, bool);
    configure_measure_cost = "WasmEdge_ConfigureStatisticsSetCostMeasuring": fn(Handle, bool);
    loader_create = "WasmEdge_LoaderCreate": fn(Handle) -> Handle;
    loader_delete = "WasmEdge_LoaderDelete": fn(Handle);
    loader_parse = "WasmEdge_LoaderParseFromBytes": fn(Handle, *mut Handle, Bytes) -> Outcome;
    validator_create = "WasmEdge_ValidatorCreate": fn(Handle) -> Handle;
    validator_delete = "WasmEdge_ValidatorDelete": fn(Handle);
    validator_validate = "WasmEdge_ValidatorValidate": fn(Handle, Handle) -> Outcome;
    ast_delete = "WasmEdge_ASTModuleDelete": fn(Handle);
    statistics_create = "WasmEdge_StatisticsCreate": fn() -> Handle;
    statistics_delete = "WasmEdge_StatisticsDelete": fn(Handle);
    statistics_clear = "WasmEdge_StatisticsClear": fn(Handle);
    statistics_set_cost_limit = "WasmEdge_StatisticsSetCostLimit": fn(Handle, u64);
    statistics_total_cost = "WasmEdge_StatisticsGetTotalCost": fn(Handle) -> u64;
    executor_create = "WasmEdge_ExecutorCreate": fn(Handle, Handle) -> Handle;
    executor_delete = "WasmEdge_ExecutorDelete": fn(Handle);
    executor_register_import = "WasmEdge_ExecutorRegisterImport": fn(Handle, Handle, Handle) -> Outcome;
    executor_instantiate = "WasmEdge_ExecutorInstantiate": fn(Handle, *mut Handle, Handle, Handle) -> Outcome;
    executor_invoke = "WasmEdge_ExecutorInvoke":
        fn(Handle, Handle, *const WasmValue, u32, *mut WasmValue, u32) -> Outcome;
    store_create = "WasmEdge_StoreCreate": fn() -> Handle;
    store_delete = "WasmEdge_StoreDelete": fn(Handle);
    wasi_create = "WasmEdge_ModuleInstanceCreateWASI": fn(List, u32, List, u32, List, u32) -> Handle;
    wasi_exit_code = "WasmEdge_ModuleInstanceWASIGetExitCode": fn(Handle) -> u32;
    instance_delete = "WasmEdge_ModuleInstanceDelete": fn(Handle);
    instance_find_function = "WasmEdge_ModuleInstanceFindFunction": fn(Handle, Text) -> Handle;
    instance_find_memory = "WasmEdge_ModuleInstanceFindMemory": fn(Handle, Text) -> Handle;
    memory_page_size = "WasmEdge_MemoryInstanceGetPageSize": fn(Handle) -> u64;
    result_ok = "WasmEdge_ResultOK": fn(Outcome) -> bool;
    result_message = "WasmEdge_ResultGetMessage": fn(Outcome) -> *const c_char;
    type_i32 = "WasmEdge_ValTypeGenI32": fn() -> TypeTag;
    type_i64 = "WasmEdge_ValTypeGenI64": fn() -> TypeTag;
    type_f32 = "WasmEdge_ValTypeGenF32": fn() -> TypeTag;
    type_f64 = "WasmEdge_ValTypeGenF64": fn() -> TypeTag;
}

impl Api {
    pub(crate) fn version(&self) -> Version {
        // SAFETY: no arguments, no state.
        unsafe { Version((self.version_major)(), (self.version_minor)(), (self.version_patch)()) }
    }

    /// The library's words for an outcome.
    pub(crate) fn message(&self, outcome: Outcome) -> String {
        // SAFETY: the library returns a static, terminated string for every code.
        let text = unsafe { CStr::from_ptr((self.result_message)(outcome)) };
        text.to_string_lossy().chars().take(200).collect()
    }

    /// # Errors
    /// The outcome when it is none of success.
    pub(crate) fn check(&self, outcome: Outcome) -> Result<(), Outcome> {
        // SAFETY: a plain value.
        if unsafe { (self.result_ok)(outcome) } { Ok(()) } else { Err(outcome) }
    }
}
