import { httpServingOf } from '@hotswap/core';
import type { FunctionSignature, ModuleDescription, ModuleExtern } from '@hotswap/core';
import type { ExternDescription, FunctionDescription, ModuleDescription as NativeDescription } from '../binding.d.ts';
import { witTypeText } from './wit-type-text.ts';

/** The project's description of a module from the addon's. @internal */
export function describeModule(native: NativeDescription): ModuleDescription {
  const described = {
    kind: native.kind,
    wasiLevel: native.wasi,
    sizeBytes: native.sizeBytes,
    imports: native.imports.map((item) => ({ ...externOf(item), name: item.name.replace('::', '.') })),
    exports: native.exports.map(externOf),
    functions: native.exports.filter((item) => item.kind === 'function').map(signatureOf),
    isCommand: native.role === 'command',
  };
  return {
    ...described,
    servesHttp: httpServingOf(described),
    ...(native.wit === null ? {} : { wit: native.wit }),
  };
}

type Callable = Pick<FunctionDescription, 'name' | 'params' | 'results'>;

function signatureOf({ name, params, results }: Callable): FunctionSignature {
  const texts = results.map(witTypeText);
  const [only] = texts;
  return {
    name,
    params: params.map((param) => ({ name: param.name, type: witTypeText(param.type) })),
    ...(only === undefined ? {} : { result: texts.length === 1 ? only : `(${texts.join(', ')})` }),
  };
}

function externOf(item: ExternDescription): ModuleExtern {
  const type = typeText(item);
  return { name: item.name, kind: item.kind, ...(type === undefined ? {} : { type }) };
}

function typeText(item: ExternDescription): string | undefined {
  switch (item.kind) {
    case 'function':
      return functionText(signatureOf(item));
    case 'memory':
      return `${limits(item.minPages, item.maxPages)} pages of 64 KiB${item.memory64 ? ', 64-bit' : ''}${item.shared ? ', shared' : ''}`;
    case 'table':
      return `${limits(item.min, item.max)} ${item.element}`;
    case 'global':
      return item.mutable ? `mut ${item.type}` : item.type;
    case 'interface':
    case 'type':
    case 'tag':
      return undefined;
  }
}

function functionText({ params, result }: FunctionSignature): string {
  const inputs = params.map(({ name, type }) => (name === '' ? type : `${name}: ${type}`)).join(', ');
  return result === undefined ? `(${inputs})` : `(${inputs}) -> ${result}`;
}

function limits(min: number, max: number | undefined): string {
  return max === undefined ? `at least ${min}` : `${min} to ${max}`;
}
