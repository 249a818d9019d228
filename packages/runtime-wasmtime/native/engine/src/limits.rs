//! Counts what one store's guest holds, and says no at the limit.

use wasmtime::ResourceLimiter;

use crate::policy::Limits;
use crate::shared::memory_budget::MemoryBudget;

/// Sums memories and tables over a whole store; Wasmtime's own limiter counts each memory alone.
#[derive(Debug)]
pub(crate) struct Limiter {
    max_memory_bytes: usize,
    max_table_elements: usize,
    max_instances: usize,
    memory_bytes: usize,
    table_elements: usize,
    last_memory_step: usize,
    last_table_step: usize,
    /// Most bytes held at any time.
    pub(crate) peak_memory_bytes: usize,
    /// Growths of memory refused so far.
    pub(crate) refused_growths: u32,
    /// The last refusal was for want of memory of the whole process, not of this module.
    pub(crate) refused_by_process: bool,
    /// Bytes that the last refused growth asked for in all.
    pub(crate) refused_memory: Option<usize>,
    /// Elements that the last refused growth asked for in all.
    pub(crate) refused_table: Option<usize>,
}

impl Limiter {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            max_memory_bytes: limits.max_memory_bytes as usize,
            max_table_elements: limits.max_table_elements as usize,
            max_instances: limits.max_instances as usize,
            memory_bytes: 0,
            table_elements: 0,
            last_memory_step: 0,
            last_table_step: 0,
            peak_memory_bytes: 0,
            refused_growths: 0,
            refused_by_process: false,
            refused_memory: None,
            refused_table: None,
        }
    }

    /// A new call on a living instance: what was refused before is not its fault.
    pub(crate) fn start_call(&mut self) {
        self.refused_growths = 0;
        self.refused_by_process = false;
        self.refused_memory = None;
        self.refused_table = None;
    }

    /// The guest has held all it may.
    pub(crate) fn at_memory_limit(&self) -> bool {
        self.refused_growths > 0 || (self.max_memory_bytes > 0 && self.peak_memory_bytes >= self.max_memory_bytes)
    }

    /// Linear memory held now.
    pub(crate) fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }
}

impl Drop for Limiter {
    fn drop(&mut self) {
        MemoryBudget::get().give_back(self.memory_bytes);
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let step = desired.saturating_sub(current);
        let total = self.memory_bytes.saturating_add(step);
        if total > self.max_memory_bytes {
            self.refused_growths += 1;
            self.refused_memory = Some(total);
            return Ok(false);
        }
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        if !MemoryBudget::get().take(step) {
            self.refused_growths += 1;
            self.refused_by_process = true;
            self.refused_memory = Some(total);
            return Ok(false);
        }
        self.memory_bytes = total;
        self.last_memory_step = step;
        self.peak_memory_bytes = self.peak_memory_bytes.max(total);
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        let step = std::mem::take(&mut self.last_memory_step);
        self.memory_bytes = self.memory_bytes.saturating_sub(step);
        MemoryBudget::get().give_back(step);
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let step = desired.saturating_sub(current);
        let total = self.table_elements.saturating_add(step);
        if total > self.max_table_elements {
            self.refused_table = Some(total);
            return Ok(false);
        }
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        self.table_elements = total;
        self.last_table_step = step;
        Ok(true)
    }

    fn table_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.table_elements = self.table_elements.saturating_sub(std::mem::take(&mut self.last_table_step));
        Ok(())
    }

    fn instances(&self) -> usize {
        self.max_instances
    }

    fn tables(&self) -> usize {
        self.max_instances.saturating_mul(4)
    }

    fn memories(&self) -> usize {
        self.max_instances
    }
}
