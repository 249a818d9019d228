//! Memory and tables of an instance, bounded where Wasmer creates and grows them.

use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use wasmer::MemoryError as SizeError;
use wasmer::sys::vm::{
    LinearMemory, MemoryError, MemoryStyle, TableStyle, Trap, VMConfig, VMMemory, VMMemoryDefinition, VMTable,
    VMTableDefinition,
};
use wasmer::sys::{BaseTunables, Tunables};
use wasmer::{MemoryType, Pages, TableType, WASM_PAGE_SIZE};

/// What all memories and tables of one instance may have together. A module has one instance at a time in a child.
#[derive(Debug)]
pub(crate) struct Budget {
    pub(crate) max_memory_bytes: u64,
    pub(crate) max_table_elements: u64,
    memory_bytes: AtomicU64,
    peak_memory_bytes: AtomicU64,
    refusals: AtomicU64,
}

impl Budget {
    pub(crate) fn new(max_memory_bytes: u64, max_table_elements: u64) -> Self {
        Self {
            max_memory_bytes,
            max_table_elements,
            memory_bytes: AtomicU64::new(0),
            peak_memory_bytes: AtomicU64::new(0),
            refusals: AtomicU64::new(0),
        }
    }

    /// For the next instance.
    pub(crate) fn reset(&self) {
        self.peak_memory_bytes.store(self.memory_bytes.load(Relaxed), Relaxed);
        self.refusals.store(0, Relaxed);
    }

    pub(crate) fn peak_memory_bytes(&self) -> u64 {
        self.peak_memory_bytes.load(Relaxed)
    }

    pub(crate) fn refusals(&self) -> u64 {
        self.refusals.load(Relaxed)
    }

    fn take(&self, pages: Pages) -> bool {
        let wanted = self.memory_bytes.load(Relaxed) + bytes_of(pages);
        if wanted > self.max_memory_bytes {
            self.refusals.fetch_add(1, Relaxed);
            return false;
        }
        self.memory_bytes.store(wanted, Relaxed);
        self.peak_memory_bytes.fetch_max(wanted, Relaxed);
        true
    }

    fn give_back(&self, pages: Pages) {
        self.memory_bytes.fetch_sub(bytes_of(pages), Relaxed);
    }
}

fn bytes_of(pages: Pages) -> u64 {
    u64::from(pages.0) * WASM_PAGE_SIZE as u64
}

/// Text of a refusal while a module is instantiated; Wasmer wraps it in errors of its own.
pub(crate) const MEMORY_REFUSED: &str = "beyond the memory limit of the module";

/// Wasmer's own memories and tables within a budget.
pub(crate) struct Limits {
    base: BaseTunables,
    budget: Arc<Budget>,
}

impl Limits {
    pub(crate) fn new(budget: Arc<Budget>) -> Self {
        Self { base: BaseTunables::new(), budget }
    }

    fn memory(
        &self,
        ty: &MemoryType,
        create: impl FnOnce(&BaseTunables) -> Result<VMMemory, MemoryError>,
    ) -> Result<VMMemory, MemoryError> {
        if !self.budget.take(ty.minimum) {
            return Err(MemoryError::Generic(MEMORY_REFUSED.to_owned()));
        }
        match create(&self.base) {
            Ok(inner) => Ok(VMMemory(Box::new(LimitedMemory { inner, budget: Arc::clone(&self.budget) }))),
            Err(error) => {
                self.budget.give_back(ty.minimum);
                Err(error)
            }
        }
    }

    /// Tables never get more room than the limit; a smaller maximum of their own stays.
    fn table_type(&self, ty: &TableType) -> TableType {
        let limit = u32::try_from(self.budget.max_table_elements).unwrap_or(u32::MAX);
        let mut ty = *ty;
        ty.maximum = Some(ty.maximum.map_or(limit, |own| own.min(limit)));
        ty
    }
}

impl Tunables for Limits {
    fn memory_style(&self, memory: &MemoryType) -> MemoryStyle {
        self.base.memory_style(memory)
    }

    fn table_style(&self, table: &TableType) -> TableStyle {
        self.base.table_style(table)
    }

    fn create_host_memory(&self, ty: &MemoryType, style: &MemoryStyle) -> Result<VMMemory, MemoryError> {
        self.memory(ty, |base| base.create_host_memory(ty, style))
    }

    unsafe fn create_vm_memory(
        &self,
        ty: &MemoryType,
        style: &MemoryStyle,
        vm_definition_location: NonNull<VMMemoryDefinition>,
    ) -> Result<VMMemory, MemoryError> {
        // SAFETY: the location is passed on as it came.
        self.memory(ty, |base| unsafe { base.create_vm_memory(ty, style, vm_definition_location) })
    }

    fn create_host_table(&self, ty: &TableType, style: &TableStyle) -> Result<VMTable, String> {
        self.base.create_host_table(&self.table_type(ty), style)
    }

    unsafe fn create_vm_table(
        &self,
        ty: &TableType,
        style: &TableStyle,
        vm_definition_location: NonNull<VMTableDefinition>,
    ) -> Result<VMTable, String> {
        // SAFETY: the location is passed on as it came.
        unsafe { self.base.create_vm_table(&self.table_type(ty), style, vm_definition_location) }
    }

    fn vmconfig(&self) -> &VMConfig {
        self.base.vmconfig()
    }
}

/// Counts what a memory holds against the budget.
#[derive(Debug)]
struct LimitedMemory {
    inner: VMMemory,
    budget: Arc<Budget>,
}

impl Drop for LimitedMemory {
    fn drop(&mut self) {
        self.budget.give_back(self.inner.size());
    }
}

impl LinearMemory for LimitedMemory {
    fn ty(&self) -> MemoryType {
        self.inner.ty()
    }

    fn size(&self) -> Pages {
        self.inner.size()
    }

    fn style(&self) -> MemoryStyle {
        self.inner.style()
    }

    fn grow(&mut self, delta: Pages) -> Result<Pages, SizeError> {
        if !self.budget.take(delta) {
            return Err(SizeError::CouldNotGrow { current: self.inner.size(), attempted_delta: delta });
        }
        self.inner.grow(delta).inspect_err(|_| self.budget.give_back(delta))
    }

    fn vmmemory(&self) -> NonNull<VMMemoryDefinition> {
        self.inner.vmmemory()
    }

    fn try_clone(&self) -> Result<Box<dyn LinearMemory + Send + Sync + 'static>, SizeError> {
        self.inner.0.try_clone()
    }

    unsafe fn initialize_with_data(&self, start: usize, data: &[u8]) -> Result<(), Trap> {
        // SAFETY: passed on as it came.
        unsafe { self.inner.initialize_with_data(start, data) }
    }

    fn copy(&self) -> Result<Box<dyn LinearMemory + Send + Sync + 'static>, SizeError> {
        self.inner.0.copy()
    }
}
