//! What a core module is, without compiling it. Bytes are hostile: everything is validated first.

use std::collections::HashMap;

use serde::Serialize;
use wasmparser::{
    CompositeInnerType, Export, ExternalKind, FuncType, GlobalType, Import, MemoryType, Parser, Payload, TableType,
    TypeRef, ValType, Validator, WasmFeatures,
};

use crate::message::{Failure, ValueType};

/// Longest text from the validator that leaves the process.
const MAX_REASON_CHARS: usize = 300;
const PAGE_BYTES: u64 = 65_536;

/// Longest description, in bytes of text: a small binary can have thousands of exports with hundreds of parameters each.
const MAX_DESCRIBED_BYTES: usize = 16 * 1_024 * 1_024;
/// Text around the name of an import or export, and for each value that goes in or out.
const FIXED_BYTES: usize = 64;
const VALUE_BYTES: usize = 40;

/// A core module, in the shape of `ModuleDescription` of `@hotswap/core`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Description {
    kind: &'static str,
    wasi_level: &'static str,
    size_bytes: usize,
    imports: Vec<Extern>,
    exports: Vec<Extern>,
    functions: Vec<Signature>,
    /// Whether it exports `_start`.
    pub is_command: bool,
    /// Parameters and results of the exports that can be called with numbers alone.
    #[serde(skip)]
    pub(crate) callable: HashMap<String, (Vec<ValueType>, Vec<ValueType>)>,
    /// Elements that its tables have from the start.
    #[serde(skip)]
    pub(crate) initial_table_elements: u64,
    /// Bytes that its memories have from the start.
    #[serde(skip)]
    pub(crate) initial_memory_bytes: u64,
    /// Imports that are no function of preview 1.
    #[serde(skip)]
    pub(crate) foreign_imports: Vec<String>,
}

impl Description {
    /// Whether it imports anything of preview 1.
    #[must_use]
    pub fn uses_wasi(&self) -> bool {
        self.wasi_level != "none"
    }
}

const PREVIEW1: &str = "wasi_snapshot_preview1";

/// The functions of preview 1. Engines offer more under the same name, such as sockets without any policy.
#[rustfmt::skip]
const PREVIEW1_FUNCTIONS: [&str; 46] = [
    "args_get", "args_sizes_get", "clock_res_get", "clock_time_get", "environ_get", "environ_sizes_get", "fd_advise",
    "fd_allocate", "fd_close", "fd_datasync", "fd_fdstat_get", "fd_fdstat_set_flags", "fd_fdstat_set_rights",
    "fd_filestat_get", "fd_filestat_set_size", "fd_filestat_set_times", "fd_pread", "fd_prestat_dir_name",
    "fd_prestat_get", "fd_pwrite", "fd_read", "fd_readdir", "fd_renumber", "fd_seek", "fd_sync", "fd_tell", "fd_write",
    "path_create_directory", "path_filestat_get", "path_filestat_set_times", "path_link", "path_open", "path_readlink",
    "path_remove_directory", "path_rename", "path_symlink", "path_unlink_file", "poll_oneoff", "proc_exit",
    "proc_raise", "random_get", "sched_yield", "sock_accept", "sock_recv", "sock_send", "sock_shutdown",
];

#[derive(Debug, Clone, Serialize)]
struct Extern {
    name: String,
    kind: &'static str,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    ty: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
struct Param {
    name: String,
    #[serde(rename = "type")]
    ty: String,
}

#[derive(Debug, Clone, Serialize)]
struct Signature {
    name: String,
    params: Vec<Param>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<String>,
}

/// Validates and describes.
///
/// # Errors
/// `INVALID_MODULE` for what is no WebAssembly, `UNSUPPORTED` for components, `COMPILE_LIMIT` for what would take too much to
/// be described.
pub fn describe(bytes: &[u8]) -> Result<Description, Failure> {
    if Parser::is_component(bytes) {
        return Err(Failure::new("UNSUPPORTED").with("feature", "components"));
    }
    if !Parser::is_core_wasm(bytes) {
        return Err(Failure::new("INVALID_MODULE").with("reason", "there is no WebAssembly header"));
    }
    validate(bytes, WasmFeatures::all()).map_err(|reason| Failure::new("INVALID_MODULE").with("reason", reason))?;
    let mut parts = Parts::default();
    for payload in Parser::new(0).parse_all(bytes) {
        payload
            .and_then(|payload| parts.add(payload))
            .map_err(|error| Failure::new("INVALID_MODULE").with("reason", bounded(&error)))?;
    }
    parts.finish(bytes.len())
}

/// Whether the module keeps to WebAssembly 2.0, with or without SIMD.
///
/// # Errors
/// `UNSUPPORTED` with the validator's words.
pub(crate) fn check_features(bytes: &[u8], simd: bool) -> Result<(), Failure> {
    let mut features = WasmFeatures::WASM2;
    features.set(WasmFeatures::SIMD, simd);
    validate(bytes, features).map_err(|reason| Failure::new("UNSUPPORTED").with("feature", reason))
}

fn validate(bytes: &[u8], features: WasmFeatures) -> Result<(), String> {
    Validator::new_with_features(features).validate_all(bytes).map(drop).map_err(|error| bounded(&error))
}

fn bounded(error: &wasmparser::BinaryReaderError) -> String {
    error.to_string().chars().take(MAX_REASON_CHARS).collect()
}

#[derive(Default)]
struct Parts {
    types: Vec<Option<FuncType>>,
    functions: Vec<u32>,
    memories: Vec<MemoryType>,
    tables: Vec<TableType>,
    globals: Vec<GlobalType>,
    imports: Vec<Extern>,
    exports: Vec<(String, ExternalKind, u32)>,
    foreign: Vec<String>,
    wasi: bool,
    described_bytes: usize,
}

impl Parts {
    fn add(&mut self, payload: Payload<'_>) -> wasmparser::Result<()> {
        match payload {
            Payload::TypeSection(section) => {
                for group in section {
                    self.types.extend(group?.into_types().map(|ty| match ty.composite_type.inner {
                        CompositeInnerType::Func(function) => Some(function),
                        _ => None,
                    }));
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    self.import(&import?);
                }
            }
            Payload::FunctionSection(section) => {
                for index in section {
                    self.functions.push(index?);
                }
            }
            Payload::TableSection(section) => {
                for table in section {
                    self.tables.push(table?.ty);
                }
            }
            Payload::MemorySection(section) => {
                for memory in section {
                    self.memories.push(memory?);
                }
            }
            Payload::GlobalSection(section) => {
                for global in section {
                    self.globals.push(global?.ty);
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let Export { name, kind, index } = export?;
                    let is_function = matches!(kind, ExternalKind::Func | ExternalKind::FuncExact);
                    let ty = self.functions.get(index as usize).filter(|_| is_function).copied();
                    if !self.has_room_for(name.len(), ty) {
                        break;
                    }
                    self.exports.push((name.to_owned(), kind, index));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn import(&mut self, import: &Import<'_>) {
        self.wasi |= import.module == PREVIEW1;
        let type_index = match import.ty {
            TypeRef::Func(index) | TypeRef::FuncExact(index) => Some(index),
            _ => None,
        };
        if !self.has_room_for(import.module.len() + import.name.len(), type_index) {
            return;
        }
        let name = format!("{}.{}", import.module, import.name);
        let is_function = matches!(import.ty, TypeRef::Func(_) | TypeRef::FuncExact(_));
        if !is_function || import.module != PREVIEW1 || !PREVIEW1_FUNCTIONS.contains(&import.name) {
            self.foreign.push(name.chars().take(MAX_REASON_CHARS).collect());
        }
        let (kind, ty) = match import.ty {
            TypeRef::Func(index) | TypeRef::FuncExact(index) => {
                self.functions.push(index);
                ("function", Some(signature_text(&self.signature(String::new(), index))))
            }
            TypeRef::Memory(memory) => {
                self.memories.push(memory);
                ("memory", Some(memory_text(&memory)))
            }
            TypeRef::Table(table) => {
                self.tables.push(table);
                ("table", Some(table_text(&table)))
            }
            TypeRef::Global(global) => {
                self.globals.push(global);
                ("global", Some(global_text(global)))
            }
            TypeRef::Tag(_) => ("tag", None),
        };
        self.imports.push(Extern { name, kind, ty });
    }

    /// Counts what an import or export adds to the description. Without room nothing is kept of it, and the module is refused.
    fn has_room_for(&mut self, name_bytes: usize, type_index: Option<u32>) -> bool {
        let ty = type_index.and_then(|index| self.function(index));
        let values = ty.map_or(0, |ty| ty.params().len() + ty.results().len());
        self.described_bytes =
            self.described_bytes.saturating_add(2 * name_bytes + FIXED_BYTES + VALUE_BYTES.saturating_mul(values));
        self.described_bytes <= MAX_DESCRIBED_BYTES
    }

    fn function(&self, index: u32) -> Option<&FuncType> {
        self.types.get(index as usize).and_then(Option::as_ref)
    }

    fn signature(&self, name: String, type_index: u32) -> Signature {
        let texts = |list: &[ValType]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        let ty = self.function(type_index);
        let results = ty.map_or(Vec::new(), |ty| texts(ty.results()));
        Signature {
            name,
            params: ty
                .map_or(Vec::new(), |ty| texts(ty.params()))
                .into_iter()
                .map(|ty| Param { name: String::new(), ty })
                .collect(),
            result: match results.as_slice() {
                [] => None,
                [only] => Some(only.clone()),
                several => Some(format!("({})", several.join(", "))),
            },
        }
    }

    fn export(&self, name: &str, kind: ExternalKind, index: u32) -> Option<Extern> {
        let at = index as usize;
        let (kind, ty) = match kind {
            ExternalKind::Func | ExternalKind::FuncExact => {
                let signature = self.signature(String::new(), *self.functions.get(at)?);
                ("function", Some(signature_text(&signature)))
            }
            ExternalKind::Memory => ("memory", Some(memory_text(self.memories.get(at)?))),
            ExternalKind::Table => ("table", Some(table_text(self.tables.get(at)?))),
            ExternalKind::Global => ("global", Some(global_text(*self.globals.get(at)?))),
            ExternalKind::Tag => ("tag", None),
        };
        Some(Extern { name: name.to_owned(), kind, ty })
    }

    fn finish(self, size_bytes: usize) -> Result<Description, Failure> {
        if self.described_bytes > MAX_DESCRIBED_BYTES {
            return Err(Failure::new("COMPILE_LIMIT")
                .with("limit", "description")
                .with("reason", "its imports and exports take more than 16 MiB to describe"));
        }
        let mut functions = Vec::new();
        let mut callable = HashMap::new();
        for (name, kind, index) in &self.exports {
            let type_index = self.functions.get(*index as usize);
            if let (ExternalKind::Func | ExternalKind::FuncExact, Some(&type_index)) = (kind, type_index) {
                functions.push(self.signature(name.clone(), type_index));
                if let Some(types) = self.function(type_index).and_then(number_types) {
                    callable.insert(name.clone(), types);
                }
            }
        }
        Ok(Description {
            kind: "core",
            wasi_level: if self.wasi { "preview1" } else { "none" },
            size_bytes,
            exports: self.exports.iter().filter_map(|(name, kind, index)| self.export(name, *kind, *index)).collect(),
            is_command: callable.contains_key("_start"),
            functions,
            callable,
            initial_table_elements: self.tables.iter().map(|table| table.initial).sum(),
            initial_memory_bytes: self.memories.iter().map(|memory| memory.initial.saturating_mul(PAGE_BYTES)).sum(),
            foreign_imports: self.foreign,
            imports: self.imports,
        })
    }
}

fn number_types(ty: &FuncType) -> Option<(Vec<ValueType>, Vec<ValueType>)> {
    let all = |list: &[ValType]| list.iter().map(number_type).collect::<Option<Vec<_>>>();
    Some((all(ty.params())?, all(ty.results())?))
}

fn number_type(ty: &ValType) -> Option<ValueType> {
    match ty {
        ValType::I32 => Some(ValueType::I32),
        ValType::I64 => Some(ValueType::I64),
        ValType::F32 => Some(ValueType::F32),
        ValType::F64 => Some(ValueType::F64),
        ValType::V128 | ValType::Ref(_) => None,
    }
}

fn signature_text(Signature { params, result, .. }: &Signature) -> String {
    let inputs = params.iter().map(|param| param.ty.as_str()).collect::<Vec<_>>().join(", ");
    match result {
        None => format!("({inputs})"),
        Some(result) => format!("({inputs}) -> {result}"),
    }
}

fn limits_text(min: u64, max: Option<u64>) -> String {
    max.map_or_else(|| format!("at least {min}"), |max| format!("{min} to {max}"))
}

fn memory_text(memory: &MemoryType) -> String {
    let wide = if memory.memory64 { ", 64-bit" } else { "" };
    let shared = if memory.shared { ", shared" } else { "" };
    format!("{} pages of 64 KiB{wide}{shared}", limits_text(memory.initial, memory.maximum))
}

fn table_text(table: &TableType) -> String {
    format!("{} {}", limits_text(table.initial, table.maximum), table.element_type)
}

fn global_text(global: GlobalType) -> String {
    let mutable = if global.mutable { "mut " } else { "" };
    format!("{mutable}{}", global.content_type)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(value: usize) -> Vec<u8> {
        let (low, rest) = ((value & 0x7f) as u8, value >> 7);
        if rest == 0 { vec![low] } else { [vec![low | 0x80], number(rest)].concat() }
    }

    fn list(items: &[Vec<u8>]) -> Vec<u8> {
        [number(items.len()), items.concat()].concat()
    }

    fn section(id: u8, body: &[u8]) -> Vec<u8> {
        [vec![id], number(body.len()), body.to_vec()].concat()
    }

    /// One function of so many parameters under so many names.
    fn exporting(params: usize, names: usize) -> Vec<u8> {
        let ty = [vec![0x60], list(&vec![vec![0x7f]; params]), vec![0]].concat();
        let export = |at: usize| {
            [list(&format!("e{at}").bytes().map(|byte| vec![byte]).collect::<Vec<_>>()), vec![0, 0]].concat()
        };
        [
            b"\0asm\x01\0\0\0".to_vec(),
            section(1, &list(&[ty])),
            section(3, &[1, 0]),
            section(7, &list(&(0..names).map(export).collect::<Vec<_>>())),
            section(10, &[1, 2, 0, 0x0b]),
        ]
        .concat()
    }

    #[test]
    fn a_module_with_thousands_of_exports_is_described() {
        let description = describe(&exporting(2, 20_000)).unwrap();
        assert_eq!(description.functions.len(), 20_000);
    }

    #[test]
    fn a_module_that_would_take_more_to_describe_than_to_hold_is_refused() {
        let bytes = exporting(400, 2_000);
        assert!(bytes.len() < 32_768);
        let failure = describe(&bytes).unwrap_err();
        assert_eq!((failure.code, failure.details["limit"].as_str()), ("COMPILE_LIMIT", Some("description")));
    }
}
