import type { WitBody, WitType } from './wit-document.ts';

/** Types that a type is made of. @internal */
export function typesOf(type: WitType): readonly WitType[] {
  switch (type.kind) {
    case 'plain':
    case 'named':
    case 'own':
    case 'borrow':
      return [];
    case 'list':
      return [type.element];
    case 'map':
      return [type.key, type.value];
    case 'option':
      return [type.some];
    case 'result':
      return [type.ok, type.err].filter((part) => part !== null);
    case 'tuple':
      return type.items;
    case 'future':
    case 'stream':
      return type.item === null ? [] : [type.item];
  }
}

/** Types that a definition is made of. @internal */
export function typesOfBody(body: WitBody): readonly WitType[] {
  switch (body.kind) {
    case 'alias':
      return [body.of];
    case 'record':
      return body.fields.map(({ type }) => type);
    case 'variant':
      return body.cases.map(({ type }) => type).filter((type) => type !== null);
    case 'enum':
    case 'flags':
    case 'resource':
      return [];
  }
}
