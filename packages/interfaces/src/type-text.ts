import { unaliased } from './type-scope.ts';
import type { WitBody, WitFunction, WitType } from './wit-document.ts';

/** A type in the words of WIT, named types by their names. @public */
export function typeText(type: WitType): string {
  switch (type.kind) {
    case 'plain':
      return type.name;
    case 'named':
      return type.definition.name;
    case 'own':
    case 'borrow':
      return `${type.kind}<${type.definition.name}>`;
    case 'list':
      return `list<${typeText(type.element)}${type.length === null ? '' : `, ${type.length}`}>`;
    case 'map':
      return `map<${typeText(type.key)}, ${typeText(type.value)}>`;
    case 'option':
      return `option<${typeText(type.some)}>`;
    case 'result':
      return resultText(type.ok, type.err);
    case 'tuple':
      return `tuple<${type.items.map(typeText).join(', ')}>`;
    case 'future':
    case 'stream':
      return type.item === null ? type.kind : `${type.kind}<${typeText(type.item)}>`;
  }
}

function resultText(ok: WitType | null, err: WitType | null): string {
  if (err !== null) return `result<${ok === null ? '_' : typeText(ok)}, ${typeText(err)}>`;
  return ok === null ? 'result' : `result<${typeText(ok)}>`;
}

/** `func(w: u32) -> string`. @public */
export function functionText({ isAsync, params, result }: WitFunction): string {
  const inputs = params.map(({ name, type }) => `${name}: ${typeText(type)}`).join(', ');
  return `${isAsync ? 'async ' : ''}func(${inputs})${result === null ? '' : ` -> ${typeText(result)}`}`;
}

/** What a definition says after its name: `{ w: u32, h: u32 }`. @public */
export function bodyText(body: WitBody): string {
  switch (body.kind) {
    case 'alias':
      return typeText(body.of);
    case 'record':
      return `record { ${body.fields.map(({ name, type }) => `${name}: ${typeText(type)}`).join(', ')} }`;
    case 'variant':
      return `variant { ${body.cases.map(({ name, type }) => (type === null ? name : `${name}(${typeText(type)})`)).join(', ')} }`;
    case 'enum':
      return `enum { ${body.cases.join(', ')} }`;
    case 'flags':
      return `flags { ${body.flags.join(', ')} }`;
    case 'resource':
      return 'resource';
  }
}

/** The type behind the names that only stand for others. @internal */
export function expanded(type: WitType): WitType {
  let at = type;
  while (at.kind === 'named') {
    const definition = unaliased(at.definition);
    if (definition.body.kind === 'alias') at = definition.body.of;
    else return { kind: 'named', definition };
  }
  return at;
}
