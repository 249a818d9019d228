//! Calls that skip the engine's checks of dynamic values, because this crate has done them: the only unchecked ways into a guest.

use wasmtime::component::{Func, TypedFunc};
use wasmtime::{Store, ValRaw};

use crate::calls::enter::CallFailure;
use crate::error::EngineError;
use crate::functions::{FunctionEntry, MAX_SCALARS};
use crate::store::StoreData;
use crate::values::lift::Answer;
use crate::values::lower::Arguments;
use crate::values::message_lift::MessageAnswer;
use crate::values::message_lower::MessageArguments;
use crate::values::value::Results;
use crate::values::value::{Value, ValueType};

/// A component's function that takes and gives this crate's values.
pub(crate) fn typed<'a>(function: Func) -> TypedFunc<Arguments<'a>, Answer> {
    // SAFETY: `Arguments` and `Answer` are no fixed types: they follow the guest's own type tables and refuse values that do not fit.
    unsafe { TypedFunc::new_unchecked(function) }
}

/// The same, for arguments that are a message and a result that is to be one.
pub(crate) fn by_message<'a>(function: Func) -> TypedFunc<MessageArguments<'a>, MessageAnswer> {
    // SAFETY: as above.
    unsafe { TypedFunc::new_unchecked(function) }
}

/// The same, for a result that is none.
pub(crate) fn with_message<'a>(function: Func) -> TypedFunc<MessageArguments<'a>, Answer> {
    // SAFETY: as above.
    unsafe { TypedFunc::new_unchecked(function) }
}

/// Calls a core function whose types are all `i32`, `i64`, `f32` or `f64`, on the native stack.
pub(crate) fn call_scalar(
    function: &wasmtime::Func,
    store: &mut Store<StoreData>,
    args: &[Value],
    entry: &FunctionEntry,
) -> Result<Results, CallFailure> {
    let mut slots = [ValRaw::i32(0); MAX_SCALARS];
    if args.len() != entry.params.len() || args.len().max(entry.results.len()) > MAX_SCALARS {
        return Err(EngineError::internal("a call has another shape than its function").into());
    }
    for ((slot, value), (_, ty)) in slots.iter_mut().zip(args).zip(&entry.params) {
        *slot = match (ty, value) {
            (ValueType::I32, Value::I32(value)) => ValRaw::i32(*value),
            (ValueType::I64, Value::I64(value)) => ValRaw::i64(*value),
            (ValueType::F32, Value::F32(value)) => ValRaw::f32(value.to_bits()),
            (ValueType::F64, Value::F64(value)) => ValRaw::f64(value.to_bits()),
            _ => return Err(EngineError::internal("a value does not have the type it was converted for").into()),
        };
    }
    // SAFETY: `entry` was made from the type of this export; its parameters are in the first slots with their types, there is room for the
    // results, and the array outlives the call.
    unsafe { function.call_unchecked(&mut *store, &raw mut slots) }?;
    let results = slots.iter().zip(&entry.results).map(|(slot, ty)| match ty {
        ValueType::I32 => Value::I32(slot.get_i32()),
        ValueType::I64 => Value::I64(slot.get_i64()),
        ValueType::F32 => Value::F32(f32::from_bits(slot.get_f32())),
        _ => Value::F64(f64::from_bits(slot.get_f64())),
    });
    Ok(results.collect())
}
