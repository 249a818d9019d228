//! Results out of a component's memory, straight by the component's own type tables; the mirror of `lower.rs`.

use wasmtime::component::__internal::{CanonicalAbiInfo, InstanceType, InterfaceType, LiftContext};
use wasmtime::component::{ComponentNamedList, ComponentType, Lift, ResourceAny};
use wasmtime::{Result, ValRaw, bail};

use crate::values::buffers::copy;
use crate::values::lower::number_kind;
use crate::values::value::Value;

/// More results than this, flattened, travel through the guest's memory.
pub(crate) const MAX_FLAT_RESULTS: usize = 1;
/// What a node of a lifted value weighs in the transfer allowance; its text, bytes and numbers come on top.
const NODE_BYTES: usize = 8;

/// What one call returned: nothing, or one value.
pub(crate) struct Answer(pub(crate) Vec<Value>);

// SAFETY: `Lower` is the one flat result there can be, as the engine's own dynamic calls use it; see `Arguments` about `typecheck`.
unsafe impl ComponentType for Answer {
    type Lower = [ValRaw; MAX_FLAT_RESULTS];
    const ABI: CanonicalAbiInfo = CanonicalAbiInfo::SCALAR1;

    fn typecheck(_: &InterfaceType, _: &InstanceType<'_>) -> Result<()> {
        bail!("results are checked when they are lifted")
    }
}

// SAFETY: as above.
unsafe impl ComponentNamedList for Answer {}

// SAFETY: slots and memory are read by the guest's own types, within the bounds that are checked here.
unsafe impl Lift for Answer {
    fn linear_lift_from_flat(cx: &mut LiftContext<'_>, ty: InterfaceType, src: &Self::Lower) -> Result<Self> {
        let InterfaceType::Tuple(index) = ty else { bail!("results are no tuple") };
        let types = cx.types;
        let tuple = &types[index];
        let values = if tuple.abi.flat_count(MAX_FLAT_RESULTS).is_some() {
            lift_all(cx, &tuple.types, src)?
        } else {
            let at = src[0].get_u32() as usize;
            if !at.is_multiple_of(tuple.abi.align32 as usize) {
                bail!("return pointer not aligned");
            }
            let bytes = slice(cx, at, tuple.abi.size32 as usize)?;
            load_fields(cx, tuple.types.iter().copied(), bytes)?
        };
        Ok(Self(values))
    }

    fn linear_lift_from_memory(_: &mut LiftContext<'_>, _: InterfaceType, _: &[u8]) -> Result<Self> {
        bail!("results are lifted as a whole")
    }
}

/// Values that are flattened one after the other.
pub(crate) fn lift_all(cx: &mut LiftContext<'_>, types: &[InterfaceType], slots: &[ValRaw]) -> Result<Vec<Value>> {
    let mut flat = Flat(slots.iter());
    types.iter().map(|ty| lift_flat(cx, *ty, &mut flat)).collect()
}

struct Flat<'a>(std::slice::Iter<'a, ValRaw>);

impl Flat<'_> {
    fn next(&mut self) -> Result<&ValRaw> {
        match self.0.next() {
            Some(value) => Ok(value),
            None => bail!("a result has fewer parts than its type"),
        }
    }
}

pub(crate) fn slice<'a>(cx: &LiftContext<'a>, at: usize, size: usize) -> Result<&'a [u8]> {
    match cx.memory().get(at..).and_then(|rest| rest.get(..size)) {
        Some(bytes) => Ok(bytes),
        None => bail!("pointer out of bounds of memory"),
    }
}

fn character(bits: u32) -> Result<Value> {
    match char::from_u32(bits) {
        Some(character) => Ok(Value::Char(character)),
        None => bail!("integer is not a valid char: {bits:#x}"),
    }
}

/// Payload types of the cases of a variant-like type.
fn payload_type(cx: &LiftContext<'_>, ty: InterfaceType, discriminant: u32) -> Result<Option<InterfaceType>> {
    let at = discriminant as usize;
    let case = match ty {
        InterfaceType::Variant(index) => cx.types[index].cases.get_index(at).map(|(_, payload)| *payload),
        InterfaceType::Enum(index) => (at < cx.types[index].names.len()).then_some(None),
        InterfaceType::Option(index) => [None, Some(cx.types[index].ty)].get(at).copied(),
        InterfaceType::Result(index) => [cx.types[index].ok, cx.types[index].err].get(at).copied(),
        _ => None,
    };
    match case {
        Some(payload) => Ok(payload),
        None => bail!("discriminant {discriminant} out of range"),
    }
}

fn flags(words: impl Iterator<Item = u32>, count: usize) -> Value {
    let set = words.enumerate().flat_map(|(word, bits)| {
        (0..32).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| word as u32 * 32 + bit)
    });
    Value::Flags(set.filter(|flag| (*flag as usize) < count).collect())
}

fn lift_flat(cx: &mut LiftContext<'_>, ty: InterfaceType, flat: &mut Flat<'_>) -> Result<Value> {
    let types = cx.types;
    Ok(match ty {
        InterfaceType::Bool => Value::Bool(flat.next()?.get_u32() != 0),
        InterfaceType::S8 => Value::I32((flat.next()?.get_i32() as i8).into()),
        InterfaceType::S16 => Value::I32((flat.next()?.get_i32() as i16).into()),
        InterfaceType::S32 => Value::I32(flat.next()?.get_i32()),
        InterfaceType::U8 => Value::U32((flat.next()?.get_u32() as u8).into()),
        InterfaceType::U16 => Value::U32((flat.next()?.get_u32() as u16).into()),
        InterfaceType::U32 => Value::U32(flat.next()?.get_u32()),
        InterfaceType::S64 => Value::I64(flat.next()?.get_i64()),
        InterfaceType::U64 => Value::U64(flat.next()?.get_u64()),
        InterfaceType::Float32 => Value::F32(f32::from_bits(flat.next()?.get_f32())),
        InterfaceType::Float64 => Value::F64(f64::from_bits(flat.next()?.get_f64())),
        InterfaceType::Char => character(flat.next()?.get_u32())?,
        InterfaceType::String | InterfaceType::List(_) => {
            // As it lies in memory: where, and how long.
            let (at, length) = (flat.next()?.get_u32(), flat.next()?.get_u32());
            load(cx, ty, &(u64::from(length) << 32 | u64::from(at)).to_le_bytes())?
        }
        InterfaceType::Record(index) => {
            Value::Fields(types[index].fields.iter().map(|field| lift_flat(cx, field.ty, flat)).collect::<Result<_>>()?)
        }
        InterfaceType::Tuple(index) => {
            Value::Fields(types[index].types.iter().map(|ty| lift_flat(cx, *ty, flat)).collect::<Result<_>>()?)
        }
        InterfaceType::Flags(index) => {
            let count = types[index].names.len();
            let words: Vec<u32> =
                (0..count.div_ceil(32)).map(|_| flat.next().map(ValRaw::get_u32)).collect::<Result<_>>()?;
            flags(words.into_iter(), count)
        }
        InterfaceType::Own(_) | InterfaceType::Borrow(_) => {
            Value::Handle(ResourceAny::linear_lift_from_flat(cx, ty, flat.next()?)?)
        }
        InterfaceType::Variant(_) | InterfaceType::Enum(_) | InterfaceType::Option(_) | InterfaceType::Result(_) => {
            let slots = flat.0.as_slice();
            let discriminant = flat.next()?.get_u32();
            let payload = payload_type(cx, ty, discriminant)?;
            let value = Value::Case(discriminant, payload.map(|ty| lift_flat(cx, ty, flat).map(Box::new)).transpose()?);
            // The slots of larger cases are passed over.
            let width = usize::from(types.canonical_abi(&ty).flat_count.unwrap_or(1));
            flat.0 = slots.get(width..).unwrap_or_default().iter();
            value
        }
        _ => bail!("a result of type {ty:?} cannot be lifted"),
    })
}

pub(crate) fn load_fields(
    cx: &mut LiftContext<'_>,
    fields: impl Iterator<Item = InterfaceType>,
    bytes: &[u8],
) -> Result<Vec<Value>> {
    let types = cx.types;
    let mut next = 0;
    fields
        .map(|ty| {
            let abi = types.canonical_abi(&ty);
            let at = abi.next_field32_size(&mut next);
            load(cx, ty, &bytes[at..][..abi.size32 as usize])
        })
        .collect()
}

/// The bytes of one value of a known size: the caller has cut the slice by the same type.
pub(crate) fn chunk<const N: usize>(bytes: &[u8]) -> Result<[u8; N]> {
    match bytes.first_chunk() {
        Some(bytes) => Ok(*bytes),
        None => bail!("a value is cut off"),
    }
}

fn load(cx: &mut LiftContext<'_>, ty: InterfaceType, bytes: &[u8]) -> Result<Value> {
    let types = cx.types;
    cx.consume_fuel(NODE_BYTES)?;
    Ok(match ty {
        InterfaceType::Bool => Value::Bool(bytes[0] != 0),
        InterfaceType::S8 => Value::I32(i8::from_le_bytes(chunk(bytes)?).into()),
        InterfaceType::S16 => Value::I32(i16::from_le_bytes(chunk(bytes)?).into()),
        InterfaceType::S32 => Value::I32(i32::from_le_bytes(chunk(bytes)?)),
        InterfaceType::U8 => Value::U32(bytes[0].into()),
        InterfaceType::U16 => Value::U32(u16::from_le_bytes(chunk(bytes)?).into()),
        InterfaceType::U32 => Value::U32(u32::from_le_bytes(chunk(bytes)?)),
        InterfaceType::S64 => Value::I64(i64::from_le_bytes(chunk(bytes)?)),
        InterfaceType::U64 => Value::U64(u64::from_le_bytes(chunk(bytes)?)),
        InterfaceType::Float32 => Value::F32(f32::from_bits(u32::from_le_bytes(chunk(bytes)?))),
        InterfaceType::Float64 => Value::F64(f64::from_bits(u64::from_le_bytes(chunk(bytes)?))),
        InterfaceType::Char => character(u32::from_le_bytes(chunk(bytes)?))?,
        InterfaceType::String => Value::String(String::linear_lift_from_memory(cx, ty, bytes)?),
        InterfaceType::List(index) => load_list(cx, types[index].element, bytes)?,
        InterfaceType::Record(index) => {
            Value::Fields(load_fields(cx, types[index].fields.iter().map(|field| field.ty), bytes)?)
        }
        InterfaceType::Tuple(index) => Value::Fields(load_fields(cx, types[index].types.iter().copied(), bytes)?),
        InterfaceType::Flags(index) => {
            // One or two bytes, or whole words.
            let words =
                bytes.chunks(4).map(|word| word.iter().rev().fold(0, |bits, byte| bits << 8 | u32::from(*byte)));
            flags(words, types[index].names.len())
        }
        InterfaceType::Own(_) | InterfaceType::Borrow(_) => {
            Value::Handle(ResourceAny::linear_lift_from_memory(cx, ty, bytes)?)
        }
        InterfaceType::Variant(index) => load_case(cx, ty, bytes, &types[index].info.layout())?,
        InterfaceType::Enum(index) => load_case(cx, ty, bytes, &types[index].info.layout())?,
        InterfaceType::Option(index) => load_case(cx, ty, bytes, &types[index].info.layout())?,
        InterfaceType::Result(index) => load_case(cx, ty, bytes, &types[index].info.layout())?,
        _ => bail!("a result of type {ty:?} cannot be lifted"),
    })
}

/// Where a variant keeps its parts.
struct CaseLayout {
    discriminant_bytes: usize,
    payload_offset: usize,
}

trait Layout {
    fn layout(&self) -> CaseLayout;
}

impl Layout for wasmtime::component::__internal::wasmtime_environ::component::VariantInfo {
    fn layout(&self) -> CaseLayout {
        CaseLayout { discriminant_bytes: self.size.into(), payload_offset: self.payload_offset32 as usize }
    }
}

fn load_case(cx: &mut LiftContext<'_>, ty: InterfaceType, bytes: &[u8], layout: &CaseLayout) -> Result<Value> {
    let discriminant = match layout.discriminant_bytes {
        1 => bytes[0].into(),
        2 => u16::from_le_bytes(chunk(bytes)?).into(),
        _ => u32::from_le_bytes(chunk(bytes)?),
    };
    let Some(payload) = payload_type(cx, ty, discriminant)? else { return Ok(Value::Case(discriminant, None)) };
    let size = cx.types.canonical_abi(&payload).size32 as usize;
    let value = load(cx, payload, &bytes[layout.payload_offset..][..size])?;
    Ok(Value::Case(discriminant, Some(Box::new(value))))
}

fn load_list(cx: &mut LiftContext<'_>, element: InterfaceType, bytes: &[u8]) -> Result<Value> {
    let at = u32::from_le_bytes(chunk(bytes)?) as usize;
    let length = u32::from_le_bytes(chunk(&bytes[4..])?) as usize;
    let abi = cx.types.canonical_abi(&element);
    let size = abi.size32 as usize;
    if !at.is_multiple_of(abi.align32 as usize) {
        bail!("list pointer is not aligned");
    }
    let Some(total) = length.checked_mul(size) else { bail!("list pointer/length out of bounds of memory") };
    let bytes = slice(cx, at, total)?;
    if element == InterfaceType::U8 {
        cx.consume_fuel(total)?;
        return Ok(Value::Bytes(copy(bytes)));
    }
    if let Some(kind) = number_kind(element) {
        cx.consume_fuel(total)?;
        return Ok(Value::Numbers(kind, copy(bytes)));
    }
    // Elements without a size of their own could be four billion out of nothing.
    cx.consume_fuel_array(length, size_of::<Value>())?;
    let items = (0..length).map(|position| load(cx, element, &bytes[position * size..][..size]));
    Ok(Value::List(items.collect::<Result<_>>()?))
}
