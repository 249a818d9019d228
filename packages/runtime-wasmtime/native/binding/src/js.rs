//! The one place that talks to Node-API: small safe functions over the raw calls.
//!
//! Every function runs on the environment's own thread within a live handle scope (a native method, or the batch callback), which is what
//! the raw calls ask for. A value is only ever used in the scope it came from: [`Raw`] is never stored.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use hotswap_engine::{NumberKind, Value, copy_bytes};
use napi::sys;

/// From here on clearing memory that is about to be overwritten costs more than making a Buffer to get it uncleared.
const UNCLEARED_BYTES: usize = 16 * 1024;
/// From here on sharing memory with V8 is cheaper than copying it.
const SHARED_BYTES: usize = 64 * 1024;
/// From here on a view costs less than a copy.
const BORROWED_BYTES: usize = 4 * 1024;
/// Bytes shared at once, over all environments.
const MAX_SHARED_OUT: usize = 64 * 1024 * 1024;

static SHARED_OUT: AtomicUsize = AtomicUsize::new(0);

/// A JavaScript value of the current scope.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct Raw(pub(crate) sys::napi_value);

/// The environment of the current scope.
#[derive(Clone, Copy)]
pub(crate) struct Js {
    env: sys::napi_env,
}

/// A call into Node-API failed: an exception is pending, or the value was of another kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused;

pub(crate) type JsResult<T> = Result<T, Refused>;

fn check(status: sys::napi_status) -> JsResult<()> {
    if status == sys::Status::napi_ok { Ok(()) } else { Err(Refused) }
}

/// Element types of typed arrays that WIT lists map to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element {
    I8,
    U8,
    I16,
    U16,
    I32,
    U32,
    F32,
    F64,
    I64,
    U64,
}

/// Guests are little endian, and so must typed arrays be.
#[cfg(target_endian = "big")]
compile_error!("lists of numbers are handed over as they lie in memory: big-endian machines are not supported");

impl From<NumberKind> for Element {
    fn from(kind: NumberKind) -> Self {
        match kind {
            NumberKind::S8 => Self::I8,
            NumberKind::U16 => Self::U16,
            NumberKind::S16 => Self::I16,
            NumberKind::U32 => Self::U32,
            NumberKind::S32 => Self::I32,
            NumberKind::U64 => Self::U64,
            NumberKind::S64 => Self::I64,
            NumberKind::F32 => Self::F32,
            NumberKind::F64 => Self::F64,
        }
    }
}

impl Element {
    /// A WIT list of these elements.
    pub(crate) fn list(self, bytes: Bytes) -> Value {
        let kind = match self {
            Self::U8 => return Value::Bytes(bytes),
            Self::I8 => NumberKind::S8,
            Self::U16 => NumberKind::U16,
            Self::I16 => NumberKind::S16,
            Self::U32 => NumberKind::U32,
            Self::I32 => NumberKind::S32,
            Self::U64 => NumberKind::U64,
            Self::I64 => NumberKind::S64,
            Self::F32 => NumberKind::F32,
            Self::F64 => NumberKind::F64,
        };
        Value::Numbers(kind, bytes)
    }

    fn raw(self) -> sys::napi_typedarray_type {
        match self {
            Self::I8 => sys::TypedarrayType::int8_array,
            Self::U8 => sys::TypedarrayType::uint8_array,
            Self::I16 => sys::TypedarrayType::int16_array,
            Self::U16 => sys::TypedarrayType::uint16_array,
            Self::I32 => sys::TypedarrayType::int32_array,
            Self::U32 => sys::TypedarrayType::uint32_array,
            Self::F32 => sys::TypedarrayType::float32_array,
            Self::F64 => sys::TypedarrayType::float64_array,
            Self::I64 => sys::TypedarrayType::bigint64_array,
            Self::U64 => sys::TypedarrayType::biguint64_array,
        }
    }

    pub(crate) fn size(self) -> usize {
        match self {
            Self::I8 | Self::U8 => 1,
            Self::I16 | Self::U16 => 2,
            Self::I32 | Self::U32 | Self::F32 => 4,
            Self::F64 | Self::I64 | Self::U64 => 8,
        }
    }
}

impl Js {
    pub(crate) fn new(env: sys::napi_env) -> Self {
        Self { env }
    }

    pub(crate) fn env(self) -> sys::napi_env {
        self.env
    }

    /// Runs one raw call that writes its answer through a pointer.
    fn out<T>(self, initial: T, call: impl FnOnce(sys::napi_env, *mut T) -> sys::napi_status) -> JsResult<T> {
        let mut out = initial;
        check(call(self.env, &raw mut out)).map(|()| out)
    }

    fn value(self, call: impl FnOnce(sys::napi_env, *mut sys::napi_value) -> sys::napi_status) -> JsResult<Raw> {
        self.out(std::ptr::null_mut(), call).map(Raw)
    }

    pub(crate) fn kind(self, value: Raw) -> sys::napi_valuetype {
        // SAFETY: see the module's contract; the same holds for every call below.
        self.out(0, |env, out| unsafe { sys::napi_typeof(env, value.0, out) }).unwrap_or(sys::ValueType::napi_undefined)
    }

    pub(crate) fn is_nullish(self, value: Raw) -> bool {
        matches!(self.kind(value), sys::ValueType::napi_undefined | sys::ValueType::napi_null)
    }

    pub(crate) fn is_object(self, value: Raw) -> bool {
        self.kind(value) == sys::ValueType::napi_object
    }

    pub(crate) fn number(self, value: Raw) -> JsResult<f64> {
        // SAFETY: module contract.
        self.out(0.0, |env, out| unsafe { sys::napi_get_value_double(env, value.0, out) })
    }

    pub(crate) fn boolean(self, value: Raw) -> JsResult<bool> {
        // SAFETY: module contract.
        self.out(false, |env, out| unsafe { sys::napi_get_value_bool(env, value.0, out) })
    }

    /// A bigint that fits.
    pub(crate) fn bigint_i64(self, value: Raw) -> JsResult<Option<i64>> {
        let mut lossless = false;
        // SAFETY: module contract; `lossless` outlives the call.
        let number =
            self.out(0, |env, out| unsafe { sys::napi_get_value_bigint_int64(env, value.0, out, &raw mut lossless) })?;
        Ok(lossless.then_some(number))
    }

    /// A bigint that fits.
    pub(crate) fn bigint_u64(self, value: Raw) -> JsResult<Option<u64>> {
        let mut lossless = false;
        // SAFETY: module contract; `lossless` outlives the call.
        let number =
            self.out(0, |env, out| unsafe { sys::napi_get_value_bigint_uint64(env, value.0, out, &raw mut lossless) })?;
        Ok(lossless.then_some(number))
    }

    /// A string as UTF-8, lone surrogates as U+FFFD. `None` when it is longer than `max_bytes`.
    pub(crate) fn string(self, value: Raw, max_bytes: usize) -> JsResult<Option<String>> {
        let mut small = [0_u8; 256];
        // SAFETY: the buffer and its length belong together; one byte is kept for the terminator that Node writes.
        let copied = self.out(0, |env, out| unsafe {
            sys::napi_get_value_string_utf8(env, value.0, small.as_mut_ptr().cast(), small.len(), out)
        })?;
        // A multi-byte character may be left out at the end, so near-full means maybe cut.
        if copied < small.len() - 4 {
            return Ok((copied <= max_bytes).then(|| String::from_utf8_lossy(&small[..copied]).into_owned()));
        }
        // SAFETY: a null buffer asks for the length only.
        let length = self.out(0, |env, out| unsafe {
            sys::napi_get_value_string_utf8(env, value.0, std::ptr::null_mut(), 0, out)
        })?;
        if length > max_bytes {
            return Ok(None);
        }
        let mut bytes = vec![0_u8; length + 1];
        // SAFETY: the buffer and its length belong together.
        let copied = self.out(0, |env, out| unsafe {
            sys::napi_get_value_string_utf8(env, value.0, bytes.as_mut_ptr().cast(), bytes.len(), out)
        })?;
        bytes.truncate(copied);
        Ok(Some(
            String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()),
        ))
    }

    /// A string of exactly one Unicode scalar value.
    pub(crate) fn character(self, value: Raw) -> JsResult<Option<char>> {
        let mut units = [0_u16; 4];
        // SAFETY: the buffer and its length belong together.
        let copied = self.out(0, |env, out| unsafe {
            sys::napi_get_value_string_utf16(env, value.0, units.as_mut_ptr(), units.len(), out)
        })?;
        let mut characters = char::decode_utf16(units[..copied].iter().copied());
        Ok(match (characters.next(), characters.next()) {
            (Some(Ok(character)), None) => Some(character),
            _ => None,
        })
    }

    pub(crate) fn is_array(self, value: Raw) -> bool {
        // SAFETY: module contract.
        self.out(false, |env, out| unsafe { sys::napi_is_array(env, value.0, out) }).unwrap_or(false)
    }

    pub(crate) fn array_length(self, value: Raw) -> JsResult<u32> {
        // SAFETY: module contract.
        self.out(0, |env, out| unsafe { sys::napi_get_array_length(env, value.0, out) })
    }

    pub(crate) fn element(self, array: Raw, index: u32) -> JsResult<Raw> {
        // SAFETY: module contract.
        self.value(|env, out| unsafe { sys::napi_get_element(env, array.0, index, out) })
    }

    /// An own property: what a prototype has does not count.
    pub(crate) fn own(self, object: Raw, key: &str) -> JsResult<Option<Raw>> {
        let key = self.new_string(key)?;
        // SAFETY: module contract.
        let has = self.out(false, |env, out| unsafe { sys::napi_has_own_property(env, object.0, key.0, out) })?;
        if !has {
            return Ok(None);
        }
        // SAFETY: module contract.
        self.value(|env, out| unsafe { sys::napi_get_property(env, object.0, key.0, out) }).map(Some)
    }

    pub(crate) fn is_typed_array(self, value: Raw) -> bool {
        // SAFETY: module contract.
        self.out(false, |env, out| unsafe { sys::napi_is_typedarray(env, value.0, out) }).unwrap_or(false)
    }

    /// Copies a typed array whose elements are one of `wanted`. `None` for anything else, the size when it is too
    /// long. Instead of a large copy, `borrow` gives a view, which must be read before any JavaScript runs: code could detach the memory.
    pub(crate) fn typed_array(
        self,
        value: Raw,
        wanted: Element,
        max_bytes: usize,
        borrow: bool,
    ) -> JsResult<Option<Result<Bytes, usize>>> {
        if !self.is_typed_array(value) {
            return Ok(None);
        }
        let (mut kind, mut length, mut data) = (0, 0_usize, std::ptr::null_mut());
        // SAFETY: all pointers are to locals, or null where nothing is wanted.
        check(unsafe {
            sys::napi_get_typedarray_info(
                self.env,
                value.0,
                &raw mut kind,
                &raw mut length,
                &raw mut data,
                std::ptr::null_mut(),
                std::ptr::null_mut(),
            )
        })?;
        let clamped = wanted == Element::U8 && kind == sys::TypedarrayType::uint8_clamped_array;
        if kind != wanted.raw() && !clamped {
            return Ok(None);
        }
        let size = length.saturating_mul(wanted.size());
        if size > max_bytes {
            return Ok(Some(Err(size)));
        }
        if size == 0 || data.is_null() {
            return Ok(Some(Ok(Bytes::new())));
        }
        if borrow && size >= BORROWED_BYTES {
            return Ok(Some(Ok(Bytes::from_owner(View { data: data.cast::<u8>(), size }))));
        }
        // SAFETY: Node says that `length` elements live at `data`; they are copied before any JavaScript can run.
        let bytes = unsafe { std::slice::from_raw_parts(data.cast::<u8>(), size) };
        Ok(Some(Ok(copy_bytes(bytes))))
    }

    pub(crate) fn undefined(self) -> JsResult<Raw> {
        // SAFETY: module contract.
        self.value(|env, out| unsafe { sys::napi_get_undefined(env, out) })
    }

    pub(crate) fn null(self) -> JsResult<Raw> {
        // SAFETY: module contract.
        self.value(|env, out| unsafe { sys::napi_get_null(env, out) })
    }

    pub(crate) fn new_boolean(self, value: bool) -> JsResult<Raw> {
        // SAFETY: module contract.
        self.value(|env, out| unsafe { sys::napi_get_boolean(env, value, out) })
    }

    pub(crate) fn new_number(self, value: f64) -> JsResult<Raw> {
        // SAFETY: module contract.
        self.value(|env, out| unsafe { sys::napi_create_double(env, value, out) })
    }

    pub(crate) fn new_i32(self, value: i32) -> JsResult<Raw> {
        // SAFETY: module contract.
        self.value(|env, out| unsafe { sys::napi_create_int32(env, value, out) })
    }

    pub(crate) fn new_u32(self, value: u32) -> JsResult<Raw> {
        // SAFETY: module contract.
        self.value(|env, out| unsafe { sys::napi_create_uint32(env, value, out) })
    }

    pub(crate) fn new_i64(self, value: i64) -> JsResult<Raw> {
        // SAFETY: module contract.
        self.value(|env, out| unsafe { sys::napi_create_bigint_int64(env, value, out) })
    }

    pub(crate) fn new_u64(self, value: u64) -> JsResult<Raw> {
        // SAFETY: module contract.
        self.value(|env, out| unsafe { sys::napi_create_bigint_uint64(env, value, out) })
    }

    pub(crate) fn new_string(self, text: &str) -> JsResult<Raw> {
        // SAFETY: pointer and length belong to one string.
        self.value(|env, out| unsafe {
            sys::napi_create_string_utf8(env, text.as_ptr().cast(), text.len() as isize, out)
        })
    }

    pub(crate) fn new_object(self) -> JsResult<Raw> {
        // SAFETY: module contract.
        self.value(|env, out| unsafe { sys::napi_create_object(env, out) })
    }

    pub(crate) fn set(self, object: Raw, key: &str, value: Raw) -> JsResult<()> {
        let key = self.new_string(key)?;
        // SAFETY: module contract.
        check(unsafe { sys::napi_set_property(self.env, object.0, key.0, value.0) })
    }

    pub(crate) fn new_array(self, length: usize) -> JsResult<Raw> {
        // SAFETY: module contract.
        self.value(|env, out| unsafe { sys::napi_create_array_with_length(env, length, out) })
    }

    pub(crate) fn set_element(self, array: Raw, index: u32, value: Raw) -> JsResult<()> {
        // SAFETY: module contract.
        check(unsafe { sys::napi_set_element(self.env, array.0, index, value.0) })
    }

    /// A typed array over the very memory of `bytes`, which the engine made for this result alone; a copy where sharing does not pay.
    ///
    /// Node gives shared memory back in a later turn of the event loop only, and V8 collects the more often the more is out: so it is
    /// bounded, and a long loop of synchronous calls gets copies.
    pub(crate) fn share_typed_array(self, element: Element, bytes: &Bytes) -> JsResult<Raw> {
        let size = bytes.len();
        if size < SHARED_BYTES || SHARED_OUT.fetch_add(size, Ordering::Relaxed) + size > MAX_SHARED_OUT {
            if size >= SHARED_BYTES {
                SHARED_OUT.fetch_sub(size, Ordering::Relaxed);
            }
            return self.new_typed_array(element, bytes);
        }
        let owner = Box::new(bytes.clone());
        let data = owner.as_ptr().cast_mut().cast::<c_void>();
        let hint: *mut c_void = Box::into_raw(owner).cast();
        let buffer = self.value(|env, out| {
            // SAFETY: `data` stays where it is until `release` drops its owner, which Node does once, when nobody has the buffer any more.
            // The bytes were copied out of the guest for this one result; nothing else reads or writes them.
            unsafe { sys::napi_create_external_arraybuffer(env, data, size, Some(release), hint, out) }
        });
        let Ok(buffer) = buffer else {
            // Some builds of V8 know no memory but their own.
            release_shared(hint);
            return self.new_typed_array(element, bytes);
        };
        // SAFETY: module contract; offset 0 and the length lie within the buffer.
        self.value(|env, out| unsafe {
            sys::napi_create_typedarray(env, element.raw(), size / element.size(), buffer.0, 0, out)
        })
    }

    /// A typed array of its own memory, holding a copy of `bytes`, which must be whole elements.
    pub(crate) fn new_typed_array(self, element: Element, bytes: &[u8]) -> JsResult<Raw> {
        let mut data = std::ptr::null_mut();
        let buffer = if bytes.len() >= UNCLEARED_BYTES {
            // SAFETY: `data` outlives the call.
            let buffer =
                self.value(|env, out| unsafe { sys::napi_create_buffer(env, bytes.len(), &raw mut data, out) })?;
            self.value(|env, out| {
                let (mut kind, mut length, mut offset) = (0, 0, 0);
                // SAFETY: all pointers are to locals, or null where nothing is wanted.
                unsafe {
                    sys::napi_get_typedarray_info(
                        env,
                        buffer.0,
                        &raw mut kind,
                        &raw mut length,
                        std::ptr::null_mut(),
                        out,
                        &raw mut offset,
                    )
                }
            })?
        } else {
            // SAFETY: `data` outlives the call.
            self.value(|env, out| unsafe { sys::napi_create_arraybuffer(env, bytes.len(), &raw mut data, out) })?
        };
        if !bytes.is_empty() && !data.is_null() {
            // SAFETY: Node has just allocated `bytes.len()` bytes there, which nobody else has seen.
            unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), data.cast::<u8>(), bytes.len()) };
        }
        let length = bytes.len() / element.size();
        // SAFETY: module contract; a buffer of this size has memory of its own, so offset 0 and `length` lie within it.
        self.value(|env, out| unsafe { sys::napi_create_typedarray(env, element.raw(), length, buffer.0, 0, out) })
    }

    /// A JavaScript function that calls `callee`, which lives as long as the function does.
    pub(crate) fn new_function<C: Callee>(self, callee: C) -> JsResult<Raw> {
        let data: *mut c_void = Box::into_raw(Box::new(callee)).cast();
        let function = self.value(|env, out| {
            // SAFETY: module contract; the name may be null, and `data` belongs to the function from here on.
            unsafe { sys::napi_create_function(env, std::ptr::null(), 0, Some(enter::<C>), data, out) }
        });
        let kept = function.and_then(|function| {
            // SAFETY: module contract; `finish` frees `data` once, after the function can no longer be called.
            check(unsafe {
                sys::napi_add_finalizer(
                    self.env,
                    function.0,
                    data,
                    Some(finish::<C>),
                    std::ptr::null_mut(),
                    std::ptr::null_mut(),
                )
            })
            .map(|()| function)
        });
        if function.is_err() {
            // SAFETY: nobody else got the pointer.
            drop(unsafe { Box::from_raw(data.cast::<C>()) });
        }
        kept
    }

    /// An `Error` with a `code`.
    pub(crate) fn new_error(self, code: &str, message: &str) -> JsResult<Raw> {
        let (code, message) = (self.new_string(code)?, self.new_string(message)?);
        // SAFETY: module contract.
        self.value(|env, out| unsafe { sys::napi_create_error(env, code.0, message.0, out) })
    }

    pub(crate) fn throw(self, error: Raw) -> JsResult<()> {
        // SAFETY: module contract.
        check(unsafe { sys::napi_throw(self.env, error.0) })
    }

    pub(crate) fn exception_pending(self) -> bool {
        // SAFETY: module contract.
        self.out(false, |env, out| unsafe { sys::napi_is_exception_pending(env, out) }).unwrap_or(false)
    }

    /// Keeps the event loop alive for a thread-safe function, or lets it go.
    pub(crate) fn hold(self, function: sys::napi_threadsafe_function, alive: bool) {
        // SAFETY: the caller's thread-safe function is still open: it is released with the object that calls this.
        let status = unsafe {
            if alive {
                sys::napi_ref_threadsafe_function(self.env, function)
            } else {
                sys::napi_unref_threadsafe_function(self.env, function)
            }
        };
        // It fails only while the environment ends, when there is nothing left to keep alive.
        let _ = status;
    }

    /// JSON as a plain value.
    pub(crate) fn json(self, value: &serde_json::Value) -> JsResult<Raw> {
        match value {
            serde_json::Value::Null => self.null(),
            serde_json::Value::Bool(value) => self.new_boolean(*value),
            serde_json::Value::Number(number) => self.new_number(number.as_f64().unwrap_or(f64::NAN)),
            serde_json::Value::String(text) => self.new_string(text),
            serde_json::Value::Array(items) => {
                let array = self.new_array(items.len())?;
                for (index, item) in items.iter().enumerate() {
                    self.set_element(array, index as u32, self.json(item)?)?;
                }
                Ok(array)
            }
            serde_json::Value::Object(fields) => {
                let object = self.new_object()?;
                for (key, value) in fields {
                    self.set(object, key, self.json(value)?)?;
                }
                Ok(object)
            }
        }
    }
}

/// Memory of a typed array that the current call from JavaScript holds on to.
struct View {
    data: *const u8,
    size: usize,
}

// SAFETY: read by the thread of the environment alone, within the call from JavaScript that made it; `Bytes` only asks for the promise.
unsafe impl Send for View {}
// SAFETY: as above.
unsafe impl Sync for View {}

impl AsRef<[u8]> for View {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: Node said that `size` bytes live there; whoever asked to borrow reads them before any JavaScript can run, and an argument
        // of a call in progress is not collected.
        unsafe { std::slice::from_raw_parts(self.data, self.size) }
    }
}

/// What a function made by [`Js::new_function`] does.
pub(crate) trait Callee: 'static {
    /// Answers, or leaves an exception pending.
    fn call(&self, js: Js, args: &[Raw]) -> Option<Raw>;

    /// Leaves an exception pending for a panic.
    fn panicked(js: Js, panic: &(dyn std::any::Any + Send));
}

/// Arguments that need no allocation.
const FEW_ARGS: usize = 8;

unsafe extern "C" fn enter<C: Callee>(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let js = Js::new(env);
    let read = |args: &mut [Raw]| {
        let (mut count, mut data) = (args.len(), std::ptr::null_mut());
        // SAFETY: called by Node with a live scope; `count` is the room in `args`, whose items are single pointers.
        let status = unsafe {
            sys::napi_get_cb_info(
                env,
                info,
                &raw mut count,
                args.as_mut_ptr().cast(),
                std::ptr::null_mut(),
                &raw mut data,
            )
        };
        check(status).map(|()| (count, data))
    };
    let answered = catch_unwind(AssertUnwindSafe(|| {
        let mut few = [Raw(std::ptr::null_mut()); FEW_ARGS];
        let (count, data) = read(&mut few).ok()?;
        let mut many = Vec::new();
        let args = if count <= FEW_ARGS {
            &few[..count]
        } else {
            many.resize(count, Raw(std::ptr::null_mut()));
            read(&mut many).ok()?;
            &many[..]
        };
        // SAFETY: `data` is the callee that `new_function` made with this very type; the function is being called, so it is alive.
        let callee = unsafe { &*data.cast::<C>() };
        callee.call(js, args)
    }));
    match answered {
        Ok(answer) => answer.map_or(std::ptr::null_mut(), |value| value.0),
        Err(panic) => {
            C::panicked(js, &*panic);
            std::ptr::null_mut()
        }
    }
}

unsafe extern "C" fn release(_env: sys::napi_env, _data: *mut c_void, hint: *mut c_void) {
    release_shared(hint);
}

fn release_shared(hint: *mut c_void) {
    // SAFETY: made by `share_typed_array` with this type, and released once.
    let owner = unsafe { Box::from_raw(hint.cast::<Bytes>()) };
    SHARED_OUT.fetch_sub(owner.len(), Ordering::Relaxed);
}

unsafe extern "C" fn finish<C: Callee>(_env: sys::napi_env, data: *mut c_void, _hint: *mut c_void) {
    // SAFETY: made by `new_function` with this very type, and finalised once.
    let callee = unsafe { Box::from_raw(data.cast::<C>()) };
    // A panic must not reach Node; there is nobody to tell.
    drop(catch_unwind(AssertUnwindSafe(|| drop(callee))));
}
