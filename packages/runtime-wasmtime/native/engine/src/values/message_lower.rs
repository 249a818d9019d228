//! A message into a component's memory, without a value in between; see `message.rs` for the layout and `lower.rs` for the traits.

use std::mem::MaybeUninit;

use wasmtime::component::__internal::{CanonicalAbiInfo, ComponentTypes, InstanceType, InterfaceType, LowerContext};
use wasmtime::component::{ComponentNamedList, ComponentType, Lower};
use wasmtime::{Result, ValRaw, bail};

use crate::values::lower::{Flat, MAX_FLAT_PARAMS, pointer};
use crate::values::message::{Reader, case_layout, cases, in_one_piece, payload, same_layout};

/// Arguments of one call.
pub(crate) struct MessageArguments<'a>(pub(crate) &'a [u8]);

// SAFETY: as for `Arguments` in `lower.rs`: `Lower` is the array of flat arguments in its largest size, and what is written follows the
// guest's own types, not these.
unsafe impl ComponentType for MessageArguments<'_> {
    type Lower = [ValRaw; MAX_FLAT_PARAMS];
    const ABI: CanonicalAbiInfo = CanonicalAbiInfo::SCALAR1;

    fn typecheck(_: &InterfaceType, _: &InstanceType<'_>) -> Result<()> {
        bail!("arguments are checked when they are lowered")
    }
}

// SAFETY: as above; the list of names is the guest's own.
unsafe impl ComponentNamedList for MessageArguments<'_> {}

// SAFETY: all slots of `dst` are written, those that the function takes with values of its types.
unsafe impl Lower for MessageArguments<'_> {
    fn linear_lower_to_flat<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        dst: &mut MaybeUninit<Self::Lower>,
    ) -> Result<()> {
        let InterfaceType::Tuple(index) = ty else { bail!("parameters are no tuple") };
        let types = cx.types;
        let tuple = &types[index];
        let mut message = Reader::new(self.0);
        let mut flat = Flat::default();
        if tuple.abi.flat_count(MAX_FLAT_PARAMS).is_some() {
            for ty in &tuple.types {
                flatten(cx, &mut message, *ty, &mut flat)?;
            }
        } else {
            let start = cx.realloc(0, 0, tuple.abi.align32, tuple.abi.size32 as usize)?;
            store_fields(cx, &mut message, tuple.types.iter().copied(), start)?;
            flat.push(pointer(start));
        }
        message.finish()?;
        dst.write(flat.slots);
        Ok(())
    }

    fn linear_lower_to_memory<T>(&self, _: &mut LowerContext<'_, T>, _: InterfaceType, _: usize) -> Result<()> {
        bail!("arguments are lowered as a whole")
    }
}

fn flatten<T>(
    cx: &mut LowerContext<'_, T>,
    message: &mut Reader<'_>,
    ty: InterfaceType,
    flat: &mut Flat,
) -> Result<()> {
    let types = cx.types;
    match ty {
        InterfaceType::Bool => flat.push(ValRaw::u32(u32::from(message.array::<1>()? != [0]))),
        InterfaceType::S8 => flat.push(ValRaw::i32(i8::from_le_bytes(message.array()?).into())),
        InterfaceType::S16 => flat.push(ValRaw::i32(i16::from_le_bytes(message.array()?).into())),
        InterfaceType::U8 => flat.push(ValRaw::u32(u8::from_le_bytes(message.array()?).into())),
        InterfaceType::U16 => flat.push(ValRaw::u32(u16::from_le_bytes(message.array()?).into())),
        InterfaceType::S32 | InterfaceType::U32 | InterfaceType::Float32 => flat.push(ValRaw::u32(message.u32()?)),
        InterfaceType::S64 | InterfaceType::U64 | InterfaceType::Float64 => {
            flat.push(ValRaw::u64(u64::from_le_bytes(message.array()?)));
        }
        InterfaceType::Char => flat.push(ValRaw::u32(message.character()?)),
        InterfaceType::String => {
            let mut pair = MaybeUninit::uninit();
            message.text()?.linear_lower_to_flat(cx, ty, &mut pair)?;
            // SAFETY: lowering a string writes both slots when it succeeds.
            let [at, length]: [ValRaw; 2] = unsafe { pair.assume_init() };
            flat.push(at);
            flat.push(length);
        }
        InterfaceType::List(index) => {
            let (at, items) = store_list(cx, message, types[index].element)?;
            flat.push(pointer(at));
            flat.push(pointer(items));
        }
        InterfaceType::Record(index) => {
            for field in &types[index].fields {
                flatten(cx, message, field.ty, flat)?;
            }
        }
        InterfaceType::Tuple(index) => {
            for ty in &types[index].types {
                flatten(cx, message, *ty, flat)?;
            }
        }
        InterfaceType::Flags(index) => {
            for word in words(message, types[index].names.len()) {
                flat.push(ValRaw::u32(word?));
            }
        }
        InterfaceType::Variant(_) | InterfaceType::Enum(_) | InterfaceType::Option(_) | InterfaceType::Result(_) => {
            let start = flat.used;
            let case = message.case(cases(types, ty)?)?;
            flat.push(ValRaw::u32(case));
            if let Some(ty) = payload(types, ty, case) {
                flatten(cx, message, ty, flat)?;
            }
            // The slots of larger cases stay zero.
            flat.used = start + usize::from(types.canonical_abi(&ty).flat_count.unwrap_or(0));
        }
        _ => bail!("an argument of type {ty:?} is in no message"),
    }
    Ok(())
}

/// The words of a set of flags; those beyond the last flag are cleared, as the canonical ABI wants them.
fn words(message: &mut Reader<'_>, flags: usize) -> impl Iterator<Item = Result<u32>> {
    (0..flags.div_ceil(32)).map(move |word| {
        let used = (flags - word * 32).min(32) as u32;
        Ok(message.u32()? & (u32::MAX >> (32 - used)))
    })
}

fn store<T>(cx: &mut LowerContext<'_, T>, message: &mut Reader<'_>, ty: InterfaceType, at: usize) -> Result<()> {
    let types = cx.types;
    match ty {
        InterfaceType::String => message.text()?.linear_lower_to_memory(cx, ty, at),
        InterfaceType::List(index) => {
            let (start, items) = store_list(cx, message, types[index].element)?;
            *cx.get(at) = u32::try_from(start)?.to_le_bytes();
            *cx.get(at + 4) = u32::try_from(items)?.to_le_bytes();
            Ok(())
        }
        _ if in_one_piece(types, ty) => {
            let size = types.canonical_abi(&ty).size32 as usize;
            store_piece(types, message, ty, &mut cx.as_slice_mut()[at..][..size])
        }
        InterfaceType::Record(index) => store_fields(cx, message, types[index].fields.iter().map(|field| field.ty), at),
        InterfaceType::Tuple(index) => store_fields(cx, message, types[index].types.iter().copied(), at),
        _ => {
            let case = message.case(cases(types, ty)?)?;
            let (case_bytes, payload_at) = case_layout(types, ty)?;
            cx.as_slice_mut()[at..][..case_bytes].copy_from_slice(&case.to_le_bytes()[..case_bytes]);
            match payload(types, ty, case) {
                Some(ty) => store(cx, message, ty, at + payload_at),
                None => Ok(()),
            }
        }
    }
}

fn store_fields<T>(
    cx: &mut LowerContext<'_, T>,
    message: &mut Reader<'_>,
    fields: impl Iterator<Item = InterfaceType>,
    start: usize,
) -> Result<()> {
    let mut next = start;
    for ty in fields {
        let at = cx.types.canonical_abi(&ty).next_field32_size(&mut next);
        store(cx, message, ty, at)?;
    }
    Ok(())
}

/// Allocates a list in the guest and fills it; its address and length.
fn store_list<T>(
    cx: &mut LowerContext<'_, T>,
    message: &mut Reader<'_>,
    element: InterfaceType,
) -> Result<(usize, usize)> {
    let types = cx.types;
    let abi = types.canonical_abi(&element);
    let size = abi.size32 as usize;
    let items = message.items()?;
    let Some(bytes) = items.checked_mul(size) else { bail!("a list is too large") };
    let at = cx.realloc(0, 0, abi.align32, bytes)?;
    if same_layout(types, element) {
        cx.as_slice_mut()[at..][..bytes].copy_from_slice(message.take(bytes)?);
    } else if in_one_piece(types, element) {
        for piece in cx.as_slice_mut()[at..][..bytes].chunks_exact_mut(size) {
            store_piece(types, message, element, piece)?;
        }
    } else {
        for item in 0..items {
            store(cx, message, element, at + item * size)?;
        }
    }
    Ok((at, items))
}

/// One value without pointers, into the memory that is its own.
fn store_piece(types: &ComponentTypes, message: &mut Reader<'_>, ty: InterfaceType, to: &mut [u8]) -> Result<()> {
    let fields =
        |message: &mut Reader<'_>, fields: &mut dyn Iterator<Item = InterfaceType>, to: &mut [u8]| -> Result<()> {
            let mut next = 0;
            for ty in fields {
                let abi = types.canonical_abi(&ty);
                let at = abi.next_field32_size(&mut next);
                store_piece(types, message, ty, &mut to[at..][..abi.size32 as usize])?;
            }
            Ok(())
        };
    match ty {
        InterfaceType::Bool => to[0] = u8::from(message.array::<1>()? != [0]),
        InterfaceType::Char => to.copy_from_slice(&message.character()?.to_le_bytes()),
        InterfaceType::Record(index) => fields(message, &mut types[index].fields.iter().map(|field| field.ty), to)?,
        InterfaceType::Tuple(index) => fields(message, &mut types[index].types.iter().copied(), to)?,
        InterfaceType::Flags(index) => {
            let size = to.len();
            for (word, bits) in words(message, types[index].names.len()).enumerate() {
                let at = word * 4;
                let width = (size - at).min(4);
                to[at..][..width].copy_from_slice(&bits?.to_le_bytes()[..width]);
            }
        }
        InterfaceType::Variant(_) | InterfaceType::Enum(_) | InterfaceType::Option(_) | InterfaceType::Result(_) => {
            let case = message.case(cases(types, ty)?)?;
            let (case_bytes, payload_at) = case_layout(types, ty)?;
            to[..case_bytes].copy_from_slice(&case.to_le_bytes()[..case_bytes]);
            if let Some(ty) = payload(types, ty, case) {
                let size = types.canonical_abi(&ty).size32 as usize;
                store_piece(types, message, ty, &mut to[payload_at..][..size])?;
            }
        }
        _ => to.copy_from_slice(message.take(to.len())?),
    }
    Ok(())
}
