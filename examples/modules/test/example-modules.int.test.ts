import { readFileSync } from 'node:fs';
import { mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WASI } from 'node:wasi';
import { componentWit, print } from '@bytecodealliance/jco';
import { buildExampleModules, exampleModule, exampleModules, hostileModule } from '@hotswap/example-modules';
import { beforeAll, describe, expect, it } from 'vitest';
import { transpiledComponent } from './transpiled-component.ts';
import { v8Wasm } from './v8-wasm.ts';
import type { GuestFunction } from './v8-wasm.ts';

const camelCase = (name: string): string =>
  name.replace(/-([a-z0-9])/g, (_match, letter: string) => letter.toUpperCase());

/** WASI as a guest sees it that was given nothing: each function is there, and none can be had (`errno` 52, `nosys`). */
function withoutCapabilities(module: object): Record<string, () => number> {
  const wasi = v8Wasm.Module.imports(module).filter((needed) => needed.module === 'wasi_snapshot_preview1');
  return Object.fromEntries(wasi.map(({ name }) => [name, () => 52]));
}

/** The export that a sample names, in an instance of a transpiled component. */
function exportOf(exports: Readonly<Record<string, unknown>>, name: string): GuestFunction {
  const [interfaceName, functionName] = name.includes('#') ? name.split('#') : [undefined, name];
  const scope = interfaceName === undefined ? exports : (exports[interfaceName] as Record<string, unknown>);
  return scope[camelCase(functionName ?? '')] as GuestFunction;
}

beforeAll(async () => {
  await buildExampleModules();
});

describe('every example module', () => {
  it.each(exampleModules.filter(({ kind }) => kind !== 'component'))('$id is a valid core module', ({ path }) => {
    expect(v8Wasm.validate(readFileSync(path))).toBe(true);
  });

  it.each(exampleModules.filter(({ kind }) => kind === 'component'))(
    '$id is a component that keeps its loader to itself',
    async ({ path, healthFunction }) => {
      const bytes = readFileSync(path);
      const wit = await componentWit(bytes);
      expect(await print(bytes)).toMatch(/^\(component/);
      expect(wit).not.toContain('export init');
      if (healthFunction !== undefined) expect(wit).toContain(`export ${healthFunction}: func() -> string;`);
    },
  );

  it.each(exampleModules.filter(({ kind }) => kind === 'core' || kind === 'wasi-reactor'))(
    '$id answers its samples',
    async ({ path, samples, healthFunction }) => {
      const module = await v8Wasm.compile(readFileSync(path));
      for (const sample of [...samples, { function: healthFunction ?? '', args: [], result: 1 }]) {
        const instance = await v8Wasm.instantiate(module, {
          wasi_snapshot_preview1: { ...withoutCapabilities(module), clock_time_get: () => 0 },
          'hotswap:module/metrics': { counter: () => undefined },
        });
        const exports = instance.exports as Record<string, GuestFunction>;
        exports['_initialize']?.();
        expect(exports[sample.function]?.(...sample.args)).toBe(sample.result);
      }
    },
  );

  it.each(exampleModules.filter(({ kind, samples }) => kind === 'component' && samples.length > 0))(
    '$id answers its samples and its health check',
    async ({ path, samples, healthFunction, healthy }) => {
      await using component = await transpiledComponent(path);
      for (const sample of samples) {
        const call = exportOf(await component.fresh(), sample.function);
        if (sample.trap === undefined) expect(call(...sample.args)).toEqual(sample.result);
        else expect(() => call(...sample.args)).toThrow(sample.trap);
      }
      const health = exportOf(await component.fresh(), healthFunction ?? '')();
      if (healthy) expect(health).toBe('OK');
      else expect(health).toMatch(/^greet fails for 3 of 8 names/);
    },
  );

  it('is found by name, by name and version, and by id; an unknown one by nothing', () => {
    expect(exampleModule('greeter').version).toBe('1.0.0');
    expect(exampleModule('greeter', '1.2.0')).toBe(exampleModule('greeter-1.2.0'));
    expect(() => exampleModule('greeter', '9.9.9')).toThrow(/greeter-9\.9\.9.*greeter-1\.0\.0/);
    expect(() => hostileModule('kind')).toThrow(TypeError);
  });
});

describe('the bad greeters', () => {
  it.each(['1.2.0', '1.3.0'])('%s fails for a quarter of numbered names, always for the same ones', async (version) => {
    await using component = await transpiledComponent(exampleModule('greeter', version).path);
    const names = Array.from({ length: 40 }, (_, index) => `user-${index}`);
    const failing: string[] = [];
    for (const name of names) {
      const exports = await component.fresh();
      try {
        exportOf(exports, 'greet')(name);
      } catch {
        failing.push(name);
      }
    }
    const sumOf = (name: string): number => Array.from(name, (letter) => letter.charCodeAt(0)).reduce((a, b) => a + b);
    expect(failing).toEqual(names.filter((name) => sumOf(name) % 4 === 3));
    expect(failing).toHaveLength(10);
  });
});

describe('wasi-command', () => {
  it('prints arguments and its variable, copies stdin in upper case, and exits as asked', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hotswap-command-'));
    try {
      const file = (name: string): string => join(folder, name);
      await writeFile(file('in'), `héllo, ${'x'.repeat(40_000)}`);
      const [stdin, stdout, stderr] = await Promise.all([
        open(file('in')),
        open(file('out'), 'w'),
        open(file('err'), 'w'),
      ]);
      const wasi = new WASI({
        version: 'preview1',
        args: ['wasi-command', 'one', '--exit=7'],
        env: { OTHER: 'no', HOTSWAP_GREETING: 'hi' },
        stdin: stdin.fd,
        stdout: stdout.fd,
        stderr: stderr.fd,
        returnOnExit: true,
      });
      const module = await v8Wasm.compile(readFileSync(exampleModule('wasi-command').path));
      const exitCode = wasi.start(await v8Wasm.instantiate(module, wasi.getImportObject()));
      await Promise.all([stdin.close(), stdout.close(), stderr.close()]);
      expect(exitCode).toBe(7);
      expect(await readFile(file('out'), 'utf8')).toBe(
        `arg: one\narg: --exit=7\nenv: hi\nHéLLO, ${'X'.repeat(40_000)}`,
      );
      expect(await readFile(file('err'), 'utf8')).toBe('done\n');
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
