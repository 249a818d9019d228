import { readFile, readdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';

const inRoot = async (path: string): Promise<string> =>
  await readFile(new URL(`../../../${path}`, import.meta.url), 'utf8');

/**
 * The last fix of an advisory on the line that is used here decides: below it a guest may leave its sandbox or end the
 * process (CVE-2026-115384, RUSTSEC-2026-0353, -0358 and -0320, and all that the line has had since its start).
 */
const leastPatchOf48 = 6;
/** Crates that are released together with Wasmtime and carry the same fixes. */
const released = /^(wasmtime|wasmtime-(wasi|wasi-io|wasi-http|environ|internal-.+))$/;

describe('the sandbox', () => {
  it('is built from crates without a known hole', async () => {
    const lock = await inRoot('Cargo.lock');
    const crates = [...lock.matchAll(/name = "([^"]+)"\nversion = "(\d+)\.(\d+)\.(\d+)"/g)].map(
      ([, name = '', major, minor, patch]) => ({
        name,
        major: Number(major),
        minor: Number(minor),
        patch: Number(patch),
      }),
    );
    const mine = crates.filter(({ name }) => released.test(name));
    expect(mine.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['wasmtime', 'wasmtime-wasi', 'wasmtime-wasi-io']),
    );
    for (const { name, major, minor, patch } of mine) {
      expect([name, major, minor]).toEqual([name, 48, 0]);
      expect(patch, `${name}: run \`cargo update\``).toBeGreaterThanOrEqual(leastPatchOf48);
    }
    // The compiler's versions go with them: 48.0 is 0.135.
    for (const { name, minor, patch } of crates.filter(({ name }) => name.startsWith('cranelift-'))) {
      expect([name, minor]).toEqual([name, 135]);
      expect(patch, name).toBeGreaterThanOrEqual(leastPatchOf48);
    }
  });

  it('is built with each patch that there is, and with no other', async () => {
    const patches = await readdir(new URL('../native/patches', import.meta.url));
    const named = [
      ...(await inRoot('Cargo.toml')).matchAll(/^[\w-]+ = \{ path = ".*\/patched\/(.+)-[0-9a-f]{16}" \}$/gm),
    ];
    expect(named.map(([, crate]) => `${crate}.patch`).sort()).toEqual(patches.sort());
  });

  it('leaves out what has had the holes, and what nobody needs in production', async () => {
    const manifest = await inRoot('Cargo.toml');
    const [, features = ''] = /^wasmtime = \{[^}]*features = \[([^\]]*)\]/m.exec(manifest) ?? [];
    const taken = [...features.matchAll(/"([^"]+)"/g)].map(([, feature]) => feature);
    expect(taken).toContain('cranelift');
    for (const feature of ['winch', 'pulley', 'wat', 'cache', 'all-arch', 'stack-switching', 'memory-protection-keys'])
      expect(taken).not.toContain(feature);
    expect(manifest).toMatch(/^wasmtime = \{[^}]*default-features = false/m);
    // With it, upstream's own client would send what guests ask for, past every policy.
    expect(manifest).not.toContain('default-send-request');
  });

  it('switches off what cannot be limited', async () => {
    const engines = await inRoot('packages/runtime-wasmtime/native/engine/src/engines.rs');
    for (const setting of ['wasm_memory64(false)', 'wasm_threads(false)', 'wasm_component_model_async(false)'])
      expect(engines).toContain(setting);
    // Only the engine that is asked for by name has it.
    const [, concurrent = ''] = /fn concurrent\((.*?)\n\}/s.exec(engines) ?? [];
    expect(concurrent).toContain('wasm_component_model_async(true)');
    expect(engines.match(/wasm_component_model_async\(true\)/g)).toHaveLength(1);
  });
});
