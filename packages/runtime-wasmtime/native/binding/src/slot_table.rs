//! Slot tables.

use std::sync::Arc;

use hotswap_engine::{Assignment, EngineError};
use napi::Env;
use napi_derive::napi;

use crate::failure::throw;

/// See `binding.d.ts`.
#[napi]
pub struct SlotTable {
    pub(crate) table: Arc<hotswap_engine::SlotTable>,
}

#[napi]
impl SlotTable {
    /// See `binding.d.ts`.
    #[napi(constructor, catch_unwind)]
    pub fn new(env: &Env) -> napi::Result<Self> {
        hotswap_engine::SlotTable::create().map(|table| Self { table }).map_err(|error| throw(env, &error, None))
    }

    /// See `binding.d.ts`.
    #[napi(factory, catch_unwind)]
    pub fn attach(env: &Env, slot_table_id: u32) -> napi::Result<Self> {
        hotswap_engine::SlotTable::attach(slot_table_id)
            .map(|table| Self { table })
            .map_err(|error| throw(env, &error, None))
    }

    /// See `binding.d.ts`.
    #[napi(getter)]
    pub fn id(&self) -> u32 {
        self.table.id()
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn set(&self, env: &Env, name: String, assignment_json: String) -> napi::Result<f64> {
        serde_json::from_str::<Assignment>(&assignment_json)
            .map_err(|error| EngineError::argument("assignment", error.to_string()))
            .and_then(|assignment| self.table.set(&name, &assignment))
            .map(|took| took.as_nanos() as f64)
            .map_err(|error| throw(env, &error, None))
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn remove(&self, name: String) -> bool {
        self.table.remove(&name)
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn get(&self, name: String) -> Option<String> {
        self.table.get(&name).and_then(|assignment| serde_json::to_string(&assignment).ok())
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn names(&self) -> Vec<String> {
        self.table.names()
    }

    /// See `binding.d.ts`.
    #[napi(catch_unwind)]
    pub fn choose(
        &self,
        env: &Env,
        name: String,
        sticky_key: Option<String>,
        version_id: Option<u32>,
    ) -> napi::Result<u32> {
        self.table
            .choose(&name, sticky_key.as_deref(), version_id.filter(|id| *id != 0))
            .map(|module| module.id())
            .map_err(|error| throw(env, &error, None))
    }
}
