//! Values into a component's memory, straight by the component's own type tables.
//!
//! The engine's dynamic values cost 40 bytes and a copied name for each element and field. This is the same algorithm over [`Value`]: lists
//! of numbers are one copy, records carry no names. It stands on the traits that `#[derive(ComponentType)]` expands to, which Wasmtime
//! keeps out of its stability promise: a new major version of the engine may ask for changes here, and the compiler says where.

use std::mem::MaybeUninit;

use wasmtime::component::__internal::{CanonicalAbiInfo, ComponentTypes, InstanceType, InterfaceType, LowerContext};
use wasmtime::component::{ComponentNamedList, ComponentType, Lower, ResourceAny};
use wasmtime::{Result, ValRaw, bail};

use crate::values::value::{NumberKind, Value};

/// More arguments than this, flattened, travel through the guest's memory.
pub(crate) const MAX_FLAT_PARAMS: usize = 16;

/// Arguments of one call, in order.
pub(crate) struct Arguments<'a>(pub(crate) &'a [Value]);

// SAFETY: `Lower` is the array of flat arguments in its largest size, as the engine's own dynamic calls use it; `typecheck` is never asked,
// because `TypedFunc::new_unchecked` is the only way in, and every value is checked against the guest's type while it is lowered.
unsafe impl ComponentType for Arguments<'_> {
    type Lower = [ValRaw; MAX_FLAT_PARAMS];
    const ABI: CanonicalAbiInfo = CanonicalAbiInfo::SCALAR1;

    fn typecheck(_: &InterfaceType, _: &InstanceType<'_>) -> Result<()> {
        bail!("arguments are checked when they are lowered")
    }
}

// SAFETY: as above; the list of names is the guest's own.
unsafe impl ComponentNamedList for Arguments<'_> {}

// SAFETY: all slots of `dst` are written, those that the function takes with values of its types.
unsafe impl Lower for Arguments<'_> {
    fn linear_lower_to_flat<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        dst: &mut MaybeUninit<Self::Lower>,
    ) -> Result<()> {
        let InterfaceType::Tuple(index) = ty else { bail!("parameters are no tuple") };
        let types = cx.types;
        let tuple = &types[index];
        if tuple.types.len() != self.0.len() {
            bail!("expected {} arguments, got {}", tuple.types.len(), self.0.len());
        }
        let mut flat = Flat::default();
        if tuple.abi.flat_count(MAX_FLAT_PARAMS).is_some() {
            for (value, ty) in self.0.iter().zip(&tuple.types) {
                lower_flat(cx, value, *ty, &mut flat)?;
            }
        } else {
            let start = cx.realloc(0, 0, tuple.abi.align32, tuple.abi.size32 as usize)?;
            store_fields(cx, self.0, tuple.types.iter().copied(), start)?;
            flat.push(pointer(start));
        }
        dst.write(flat.slots);
        Ok(())
    }

    fn linear_lower_to_memory<T>(&self, _: &mut LowerContext<'_, T>, _: InterfaceType, _: usize) -> Result<()> {
        bail!("arguments are lowered as a whole")
    }
}

/// Flat arguments while they are collected. What nobody writes is zero, as the canonical ABI wants it of unused variant slots.
pub(crate) struct Flat {
    pub(crate) slots: [ValRaw; MAX_FLAT_PARAMS],
    pub(crate) used: usize,
}

impl Default for Flat {
    fn default() -> Self {
        Self { slots: [ValRaw::u64(0); MAX_FLAT_PARAMS], used: 0 }
    }
}

impl Flat {
    pub(crate) fn push(&mut self, value: ValRaw) {
        self.slots[self.used] = value;
        self.used += 1;
    }
}

/// Pointers are stored as 64 bits: a 32-bit guest ignores the upper half.
pub(crate) fn pointer(value: usize) -> ValRaw {
    ValRaw::i64(value as i64)
}

fn mismatch<T>(ty: InterfaceType) -> Result<T> {
    bail!("a value does not have the type {ty:?} that it was converted for")
}

/// The case of a variant-like type as the guest numbers it, its payload with its type, and the type's layout.
struct Case<'a> {
    discriminant: u32,
    payload: Option<(&'a Value, InterfaceType)>,
    abi: &'a CanonicalAbiInfo,
    discriminant_bytes: usize,
    payload_offset: usize,
}

fn case_of<'a>(types: &'a ComponentTypes, value: &'a Value, ty: InterfaceType) -> Result<Case<'a>> {
    let Value::Case(discriminant, payload) = value else { return mismatch(ty) };
    let at = *discriminant as usize;
    let (count, payload_ty, abi, info) = match ty {
        InterfaceType::Variant(index) => {
            let variant = &types[index];
            let payload = variant.cases.get_index(at).and_then(|(_, ty)| *ty);
            (variant.cases.len(), payload, &variant.abi, &variant.info)
        }
        InterfaceType::Enum(index) => (types[index].names.len(), None, &types[index].abi, &types[index].info),
        InterfaceType::Option(index) => {
            let option = &types[index];
            (2, (at == 1).then_some(option.ty), &option.abi, &option.info)
        }
        InterfaceType::Result(index) => {
            let result = &types[index];
            (2, if at == 0 { result.ok } else { result.err }, &result.abi, &result.info)
        }
        _ => return mismatch(ty),
    };
    let payload = match (payload.as_deref(), payload_ty) {
        (Some(value), Some(ty)) => Some((value, ty)),
        (None, None) => None,
        _ => return mismatch(ty),
    };
    if at >= count {
        return mismatch(ty);
    }
    let (discriminant_bytes, payload_offset) = (info.size.into(), info.payload_offset32 as usize);
    Ok(Case { discriminant: *discriminant, payload, abi, discriminant_bytes, payload_offset })
}

/// The words of a set of flags, low bits first.
fn flag_words(set: &[u32], count: usize) -> Vec<u32> {
    let mut words = vec![0_u32; count.div_ceil(32)];
    for flag in set.iter().filter(|flag| (**flag as usize) < count) {
        words[*flag as usize / 32] |= 1 << (flag % 32);
    }
    words
}

pub(crate) fn lower_flat<T>(
    cx: &mut LowerContext<'_, T>,
    value: &Value,
    ty: InterfaceType,
    flat: &mut Flat,
) -> Result<()> {
    let types = cx.types;
    match (ty, value) {
        (InterfaceType::Bool, Value::Bool(value)) => flat.push(ValRaw::u32(u32::from(*value))),
        (InterfaceType::S8 | InterfaceType::S16 | InterfaceType::S32, Value::I32(value)) => {
            flat.push(ValRaw::i32(*value));
        }
        (InterfaceType::U8 | InterfaceType::U16 | InterfaceType::U32, Value::U32(value)) => {
            flat.push(ValRaw::u32(*value));
        }
        (InterfaceType::S64, Value::I64(value)) => flat.push(ValRaw::i64(*value)),
        (InterfaceType::U64, Value::U64(value)) => flat.push(ValRaw::u64(*value)),
        (InterfaceType::Float32, Value::F32(value)) => flat.push(ValRaw::f32(value.to_bits())),
        (InterfaceType::Float64, Value::F64(value)) => flat.push(ValRaw::f64(value.to_bits())),
        (InterfaceType::Char, Value::Char(value)) => flat.push(ValRaw::u32(u32::from(*value))),
        (InterfaceType::String, Value::String(text)) => {
            let mut pair = MaybeUninit::uninit();
            text.linear_lower_to_flat(cx, ty, &mut pair)?;
            // SAFETY: lowering a string writes both slots when it succeeds.
            let [at, length]: [ValRaw; 2] = unsafe { pair.assume_init() };
            flat.push(at);
            flat.push(length);
        }
        (InterfaceType::List(_), _) => {
            let (at, length) = lower_list(cx, value, ty)?;
            flat.push(pointer(at));
            flat.push(pointer(length));
        }
        (InterfaceType::Record(index), Value::Fields(values)) if types[index].fields.len() == values.len() => {
            for (value, field) in values.iter().zip(&types[index].fields) {
                lower_flat(cx, value, field.ty, flat)?;
            }
        }
        (InterfaceType::Tuple(index), Value::Fields(values)) if types[index].types.len() == values.len() => {
            for (value, ty) in values.iter().zip(&types[index].types) {
                lower_flat(cx, value, *ty, flat)?;
            }
        }
        (InterfaceType::Flags(index), Value::Flags(set)) => {
            for word in flag_words(set, types[index].names.len()) {
                flat.push(ValRaw::u32(word));
            }
        }
        (InterfaceType::Own(_) | InterfaceType::Borrow(_), Value::Handle(resource)) => {
            let mut slot = MaybeUninit::uninit();
            ResourceAny::linear_lower_to_flat(resource, cx, ty, &mut slot)?;
            // SAFETY: lowering a resource writes the slot when it succeeds.
            flat.push(unsafe { slot.assume_init() });
        }
        (_, Value::Case(..)) => {
            let start = flat.used;
            let case = case_of(types, value, ty)?;
            flat.push(ValRaw::u32(case.discriminant));
            if let Some((value, ty)) = case.payload {
                lower_flat(cx, value, ty, flat)?;
            }
            // The slots of larger cases stay zero.
            flat.used = start + usize::from(case.abi.flat_count.unwrap_or(0));
        }
        _ => return mismatch(ty),
    }
    Ok(())
}

fn store<T>(cx: &mut LowerContext<'_, T>, value: &Value, ty: InterfaceType, at: usize) -> Result<()> {
    let types = cx.types;
    match (ty, value) {
        (InterfaceType::Bool, Value::Bool(value)) => *cx.get(at) = [u8::from(*value)],
        (InterfaceType::S8, Value::I32(value)) => *cx.get(at) = (*value as i8).to_le_bytes(),
        (InterfaceType::S16, Value::I32(value)) => *cx.get(at) = (*value as i16).to_le_bytes(),
        (InterfaceType::S32, Value::I32(value)) => *cx.get(at) = value.to_le_bytes(),
        (InterfaceType::U8, Value::U32(value)) => *cx.get(at) = (*value as u8).to_le_bytes(),
        (InterfaceType::U16, Value::U32(value)) => *cx.get(at) = (*value as u16).to_le_bytes(),
        (InterfaceType::U32, Value::U32(value)) => *cx.get(at) = value.to_le_bytes(),
        (InterfaceType::S64, Value::I64(value)) => *cx.get(at) = value.to_le_bytes(),
        (InterfaceType::U64, Value::U64(value)) => *cx.get(at) = value.to_le_bytes(),
        (InterfaceType::Float32, Value::F32(value)) => *cx.get(at) = value.to_bits().to_le_bytes(),
        (InterfaceType::Float64, Value::F64(value)) => *cx.get(at) = value.to_bits().to_le_bytes(),
        (InterfaceType::Char, Value::Char(value)) => *cx.get(at) = u32::from(*value).to_le_bytes(),
        (InterfaceType::String, Value::String(text)) => text.linear_lower_to_memory(cx, ty, at)?,
        (InterfaceType::List(_), _) => {
            let (start, length) = lower_list(cx, value, ty)?;
            *cx.get(at) = u32::try_from(start)?.to_le_bytes();
            *cx.get(at + 4) = u32::try_from(length)?.to_le_bytes();
        }
        (InterfaceType::Record(index), Value::Fields(values)) if types[index].fields.len() == values.len() => {
            store_fields(cx, values, types[index].fields.iter().map(|field| field.ty), at)?;
        }
        (InterfaceType::Tuple(index), Value::Fields(values)) if types[index].types.len() == values.len() => {
            store_fields(cx, values, types[index].types.iter().copied(), at)?;
        }
        (InterfaceType::Flags(index), Value::Flags(set)) => {
            let words = flag_words(set, types[index].names.len());
            match types[index].abi.size32 {
                0 => {}
                1 => *cx.get(at) = (words[0] as u8).to_le_bytes(),
                2 => *cx.get(at) = (words[0] as u16).to_le_bytes(),
                _ => {
                    for (word, bits) in words.iter().enumerate() {
                        *cx.get(at + word * 4) = bits.to_le_bytes();
                    }
                }
            }
        }
        (InterfaceType::Own(_) | InterfaceType::Borrow(_), Value::Handle(resource)) => {
            resource.linear_lower_to_memory(cx, ty, at)?;
        }
        (_, Value::Case(..)) => {
            let case = case_of(types, value, ty)?;
            match case.discriminant_bytes {
                1 => *cx.get(at) = (case.discriminant as u8).to_le_bytes(),
                2 => *cx.get(at) = (case.discriminant as u16).to_le_bytes(),
                _ => *cx.get(at) = case.discriminant.to_le_bytes(),
            }
            if let Some((value, ty)) = case.payload {
                store(cx, value, ty, at + case.payload_offset)?;
            }
        }
        _ => return mismatch(ty),
    }
    Ok(())
}

pub(crate) fn store_fields<T>(
    cx: &mut LowerContext<'_, T>,
    values: &[Value],
    fields: impl Iterator<Item = InterfaceType>,
    start: usize,
) -> Result<()> {
    let mut next = start;
    for (value, ty) in values.iter().zip(fields) {
        let at = cx.types.canonical_abi(&ty).next_field32_size(&mut next);
        store(cx, value, ty, at)?;
    }
    Ok(())
}

/// Allocates a list in the guest and fills it; its address and length.
fn lower_list<T>(cx: &mut LowerContext<'_, T>, value: &Value, ty: InterfaceType) -> Result<(usize, usize)> {
    let InterfaceType::List(index) = ty else { return mismatch(ty) };
    let element = cx.types[index].element;
    let abi = cx.types.canonical_abi(&element);
    let (size, align) = (abi.size32 as usize, abi.align32);
    let packed = match value {
        Value::Bytes(bytes) if element == InterfaceType::U8 => Some(bytes),
        Value::Numbers(kind, bytes) if number_kind(element) == Some(*kind) => Some(bytes),
        Value::List(_) => None,
        _ => return mismatch(ty),
    };
    if let Some(bytes) = packed {
        let at = cx.realloc(0, 0, align, bytes.len())?;
        cx.as_slice_mut()[at..][..bytes.len()].copy_from_slice(bytes);
        return Ok((at, bytes.len() / size));
    }
    let Value::List(items) = value else { return mismatch(ty) };
    let Some(bytes) = items.len().checked_mul(size) else { bail!("a list is too large") };
    let at = cx.realloc(0, 0, align, bytes)?;
    for (position, item) in items.iter().enumerate() {
        store(cx, item, element, at + position * size)?;
    }
    Ok((at, items.len()))
}

/// How lists of a type are packed. `list<u8>` is plain bytes.
pub(crate) fn number_kind(ty: InterfaceType) -> Option<NumberKind> {
    Some(match ty {
        InterfaceType::S8 => NumberKind::S8,
        InterfaceType::U16 => NumberKind::U16,
        InterfaceType::S16 => NumberKind::S16,
        InterfaceType::U32 => NumberKind::U32,
        InterfaceType::S32 => NumberKind::S32,
        InterfaceType::U64 => NumberKind::U64,
        InterfaceType::S64 => NumberKind::S64,
        InterfaceType::Float32 => NumberKind::F32,
        InterfaceType::Float64 => NumberKind::F64,
        _ => return None,
    })
}
