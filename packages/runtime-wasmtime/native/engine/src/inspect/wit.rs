//! A component's world as structure and as WIT text.

use wit_component::WitPrinter;
use wit_parser::{Function, Handle, Resolve, Type, TypeDefKind, TypeId, WorldId, WorldItem};

use crate::error::Result;
use crate::inspect::{Extern, Param};
use crate::values::value::{CaseType, FieldType, FlagName, TypeBudget, ValueType};

/// More text than this is not worth carrying in a description.
const MAX_WIT_BYTES: usize = 1024 * 1024;

/// Imports, exports and text of a world.
#[derive(Debug, Default)]
pub(crate) struct WorldDescription {
    pub(crate) imports: Vec<Extern>,
    pub(crate) exports: Vec<Extern>,
    pub(crate) wit: Option<String>,
}

pub(crate) fn describe_world(resolve: &Resolve, world: WorldId) -> Result<WorldDescription> {
    let world = &resolve.worlds[world];
    let items = |items: &mut dyn Iterator<Item = (String, &WorldItem)>| -> Result<Vec<Extern>> {
        let mut out = Vec::new();
        for (name, item) in items {
            describe_item(resolve, &name, item, &mut out)?;
        }
        Ok(out)
    };
    let named = |(key, item): (&wit_parser::WorldKey, _)| (resolve.name_world_key(key), item);
    Ok(WorldDescription {
        imports: items(&mut world.imports.iter().map(|(key, item)| named((key, item))))?,
        exports: items(&mut world.exports.iter().map(|(key, item)| named((key, item))))?,
        wit: print(resolve, world.package),
    })
}

fn print(resolve: &Resolve, main: Option<wit_parser::PackageId>) -> Option<String> {
    let main = main?;
    let others: Vec<_> = resolve.packages.iter().map(|(id, _)| id).filter(|id| *id != main).collect();
    let mut printer = WitPrinter::default();
    printer.print(resolve, main, &others).ok()?;
    let text = printer.output.to_string();
    (text.len() <= MAX_WIT_BYTES).then_some(text)
}

fn describe_item(resolve: &Resolve, name: &str, item: &WorldItem, out: &mut Vec<Extern>) -> Result<()> {
    match item {
        WorldItem::Function(function) => out.push(describe_function(resolve, function.name.clone(), function)?),
        WorldItem::Type { .. } => out.push(Extern::Type { name: name.to_owned() }),
        WorldItem::Interface { id, .. } => {
            let interface = &resolve.interfaces[*id];
            out.push(Extern::Interface {
                name: name.to_owned(),
                functions: interface.functions.keys().cloned().collect(),
                types: interface.types.keys().cloned().collect(),
            });
            for function in interface.functions.values() {
                out.push(describe_function(resolve, format!("{name}#{}", function.name), function)?);
            }
        }
    }
    Ok(())
}

fn describe_function(resolve: &Resolve, name: String, function: &Function) -> Result<Extern> {
    let budget = &mut TypeBudget::default();
    let mut params = Vec::with_capacity(function.params.len());
    for param in &function.params {
        params.push(Param { name: param.name.clone(), ty: describe_type(resolve, &param.ty, budget)? });
    }
    let results = function.result.iter().map(|ty| describe_type(resolve, ty, budget)).collect::<Result<_>>()?;
    Ok(Extern::Function { name, params, results, is_async: function.kind.is_async() })
}

fn describe_type(resolve: &Resolve, ty: &Type, budget: &mut TypeBudget) -> Result<ValueType> {
    budget.spend()?;
    Ok(match ty {
        Type::Bool => ValueType::Bool,
        Type::U8 => ValueType::U8,
        Type::U16 => ValueType::U16,
        Type::U32 => ValueType::U32,
        Type::U64 => ValueType::U64,
        Type::S8 => ValueType::S8,
        Type::S16 => ValueType::S16,
        Type::S32 => ValueType::S32,
        Type::S64 => ValueType::S64,
        Type::F32 => ValueType::F32,
        Type::F64 => ValueType::F64,
        Type::Char => ValueType::Char,
        Type::String => ValueType::String,
        Type::ErrorContext => ValueType::ErrorContext,
        Type::Id(id) => describe_definition(resolve, *id, budget)?,
    })
}

fn describe_definition(resolve: &Resolve, id: TypeId, budget: &mut TypeBudget) -> Result<ValueType> {
    let definition = &resolve.types[id];
    let name = definition.name.clone();
    let one = |ty: &Type, budget: &mut TypeBudget| describe_type(resolve, ty, budget).map(Box::new);
    let optional = |ty: &Option<Type>, budget: &mut TypeBudget| ty.as_ref().map(|ty| one(ty, budget)).transpose();
    let resource = |id: TypeId| resolve.types[id].name.clone().unwrap_or_default();
    Ok(match &definition.kind {
        TypeDefKind::Type(ty) => describe_type(resolve, ty, budget)?,
        TypeDefKind::Record(record) => ValueType::Record {
            name,
            fields: record
                .fields
                .iter()
                .map(|field| Ok(FieldType::new(&field.name, describe_type(resolve, &field.ty, budget)?)))
                .collect::<Result<_>>()?,
        },
        TypeDefKind::Variant(variant) => ValueType::Variant {
            name,
            cases: variant
                .cases
                .iter()
                .map(|case| {
                    let ty = case.ty.as_ref().map(|ty| describe_type(resolve, ty, budget)).transpose()?;
                    Ok(CaseType { name: case.name.clone(), ty })
                })
                .collect::<Result<_>>()?,
        },
        TypeDefKind::Enum(cases) => {
            ValueType::Enum { name, cases: cases.cases.iter().map(|case| case.name.clone()).collect() }
        }
        TypeDefKind::Flags(flags) => {
            ValueType::Flags { name, flags: flags.flags.iter().map(|flag| FlagName::new(&flag.name)).collect() }
        }
        TypeDefKind::Tuple(tuple) => ValueType::Tuple {
            items: tuple.types.iter().map(|ty| describe_type(resolve, ty, budget)).collect::<Result<_>>()?,
        },
        TypeDefKind::Option(ty) => ValueType::Option { some: one(ty, budget)? },
        TypeDefKind::Result(result) => {
            ValueType::Result { ok: optional(&result.ok, budget)?, err: optional(&result.err, budget)? }
        }
        TypeDefKind::List(ty) => ValueType::List { element: one(ty, budget)?, length: None },
        TypeDefKind::FixedLengthList(ty, length) => {
            ValueType::List { element: one(ty, budget)?, length: Some(*length) }
        }
        TypeDefKind::Map(key, value) => ValueType::Map { key: one(key, budget)?, value: one(value, budget)? },
        TypeDefKind::Handle(Handle::Own(id)) => ValueType::Own { resource: resource(*id), host: false },
        TypeDefKind::Handle(Handle::Borrow(id)) => ValueType::Borrow { resource: resource(*id), host: false },
        TypeDefKind::Future(ty) => ValueType::Future { item: optional(ty, budget)? },
        TypeDefKind::Stream(ty) => ValueType::Stream { item: optional(ty, budget)? },
        TypeDefKind::Resource | TypeDefKind::Unknown => {
            ValueType::Own { resource: name.unwrap_or_default(), host: false }
        }
    })
}
