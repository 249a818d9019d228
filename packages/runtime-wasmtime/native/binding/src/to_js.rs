//! Engine values to JavaScript, by the plan of the result.

use hotswap_engine::{FunctionEntry, HostSignature, Value, ValueType, pack};

use crate::js::{Js, JsResult, Raw, Refused};
use crate::typed_arrays::Element;

/// The results of one call: undefined for none, the value for one, an array for several.
pub(crate) fn results(js: Js, function: &FunctionEntry, values: &[Value]) -> JsResult<Raw> {
    if let [Value::Message(message)] = values {
        return js.share_typed_array(Element::U8, message);
    }
    // A top-level result was unwrapped by the engine: what is left is its ok value.
    if let [ValueType::Result { ok, .. }] = function.results.as_slice() {
        return payload(js, values.first(), ok.as_deref());
    }
    match (values, function.results.as_slice()) {
        ([], _) => js.undefined(),
        ([value], [ty]) => one(js, value, ty),
        _ => {
            let array = js.new_array(values.len())?;
            for (index, (value, ty)) in values.iter().zip(&function.results).enumerate() {
                js.set_element(array, index as u32, one(js, value, ty)?)?;
            }
            Ok(array)
        }
    }
}

/// What a guest passes to a host function, as a message.
pub(crate) fn host_message(js: Js, function: &HostSignature, args: &[Value]) -> JsResult<Raw> {
    let message = pack(args, function.params.iter().map(|(_, ty)| ty)).map_err(|_| Refused)?;
    js.share_typed_array(Element::U8, &message.into())
}

/// The same as an array.
pub(crate) fn host_args(js: Js, function: &HostSignature, args: &[Value]) -> JsResult<Raw> {
    let array = js.new_array(args.len())?;
    for (index, (value, (_, ty))) in args.iter().zip(&function.params).enumerate() {
        js.set_element(array, index as u32, one(js, value, ty)?)?;
    }
    Ok(array)
}

/// The error value of a top-level result.
pub(crate) fn error_payload(js: Js, function: &FunctionEntry, value: Option<&Value>) -> JsResult<Raw> {
    match function.results.as_slice() {
        [ValueType::Result { err, .. }] => payload(js, value, err.as_deref()),
        _ => js.undefined(),
    }
}

fn payload(js: Js, value: Option<&Value>, ty: Option<&ValueType>) -> JsResult<Raw> {
    match (value, ty) {
        (Some(value), Some(ty)) => one(js, value, ty),
        _ => js.undefined(),
    }
}

fn one(js: Js, value: &Value, ty: &ValueType) -> JsResult<Raw> {
    match (value, ty) {
        (Value::Bool(value), _) => js.new_boolean(*value),
        (Value::I32(value), _) => js.new_i32(*value),
        (Value::U32(value), _) => js.new_u32(*value),
        (Value::I64(value), _) => js.new_i64(*value),
        (Value::U64(value), _) => js.new_u64(*value),
        (Value::F32(value), _) => js.new_number(f64::from(*value)),
        (Value::F64(value), _) => js.new_number(*value),
        (Value::Char(value), _) => js.new_string(value.encode_utf8(&mut [0; 4])),
        (Value::String(text), _) => js.new_string(text),
        (Value::Bytes(bytes), _) => js.share_typed_array(Element::U8, bytes),
        (Value::Numbers(kind, bytes), _) => js.share_typed_array((*kind).into(), bytes),
        (Value::List(items), ValueType::List { element, .. }) => {
            let array = js.new_array(items.len())?;
            for (index, item) in items.iter().enumerate() {
                js.set_element(array, index as u32, one(js, item, element)?)?;
            }
            Ok(array)
        }
        (Value::Map(pairs), ValueType::Map { key, value }) => {
            let array = js.new_array(pairs.len())?;
            for (index, (name, item)) in pairs.iter().enumerate() {
                let pair = js.new_array(2)?;
                js.set_element(pair, 0, one(js, name, key)?)?;
                js.set_element(pair, 1, one(js, item, value)?)?;
                js.set_element(array, index as u32, pair)?;
            }
            Ok(array)
        }
        (Value::Fields(values), ValueType::Tuple { items }) => {
            let array = js.new_array(values.len())?;
            for (index, (value, ty)) in values.iter().zip(items).enumerate() {
                js.set_element(array, index as u32, one(js, value, ty)?)?;
            }
            Ok(array)
        }
        (Value::Fields(values), ValueType::Record { fields, .. }) => {
            let object = js.new_object()?;
            for (value, field) in values.iter().zip(fields) {
                js.set(object, &field.key, one(js, value, &field.ty)?)?;
            }
            Ok(object)
        }
        (Value::Case(case, inner), _) => one_case(js, *case, inner.as_deref(), ty),
        (Value::Flags(set), ValueType::Flags { flags, .. }) => {
            let object = js.new_object()?;
            for (index, flag) in flags.iter().enumerate() {
                js.set(object, &flag.key, js.new_boolean(set.contains(&(index as u32)))?)?;
            }
            Ok(object)
        }
        (Value::Resource(key), _) => {
            let parts = js.new_array(3)?;
            for (index, part) in [key.instance, key.index, key.generation].into_iter().enumerate() {
                js.set_element(parts, index as u32, js.new_u32(part)?)?;
            }
            let object = js.new_object()?;
            js.set(object, "$resource", parts)?;
            Ok(object)
        }
        (Value::V128(value), _) => js.new_typed_array(Element::U8, &value.to_le_bytes()),
        _ => Err(Refused),
    }
}

fn one_case(js: Js, case: u32, inner: Option<&Value>, ty: &ValueType) -> JsResult<Raw> {
    match ty {
        ValueType::Enum { cases, .. } => js.new_string(cases.get(case as usize).ok_or(Refused)?),
        ValueType::Variant { cases, .. } => {
            let case = cases.get(case as usize).ok_or(Refused)?;
            tagged(js, &case.name, inner, case.ty.as_ref())
        }
        ValueType::Result { ok, .. } if case == 0 => tagged(js, "ok", inner, ok.as_deref()),
        ValueType::Result { err, .. } => tagged(js, "err", inner, err.as_deref()),
        ValueType::Option { some } if matches!(**some, ValueType::Option { .. }) => {
            tagged(js, if case == 1 { "some" } else { "none" }, inner, Some(some))
        }
        ValueType::Option { some } => payload(js, inner, Some(some)),
        _ => Err(Refused),
    }
}

fn tagged(js: Js, tag: &str, inner: Option<&Value>, ty: Option<&ValueType>) -> JsResult<Raw> {
    let object = js.new_object()?;
    js.set(object, "tag", js.new_string(tag)?)?;
    if let (Some(value), Some(ty)) = (inner, ty) {
        js.set(object, "val", one(js, value, ty)?)?;
    }
    Ok(object)
}
