//! What a binary is, without compiling it. Bytes are hostile: everything is validated first and bounded.

pub(crate) mod wit;

use serde::Serialize;
use wasmparser::{Parser, Payload, Validator, WasmFeatures};
use wit_parser::decoding::{DecodedWasm, decode};

use crate::error::{EngineError, ErrorCode, Result, bounded};
use crate::inspect::wit::describe_world;
use crate::values::value::ValueType;
use crate::wasi::WasiLevel;

/// `ModuleDescription` of `binding.d.ts`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[expect(missing_docs, reason = "described in binding.d.ts, where users of the fields read it")]
pub struct ModuleDescription {
    pub kind: &'static str,
    pub size_bytes: usize,
    pub wasi: &'static str,
    pub role: &'static str,
    pub imports: Vec<Extern>,
    pub exports: Vec<Extern>,
    pub memories: Vec<MemoryDescription>,
    pub wit: Option<String>,
    pub producers: Vec<Producer>,
}

/// One import or export.
#[derive(Debug, Serialize, Clone)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Extern {
    Function {
        name: String,
        params: Vec<Param>,
        results: Vec<ValueType>,
        #[serde(rename = "async")]
        is_async: bool,
    },
    Memory {
        name: String,
        #[serde(flatten)]
        memory: MemoryDescription,
    },
    Table {
        name: String,
        element: String,
        min: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        max: Option<u64>,
    },
    Global {
        name: String,
        #[serde(rename = "type")]
        ty: String,
        mutable: bool,
    },
    Tag {
        name: String,
    },
    Interface {
        name: String,
        functions: Vec<String>,
        types: Vec<String>,
    },
    Type {
        name: String,
    },
}

impl Extern {
    /// Its name.
    pub fn name(&self) -> &str {
        match self {
            Self::Function { name, .. }
            | Self::Memory { name, .. }
            | Self::Table { name, .. }
            | Self::Global { name, .. }
            | Self::Tag { name }
            | Self::Interface { name, .. }
            | Self::Type { name } => name,
        }
    }
}

/// One parameter.
#[derive(Debug, Serialize, Clone)]
pub struct Param {
    /// Name; empty for core functions.
    pub name: String,
    /// Type.
    #[serde(rename = "type")]
    pub ty: ValueType,
}

/// One linear memory.
#[derive(Debug, Serialize, Clone)]
#[serde(rename_all = "camelCase")]
pub struct MemoryDescription {
    pub min_pages: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_pages: Option<u64>,
    pub shared: bool,
    pub memory64: bool,
}

/// One entry of the producers section.
#[derive(Debug, Serialize, Clone)]
pub struct Producer {
    field: String,
    name: String,
    version: String,
}

/// Describes a binary.
///
/// # Errors
/// `MODULE_TOO_LARGE` before anything is parsed, `INVALID_MODULE` with the reason.
pub fn inspect(bytes: &[u8], max_bytes: u64) -> Result<ModuleDescription> {
    check_size(bytes.len(), max_bytes)?;
    // What only runs as an experiment can be described all the same.
    validate(bytes, enabled_features()? | WasmFeatures::CM_ASYNC)?;
    describe(bytes)
}

/// Validates, and tells whether the binary needs what only the engine for WASI 0.3 has: asynchronous functions, or that level itself.
pub(crate) fn needs_concurrency(bytes: &[u8], features: WasmFeatures) -> Result<bool> {
    if let Err(plain) = validate(bytes, features) {
        let concurrent = Parser::is_component(bytes) && validate(bytes, features | WasmFeatures::CM_ASYNC).is_ok();
        return if concurrent { Ok(true) } else { Err(plain) };
    }
    if !Parser::is_component(bytes) {
        return Ok(false);
    }
    let world = names_only(bytes).map_err(invalid)?;
    Ok(wasi_level(world.imports.iter().chain(&world.exports).map(Extern::name)) == WasiLevel::Preview3)
}

/// Refuses before parsing.
pub(crate) fn check_size(size: usize, max_bytes: u64) -> Result<()> {
    if size as u64 > max_bytes {
        return Err(module_too_large(size, max_bytes));
    }
    Ok(())
}

/// `MODULE_TOO_LARGE`.
pub fn module_too_large(size: usize, max_bytes: u64) -> EngineError {
    EngineError::new(ErrorCode::ModuleTooLarge, format!("The binary has {size} bytes; {max_bytes} are allowed"))
        .with("sizeBytes", size)
        .with("limitBytes", max_bytes)
}

pub(crate) fn enabled_features() -> Result<WasmFeatures> {
    let runtime = crate::runtime::Runtime::get()?;
    let engine = match runtime.pooled() {
        Some(engine) => engine,
        None => runtime.on_demand()?,
    };
    Ok(engine.get_wasm_features())
}

fn invalid(reason: impl std::fmt::Display) -> EngineError {
    let reason = bounded(&format!("{reason:#}"), 1_000);
    EngineError::new(ErrorCode::InvalidModule, format!("The bytes are no valid WebAssembly: {reason}"))
        .with("reason", reason)
}

/// Linear in the size of the input; compiling is not.
pub(crate) fn validate(bytes: &[u8], features: WasmFeatures) -> Result<()> {
    if !Parser::is_core_wasm(bytes) && !Parser::is_component(bytes) {
        return Err(invalid("neither a core module nor a component (no WebAssembly header)"));
    }
    check_nesting(bytes)?;
    Validator::new_with_features(features).validate_all(bytes).map(drop).map_err(invalid)
}

/// Components within components: the work of reading them grows with the square of their depth, and honest tools stay below ten.
const MAX_NESTING: u32 = 100;

fn check_nesting(bytes: &[u8]) -> Result<()> {
    if !Parser::is_component(bytes) {
        return Ok(());
    }
    let mut depth = 0;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(invalid)? {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            _ => {}
        }
        if depth > MAX_NESTING {
            let message = format!("Components are nested deeper than {MAX_NESTING}");
            return Err(EngineError::new(ErrorCode::Unsupported, message).with("feature", "deeply nested components"));
        }
    }
    Ok(())
}

/// Describes bytes that have been validated.
pub(crate) fn describe(bytes: &[u8]) -> Result<ModuleDescription> {
    if Parser::is_component(bytes) { describe_component(bytes) } else { describe_core(bytes) }
}

#[derive(Default)]
struct CoreParts {
    types: Vec<Option<wasmparser::FuncType>>,
    functions: Vec<u32>,
    memories: Vec<MemoryDescription>,
    own_memories: Vec<MemoryDescription>,
    tables: Vec<wasmparser::TableType>,
    globals: Vec<wasmparser::GlobalType>,
    imports: Vec<Extern>,
    exports: Vec<(String, wasmparser::ExternalKind, u32)>,
    producers: Vec<Producer>,
}

impl CoreParts {
    fn function(&self, name: String, type_index: u32) -> Extern {
        let ty = self.types.get(type_index as usize).and_then(Option::as_ref);
        let types = |list: &[wasmparser::ValType]| list.iter().copied().map(core_type).collect::<Vec<_>>();
        Extern::Function {
            name,
            params: ty.map_or(Vec::new(), |ty| {
                types(ty.params()).into_iter().map(|ty| Param { name: String::new(), ty }).collect()
            }),
            results: ty.map_or(Vec::new(), |ty| types(ty.results())),
            is_async: false,
        }
    }

    fn import(&mut self, import: &wasmparser::Import<'_>) {
        let name = format!("{}::{}", import.module, import.name);
        let item = match import.ty {
            wasmparser::TypeRef::Func(index) | wasmparser::TypeRef::FuncExact(index) => {
                self.functions.push(index);
                self.function(name, index)
            }
            wasmparser::TypeRef::Memory(ty) => {
                self.memories.push(memory(&ty));
                Extern::Memory { name, memory: memory(&ty) }
            }
            wasmparser::TypeRef::Table(ty) => {
                self.tables.push(ty);
                table(name, &ty)
            }
            wasmparser::TypeRef::Global(ty) => {
                self.globals.push(ty);
                global(name, ty)
            }
            wasmparser::TypeRef::Tag(_) => Extern::Tag { name },
        };
        self.imports.push(item);
    }

    fn export(&self, name: &str, kind: wasmparser::ExternalKind, index: u32) -> Option<Extern> {
        let (at, name) = (index as usize, name.to_owned());
        Some(match kind {
            wasmparser::ExternalKind::Func | wasmparser::ExternalKind::FuncExact => {
                self.function(name, *self.functions.get(at)?)
            }
            wasmparser::ExternalKind::Memory => Extern::Memory { name, memory: self.memories.get(at)?.clone() },
            wasmparser::ExternalKind::Table => table(name, self.tables.get(at)?),
            wasmparser::ExternalKind::Global => global(name, *self.globals.get(at)?),
            wasmparser::ExternalKind::Tag => Extern::Tag { name },
        })
    }

    fn payload(&mut self, payload: Payload<'_>) -> wasmparser::Result<()> {
        match payload {
            Payload::TypeSection(section) => {
                for group in section {
                    for ty in group?.into_types() {
                        let function = match ty.composite_type.inner {
                            wasmparser::CompositeInnerType::Func(function) => Some(function),
                            _ => None,
                        };
                        self.types.push(function);
                    }
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
                for item in section {
                    self.tables.push(item?.ty);
                }
            }
            Payload::MemorySection(section) => {
                for ty in section {
                    let described = memory(&ty?);
                    self.memories.push(described.clone());
                    self.own_memories.push(described);
                }
            }
            Payload::GlobalSection(section) => {
                for item in section {
                    self.globals.push(item?.ty);
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    let export = export?;
                    self.exports.push((export.name.to_owned(), export.kind, export.index));
                }
            }
            Payload::CustomSection(section) => self.producers.extend(producers(&section)),
            _ => {}
        }
        Ok(())
    }
}

/// Malformed producers are no error: the section is advice.
fn producers(section: &wasmparser::CustomSectionReader<'_>) -> Vec<Producer> {
    let wasmparser::KnownCustom::Producers(fields) = section.as_known() else {
        return Vec::new();
    };
    let mut out = Vec::new();
    for field in fields.into_iter().flatten() {
        for value in field.values.into_iter().flatten().take(20) {
            out.push(Producer {
                field: bounded(field.name, 100),
                name: bounded(value.name, 200),
                version: bounded(value.version, 200),
            });
        }
    }
    out.truncate(50);
    out
}

fn memory(ty: &wasmparser::MemoryType) -> MemoryDescription {
    MemoryDescription { min_pages: ty.initial, max_pages: ty.maximum, shared: ty.shared, memory64: ty.memory64 }
}

fn table(name: String, ty: &wasmparser::TableType) -> Extern {
    Extern::Table { name, element: ty.element_type.to_string(), min: ty.initial, max: ty.maximum }
}

fn global(name: String, ty: wasmparser::GlobalType) -> Extern {
    Extern::Global { name, ty: ty.content_type.to_string(), mutable: ty.mutable }
}

fn core_type(ty: wasmparser::ValType) -> ValueType {
    match ty {
        wasmparser::ValType::I32 => ValueType::I32,
        wasmparser::ValType::I64 => ValueType::I64,
        wasmparser::ValType::F32 => ValueType::F32,
        wasmparser::ValType::F64 => ValueType::F64,
        wasmparser::ValType::V128 => ValueType::V128,
        wasmparser::ValType::Ref(reference) => ValueType::Ref { text: reference.to_string() },
    }
}

fn describe_core(bytes: &[u8]) -> Result<ModuleDescription> {
    let mut parts = CoreParts::default();
    for payload in Parser::new(0).parse_all(bytes) {
        payload.and_then(|payload| parts.payload(payload)).map_err(invalid)?;
    }
    let exports: Vec<_> =
        parts.exports.iter().filter_map(|(name, kind, index)| parts.export(name, *kind, *index)).collect();
    let has = |wanted: &str| exports.iter().any(|export| export.name() == wanted);
    let wasi = parts.imports.iter().any(|import| import.name().starts_with("wasi_snapshot_preview1::"));
    Ok(ModuleDescription {
        kind: "core",
        size_bytes: bytes.len(),
        wasi: if wasi { WasiLevel::Preview1 } else { WasiLevel::None }.as_str(),
        role: if has("_start") {
            "command"
        } else if has("_initialize") {
            "reactor"
        } else {
            "library"
        },
        imports: parts.imports,
        exports,
        memories: parts.own_memories,
        wit: None,
        producers: parts.producers,
    })
}

fn describe_component(bytes: &[u8]) -> Result<ModuleDescription> {
    let (mut memories, mut found) = (Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(invalid)? {
            Payload::MemorySection(section) => {
                for ty in section {
                    memories.push(memory(&ty.map_err(invalid)?));
                }
            }
            Payload::CustomSection(section) => found.extend(producers(&section)),
            _ => {}
        }
    }
    found.truncate(50);
    let world = match decode(bytes) {
        Ok(DecodedWasm::Component(resolve, world)) => describe_world(&resolve, world)?,
        Ok(DecodedWasm::WitPackage(..)) => return Err(invalid("a WIT package, which has no code to run")),
        // Valid, but no WIT document can express it: the names are all there is until it is loaded.
        Err(_) => names_only(bytes).map_err(invalid)?,
    };
    let wasi = wasi_level(world.imports.iter().map(Extern::name));
    let exports_interface = |prefix: &str| world.exports.iter().any(|export| export.name().starts_with(prefix));
    Ok(ModuleDescription {
        kind: "component",
        size_bytes: bytes.len(),
        wasi: wasi.as_str(),
        role: if exports_interface("wasi:http/incoming-handler@") || exports_interface("wasi:http/handler@") {
            "http"
        } else if exports_interface("wasi:cli/run@") {
            "command"
        } else {
            "library"
        },
        imports: world.imports,
        exports: world.exports,
        memories,
        wit: world.wit,
        producers: found,
    })
}

fn names_only(bytes: &[u8]) -> wasmparser::Result<crate::inspect::wit::WorldDescription> {
    use wasmparser::{ComponentExternalKind, ComponentTypeRef};
    let named = |name: &str, is_function: bool, is_instance: bool| {
        let name = name.to_owned();
        if is_function {
            Extern::Function { name, params: Vec::new(), results: Vec::new(), is_async: false }
        } else if is_instance {
            Extern::Interface { name, functions: Vec::new(), types: Vec::new() }
        } else {
            Extern::Type { name }
        }
    };
    let (mut world, mut depth) = (crate::inspect::wit::WorldDescription::default(), 0_u32);
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    let import = import?;
                    let function = matches!(import.ty, ComponentTypeRef::Func(_));
                    let instance = matches!(import.ty, ComponentTypeRef::Instance(_));
                    world.imports.push(named(import.name.name, function, instance));
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    let export = export?;
                    let function = export.kind == ComponentExternalKind::Func;
                    let instance = export.kind == ComponentExternalKind::Instance;
                    world.exports.push(named(export.name.name, function, instance));
                }
            }
            _ => {}
        }
    }
    Ok(world)
}

/// Level of WASI by the versions in import names.
pub(crate) fn wasi_level<'a>(imports: impl Iterator<Item = &'a str>) -> WasiLevel {
    let mut level = WasiLevel::None;
    for name in imports.filter(|name| name.starts_with("wasi:")) {
        match name.split_once('@').map(|(_, version)| version) {
            Some(version) if version.starts_with("0.3") => return WasiLevel::Preview3,
            _ => level = WasiLevel::Preview2,
        }
    }
    level
}
