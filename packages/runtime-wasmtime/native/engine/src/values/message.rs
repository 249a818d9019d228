//! Arguments and results of one call as one run of bytes, so that they cross the border to the embedder at once.
//!
//! The layout follows from the types alone. Values lie back to back, in order, without padding, little endian:
//!
//! | type | bytes |
//! |---|---|
//! | `bool` | 1: 0 or 1 |
//! | integers, floats | their width |
//! | `char` | 4: the scalar value |
//! | `string` | 4: length in bytes; then UTF-8 |
//! | `list` | 4: items; then each |
//! | `record`, `tuple` | each field |
//! | `flags` | 4 for each 32 of them, low bits first |
//! | `variant`, `enum`, `option`, `result` | the case: 1, or 4 where there are more than 256; then its value if it has one |
//!
//! A `result` that a function returns is not in it: the message holds the ok value alone, and an error is no message.

use wasmtime::component::__internal::{ComponentTypes, InterfaceType};
use wasmtime::{Result, bail};

use crate::values::lift::MAX_FLAT_RESULTS;
use crate::values::value::ValueType;

/// Reads a message that the embedder wrote. It is checked as much as any input.
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    pub(crate) fn take(&mut self, size: usize) -> Result<&'a [u8]> {
        match self.rest.split_at_checked(size) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => bail!("a message is cut off"),
        }
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        match self.rest.split_first_chunk() {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(*taken)
            }
            None => bail!("a message is cut off"),
        }
    }

    pub(crate) fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str> {
        let size = self.u32()?;
        Ok(std::str::from_utf8(self.take(size as usize)?)?)
    }

    /// Items of a list. Each has a byte at least, so that a few bytes cannot claim four billion.
    pub(crate) fn items(&mut self) -> Result<usize> {
        let items = self.u32()? as usize;
        if items > self.rest.len() {
            bail!("a message is cut off");
        }
        Ok(items)
    }

    /// A case of a variant-like type with so many.
    pub(crate) fn case(&mut self, cases: usize) -> Result<u32> {
        let [case] = if is_wide(cases) { [self.u32()?] } else { self.array::<1>()?.map(u32::from) };
        if case as usize >= cases {
            bail!("case {case} of {cases}");
        }
        Ok(case)
    }

    pub(crate) fn character(&mut self) -> Result<u32> {
        let bits = self.u32()?;
        if char::from_u32(bits).is_none() {
            bail!("integer is not a valid char: {bits:#x}");
        }
        Ok(bits)
    }

    pub(crate) fn finish(self) -> Result<()> {
        if !self.rest.is_empty() {
            bail!("a message is longer than its types");
        }
        Ok(())
    }
}

/// Cases are numbered in 4 bytes instead of 1.
pub(crate) fn is_wide(cases: usize) -> bool {
    cases > 256
}

/// Number of cases of a variant-like type.
pub(crate) fn cases(types: &ComponentTypes, ty: InterfaceType) -> Result<usize> {
    Ok(match ty {
        InterfaceType::Variant(index) => types[index].cases.len(),
        InterfaceType::Enum(index) => types[index].names.len(),
        InterfaceType::Option(_) | InterfaceType::Result(_) => 2,
        _ => bail!("{ty:?} has no cases"),
    })
}

/// The type of what a case carries.
pub(crate) fn payload(types: &ComponentTypes, ty: InterfaceType, case: u32) -> Option<InterfaceType> {
    match ty {
        InterfaceType::Variant(index) => types[index].cases.get_index(case as usize).and_then(|(_, ty)| *ty),
        InterfaceType::Option(index) => (case == 1).then_some(types[index].ty),
        InterfaceType::Result(index) => {
            if case == 0 {
                types[index].ok
            } else {
                types[index].err
            }
        }
        _ => None,
    }
}

/// How a variant-like type lies in the guest's memory: bytes of its case, and where the payload begins.
pub(crate) fn case_layout(types: &ComponentTypes, ty: InterfaceType) -> Result<(usize, usize)> {
    let info = match ty {
        InterfaceType::Variant(index) => &types[index].info,
        InterfaceType::Enum(index) => &types[index].info,
        InterfaceType::Option(index) => &types[index].info,
        InterfaceType::Result(index) => &types[index].info,
        _ => bail!("{ty:?} has no cases"),
    };
    Ok((info.size.into(), info.payload_offset32 as usize))
}

/// Whether a value lies in a message as it lies in the guest's memory: numbers without padding, any of whose bits are valid.
pub(crate) fn same_layout(types: &ComponentTypes, ty: InterfaceType) -> bool {
    let whole = |fields: &mut dyn Iterator<Item = InterfaceType>| {
        let mut size = 0;
        for field in fields {
            if !same_layout(types, field) {
                return false;
            }
            size += types.canonical_abi(&field).size32;
        }
        size == types.canonical_abi(&ty).size32
    };
    match ty {
        InterfaceType::S8
        | InterfaceType::U8
        | InterfaceType::S16
        | InterfaceType::U16
        | InterfaceType::S32
        | InterfaceType::U32
        | InterfaceType::S64
        | InterfaceType::U64
        | InterfaceType::Float32
        | InterfaceType::Float64 => true,
        InterfaceType::Record(index) => whole(&mut types[index].fields.iter().map(|field| field.ty)),
        InterfaceType::Tuple(index) => whole(&mut types[index].types.iter().copied()),
        _ => false,
    }
}

/// Whether a value of this type lies in one piece: nothing in it points elsewhere.
pub(crate) fn in_one_piece(types: &ComponentTypes, ty: InterfaceType) -> bool {
    let inner = |ty: &Option<InterfaceType>| ty.is_none_or(|ty| in_one_piece(types, ty));
    match ty {
        InterfaceType::Record(index) => types[index].fields.iter().all(|field| in_one_piece(types, field.ty)),
        InterfaceType::Tuple(index) => types[index].types.iter().all(|ty| in_one_piece(types, *ty)),
        InterfaceType::Variant(index) => types[index].cases.values().all(inner),
        InterfaceType::Option(index) => in_one_piece(types, types[index].ty),
        InterfaceType::Result(index) => inner(&types[index].ok) && inner(&types[index].err),
        InterfaceType::Bool
        | InterfaceType::S8
        | InterfaceType::U8
        | InterfaceType::S16
        | InterfaceType::U16
        | InterfaceType::S32
        | InterfaceType::U32
        | InterfaceType::S64
        | InterfaceType::U64
        | InterfaceType::Float32
        | InterfaceType::Float64
        | InterfaceType::Char
        | InterfaceType::Enum(_)
        | InterfaceType::Flags(_) => true,
        _ => false,
    }
}

/// Whether these travel to and from a host function in a message: a message gains something, and nothing in them is in no message.
pub(crate) fn host_message<'a>(mut types: impl Iterator<Item = &'a ValueType>) -> bool {
    let obstacles = |ty: &ValueType| {
        let found = ty.obstacles();
        found.unsupported.is_some() || found.resources || found.dynamic
    };
    let core = |ty| matches!(ty, &ValueType::I32 | &ValueType::I64 | &ValueType::V128 | &ValueType::Ref { .. });
    let mut gains = false;
    let fits = types.all(|ty| {
        gains |= !is_simple(ty);
        !obstacles(ty) && !core(ty)
    });
    gains && fits
}

/// Which parts of a call travel as messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessagePlan {
    /// The result does; otherwise it is a value, for it needs a step or two only.
    pub result: bool,
}

impl MessagePlan {
    /// `None` where a message gains nothing. What costs the border a step or two goes by itself, and so do lists of numbers, which travel
    /// as the memory that they are.
    pub(crate) fn of(params: &[(String, ValueType)], results: &[ValueType]) -> Option<Self> {
        let result = match results {
            [ValueType::Result { ok: Some(ok), .. }] => !is_simple(ok),
            [ty] => !is_simple(ty) && slots(ty) > MAX_FLAT_RESULTS,
            _ => false,
        };
        (result || params.iter().any(|(_, ty)| !is_simple(ty))).then_some(Self { result })
    }
}

/// Numbers that a value is, flattened.
pub(crate) fn slots(ty: &ValueType) -> usize {
    let payload = |ty: &Option<Box<ValueType>>| ty.as_deref().map_or(0, slots);
    match ty {
        ValueType::String | ValueType::List { .. } => 2,
        ValueType::Tuple { items } => items.iter().map(slots).sum(),
        ValueType::Record { fields, .. } => fields.iter().map(|field| slots(&field.ty)).sum(),
        ValueType::Flags { flags, .. } => flags.len().div_ceil(32),
        ValueType::Variant { cases, .. } => {
            1 + cases.iter().filter_map(|case| case.ty.as_ref()).map(slots).max().unwrap_or(0)
        }
        ValueType::Option { some } => 1 + slots(some),
        ValueType::Result { ok, err } => 1 + payload(ok).max(payload(err)),
        _ => 1,
    }
}

/// Costs the border a step or two.
pub(crate) fn is_simple(ty: &ValueType) -> bool {
    match ty {
        ValueType::Bool | ValueType::Char | ValueType::String | ValueType::Enum { .. } => true,
        ValueType::List { element, .. } => is_number(element),
        ValueType::Option { some } => !matches!(**some, ValueType::Option { .. }) && is_simple(some),
        ty => is_number(ty),
    }
}

fn is_number(ty: &ValueType) -> bool {
    matches!(
        ty,
        ValueType::S8
            | ValueType::U8
            | ValueType::S16
            | ValueType::U16
            | ValueType::S32
            | ValueType::U32
            | ValueType::S64
            | ValueType::U64
            | ValueType::F32
            | ValueType::F64
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_read_within_its_bounds() {
        let mut reader = Reader::new(&[3, 0, 0, 0, b'a', b'b', b'c', 1, 0, 1, 0]);
        assert_eq!(reader.text().expect("text"), "abc");
        assert_eq!(reader.case(2).expect("case"), 1);
        assert!(reader.u32().is_err());
        assert_eq!(reader.take(3).expect("rest"), [0, 1, 0]);
        reader.finish().expect("whole");
    }

    #[test]
    fn what_a_message_claims_is_checked() {
        assert!(Reader::new(&[255, 255, 255, 255, 0]).items().is_err());
        assert!(Reader::new(&[255, 255, 255, 127, 0]).text().is_err());
        assert!(Reader::new(&[2, 0, 0, 0, 0xff, 0xfe]).text().is_err());
        assert!(Reader::new(&[2]).case(2).is_err());
        assert!(Reader::new(&[0, 0xd8, 0, 0]).character().is_err());
        assert!(Reader::new(&[0]).finish().is_err());
    }

    #[test]
    fn simple_types_go_by_themselves() {
        let list = |element| ValueType::List { element: Box::new(element), length: None };
        let option = |some| ValueType::Option { some: Box::new(some) };
        let pair = |item: ValueType| ValueType::Tuple { items: vec![item.clone(), item] };
        let fallible = |ok| ValueType::Result { ok: Some(Box::new(ok)), err: Some(Box::new(ValueType::String)) };
        let plan = |param: ValueType, result: ValueType| MessagePlan::of(&[(String::new(), param)], &[result]);
        for simple in [ValueType::U32, ValueType::String, list(ValueType::F64), option(ValueType::String)] {
            assert_eq!(plan(simple.clone(), fallible(simple.clone())), None);
            assert_eq!(plan(pair(ValueType::U8), simple), Some(MessagePlan { result: false }));
        }
        for compound in [list(ValueType::String), list(ValueType::Bool), option(option(ValueType::U8))] {
            assert_eq!(plan(ValueType::U32, fallible(compound.clone())), Some(MessagePlan { result: true }));
            assert_eq!(plan(ValueType::U32, compound), Some(MessagePlan { result: true }));
        }
        // One number in the end: it is where results are, not in the guest's memory.
        assert_eq!(plan(ValueType::U32, ValueType::Tuple { items: vec![ValueType::U32] }), None);
    }
}
