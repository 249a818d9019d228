//! Values that cross between host and guest, free of any store, and the types that say how to convert them.

use bytes::Bytes;
use serde::Serialize;
use wasmtime::component::{ResourceAny, Type as ComponentType};

use crate::error::{EngineError, ErrorCode, Result};

/// Types nested beyond this many nodes in one function are refused: a few bytes of WIT can spell an exponentially large type.
const MAX_TYPE_NODES: usize = 10_000;

/// A value of any type a guest can take or return. Positional where the type already knows the names, so that it stays small.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// `bool`.
    Bool(bool),
    /// `s8`, `s16`, `s32`, core `i32`.
    I32(i32),
    /// `u8`, `u16`, `u32`.
    U32(u32),
    /// `s64`, core `i64`.
    I64(i64),
    /// `u64`.
    U64(u64),
    /// `f32`.
    F32(f32),
    /// `f64`.
    F64(f64),
    /// `char`.
    Char(char),
    /// `string`.
    String(String),
    /// `list<u8>`.
    Bytes(Bytes),
    /// Lists of other numbers, packed: little endian, as guests and typed arrays hold them.
    Numbers(NumberKind, Bytes),
    /// Any other list.
    List(Vec<Value>),
    /// Pairs of a map in their order.
    Map(Vec<(Value, Value)>),
    /// Tuple items, or record fields in declaration order.
    Fields(Vec<Value>),
    /// A variant's or enum's case by position; option: 0 none, 1 some; result: 0 ok, 1 err.
    Case(u32, Option<Box<Value>>),
    /// Positions of the flags that are set.
    Flags(Vec<u32>),
    /// A resource of an opened instance.
    Resource(ResourceKey),
    /// A resource as the engine knows it: within a call only, never outside of this crate.
    Handle(ResourceAny),
    /// Core `v128`, little endian.
    V128(u128),
    /// All arguments of a call, or its whole result, in the layout of [`crate::values::message`]. It stands alone.
    Message(Bytes),
}

/// What a packed list of numbers consists of. `list<u8>` is [`Value::Bytes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the WIT type of the same name")]
pub enum NumberKind {
    S8,
    U16,
    S16,
    U32,
    S32,
    U64,
    S64,
    F32,
    F64,
}

impl NumberKind {
    /// Bytes of one number.
    pub const fn size_bytes(self) -> usize {
        match self {
            Self::S8 => 1,
            Self::U16 | Self::S16 => 2,
            Self::U32 | Self::S32 | Self::F32 => 4,
            Self::U64 | Self::S64 | Self::F64 => 8,
        }
    }
}

/// Values a function returned; empty for none, several for some core functions.
pub type Results = Vec<Value>;

/// Names one resource in one opened instance. Forging it reaches only what that instance's owner could reach anyway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResourceKey {
    /// Id of the instance.
    pub instance: u32,
    /// Position in that instance's table.
    pub index: u32,
    /// Guards against reuse of the position.
    pub generation: u32,
}

impl ResourceKey {
    /// Stands in the place of an instance for resources of the embedder.
    pub const HOST: u32 = u32::MAX;
}

/// Tells the embedder's kinds of resources apart by their names. Two of one name are one kind: to the guest they are two types anyway.
pub(crate) fn kind_of(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

impl Value {
    /// Size for the input and output limits: payload bytes, and 8 for each node.
    pub fn size_bytes(&self) -> usize {
        8 + match self {
            Value::String(text) => text.len(),
            Value::Bytes(bytes) | Value::Numbers(_, bytes) | Value::Message(bytes) => bytes.len(),
            Value::List(items) | Value::Fields(items) => items.iter().map(Value::size_bytes).sum(),
            Value::Map(pairs) => pairs.iter().map(|(key, value)| key.size_bytes() + value.size_bytes()).sum(),
            Value::Case(_, Some(value)) => value.size_bytes(),
            Value::Flags(flags) => flags.len() * 4,
            _ => 0,
        }
    }
}

/// The type of a parameter or result: description for people, and the plan by which values are converted.
#[derive(Clone, Debug, Serialize, PartialEq)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each variant is the WIT or core type of the same name")]
pub enum ValueType {
    Bool,
    S8,
    U8,
    S16,
    U16,
    S32,
    U32,
    S64,
    U64,
    F32,
    F64,
    Char,
    String,
    ErrorContext,
    I32,
    I64,
    V128,
    Ref {
        text: String,
    },
    List {
        element: Box<ValueType>,
        #[serde(skip_serializing_if = "Option::is_none")]
        length: Option<u32>,
    },
    Map {
        key: Box<ValueType>,
        value: Box<ValueType>,
    },
    Tuple {
        items: Vec<ValueType>,
    },
    Record {
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        fields: Vec<FieldType>,
    },
    Variant {
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        cases: Vec<CaseType>,
    },
    Enum {
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        cases: Vec<String>,
    },
    Flags {
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        flags: Vec<FlagName>,
    },
    Option {
        some: Box<ValueType>,
    },
    Result {
        #[serde(skip_serializing_if = "Option::is_none")]
        ok: Option<Box<ValueType>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        err: Option<Box<ValueType>>,
    },
    Own {
        resource: String,
        /// Its objects are the embedder's: the component imports it, and not from WASI.
        #[serde(skip_serializing_if = "is_false")]
        host: bool,
    },
    Borrow {
        resource: String,
        /// As above.
        #[serde(skip_serializing_if = "is_false")]
        host: bool,
    },
    Stream {
        #[serde(skip_serializing_if = "Option::is_none")]
        item: Option<Box<ValueType>>,
    },
    Future {
        #[serde(skip_serializing_if = "Option::is_none")]
        item: Option<Box<ValueType>>,
    },
}

/// One field of a record.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct FieldType {
    /// Name in WIT.
    pub name: String,
    /// Name in JavaScript.
    #[serde(skip)]
    pub key: String,
    /// Its type.
    #[serde(rename = "type")]
    pub ty: ValueType,
}

/// One flag; serialises as its WIT name.
#[derive(Clone, Debug, PartialEq)]
pub struct FlagName {
    /// Name in WIT.
    pub name: String,
    /// Name in JavaScript.
    pub key: String,
}

impl FlagName {
    /// From the WIT name.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), key: camel_case(name) }
    }
}

impl Serialize for FlagName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.name)
    }
}

impl FieldType {
    /// From the WIT name.
    pub fn new(name: &str, ty: ValueType) -> Self {
        Self { name: name.to_owned(), key: camel_case(name), ty }
    }
}

/// One case of a variant.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct CaseType {
    /// Name in WIT, and in JavaScript.
    pub name: String,
    /// Payload, if it has one.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub ty: Option<ValueType>,
}

/// `kebab-case` to `camelCase`.
pub fn camel_case(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut upper = false;
    for character in name.chars() {
        if character == '-' {
            upper = true;
        } else if upper {
            out.extend(character.to_uppercase());
            upper = false;
        } else {
            out.push(character);
        }
    }
    out
}

/// What stands between a type and a call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Obstacles {
    /// A part that no call can carry.
    pub unsupported: Option<&'static str>,
    /// Resources are in it: callable on an opened instance only.
    pub resources: bool,
    /// Types that only the engine's own dynamic values carry.
    pub dynamic: bool,
}

impl ValueType {
    /// From Wasmtime's own description of a component type.
    ///
    /// # Errors
    /// `UNSUPPORTED` when the type has more than 10,000 nodes.
    pub fn from_component(ty: &ComponentType, budget: &mut TypeBudget, names: &ResourceNames) -> Result<Self> {
        budget.spend()?;
        let boxed = |ty: &ComponentType, budget: &mut TypeBudget| Self::from_component(ty, budget, names).map(Box::new);
        let optional = |ty: Option<ComponentType>, budget: &mut TypeBudget| match ty {
            Some(ty) => Self::from_component(&ty, budget, names).map(|ty| Some(Box::new(ty))),
            None => Ok(None),
        };
        Ok(match ty {
            ComponentType::Bool => Self::Bool,
            ComponentType::S8 => Self::S8,
            ComponentType::U8 => Self::U8,
            ComponentType::S16 => Self::S16,
            ComponentType::U16 => Self::U16,
            ComponentType::S32 => Self::S32,
            ComponentType::U32 => Self::U32,
            ComponentType::S64 => Self::S64,
            ComponentType::U64 => Self::U64,
            ComponentType::Float32 => Self::F32,
            ComponentType::Float64 => Self::F64,
            ComponentType::Char => Self::Char,
            ComponentType::String => Self::String,
            ComponentType::ErrorContext => Self::ErrorContext,
            ComponentType::List(list) => Self::List { element: boxed(&list.ty(), budget)?, length: None },
            ComponentType::FixedLengthList(list) => {
                Self::List { element: boxed(&list.ty(), budget)?, length: Some(list.len()) }
            }
            ComponentType::Map(map) => {
                Self::Map { key: boxed(&map.key(), budget)?, value: boxed(&map.value(), budget)? }
            }
            ComponentType::Tuple(tuple) => Self::Tuple {
                items: tuple.types().map(|ty| Self::from_component(&ty, budget, names)).collect::<Result<_>>()?,
            },
            ComponentType::Record(record) => Self::Record {
                name: None,
                fields: record
                    .fields()
                    .map(|field| Ok(FieldType::new(field.name, Self::from_component(&field.ty, budget, names)?)))
                    .collect::<Result<_>>()?,
            },
            ComponentType::Variant(variant) => Self::Variant {
                name: None,
                cases: variant
                    .cases()
                    .map(|case| {
                        let ty = case.ty.map(|ty| Self::from_component(&ty, budget, names)).transpose()?;
                        Ok(CaseType { name: case.name.to_owned(), ty })
                    })
                    .collect::<Result<_>>()?,
            },
            ComponentType::Enum(names) => Self::Enum { name: None, cases: names.names().map(str::to_owned).collect() },
            ComponentType::Flags(flags) => {
                Self::Flags { name: None, flags: flags.names().map(FlagName::new).collect() }
            }
            ComponentType::Option(option) => Self::Option { some: boxed(&option.ty(), budget)? },
            ComponentType::Result(result) => {
                Self::Result { ok: optional(result.ok(), budget)?, err: optional(result.err(), budget)? }
            }
            ComponentType::Own(resource) => {
                let (resource, host) = names.find(*resource);
                Self::Own { resource, host }
            }
            ComponentType::Borrow(resource) => {
                let (resource, host) = names.find(*resource);
                Self::Borrow { resource, host }
            }
            ComponentType::Stream(stream) => Self::Stream { item: optional(stream.ty(), budget)? },
            ComponentType::Future(future) => Self::Future { item: optional(future.ty(), budget)? },
        })
    }

    /// From a core type.
    pub fn from_core(ty: &wasmtime::ValType) -> Self {
        match ty {
            wasmtime::ValType::I32 => Self::I32,
            wasmtime::ValType::I64 => Self::I64,
            wasmtime::ValType::F32 => Self::F32,
            wasmtime::ValType::F64 => Self::F64,
            wasmtime::ValType::V128 => Self::V128,
            wasmtime::ValType::Ref(reference) => Self::Ref { text: reference.to_string() },
        }
    }

    /// What keeps values of this type from being passed.
    pub fn obstacles(&self) -> Obstacles {
        let mut found = Obstacles::default();
        self.collect_obstacles(&mut found);
        found
    }

    fn collect_obstacles(&self, found: &mut Obstacles) {
        match self {
            Self::ErrorContext => found.unsupported = Some("error-context"),
            Self::Stream { .. } => found.unsupported = Some("stream"),
            Self::Future { .. } => found.unsupported = Some("future"),
            Self::Ref { .. } => found.unsupported = Some("core reference types"),
            Self::Own { .. } | Self::Borrow { .. } => found.resources = true,
            Self::List { element: inner, length } => {
                found.dynamic |= length.is_some();
                inner.collect_obstacles(found);
            }
            Self::Option { some: inner } => inner.collect_obstacles(found),
            Self::Map { key, value } => {
                found.dynamic = true;
                key.collect_obstacles(found);
                value.collect_obstacles(found);
            }
            Self::Tuple { items } => items.iter().for_each(|item| item.collect_obstacles(found)),
            Self::Record { fields, .. } => fields.iter().for_each(|field| field.ty.collect_obstacles(found)),
            Self::Variant { cases, .. } => {
                cases.iter().filter_map(|case| case.ty.as_ref()).for_each(|ty| ty.collect_obstacles(found));
            }
            Self::Result { ok, err } => {
                ok.iter().chain(err.iter()).for_each(|ty| ty.collect_obstacles(found));
            }
            _ => {}
        }
    }
}

/// Names of a component's resources: Wasmtime's types know them by identity only.
#[derive(Debug, Default)]
pub struct ResourceNames(Vec<NamedResource>);

#[derive(Debug)]
struct NamedResource {
    ty: wasmtime::component::ResourceType,
    name: String,
    host: bool,
}

impl ResourceNames {
    /// Adds one. The first name of a resource stays.
    ///
    /// `host`: its objects are the embedder's.
    pub fn add(&mut self, ty: wasmtime::component::ResourceType, name: &str, host: bool) {
        self.0.push(NamedResource { ty, name: name.to_owned(), host });
    }

    fn find(&self, ty: wasmtime::component::ResourceType) -> (String, bool) {
        let mut known = self.0.iter().filter(|known| known.ty == ty);
        let Some(NamedResource { name, host, .. }) = known.next() else { return Default::default() };
        (name.clone(), *host || known.any(|other| other.host))
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it")]
fn is_false(value: &bool) -> bool {
    !value
}

/// Counts type nodes of one function.
#[derive(Debug, Default)]
pub struct TypeBudget(usize);

impl TypeBudget {
    /// Accounts for one node.
    ///
    /// # Errors
    /// `UNSUPPORTED` beyond 10,000.
    pub fn spend(&mut self) -> Result<()> {
        self.0 += 1;
        if self.0 > MAX_TYPE_NODES {
            return Err(EngineError::new(
                ErrorCode::Unsupported,
                format!("A function's types have more than {MAX_TYPE_NODES} parts"),
            )
            .with("feature", "type size"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn camel_case_follows_the_component_tools() {
        assert_eq!(camel_case("a-long-name2"), "aLongName2");
        assert_eq!(camel_case("plain"), "plain");
        assert_eq!(camel_case("x-U-v"), "xUV");
    }

    #[test]
    fn description_uses_wit_kinds() {
        let ty = ValueType::Record {
            name: None,
            fields: vec![FieldType::new("a-b", ValueType::Option { some: Box::new(ValueType::U8) })],
        };
        assert_eq!(
            serde_json::to_string(&ty).expect("serialises"),
            r#"{"kind":"record","fields":[{"name":"a-b","type":{"kind":"option","some":{"kind":"u8"}}}]}"#
        );
    }
}
