//! Values as a message and back, where they are values anyway: what guests pass to host functions, and what these answer. The layout is that
//! of `message.rs`.

use wasmtime::bail;

use crate::error::{EngineError, Result};
use crate::values::message::{Reader, is_wide};
use crate::values::value::{NumberKind, Value, ValueType};

/// Values as one message.
///
/// # Errors
/// `INTERNAL` for values that do not have these types, and for those that are in no message.
pub fn pack<'a>(values: &[Value], types: impl Iterator<Item = &'a ValueType>) -> Result<Vec<u8>> {
    let mut message = Vec::with_capacity(256);
    values.iter().zip(types).try_for_each(|(value, ty)| put(&mut message, value, ty))?;
    Ok(message)
}

/// The values of a message.
///
/// # Errors
/// `INTERNAL` for a message that does not follow these types.
pub fn unpack<'a>(message: &[u8], types: impl Iterator<Item = &'a ValueType>) -> Result<Vec<Value>> {
    let mut reader = Reader::new(message);
    let values = types.map(|ty| get(&mut reader, ty)).collect::<wasmtime::Result<Vec<_>>>();
    let whole = values.and_then(|values| reader.finish().map(|()| values));
    whole.map_err(EngineError::internal)
}

fn put(to: &mut Vec<u8>, value: &Value, ty: &ValueType) -> Result<()> {
    let count = |to: &mut Vec<u8>, count: usize| to.extend_from_slice(&(count as u32).to_le_bytes());
    match (ty, value) {
        (ValueType::Bool, Value::Bool(value)) => to.push(u8::from(*value)),
        (ValueType::S8, Value::I32(value)) => to.push(*value as u8),
        (ValueType::S16, Value::I32(value)) => to.extend_from_slice(&(*value as i16).to_le_bytes()),
        (ValueType::S32, Value::I32(value)) => to.extend_from_slice(&value.to_le_bytes()),
        (ValueType::U8, Value::U32(value)) => to.push(*value as u8),
        (ValueType::U16, Value::U32(value)) => to.extend_from_slice(&(*value as u16).to_le_bytes()),
        (ValueType::U32, Value::U32(value)) => to.extend_from_slice(&value.to_le_bytes()),
        (ValueType::S64, Value::I64(value)) => to.extend_from_slice(&value.to_le_bytes()),
        (ValueType::U64, Value::U64(value)) => to.extend_from_slice(&value.to_le_bytes()),
        (ValueType::F32, Value::F32(value)) => to.extend_from_slice(&value.to_le_bytes()),
        (ValueType::F64, Value::F64(value)) => to.extend_from_slice(&value.to_le_bytes()),
        (ValueType::Char, Value::Char(value)) => to.extend_from_slice(&u32::from(*value).to_le_bytes()),
        (ValueType::String, Value::String(text)) => {
            count(to, text.len());
            to.extend_from_slice(text.as_bytes());
        }
        (ValueType::List { .. }, Value::Bytes(bytes)) => {
            count(to, bytes.len());
            to.extend_from_slice(bytes);
        }
        (ValueType::List { .. }, Value::Numbers(kind, bytes)) => {
            count(to, bytes.len() / kind.size_bytes());
            to.extend_from_slice(bytes);
        }
        (ValueType::List { element, .. }, Value::List(items)) => {
            count(to, items.len());
            items.iter().try_for_each(|item| put(to, item, element))?;
        }
        (ValueType::Tuple { items }, Value::Fields(values)) if items.len() == values.len() => {
            values.iter().zip(items).try_for_each(|(value, ty)| put(to, value, ty))?;
        }
        (ValueType::Record { fields, .. }, Value::Fields(values)) if fields.len() == values.len() => {
            values.iter().zip(fields).try_for_each(|(value, field)| put(to, value, &field.ty))?;
        }
        (ValueType::Flags { flags, .. }, Value::Flags(set)) => {
            let start = to.len();
            to.resize(start + flags.len().div_ceil(32) * 4, 0);
            for flag in set.iter().filter(|flag| (**flag as usize) < flags.len()) {
                to[start + *flag as usize / 8] |= 1 << (flag % 8);
            }
        }
        (_, Value::Case(case, payload)) => {
            let (cases, inner) = case_of(ty, *case).ok_or_else(|| mismatch(ty))?;
            if is_wide(cases) {
                to.extend_from_slice(&case.to_le_bytes());
            } else {
                to.push(*case as u8);
            }
            match (inner, payload) {
                (Some(ty), Some(value)) => put(to, value, ty)?,
                (None, None) => {}
                _ => return Err(mismatch(ty)),
            }
        }
        _ => return Err(mismatch(ty)),
    }
    Ok(())
}

fn mismatch(ty: &ValueType) -> EngineError {
    EngineError::internal(format!("a value does not have the type it was converted for: {ty:?}"))
}

/// How many cases a variant-like type has, and what one of them carries.
fn case_of(ty: &ValueType, case: u32) -> Option<(usize, Option<&ValueType>)> {
    let at = case as usize;
    let (cases, payload) = match ty {
        ValueType::Variant { cases, .. } => (cases.len(), cases.get(at)?.ty.as_ref()),
        ValueType::Enum { cases, .. } => (cases.len(), None),
        ValueType::Option { some } => (2, (at == 1).then_some(&**some)),
        ValueType::Result { ok, err } => (2, if at == 0 { ok.as_deref() } else { err.as_deref() }),
        _ => return None,
    };
    (at < cases).then_some((cases, payload))
}

fn get(from: &mut Reader<'_>, ty: &ValueType) -> wasmtime::Result<Value> {
    Ok(match ty {
        ValueType::Bool => Value::Bool(from.array::<1>()? != [0]),
        ValueType::S8 => Value::I32(i8::from_le_bytes(from.array()?).into()),
        ValueType::S16 => Value::I32(i16::from_le_bytes(from.array()?).into()),
        ValueType::S32 => Value::I32(i32::from_le_bytes(from.array()?)),
        ValueType::U8 => Value::U32(u8::from_le_bytes(from.array()?).into()),
        ValueType::U16 => Value::U32(u16::from_le_bytes(from.array()?).into()),
        ValueType::U32 => Value::U32(from.u32()?),
        ValueType::S64 => Value::I64(i64::from_le_bytes(from.array()?)),
        ValueType::U64 => Value::U64(u64::from_le_bytes(from.array()?)),
        ValueType::F32 => Value::F32(f32::from_le_bytes(from.array()?)),
        ValueType::F64 => Value::F64(f64::from_le_bytes(from.array()?)),
        ValueType::Char => Value::Char(char::from_u32(from.character()?).unwrap_or_default()),
        ValueType::String => Value::String(from.text()?.to_owned()),
        ValueType::List { element, .. } => list(from, element)?,
        ValueType::Tuple { items } => {
            Value::Fields(items.iter().map(|ty| get(from, ty)).collect::<wasmtime::Result<_>>()?)
        }
        ValueType::Record { fields, .. } => {
            Value::Fields(fields.iter().map(|field| get(from, &field.ty)).collect::<wasmtime::Result<_>>()?)
        }
        ValueType::Flags { flags, .. } => {
            let mut set = Vec::new();
            for word in 0..flags.len().div_ceil(32) {
                let bits = from.u32()?;
                set.extend((0..32).filter(|bit| bits >> bit & 1 == 1).map(|bit| word as u32 * 32 + bit));
            }
            Value::Flags(set)
        }
        ValueType::Variant { .. } | ValueType::Enum { .. } | ValueType::Option { .. } | ValueType::Result { .. } => {
            let count = case_of(ty, 0).map_or(0, |(cases, _)| cases);
            let case = from.case(count)?;
            let inner = case_of(ty, case).and_then(|(_, inner)| inner);
            Value::Case(case, inner.map(|ty| get(from, ty).map(Box::new)).transpose()?)
        }
        _ => bail!("a value of type {ty:?} is in no message"),
    })
}

fn list(from: &mut Reader<'_>, element: &ValueType) -> wasmtime::Result<Value> {
    let items = from.items()?;
    let kind = match element {
        ValueType::U8 => return Ok(Value::Bytes(bytes::Bytes::copy_from_slice(from.take(items)?))),
        ValueType::S8 => NumberKind::S8,
        ValueType::U16 => NumberKind::U16,
        ValueType::S16 => NumberKind::S16,
        ValueType::U32 => NumberKind::U32,
        ValueType::S32 => NumberKind::S32,
        ValueType::U64 => NumberKind::U64,
        ValueType::S64 => NumberKind::S64,
        ValueType::F32 => NumberKind::F32,
        ValueType::F64 => NumberKind::F64,
        _ => return (0..items).map(|_| get(from, element)).collect::<wasmtime::Result<_>>().map(Value::List),
    };
    let bytes = from.take(items * kind.size_bytes())?;
    Ok(Value::Numbers(kind, bytes::Bytes::copy_from_slice(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::value::FieldType;

    #[test]
    fn values_come_back_from_their_message() {
        let list = |element| ValueType::List { element: Box::new(element), length: None };
        let types = [
            ValueType::Record {
                name: None,
                fields: vec![
                    FieldType::new("name", ValueType::String),
                    FieldType::new("at", ValueType::Option { some: Box::new(ValueType::S64) }),
                ],
            },
            list(ValueType::F64),
            list(ValueType::Tuple { items: vec![ValueType::U8, ValueType::Char] }),
            ValueType::Enum { name: None, cases: (0..300).map(|at| format!("c{at}")).collect() },
        ];
        let values = [
            Value::Fields(vec![Value::String("é".to_owned()), Value::Case(1, Some(Box::new(Value::I64(-1))))]),
            Value::Numbers(NumberKind::F64, 0.5_f64.to_le_bytes().to_vec().into()),
            Value::List(vec![Value::Fields(vec![Value::U32(7), Value::Char('x')])]),
            Value::Case(299, None),
        ];
        let message = pack(&values, types.iter()).expect("packs");
        assert_eq!(unpack(&message, types.iter()).expect("unpacks"), values);
        for cut in 0..message.len() {
            assert!(unpack(&message[..cut], types.iter()).is_err(), "{cut} bytes");
        }
        assert!(pack(&[Value::Bool(true)], [ValueType::U8].iter()).is_err());
    }
}
