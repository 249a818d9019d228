//! A result out of a component's memory into a message, without a value in between; the mirror of `message_lower.rs`.

use wasmtime::component::__internal::wasmtime_environ::component::StringEncoding;
use wasmtime::component::__internal::{CanonicalAbiInfo, InstanceType, InterfaceType, LiftContext};
use wasmtime::component::{ComponentNamedList, ComponentType, Lift};
use wasmtime::{Result, ValRaw, bail};

use crate::values::lift::{Answer, MAX_FLAT_RESULTS, chunk, slice};
use crate::values::message::{case_layout, cases, is_wide, payload, same_layout};
use crate::values::value::Value;

/// What one call returned: one [`Value::Message`], or the error case of a result as a value.
pub(crate) struct MessageAnswer(pub(crate) Vec<Value>);

// SAFETY: as for `Answer` in `lift.rs`: `Lower` is the one flat result there can be.
unsafe impl ComponentType for MessageAnswer {
    type Lower = [ValRaw; MAX_FLAT_RESULTS];
    const ABI: CanonicalAbiInfo = CanonicalAbiInfo::SCALAR1;

    fn typecheck(_: &InterfaceType, _: &InstanceType<'_>) -> Result<()> {
        bail!("results are checked when they are lifted")
    }
}

// SAFETY: as above.
unsafe impl ComponentNamedList for MessageAnswer {}

// SAFETY: slots and memory are read by the guest's own types, within the bounds that are checked here.
unsafe impl Lift for MessageAnswer {
    fn linear_lift_from_flat(cx: &mut LiftContext<'_>, ty: InterfaceType, src: &Self::Lower) -> Result<Self> {
        let InterfaceType::Tuple(index) = ty else { bail!("results are no tuple") };
        let types = cx.types;
        let tuple = &types[index];
        if tuple.abi.flat_count(MAX_FLAT_RESULTS).is_some() {
            bail!("a result of one slot needs no message");
        }
        let [ty] = *tuple.types else { bail!("several results are in no message") };
        let at = src[0].get_u32() as usize;
        if !at.is_multiple_of(tuple.abi.align32 as usize) {
            bail!("return pointer not aligned");
        }
        let mut bytes = slice(cx, at, tuple.abi.size32 as usize)?;
        let mut whole = Some(ty);
        if let InterfaceType::Result(_) = ty {
            let (case_bytes, payload_at) = case_layout(types, ty)?;
            let case = case_in(bytes, case_bytes)?;
            if case != 0 {
                let Answer(values) = Answer::linear_lift_from_flat(cx, InterfaceType::Tuple(index), src)?;
                return Ok(Self(values));
            }
            (whole, bytes) = (payload(types, ty, case), &bytes[payload_at..]);
        }
        let mut message = Vec::new();
        if let Some(ty) = whole {
            load(cx, &mut message, ty, &bytes[..types.canonical_abi(&ty).size32 as usize])?;
        }
        Ok(Self(vec![Value::Message(message.into())]))
    }

    fn linear_lift_from_memory(_: &mut LiftContext<'_>, _: InterfaceType, _: &[u8]) -> Result<Self> {
        bail!("results are lifted as a whole")
    }
}

fn case_in(bytes: &[u8], case_bytes: usize) -> Result<u32> {
    Ok(match case_bytes {
        1 => bytes[0].into(),
        2 => u16::from_le_bytes(chunk(bytes)?).into(),
        _ => u32::from_le_bytes(chunk(bytes)?),
    })
}

fn load(cx: &mut LiftContext<'_>, message: &mut Vec<u8>, ty: InterfaceType, bytes: &[u8]) -> Result<()> {
    let types = cx.types;
    match ty {
        InterfaceType::Bool => message.push(u8::from(bytes[0] != 0)),
        InterfaceType::Char => {
            let bits = u32::from_le_bytes(chunk(bytes)?);
            if char::from_u32(bits).is_none() {
                bail!("integer is not a valid char: {bits:#x}");
            }
            message.extend_from_slice(bytes);
        }
        InterfaceType::String => {
            if cx.options().string_encoding == StringEncoding::Utf8 {
                let at = u32::from_le_bytes(chunk(bytes)?) as usize;
                let size = u32::from_le_bytes(chunk(&bytes[4..])?) as usize;
                cx.consume_fuel(size)?;
                append(message, std::str::from_utf8(slice(cx, at, size)?)?);
            } else {
                append(message, &String::linear_lift_from_memory(cx, ty, bytes)?);
            }
        }
        InterfaceType::List(index) => load_list(cx, message, types[index].element, bytes)?,
        InterfaceType::Record(index) => {
            load_fields(cx, message, types[index].fields.iter().map(|field| field.ty), bytes)?;
        }
        InterfaceType::Tuple(index) => load_fields(cx, message, types[index].types.iter().copied(), bytes)?,
        InterfaceType::Flags(_) => {
            // One or two bytes, or whole words.
            message.extend_from_slice(bytes);
            message.resize(message.len() + bytes.len().next_multiple_of(4) - bytes.len(), 0);
        }
        InterfaceType::Variant(_) | InterfaceType::Enum(_) | InterfaceType::Option(_) | InterfaceType::Result(_) => {
            let count = cases(types, ty)?;
            let (case_bytes, payload_at) = case_layout(types, ty)?;
            let case = case_in(bytes, case_bytes)?;
            if case as usize >= count {
                bail!("discriminant {case} out of range");
            }
            if is_wide(count) {
                message.extend_from_slice(&case.to_le_bytes());
            } else {
                message.push(case as u8);
            }
            if let Some(ty) = payload(types, ty, case) {
                let size = types.canonical_abi(&ty).size32 as usize;
                load(cx, message, ty, &bytes[payload_at..][..size])?;
            }
        }
        InterfaceType::Own(_) | InterfaceType::Borrow(_) => bail!("a resource is in no message"),
        _ => message.extend_from_slice(bytes),
    }
    Ok(())
}

fn append(message: &mut Vec<u8>, text: &str) {
    message.extend_from_slice(&(text.len() as u32).to_le_bytes());
    message.extend_from_slice(text.as_bytes());
}

fn load_fields(
    cx: &mut LiftContext<'_>,
    message: &mut Vec<u8>,
    fields: impl Iterator<Item = InterfaceType>,
    bytes: &[u8],
) -> Result<()> {
    let types = cx.types;
    let mut next = 0;
    for ty in fields {
        let abi = types.canonical_abi(&ty);
        let at = abi.next_field32_size(&mut next);
        load(cx, message, ty, &bytes[at..][..abi.size32 as usize])?;
    }
    Ok(())
}

fn load_list(cx: &mut LiftContext<'_>, message: &mut Vec<u8>, element: InterfaceType, bytes: &[u8]) -> Result<()> {
    let types = cx.types;
    let at = u32::from_le_bytes(chunk(bytes)?) as usize;
    let items = u32::from_le_bytes(chunk(&bytes[4..])?);
    let abi = types.canonical_abi(&element);
    let size = abi.size32 as usize;
    if !at.is_multiple_of(abi.align32 as usize) {
        bail!("list pointer is not aligned");
    }
    let Some(total) = (items as usize).checked_mul(size) else { bail!("list pointer/length out of bounds of memory") };
    let bytes = slice(cx, at, total)?;
    // A guest can let many lists lie in the same memory: what they weigh here is counted, not what they weigh there.
    cx.consume_fuel(total.max(items as usize) + 4)?;
    message.extend_from_slice(&items.to_le_bytes());
    if same_layout(types, element) {
        message.extend_from_slice(bytes);
        return Ok(());
    }
    message.reserve(total);
    bytes.chunks_exact(size.max(1)).try_for_each(|item| load(cx, message, element, item))
}
