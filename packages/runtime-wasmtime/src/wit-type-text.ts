import type { WitType } from '../binding.d.ts';

/**
 * A type in the words of WIT, written out in full: `record { x: f64, y: f64 }`, `list<u8>`, `result<_, string>`. Value
 * types of core modules are their own names.
 * @internal
 */
export function witTypeText(type: WitType): string {
  switch (type.kind) {
    case 'list':
      return type.length === undefined
        ? `list<${witTypeText(type.element)}>`
        : `list<${witTypeText(type.element)}, ${type.length}>`;
    case 'map':
      return `map<${witTypeText(type.key)}, ${witTypeText(type.value)}>`;
    case 'tuple':
      return `tuple<${type.items.map(witTypeText).join(', ')}>`;
    case 'record':
      return `record { ${type.fields.map((field) => `${field.name}: ${witTypeText(field.type)}`).join(', ')} }`;
    case 'variant':
      return `variant { ${type.cases.map((item) => (item.type === undefined ? item.name : `${item.name}(${witTypeText(item.type)})`)).join(', ')} }`;
    case 'enum':
      return `enum { ${type.cases.join(', ')} }`;
    case 'flags':
      return `flags { ${type.flags.join(', ')} }`;
    case 'option':
      return `option<${witTypeText(type.some)}>`;
    case 'result':
      return resultText(type.ok, type.err);
    case 'own':
    case 'borrow':
      return `${type.kind}<${type.resource}>`;
    case 'stream':
    case 'future':
      return type.item === undefined ? type.kind : `${type.kind}<${witTypeText(type.item)}>`;
    case 'ref':
      return type.text ?? 'ref';
    default:
      return type.kind;
  }
}

function resultText(ok: WitType | undefined, err: WitType | undefined): string {
  if (err !== undefined) return `result<${ok === undefined ? '_' : witTypeText(ok)}, ${witTypeText(err)}>`;
  return ok === undefined ? 'result' : `result<${witTypeText(ok)}>`;
}
