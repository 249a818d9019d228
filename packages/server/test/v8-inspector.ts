/// <reference lib="dom" />
import {
  HotSwapError,
  httpServingOf,
  type ModuleDescription,
  type ModuleExtern,
  type RuntimeHost,
} from '@hotswap/core';

/** Describes core modules by the engine of Node itself: the server's tests need no native addon. */
export const v8Inspector: Pick<RuntimeHost, 'inspect'> = {
  inspect: async (bytes): Promise<ModuleDescription> => {
    let module: WebAssembly.Module;
    try {
      module = await WebAssembly.compile(bytes.slice());
    } catch (cause) {
      throw new HotSwapError(
        'HS_RUNTIME_INVALID_MODULE',
        { message: '{reason}', httpStatus: 422 },
        { reason: 'the section is cut off' },
        cause,
      );
    }
    const imports = WebAssembly.Module.imports(module).map((one): ModuleExtern => ({
      name: `${one.module}.${one.name}`,
      kind: one.kind,
    }));
    const exports = WebAssembly.Module.exports(module).map((one): ModuleExtern => ({ name: one.name, kind: one.kind }));
    const wasiLevel = imports.some((one) => one.name.startsWith('wasi_snapshot_preview1.')) ? 'preview1' : 'none';
    const isCommand = exports.some((one) => one.name === '_start');
    return {
      kind: 'core',
      wasiLevel,
      sizeBytes: bytes.byteLength,
      imports,
      exports,
      functions: exports
        .filter((one) => one.kind === 'function')
        .map((one) => ({ name: one.name, params: [], result: 'i32' })),
      isCommand,
      servesHttp: httpServingOf({ kind: 'core', wasiLevel, exports, isCommand }),
    };
  },
};

const text = (value: string): number[] => [value.length, ...Buffer.from(value)];
const section = (id: number, content: readonly number[]): number[] => [id, content.length, ...content];

/** A core module whose exported functions return 1; `salt` makes it another binary. */
export function coreModule(
  options: {
    readonly exports?: readonly string[];
    readonly imports?: readonly (readonly [string, string])[];
    readonly salt?: string;
  } = {},
): Buffer {
  const { exports = ['run', 'health_check'], imports = [], salt = '' } = options;
  return Buffer.from([
    0x00,
    0x61,
    0x73,
    0x6d,
    0x01,
    0x00,
    0x00,
    0x00,
    ...section(1, [1, 0x60, 0, 1, 0x7f]),
    ...(imports.length === 0
      ? []
      : section(2, [imports.length, ...imports.flatMap(([module, name]) => [...text(module), ...text(name), 0, 0])])),
    ...section(3, [1, 0]),
    ...section(7, [exports.length, ...exports.flatMap((name) => [...text(name), 0, imports.length])]),
    ...section(10, [1, 4, 0, 0x41, 1, 0x0b]),
    ...(salt === '' ? [] : section(0, [...text('salt'), ...text(salt)])),
  ]);
}
