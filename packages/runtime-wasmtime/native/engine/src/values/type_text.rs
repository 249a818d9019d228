//! Types in the words of WIT, for messages.

use crate::values::value::ValueType;

/// `(a: u32, b: list<u8>) -> result<string, u32>`
pub(crate) fn signature_text(params: &[(String, ValueType)], results: &[ValueType]) -> String {
    let param = |(name, ty): &(String, ValueType)| {
        if name.is_empty() { type_text(ty) } else { format!("{name}: {}", type_text(ty)) }
    };
    let params: Vec<_> = params.iter().map(param).collect();
    let inputs = format!("({})", params.join(", "));
    match results {
        [] => inputs,
        [result] => format!("{inputs} -> {}", type_text(result)),
        many => format!("{inputs} -> ({})", many.iter().map(type_text).collect::<Vec<_>>().join(", ")),
    }
}

fn type_text(ty: &ValueType) -> String {
    let optional = |ty: &Option<Box<ValueType>>| ty.as_deref().map_or_else(|| "_".to_owned(), type_text);
    match ty {
        ValueType::List { element, length: None } => format!("list<{}>", type_text(element)),
        ValueType::List { element, length: Some(length) } => format!("list<{}, {length}>", type_text(element)),
        ValueType::Map { key, value } => format!("map<{}, {}>", type_text(key), type_text(value)),
        ValueType::Tuple { items } => format!("tuple<{}>", items.iter().map(type_text).collect::<Vec<_>>().join(", ")),
        ValueType::Record { fields, .. } => {
            let fields: Vec<_> =
                fields.iter().map(|field| format!("{}: {}", field.name, type_text(&field.ty))).collect();
            format!("record {{ {} }}", fields.join(", "))
        }
        ValueType::Variant { cases, .. } => {
            let case = |case: &crate::values::value::CaseType| match &case.ty {
                Some(ty) => format!("{}({})", case.name, type_text(ty)),
                None => case.name.clone(),
            };
            format!("variant {{ {} }}", cases.iter().map(case).collect::<Vec<_>>().join(", "))
        }
        ValueType::Enum { cases, .. } => format!("enum {{ {} }}", cases.join(", ")),
        ValueType::Flags { flags, .. } => {
            let names: Vec<_> = flags.iter().map(|flag| flag.name.as_str()).collect();
            format!("flags {{ {} }}", names.join(", "))
        }
        ValueType::Option { some } => format!("option<{}>", type_text(some)),
        ValueType::Result { ok, err } => format!("result<{}, {}>", optional(ok), optional(err)),
        ValueType::Own { resource, .. } => format!("own<{resource}>"),
        ValueType::Borrow { resource, .. } => format!("borrow<{resource}>"),
        ValueType::Stream { item } => format!("stream<{}>", optional(item)),
        ValueType::Future { item } => format!("future<{}>", optional(item)),
        ValueType::Ref { text } => text.clone(),
        ValueType::ErrorContext => "error-context".to_owned(),
        scalar => format!("{scalar:?}").to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_read_as_wit() {
        let bytes = ValueType::List { element: Box::new(ValueType::U8), length: None };
        let result = ValueType::Result { ok: Some(Box::new(bytes)), err: None };
        assert_eq!(
            signature_text(&[("a".to_owned(), ValueType::S32), ("b".to_owned(), ValueType::String)], &[result]),
            "(a: s32, b: string) -> result<list<u8>, _>"
        );
        assert_eq!(signature_text(&[(String::new(), ValueType::I64)], &[]), "(i64)");
    }
}
