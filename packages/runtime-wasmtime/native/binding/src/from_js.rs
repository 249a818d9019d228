//! JavaScript values to engine values, by the plan of the parameter. Runs fully before any lock: a getter may do anything.

use bytes::Bytes;
use hotswap_engine::{
    EngineError, ErrorCode, FunctionEntry, HostSignature, ResourceKey, Result, Value, ValueType, module_too_large,
    unpack,
};

use crate::js::{Js, JsResult, Raw, Refused};
use crate::path::{Path, Step};
use crate::typed_arrays::Element;

/// Reads arguments and counts what they weigh.
struct Reader {
    js: Js,
    /// The call ends before this returns to JavaScript, and nothing that is read can run code: large arguments need no copy of ours.
    borrows: bool,
    left: usize,
    limit: u64,
}

/// Converts the arguments of one call from an array.
///
/// # Errors
/// `INVALID_ARGUMENT` with the path, `INPUT_LIMIT`.
pub(crate) fn read_args(js: Js, args: Raw, function: &FunctionEntry, max_input_bytes: u64) -> Result<Vec<Value>> {
    let given = if js.is_array(args) { js.array_length(args).ok() } else { None };
    let given = given.ok_or_else(|| wrong_count(function))? as usize;
    read_each(js, given, |index| js.element(args, index as u32), function, max_input_bytes, false)
}

/// Converts the arguments of one call as Node passed them, for a call that ends before this thread returns to JavaScript: what is
/// returned must not live longer.
///
/// # Errors
/// As [`read_args`].
pub(crate) fn read_passed(js: Js, args: &[Raw], function: &FunctionEntry, max_input_bytes: u64) -> Result<Vec<Value>> {
    read_each(js, args.len(), |index| Ok(args[index]), function, max_input_bytes, true)
}

fn wrong_count(function: &FunctionEntry) -> EngineError {
    EngineError::argument("args", format!("an array of {} arguments", function.params.len()))
}

fn read_each(
    js: Js,
    given: usize,
    argument: impl Fn(usize) -> JsResult<Raw>,
    function: &FunctionEntry,
    max_input_bytes: u64,
    here: bool,
) -> Result<Vec<Value>> {
    let wanted = function.params.len();
    let optional = |from: usize| function.params[from..].iter().all(|(_, ty)| matches!(ty, ValueType::Option { .. }));
    if given > wanted || (given < wanted && !optional(given)) {
        return Err(wrong_count(function));
    }
    let left = usize::try_from(max_input_bytes).unwrap_or(usize::MAX);
    let mut reader = Reader { js, borrows: false, left, limit: max_input_bytes };
    if here && given == wanted && function.params.iter().any(|(_, ty)| Element::of_list(ty).is_some()) {
        reader.borrows = function.params.iter().enumerate().all(|(index, (_, ty))| match Element::of_list(ty) {
            Some(_) => argument(index).is_ok_and(|value| js.is_typed_array(value)),
            None => is_scalar(ty),
        });
    }
    let mut out = Vec::with_capacity(wanted);
    for (index, (_, ty)) in function.params.iter().enumerate() {
        if index >= given {
            out.push(Value::Case(0, None));
            continue;
        }
        let path = Path { parent: None, step: Step::Argument(index) };
        let value = argument(index).map_err(|_| path.error("a readable value"))?;
        out.push(reader.read(value, ty, &path)?);
    }
    Ok(out)
}

/// What a host function answered: an array of its results, or their message.
///
/// # Errors
/// `INVALID_ARGUMENT` with the place, `INPUT_LIMIT`.
pub(crate) fn read_answer(js: Js, answer: Raw, function: &HostSignature, max_bytes: u64) -> Result<Vec<Value>> {
    let types = function.results.as_slice();
    if function.packs_results
        && let Some(message) = read_bytes(js, answer, "result").ok().flatten()
    {
        return unpack(&message, types.iter());
    }
    let path = Path { parent: None, step: Step::Result };
    if !js.is_array(answer) || js.array_length(answer) != Ok(types.len() as u32) {
        return Err(path.error(&format!("{} values", types.len())));
    }
    let left = usize::try_from(max_bytes).unwrap_or(usize::MAX);
    let mut reader = Reader { js, borrows: false, left, limit: max_bytes };
    let read = |(index, ty): (usize, &ValueType)| {
        let value = js.element(answer, index as u32).map_err(|_| path.error("a readable value"))?;
        reader.read(value, ty, &path)
    };
    types.iter().enumerate().map(read).collect()
}

/// A resource as JavaScript holds it.
///
/// # Errors
/// `INVALID_ARGUMENT`.
pub(crate) fn read_resource(js: Js, value: Raw) -> Result<ResourceKey> {
    Reader { js, borrows: false, left: 1_000, limit: 1_000 }
        .resource(value, &Path { parent: None, step: Step::Key("resource") })
}

/// Bytes of a `Uint8Array` or Buffer; `None` for null and undefined.
///
/// # Errors
/// `INVALID_ARGUMENT`.
pub(crate) fn read_bytes(js: Js, value: Raw, name: &str) -> Result<Option<Bytes>> {
    if js.is_nullish(value) {
        return Ok(None);
    }
    match js.typed_array(value, Element::U8, usize::MAX, false) {
        Ok(Some(Ok(bytes))) => Ok(Some(bytes)),
        _ => Err(EngineError::argument(name, "a Uint8Array")),
    }
}

/// A module's bytes, copied: too many are refused before that.
///
/// # Errors
/// `INVALID_ARGUMENT`, `MODULE_TOO_LARGE`.
pub(crate) fn read_module_bytes(js: Js, value: Raw, max_bytes: u64) -> Result<Option<Bytes>> {
    if js.is_nullish(value) {
        return Ok(None);
    }
    match js.typed_array(value, Element::U8, usize::try_from(max_bytes).unwrap_or(usize::MAX), false) {
        Ok(Some(Ok(bytes))) => Ok(Some(bytes)),
        Ok(Some(Err(size))) => Err(module_too_large(size, max_bytes)),
        _ => Err(EngineError::argument("bytes", "a Uint8Array")),
    }
}

impl Reader {
    fn spend(&mut self, bytes: usize) -> Result<()> {
        self.left = self.left.checked_sub(bytes).ok_or_else(|| self.too_large(None))?;
        Ok(())
    }

    fn too_large(&self, size: Option<usize>) -> EngineError {
        let error =
            EngineError::new(ErrorCode::InputLimit, format!("The arguments are larger than {} bytes", self.limit))
                .with("limitBytes", self.limit);
        match size {
            Some(size) => error.with("sizeBytes", size),
            None => error,
        }
    }

    fn integer(&self, value: Raw, min: f64, max: f64, path: &Path<'_>, expected: &str) -> Result<f64> {
        match self.js.number(value) {
            Ok(number) if number >= min && number <= max && number.fract() == 0.0 => Ok(number),
            _ => Err(path.error(expected)),
        }
    }

    #[expect(clippy::too_many_lines, reason = "one arm for each WIT type")]
    fn read(&mut self, value: Raw, ty: &ValueType, path: &Path<'_>) -> Result<Value> {
        self.spend(8)?;
        let js = self.js;
        let wrong = |_: Refused| ();
        Ok(match ty {
            ValueType::Bool => Value::Bool(js.boolean(value).map_err(|_| path.error("a boolean"))?),
            ValueType::S8 => {
                Value::I32(self.integer(value, -128.0, 127.0, path, "an integer from -128 to 127")? as i32)
            }
            ValueType::S16 => {
                Value::I32(self.integer(value, -32_768.0, 32_767.0, path, "an integer from -32768 to 32767")? as i32)
            }
            ValueType::S32 => Value::I32(self.integer(
                value,
                -2_147_483_648.0,
                2_147_483_647.0,
                path,
                "an integer from -2^31 to 2^31-1",
            )? as i32),
            // Core i32 has no sign: both readings are accepted.
            ValueType::I32 => {
                Value::I32(
                    self.integer(value, -2_147_483_648.0, 4_294_967_295.0, path, "a 32-bit integer")? as i64 as i32
                )
            }
            ValueType::U8 => Value::U32(self.integer(value, 0.0, 255.0, path, "an integer from 0 to 255")? as u32),
            ValueType::U16 => {
                Value::U32(self.integer(value, 0.0, 65_535.0, path, "an integer from 0 to 65535")? as u32)
            }
            ValueType::U32 => {
                Value::U32(self.integer(value, 0.0, 4_294_967_295.0, path, "an integer from 0 to 2^32-1")? as u32)
            }
            ValueType::S64 => Value::I64(self.signed(value, path)?),
            ValueType::U64 => Value::U64(self.unsigned(value, path)?),
            ValueType::I64 => Value::I64(match self.signed(value, path) {
                Ok(value) => value,
                Err(error) => self.unsigned(value, path).map_err(|_| error)? as i64,
            }),
            ValueType::F32 => Value::F32(js.number(value).map_err(|_| path.error("a number"))? as f32),
            ValueType::F64 => Value::F64(js.number(value).map_err(|_| path.error("a number"))?),
            ValueType::Char => {
                let character = js.character(value).map_err(wrong).ok().flatten();
                Value::Char(character.ok_or_else(|| path.error("a string of one Unicode scalar value"))?)
            }
            ValueType::String => Value::String(self.string(value, path)?),
            ValueType::List { element, length } => self.list(value, element, *length, path)?,
            ValueType::Map { key, value: item } => self.map(value, key, item, path)?,
            ValueType::Tuple { items } => {
                if !js.is_array(value) || js.array_length(value) != Ok(items.len() as u32) {
                    return Err(path.error(&format!("an array of {} items", items.len())));
                }
                let mut out = Vec::with_capacity(items.len());
                for (index, ty) in items.iter().enumerate() {
                    let path = path.then(Step::Index(index as u32));
                    out.push(self.read(self.item(value, index as u32, &path)?, ty, &path)?);
                }
                Value::Fields(out)
            }
            ValueType::Record { fields, .. } => {
                if !js.is_object(value) {
                    return Err(path.error("an object"));
                }
                let mut out = Vec::with_capacity(fields.len());
                for field in fields {
                    let path = path.then(Step::Key(&field.key));
                    out.push(match self.property(value, &field.key, &field.name, &path)? {
                        Some(found) => self.read(found, &field.ty, &path)?,
                        None if matches!(field.ty, ValueType::Option { .. }) => Value::Case(0, None),
                        None => return Err(path.error("an own property of that name")),
                    });
                }
                Value::Fields(out)
            }
            ValueType::Variant { cases, .. } => {
                let (tag, payload) = self.tagged(value, path)?;
                let position = cases.iter().position(|case| case.name == tag);
                let at = position.ok_or_else(|| {
                    let names: Vec<_> = cases.iter().map(|case| case.name.as_str()).collect();
                    path.then(Step::Key("tag")).error(&format!("one of {}", names.join(", ")))
                })?;
                Value::Case(at as u32, self.payload(payload, cases[at].ty.as_ref(), path)?)
            }
            ValueType::Enum { cases, .. } => {
                let name = self.string(value, path)?;
                let at = cases.iter().position(|case| *case == name);
                Value::Case(at.ok_or_else(|| path.error(&format!("one of {}", cases.join(", "))))? as u32, None)
            }
            ValueType::Flags { flags, .. } => {
                if !js.is_object(value) {
                    return Err(path.error("an object of booleans"));
                }
                let mut set = Vec::new();
                for (index, flag) in flags.iter().enumerate() {
                    let path = path.then(Step::Key(&flag.key));
                    if let Some(found) = self.property(value, &flag.key, &flag.name, &path)?
                        && !js.is_nullish(found)
                        && js.boolean(found).map_err(|_| path.error("a boolean"))?
                    {
                        set.push(index as u32);
                    }
                }
                Value::Flags(set)
            }
            ValueType::Option { some } => self.option(value, some, path)?,
            ValueType::Result { ok, err } => {
                let (tag, payload) = self.tagged(value, path)?;
                let (case, ty) = match tag.as_str() {
                    "ok" => (0, ok),
                    "err" => (1, err),
                    _ => return Err(path.then(Step::Key("tag")).error("ok or err")),
                };
                Value::Case(case, self.payload(payload, ty.as_deref(), path)?)
            }
            ValueType::Own { .. } | ValueType::Borrow { .. } => Value::Resource(self.resource(value, path)?),
            ValueType::V128 => {
                let bytes = js.typed_array(value, Element::U8, 16, false).ok().flatten().and_then(Result::ok);
                let bytes: Option<[u8; 16]> = bytes.and_then(|bytes| bytes[..].try_into().ok());
                Value::V128(u128::from_le_bytes(bytes.ok_or_else(|| path.error("a Uint8Array of 16 bytes"))?))
            }
            ValueType::Ref { .. } | ValueType::Stream { .. } | ValueType::Future { .. } | ValueType::ErrorContext => {
                return Err(path.error("a type that can be passed"));
            }
        })
    }

    fn item(&self, array: Raw, index: u32, path: &Path<'_>) -> Result<Raw> {
        self.js.element(array, index).map_err(|_| path.error("a readable item"))
    }

    fn property(&self, object: Raw, key: &str, kebab: &str, path: &Path<'_>) -> Result<Option<Raw>> {
        let read = |key: &str| self.js.own(object, key).map_err(|_| path.error("a readable property"));
        match read(key)? {
            None if key != kebab => read(kebab),
            found => Ok(found),
        }
    }

    fn signed(&self, value: Raw, path: &Path<'_>) -> Result<i64> {
        let expected = "a bigint from -2^63 to 2^63-1, or a safe integer";
        match self.js.bigint_i64(value) {
            Ok(Some(number)) => Ok(number),
            Ok(None) => Err(path.error(expected)),
            Err(_) => self.integer(value, -MAX_SAFE, MAX_SAFE, path, expected).map(|number| number as i64),
        }
    }

    fn unsigned(&self, value: Raw, path: &Path<'_>) -> Result<u64> {
        let expected = "a bigint from 0 to 2^64-1, or a safe integer";
        match self.js.bigint_u64(value) {
            Ok(Some(number)) => Ok(number),
            Ok(None) => Err(path.error(expected)),
            Err(_) => self.integer(value, 0.0, MAX_SAFE, path, expected).map(|number| number as u64),
        }
    }

    fn string(&mut self, value: Raw, path: &Path<'_>) -> Result<String> {
        let text = self.js.string(value, self.left).map_err(|_| path.error("a string"))?;
        let text = text.ok_or_else(|| self.too_large(None))?;
        self.spend(text.len())?;
        Ok(text)
    }

    fn tagged(&mut self, value: Raw, path: &Path<'_>) -> Result<(String, Option<Raw>)> {
        if !self.js.is_object(value) {
            return Err(path.error("an object { tag, val? }"));
        }
        let tag = path.then(Step::Key("tag"));
        let found = self.property(value, "tag", "tag", &tag)?.ok_or_else(|| tag.error("a string"))?;
        let name = self.string(found, &tag)?;
        let payload = self.property(value, "val", "val", &path.then(Step::Key("val")))?;
        Ok((name, payload))
    }

    fn payload(&mut self, payload: Option<Raw>, ty: Option<&ValueType>, path: &Path<'_>) -> Result<Option<Box<Value>>> {
        let path = path.then(Step::Key("val"));
        match (ty, payload) {
            (None, None) => Ok(None),
            (None, Some(value)) if self.js.is_nullish(value) => Ok(None),
            (None, Some(_)) => Err(path.error("no value: this case has none")),
            (Some(ty), Some(value)) => Ok(Some(Box::new(self.read(value, ty, &path)?))),
            (Some(ValueType::Option { .. }), None) => Ok(Some(Box::new(Value::Case(0, None)))),
            (Some(_), None) => Err(path.error("a value")),
        }
    }

    fn option(&mut self, value: Raw, some: &ValueType, path: &Path<'_>) -> Result<Value> {
        // `undefined` cannot tell the outer absence from the inner one.
        if matches!(some, ValueType::Option { .. }) && !self.js.is_nullish(value) {
            let (tag, payload) = self.tagged(value, path)?;
            return match tag.as_str() {
                "none" => Ok(Value::Case(0, None)),
                "some" => Ok(Value::Case(1, self.payload(payload, Some(some), path)?)),
                _ => Err(path.then(Step::Key("tag")).error("some or none")),
            };
        }
        if self.js.is_nullish(value) {
            return Ok(Value::Case(0, None));
        }
        Ok(Value::Case(1, Some(Box::new(self.read(value, some, path)?))))
    }

    fn resource(&mut self, value: Raw, path: &Path<'_>) -> Result<ResourceKey> {
        let wrong = || path.error("a resource of this instance");
        if !self.js.is_object(value) {
            return Err(wrong());
        }
        let parts = self.js.own(value, "$resource").ok().flatten().ok_or_else(wrong)?;
        if !self.js.is_array(parts) || self.js.array_length(parts) != Ok(3) {
            return Err(wrong());
        }
        let mut numbers = [0_u32; 3];
        for (index, number) in numbers.iter_mut().enumerate() {
            let part = self.js.element(parts, index as u32).map_err(|_| wrong())?;
            *number = self.integer(part, 0.0, 4_294_967_295.0, path, "a resource of this instance")? as u32;
        }
        let [instance, index, generation] = numbers;
        Ok(ResourceKey { instance, index, generation })
    }

    fn map(&mut self, value: Raw, key: &ValueType, item: &ValueType, path: &Path<'_>) -> Result<Value> {
        if !self.js.is_array(value) {
            return Err(path.error("an array of [key, value] pairs"));
        }
        let length = self.length(value, path)?;
        let mut out = Vec::with_capacity(length as usize);
        for index in 0..length {
            let path = path.then(Step::Index(index));
            let pair = self.item(value, index, &path)?;
            if !self.js.is_array(pair) || self.js.array_length(pair) != Ok(2) {
                return Err(path.error("a [key, value] pair"));
            }
            let name = self.read(self.item(pair, 0, &path)?, key, &path.then(Step::Index(0)))?;
            out.push((name, self.read(self.item(pair, 1, &path)?, item, &path.then(Step::Index(1)))?));
        }
        Ok(Value::Map(out))
    }

    /// Length of an array, refused before anything is allocated for it: a sparse one can claim four billion items.
    fn length(&self, array: Raw, path: &Path<'_>) -> Result<u32> {
        let length = self.js.array_length(array).map_err(|_| path.error("an array"))?;
        if length as usize > self.left {
            return Err(self.too_large(Some(length as usize)));
        }
        Ok(length)
    }

    fn list(&mut self, value: Raw, element: &ValueType, length: Option<u32>, path: &Path<'_>) -> Result<Value> {
        let (out, items) = if let Some(kind) = Element::of(element) {
            let given = self.js.typed_array(value, kind, self.left, self.borrows);
            let bytes = match given.map_err(|_| path.error("a list"))? {
                Some(Err(size)) => return Err(self.too_large(Some(size))),
                Some(Ok(bytes)) => bytes,
                None => self.packed(value, element, kind, path)?.into(),
            };
            self.spend(bytes.len())?;
            let items = bytes.len() / kind.size();
            (kind.list(bytes), items)
        } else {
            let items = self.plain_list(value, element, path)?;
            let count = items.len();
            (Value::List(items), count)
        };
        if let Some(wanted) = length
            && items != wanted as usize
        {
            return Err(path.error(&format!("a list of {wanted} items")));
        }
        Ok(out)
    }

    /// An array of numbers, packed as the typed array of that width would be.
    fn packed(&mut self, value: Raw, element: &ValueType, kind: Element, path: &Path<'_>) -> Result<Vec<u8>> {
        if !self.js.is_array(value) {
            return Err(path.error("an array, or the typed array of that width"));
        }
        let length = self.length(value, path)?;
        let mut bytes = Vec::with_capacity(length as usize * kind.size());
        for index in 0..length {
            let path = path.then(Step::Index(index));
            match self.read(self.item(value, index, &path)?, element, &path)? {
                Value::U32(number) => bytes.extend_from_slice(&number.to_le_bytes()[..kind.size()]),
                Value::I32(number) => bytes.extend_from_slice(&number.to_le_bytes()[..kind.size()]),
                Value::U64(number) => bytes.extend_from_slice(&number.to_le_bytes()),
                Value::I64(number) => bytes.extend_from_slice(&number.to_le_bytes()),
                Value::F32(number) => bytes.extend_from_slice(&number.to_le_bytes()),
                Value::F64(number) => bytes.extend_from_slice(&number.to_le_bytes()),
                _ => return Err(path.error("a number")),
            }
        }
        Ok(bytes)
    }

    fn plain_list(&mut self, value: Raw, element: &ValueType, path: &Path<'_>) -> Result<Vec<Value>> {
        if !self.js.is_array(value) {
            return Err(path.error("an array"));
        }
        let length = self.length(value, path)?;
        let mut items = Vec::with_capacity(length as usize);
        for index in 0..length {
            let path = path.then(Step::Index(index));
            items.push(self.read(self.item(value, index, &path)?, element, &path)?);
        }
        Ok(items)
    }
}

/// 2^53 - 1.
const MAX_SAFE: f64 = 9_007_199_254_740_991.0;

/// Types whose reading never runs code of the caller: there is no property to get.
fn is_scalar(ty: &ValueType) -> bool {
    Element::of(ty).is_some()
        || matches!(
            ty,
            ValueType::Bool
                | ValueType::Char
                | ValueType::String
                | ValueType::I32
                | ValueType::I64
                | ValueType::Enum { .. }
        )
}
