//! What guests pass to functions of the embedder, and what these answer, by the component's own type tables: the traits of `lift.rs` and
//! `lower.rs` the other way round.

use std::mem::MaybeUninit;

use wasmtime::component::__internal::{CanonicalAbiInfo, InstanceType, InterfaceType, LiftContext, LowerContext};
use wasmtime::component::{ComponentNamedList, ComponentType, Lift, Lower};
use wasmtime::{Result, ValRaw, bail};

use crate::values::lift::{lift_all, load_fields, slice};
use crate::values::lower::{Flat, lower_flat, store_fields};
use crate::values::value::Value;

/// Arguments that take `N` numbers, flattened; none when they lie in memory, because they are more than fit.
pub(crate) struct HostArguments<const N: usize>(pub(crate) Vec<Value>);

// SAFETY: `Lower` is as many flat slots as the function has, which whoever chooses `N` has counted; the engine refuses a call with fewer.
// Of the memory nothing is claimed: its place is all that is taken from the slice that the engine cuts.
unsafe impl<const N: usize> ComponentType for HostArguments<N> {
    type Lower = [ValRaw; N];
    const ABI: CanonicalAbiInfo = CanonicalAbiInfo::ZERO;

    fn typecheck(_: &InterfaceType, _: &InstanceType<'_>) -> Result<()> {
        Ok(())
    }
}

// SAFETY: as above; the list of names is the guest's own.
unsafe impl<const N: usize> ComponentNamedList for HostArguments<N> {}

// SAFETY: slots and memory are read by the guest's own types, within the bounds that are checked here.
unsafe impl<const N: usize> Lift for HostArguments<N> {
    fn linear_lift_from_flat(cx: &mut LiftContext<'_>, ty: InterfaceType, src: &Self::Lower) -> Result<Self> {
        let InterfaceType::Tuple(index) = ty else { bail!("arguments are no tuple") };
        lift_all(cx, &cx.types[index].types, src).map(Self)
    }

    fn linear_lift_from_memory(cx: &mut LiftContext<'_>, ty: InterfaceType, bytes: &[u8]) -> Result<Self> {
        let InterfaceType::Tuple(index) = ty else { bail!("arguments are no tuple") };
        let tuple = &cx.types[index];
        let at = bytes.as_ptr().addr().wrapping_sub(cx.memory().as_ptr().addr());
        let bytes = slice(cx, at, tuple.abi.size32 as usize)?;
        load_fields(cx, tuple.types.iter().copied(), bytes).map(Self)
    }
}

/// Results that are `N` numbers, flattened: one, or none where there are none or they lie in memory.
pub(crate) struct HostResults<const N: usize>(pub(crate) Vec<Value>);

// SAFETY: as above.
unsafe impl<const N: usize> ComponentType for HostResults<N> {
    type Lower = [ValRaw; N];
    const ABI: CanonicalAbiInfo = CanonicalAbiInfo::ZERO;

    fn typecheck(_: &InterfaceType, _: &InstanceType<'_>) -> Result<()> {
        Ok(())
    }
}

// SAFETY: as above.
unsafe impl<const N: usize> ComponentNamedList for HostResults<N> {}

// SAFETY: all slots of `dst` are written, with values of the function's types.
unsafe impl<const N: usize> Lower for HostResults<N> {
    fn linear_lower_to_flat<T>(
        &self,
        cx: &mut LowerContext<'_, T>,
        ty: InterfaceType,
        dst: &mut MaybeUninit<Self::Lower>,
    ) -> Result<()> {
        let InterfaceType::Tuple(index) = ty else { bail!("results are no tuple") };
        let types = cx.types;
        let mut flat = Flat::default();
        for (value, ty) in self.0.iter().zip(&types[index].types) {
            lower_flat(cx, value, *ty, &mut flat)?;
        }
        let Some(slots) = flat.slots.first_chunk::<N>() else { bail!("results are more than fit") };
        dst.write(*slots);
        Ok(())
    }

    fn linear_lower_to_memory<T>(&self, cx: &mut LowerContext<'_, T>, ty: InterfaceType, at: usize) -> Result<()> {
        let InterfaceType::Tuple(index) = ty else { bail!("results are no tuple") };
        let types = cx.types;
        store_fields(cx, &self.0, types[index].types.iter().copied(), at)
    }
}
