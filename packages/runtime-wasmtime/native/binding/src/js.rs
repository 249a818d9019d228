//! The one place that talks to Node-API: small safe functions over the raw calls.
//!
//! Every function runs on the environment's own thread within a live handle scope (a native method, or the batch callback), which is what
//! the raw calls ask for. A value is only ever used in the scope it came from: [`Raw`] is never stored.

use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};

use napi::sys;

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

pub(crate) fn check(status: sys::napi_status) -> JsResult<()> {
    if status == sys::Status::napi_ok { Ok(()) } else { Err(Refused) }
}

impl Js {
    pub(crate) fn new(env: sys::napi_env) -> Self {
        Self { env }
    }

    pub(crate) fn env(self) -> sys::napi_env {
        self.env
    }

    /// Runs one raw call that writes its answer through a pointer.
    pub(crate) fn out<T>(
        self,
        initial: T,
        call: impl FnOnce(sys::napi_env, *mut T) -> sys::napi_status,
    ) -> JsResult<T> {
        let mut out = initial;
        check(call(self.env, &raw mut out)).map(|()| out)
    }

    pub(crate) fn value(
        self,
        call: impl FnOnce(sys::napi_env, *mut sys::napi_value) -> sys::napi_status,
    ) -> JsResult<Raw> {
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

unsafe extern "C" fn finish<C: Callee>(_env: sys::napi_env, data: *mut c_void, _hint: *mut c_void) {
    // SAFETY: made by `new_function` with this very type, and finalised once.
    let callee = unsafe { Box::from_raw(data.cast::<C>()) };
    // A panic must not reach Node; there is nobody to tell.
    drop(catch_unwind(AssertUnwindSafe(|| drop(callee))));
}
