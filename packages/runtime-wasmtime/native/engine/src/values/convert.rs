//! Host values to Wasmtime's and back, by the plan in [`ValueType`]. Runs off the JavaScript thread.

use wasmtime::Store;
use wasmtime::component::{ResourceAny, ResourceDynamic, Val};

use crate::error::{EngineError, ErrorCode, Result};
use crate::store::StoreData;
use crate::trap::output_limit;
use crate::values::value::{NumberKind, ResourceKey, Value, ValueType, kind_of};

/// Resources that one opened instance has given out.
#[derive(Default)]
pub(crate) struct ResourceSlots {
    pub(crate) instance: u32,
    slots: Vec<(u32, Option<ResourceAny>)>,
    free: Vec<u32>,
}

impl ResourceSlots {
    pub(crate) fn new(instance: u32) -> Self {
        Self { instance, ..Self::default() }
    }

    fn insert(&mut self, resource: ResourceAny) -> ResourceKey {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push((0, None));
            (self.slots.len() - 1) as u32
        });
        let slot = &mut self.slots[index as usize];
        slot.0 = slot.0.wrapping_add(1);
        slot.1 = Some(resource);
        ResourceKey { instance: self.instance, index, generation: slot.0 }
    }

    fn slot(&mut self, key: ResourceKey) -> Result<&mut Option<ResourceAny>> {
        let gone = || {
            EngineError::new(
                ErrorCode::StaleHandle,
                "This resource is gone: dropped, moved into the guest, or of another instance",
            )
            .with("kind", "resource")
            .with("reason", "released")
        };
        if key.instance != self.instance {
            return Err(gone());
        }
        match self.slots.get_mut(key.index as usize) {
            Some((generation, slot)) if *generation == key.generation && slot.is_some() => Ok(slot),
            _ => Err(gone()),
        }
    }

    fn get(&mut self, key: ResourceKey) -> Result<ResourceAny> {
        self.slot(key)?.ok_or_else(|| EngineError::internal("empty resource slot"))
    }

    /// Takes a resource out: it is dropped, or now belongs to the guest.
    pub(crate) fn take(&mut self, key: ResourceKey) -> Result<ResourceAny> {
        let taken = self.slot(key)?.take().ok_or_else(|| EngineError::internal("empty resource slot"))?;
        self.free.push(key.index);
        Ok(taken)
    }

    /// Takes that back: who has the key has the resource again.
    fn put_back(&mut self, key: ResourceKey, resource: ResourceAny) {
        if let Some((_, slot)) = self.slots.get_mut(key.index as usize) {
            *slot = Some(resource);
            self.free.retain(|free| *free != key.index);
        }
    }
}

fn mismatch(ty: &ValueType) -> EngineError {
    EngineError::internal(format!("a value does not have the type it was converted for: {ty:?}"))
}

/// To a component value. The value was made by the same plan; a mismatch is a bug, never a panic.
pub(crate) fn lower(value: &Value, ty: &ValueType) -> Result<Val> {
    Ok(match (ty, value) {
        (ValueType::Bool, Value::Bool(value)) => Val::Bool(*value),
        (ValueType::S8, Value::I32(value)) => Val::S8(*value as i8),
        (ValueType::S16, Value::I32(value)) => Val::S16(*value as i16),
        (ValueType::S32, Value::I32(value)) => Val::S32(*value),
        (ValueType::U8, Value::U32(value)) => Val::U8(*value as u8),
        (ValueType::U16, Value::U32(value)) => Val::U16(*value as u16),
        (ValueType::U32, Value::U32(value)) => Val::U32(*value),
        (ValueType::S64, Value::I64(value)) => Val::S64(*value),
        (ValueType::U64, Value::U64(value)) => Val::U64(*value),
        (ValueType::F32, Value::F32(value)) => Val::Float32(*value),
        (ValueType::F64, Value::F64(value)) => Val::Float64(*value),
        (ValueType::Char, Value::Char(value)) => Val::Char(*value),
        (ValueType::String, Value::String(value)) => Val::String(value.clone()),
        (ValueType::List { element, length }, value) => {
            let items = lower_list(value, element)?;
            if length.is_some() { Val::FixedLengthList(items) } else { Val::List(items) }
        }
        (ValueType::Map { key, value: item }, Value::Map(pairs)) => Val::Map(
            pairs.iter().map(|(name, value)| Ok((lower(name, key)?, lower(value, item)?))).collect::<Result<_>>()?,
        ),
        (ValueType::Tuple { items }, Value::Fields(values)) if items.len() == values.len() => {
            Val::Tuple(items.iter().zip(values).map(|(ty, value)| lower(value, ty)).collect::<Result<_>>()?)
        }
        (ValueType::Record { fields, .. }, Value::Fields(values)) if fields.len() == values.len() => Val::Record(
            fields
                .iter()
                .zip(values)
                .map(|(field, value)| Ok((field.name.clone(), lower(value, &field.ty)?)))
                .collect::<Result<_>>()?,
        ),
        (ValueType::Flags { flags, .. }, Value::Flags(set)) => {
            Val::Flags(set.iter().filter_map(|at| flags.get(*at as usize)).map(|flag| flag.name.clone()).collect())
        }
        (_, Value::Case(case, payload)) => lower_case(*case, payload.as_deref(), ty)?,
        (ValueType::Own { .. } | ValueType::Borrow { .. }, Value::Handle(resource)) => Val::Resource(*resource),
        _ => return Err(mismatch(ty)),
    })
}

fn lower_case(case: u32, payload: Option<&Value>, ty: &ValueType) -> Result<Val> {
    let boxed = |inner: Option<&ValueType>| -> Result<Option<Box<Val>>> {
        match (inner, payload) {
            (Some(inner), Some(value)) => Ok(Some(Box::new(lower(value, inner)?))),
            (None, None) => Ok(None),
            _ => Err(mismatch(ty)),
        }
    };
    Ok(match ty {
        ValueType::Variant { cases, .. } => {
            let case = cases.get(case as usize).ok_or_else(|| mismatch(ty))?;
            Val::Variant(case.name.clone(), boxed(case.ty.as_ref())?)
        }
        ValueType::Enum { cases, .. } => Val::Enum(cases.get(case as usize).ok_or_else(|| mismatch(ty))?.clone()),
        ValueType::Option { some } if case == 1 => Val::Option(boxed(Some(some))?),
        ValueType::Option { .. } => Val::Option(None),
        ValueType::Result { ok, .. } if case == 0 => Val::Result(Ok(boxed(ok.as_deref())?)),
        ValueType::Result { err, .. } => Val::Result(Err(boxed(err.as_deref())?)),
        _ => return Err(mismatch(ty)),
    })
}

fn lower_list(value: &Value, element: &ValueType) -> Result<Vec<Val>> {
    /// One loop per width.
    macro_rules! numbers {
        ($bytes:ident, $number:ty, $variant:ident) => {
            $bytes.as_chunks().0.iter().copied().map(<$number>::from_le_bytes).map(Val::$variant).collect()
        };
    }
    Ok(match value {
        Value::Bytes(bytes) => bytes.iter().copied().map(Val::U8).collect(),
        Value::Numbers(kind, bytes) => match kind {
            NumberKind::S8 => numbers!(bytes, i8, S8),
            NumberKind::U16 => numbers!(bytes, u16, U16),
            NumberKind::S16 => numbers!(bytes, i16, S16),
            NumberKind::U32 => numbers!(bytes, u32, U32),
            NumberKind::S32 => numbers!(bytes, i32, S32),
            NumberKind::U64 => numbers!(bytes, u64, U64),
            NumberKind::S64 => numbers!(bytes, i64, S64),
            NumberKind::F32 => numbers!(bytes, f32, Float32),
            NumberKind::F64 => numbers!(bytes, f64, Float64),
        },
        Value::List(items) => items.iter().map(|item| lower(item, element)).collect::<Result<_>>()?,
        _ => return Err(mismatch(element)),
    })
}

/// Counts what a result weighs while it is converted, so that an oversized one is dropped early.
pub(crate) struct OutputMeter {
    left: u64,
    limit: u64,
}

impl OutputMeter {
    pub(crate) fn new(limit: u64) -> Self {
        Self { left: limit, limit }
    }

    pub(crate) fn spend(&mut self, bytes: usize) -> Result<()> {
        match self.left.checked_sub(bytes as u64) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(output_limit(self.limit, None)),
        }
    }
}

/// From a component value.
pub(crate) fn lift(value: Val, ty: &ValueType, to: &mut OutputMeter) -> Result<Value> {
    to.spend(8)?;
    Ok(match (value, ty) {
        (Val::Bool(value), _) => Value::Bool(value),
        (Val::S8(value), _) => Value::I32(value.into()),
        (Val::S16(value), _) => Value::I32(value.into()),
        (Val::S32(value), _) => Value::I32(value),
        (Val::U8(value), _) => Value::U32(value.into()),
        (Val::U16(value), _) => Value::U32(value.into()),
        (Val::U32(value), _) => Value::U32(value),
        (Val::S64(value), _) => Value::I64(value),
        (Val::U64(value), _) => Value::U64(value),
        (Val::Float32(value), _) => Value::F32(value),
        (Val::Float64(value), _) => Value::F64(value),
        (Val::Char(value), _) => Value::Char(value),
        (Val::String(text), _) => {
            to.spend(text.len())?;
            Value::String(text)
        }
        (Val::List(items) | Val::FixedLengthList(items), ValueType::List { element, .. }) => {
            lift_list(items, element, to)?
        }
        (Val::Map(pairs), ValueType::Map { key, value: item }) => Value::Map(
            pairs
                .into_iter()
                .map(|(name, value)| Ok((lift(name, key, to)?, lift(value, item, to)?)))
                .collect::<Result<_>>()?,
        ),
        (Val::Tuple(values), ValueType::Tuple { items }) => {
            Value::Fields(values.into_iter().zip(items).map(|(value, ty)| lift(value, ty, to)).collect::<Result<_>>()?)
        }
        (Val::Record(values), ValueType::Record { fields, .. }) => Value::Fields(
            values
                .into_iter()
                .zip(fields)
                .map(|((_, value), field)| lift(value, &field.ty, to))
                .collect::<Result<_>>()?,
        ),
        (Val::Variant(name, payload), ValueType::Variant { cases, .. }) => {
            let at = cases.iter().position(|case| case.name == name).ok_or_else(|| mismatch(ty))?;
            Value::Case(at as u32, lift_payload(payload, cases[at].ty.as_ref(), to)?)
        }
        (Val::Enum(name), ValueType::Enum { cases, .. }) => {
            let at = cases.iter().position(|case| *case == name).ok_or_else(|| mismatch(ty))?;
            Value::Case(at as u32, None)
        }
        (Val::Option(payload), ValueType::Option { some }) => {
            Value::Case(u32::from(payload.is_some()), lift_payload(payload, Some(some), to)?)
        }
        (Val::Result(Ok(payload)), ValueType::Result { ok, .. }) => {
            Value::Case(0, lift_payload(payload, ok.as_deref(), to)?)
        }
        (Val::Result(Err(payload)), ValueType::Result { err, .. }) => {
            Value::Case(1, lift_payload(payload, err.as_deref(), to)?)
        }
        (Val::Flags(names), ValueType::Flags { flags, .. }) => {
            let position = |name: String| flags.iter().position(|flag| flag.name == name).map(|at| at as u32);
            Value::Flags(names.into_iter().filter_map(position).collect())
        }
        (Val::Resource(resource), _) => Value::Handle(resource),
        _ => return Err(mismatch(ty)),
    })
}

fn lift_payload(payload: Option<Box<Val>>, ty: Option<&ValueType>, to: &mut OutputMeter) -> Result<Option<Box<Value>>> {
    match (payload, ty) {
        (Some(value), Some(ty)) => Ok(Some(Box::new(lift(*value, ty, to)?))),
        _ => Ok(None),
    }
}

fn lift_list(items: Vec<Val>, element: &ValueType, to: &mut OutputMeter) -> Result<Value> {
    /// One loop per width; a foreign element would be a bug of the engine and is left out rather than panicked about.
    macro_rules! numbers {
        ($kind:ident, $variant:ident) => {{
            to.spend(items.len() * NumberKind::$kind.size_bytes())?;
            let mut bytes = Vec::with_capacity(items.len() * NumberKind::$kind.size_bytes());
            for item in items {
                if let Val::$variant(value) = item {
                    bytes.extend_from_slice(&value.to_le_bytes());
                }
            }
            Value::Numbers(NumberKind::$kind, bytes.into())
        }};
    }
    Ok(match element {
        ValueType::U8 => {
            to.spend(items.len())?;
            let bytes = items.into_iter().filter_map(|item| if let Val::U8(value) = item { Some(value) } else { None });
            Value::Bytes(bytes.collect::<Vec<_>>().into())
        }
        ValueType::S8 => numbers!(S8, S8),
        ValueType::U16 => numbers!(U16, U16),
        ValueType::S16 => numbers!(S16, S16),
        ValueType::U32 => numbers!(U32, U32),
        ValueType::S32 => numbers!(S32, S32),
        ValueType::U64 => numbers!(U64, U64),
        ValueType::S64 => numbers!(S64, S64),
        ValueType::F32 => numbers!(F32, Float32),
        ValueType::F64 => numbers!(F64, Float64),
        _ => Value::List(items.into_iter().map(|item| lift(item, element, to)).collect::<Result<_>>()?),
    })
}

/// To a core value.
pub(crate) fn lower_core(value: &Value, ty: &ValueType) -> Result<wasmtime::Val> {
    Ok(match (ty, value) {
        (ValueType::I32, Value::I32(value)) => wasmtime::Val::I32(*value),
        (ValueType::I64, Value::I64(value)) => wasmtime::Val::I64(*value),
        (ValueType::F32, Value::F32(value)) => wasmtime::Val::F32(value.to_bits()),
        (ValueType::F64, Value::F64(value)) => wasmtime::Val::F64(value.to_bits()),
        (ValueType::V128, Value::V128(value)) => wasmtime::Val::V128((*value).into()),
        _ => return Err(mismatch(ty)),
    })
}

/// From a core value.
pub(crate) fn lift_core(value: &wasmtime::Val) -> Result<Value> {
    Ok(match value {
        wasmtime::Val::I32(value) => Value::I32(*value),
        wasmtime::Val::I64(value) => Value::I64(*value),
        wasmtime::Val::F32(bits) => Value::F32(f32::from_bits(*bits)),
        wasmtime::Val::F64(bits) => Value::F64(f64::from_bits(*bits)),
        wasmtime::Val::V128(value) => Value::V128(value.as_u128()),
        _ => {
            return Err(EngineError::new(ErrorCode::Unsupported, "Core references cannot leave the guest")
                .with("feature", "core references"));
        }
    })
}

/// Replaces resources within a value. `replace` is told the resource's own type: `own` or `borrow`.
pub(crate) fn each_resource(
    value: &mut Value,
    ty: &ValueType,
    replace: &mut impl FnMut(&mut Value, &ValueType) -> Result<()>,
) -> Result<()> {
    match (ty, value) {
        (ValueType::Own { .. } | ValueType::Borrow { .. }, value) => replace(value, ty),
        (ValueType::List { element, .. }, Value::List(items)) => {
            items.iter_mut().try_for_each(|item| each_resource(item, element, replace))
        }
        (ValueType::Tuple { items }, Value::Fields(values)) => {
            values.iter_mut().zip(items).try_for_each(|(value, ty)| each_resource(value, ty, replace))
        }
        (ValueType::Record { fields, .. }, Value::Fields(values)) => {
            values.iter_mut().zip(fields).try_for_each(|(value, field)| each_resource(value, &field.ty, replace))
        }
        (ValueType::Map { value: item, .. }, Value::Map(pairs)) => {
            pairs.iter_mut().try_for_each(|(_, value)| each_resource(value, item, replace))
        }
        (_, Value::Case(case, Some(payload))) => match payload_type(ty, *case) {
            Some(ty) => each_resource(payload, ty, replace),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

fn payload_type(ty: &ValueType, case: u32) -> Option<&ValueType> {
    match ty {
        ValueType::Variant { cases, .. } => cases.get(case as usize)?.ty.as_ref(),
        ValueType::Option { some } => Some(some),
        ValueType::Result { ok, .. } if case == 0 => ok.as_deref(),
        ValueType::Result { err, .. } => err.as_deref(),
        _ => None,
    }
}

/// What became of one resource among the arguments of a call.
enum HandedIn {
    /// An object of the embedder.
    Lent(ResourceAny),
    /// The same, for good.
    Given(ResourceAny),
    /// The guest's own, out of the instance's table.
    Returned(ResourceKey, ResourceAny),
}

/// Arguments with their resources as the engine knows them, and the objects of the embedder that are lent among them. Owned resources leave
/// the instance's table: they are the guest's now.
///
/// # Errors
/// `STALE_HANDLE`: then everything is where it was.
pub(crate) fn hand_in<'a>(
    store: &mut Store<StoreData>,
    args: &[Value],
    types: impl Iterator<Item = &'a ValueType>,
    slots: &mut ResourceSlots,
) -> Result<(Vec<Value>, Vec<ResourceAny>)> {
    let (mut args, mut done) = (args.to_vec(), Vec::new());
    let outcome = args.iter_mut().zip(types).try_for_each(|(value, ty)| {
        each_resource(value, ty, &mut |value, ty| {
            let Value::Resource(key) = *value else { return Err(mismatch(ty)) };
            let resource = match ty {
                ValueType::Own { resource, host: true } | ValueType::Borrow { resource, host: true }
                    if key.instance == ResourceKey::HOST =>
                {
                    let object = ResourceDynamic::new_own(key.index, kind_of(resource));
                    let object = object.try_into_resource_any(&mut *store).map_err(EngineError::internal)?;
                    let lent = matches!(ty, ValueType::Borrow { .. });
                    done.push(if lent { HandedIn::Lent(object) } else { HandedIn::Given(object) });
                    object
                }
                ValueType::Own { .. } => {
                    let resource = slots.take(key)?;
                    done.push(HandedIn::Returned(key, resource));
                    resource
                }
                _ => slots.get(key)?,
            };
            *value = Value::Handle(resource);
            Ok(())
        })
    });
    let mut lent = Vec::new();
    for done in done {
        match done {
            HandedIn::Lent(object) => lent.push(object),
            HandedIn::Given(object) if outcome.is_err() => lent.push(object),
            HandedIn::Returned(key, resource) if outcome.is_err() => slots.put_back(key, resource),
            HandedIn::Given(_) | HandedIn::Returned(..) => {}
        }
    }
    match outcome {
        Ok(()) => Ok((args, lent)),
        Err(error) => {
            take_back(store, lent)?;
            Err(error)
        }
    }
}

/// Objects of the embedder that a call has ended with.
pub(crate) fn take_back(store: &mut Store<StoreData>, lent: Vec<ResourceAny>) -> Result<()> {
    for object in lent {
        object.try_into_resource_dynamic(&mut *store).map_err(EngineError::internal)?;
    }
    Ok(())
}

/// Keeps the resources of a result in the instance's table; objects of the embedder are its own again.
pub(crate) fn take_out(
    store: &mut Store<StoreData>,
    results: &mut [Value],
    types: &[ValueType],
    slots: &mut ResourceSlots,
) -> Result<()> {
    for (value, ty) in results.iter_mut().zip(types) {
        each_resource(value, ty, &mut |value, ty| {
            let Value::Handle(resource) = *value else { return Err(mismatch(ty)) };
            *value = Value::Resource(if matches!(ty, ValueType::Own { host: true, .. }) {
                let object = resource.try_into_resource_dynamic(&mut *store).map_err(EngineError::internal)?;
                store.data_mut().resources.let_go(object.rep());
                ResourceKey { instance: ResourceKey::HOST, index: object.rep(), generation: 0 }
            } else {
                slots.insert(resource)
            });
            Ok(())
        })?;
    }
    Ok(())
}

/// Refuses a result that is larger than allowed.
pub(crate) fn check_output(results: &[Value], limit: u64) -> Result<()> {
    OutputMeter::new(limit).spend(results.iter().map(Value::size_bytes).sum())
}
