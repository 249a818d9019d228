//! Typed arrays: copied, lent for the length of a call, or shared with V8. The contract is that of `js.rs`.

use std::ffi::c_void;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use hotswap_engine::{NumberKind, Value, ValueType, copy_bytes};
use napi::sys;

use crate::js::{Js, JsResult, Raw, check};

/// From here on clearing memory that is about to be overwritten costs more than making a Buffer to get it uncleared.
const UNCLEARED_BYTES: usize = 16 * 1024;
/// From here on sharing memory with V8 is cheaper than copying it.
const SHARED_BYTES: usize = 64 * 1024;
/// From here on a view costs less than a copy.
const BORROWED_BYTES: usize = 4 * 1024;
/// Bytes shared at once, over all environments.
const MAX_SHARED_OUT: usize = 64 * 1024 * 1024;

static SHARED_OUT: AtomicUsize = AtomicUsize::new(0);

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
    /// The same for a list as a whole.
    pub(crate) fn of_list(ty: &ValueType) -> Option<Self> {
        match ty {
            ValueType::List { element, .. } => Self::of(element),
            _ => None,
        }
    }

    /// What a list of this type is as a typed array; `None` for types that have none.
    pub(crate) fn of(ty: &ValueType) -> Option<Self> {
        Some(match ty {
            ValueType::U8 => Element::U8,
            ValueType::S8 => Element::I8,
            ValueType::U16 => Element::U16,
            ValueType::S16 => Element::I16,
            ValueType::U32 => Element::U32,
            ValueType::S32 => Element::I32,
            ValueType::U64 => Element::U64,
            ValueType::S64 => Element::I64,
            ValueType::F32 => Element::F32,
            ValueType::F64 => Element::F64,
            _ => return None,
        })
    }

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
                self.env(),
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

    /// A copy of the first bytes of a `Uint8Array`; `None` for anything else, and where it is shorter.
    pub(crate) fn head_of(self, value: Raw, length: usize) -> JsResult<Option<Bytes>> {
        let Some((data, size)) = self.memory_of(value)? else { return Ok(None) };
        if length == 0 || data.is_null() {
            return Ok((length == 0).then(Bytes::new));
        }
        // SAFETY: Node says that `size` bytes live at `data`; they are copied before any JavaScript can run.
        Ok((length <= size).then(|| copy_bytes(unsafe { std::slice::from_raw_parts(data, length) })))
    }

    /// Writes over the first bytes of a `Uint8Array`, if they are enough.
    pub(crate) fn overwrite(self, value: Raw, bytes: &[u8]) -> JsResult<bool> {
        match self.memory_of(value)? {
            Some((data, size)) if bytes.len() <= size && !data.is_null() => {
                // SAFETY: Node says that `size` bytes live at `data`; no JavaScript runs meanwhile, and `bytes` are the engine's own.
                unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), data, bytes.len()) };
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// Where a `Uint8Array` lies, and how long it is.
    fn memory_of(self, value: Raw) -> JsResult<Option<(*mut u8, usize)>> {
        if !self.is_typed_array(value) {
            return Ok(None);
        }
        let (mut kind, mut length, mut data) = (0, 0_usize, std::ptr::null_mut());
        // SAFETY: all pointers are to locals, or null where nothing is wanted.
        check(unsafe {
            sys::napi_get_typedarray_info(
                self.env(),
                value.0,
                &raw mut kind,
                &raw mut length,
                &raw mut data,
                std::ptr::null_mut(),
                std::ptr::null_mut(),
            )
        })?;
        Ok((kind == sys::TypedarrayType::uint8_array).then_some((data.cast::<u8>(), length)))
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

unsafe extern "C" fn release(_env: sys::napi_env, _data: *mut c_void, hint: *mut c_void) {
    release_shared(hint);
}

fn release_shared(hint: *mut c_void) {
    // SAFETY: made by `share_typed_array` with this type, and released once.
    let owner = unsafe { Box::from_raw(hint.cast::<Bytes>()) };
    SHARED_OUT.fetch_sub(owner.len(), Ordering::Relaxed);
}
