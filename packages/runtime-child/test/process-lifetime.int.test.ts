import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ModuleInstance } from '@hotswap/core';
import { describe, expect, it, vi } from 'vitest';
import { anyModule, fakeHost, pidOf } from './fake-host.ts';

const code = (wanted: string): unknown => expect.objectContaining({ code: wanted });
const pidOfInstance = async (instance: ModuleInstance): Promise<number> =>
  Number((await instance.invoke('pid', [])).value);
const isGone = (pid: number): void => expect(() => process.kill(pid, 0)).toThrow('ESRCH');

/** Whether there is a child with that text among its arguments. */
const running = async (text: string): Promise<boolean> =>
  (await promisify(execFile)('ps', ['-eo', 'args'])).stdout.includes(`once:${text}`);

/** What a scenario prints, run as a process of its own. */
async function printed(scenario: string, prefix: readonly string[] = []): Promise<string> {
  const file = fileURLToPath(new URL(`./scenarios/${scenario}.ts`, import.meta.url));
  const node = [process.execPath, '--conditions=@hotswap/source', '--disable-warning=ExperimentalWarning', file];
  const [program = '', ...args] = [...prefix, ...node];
  const { stdout } = await promisify(execFile)(program, args);
  return stdout.trim();
}

describe('children', () => {
  it('do not keep a program that has nothing else to do, though it never closed its host', async () => {
    expect(await printed('abandoned-host')).toBe('done');
  });

  it('that cannot be started for want of file descriptors are an error that says so', async () => {
    const limited = ['/bin/sh', '-c', 'ulimit -n 64 && exec "$@"', 'sh'];
    expect(JSON.parse(await printed('exhausted-host', limited))).toMatchObject({
      code: 'HS_RUNTIME_CHILD_FAILED',
      message: expect.stringContaining('EMFILE'),
    });
  });

  it('of instances are gone when their instance, their module or their host is closed', async () => {
    await using host = await fakeHost();
    const module = await anyModule(host);
    const instances = await Promise.all([module.open(), module.open(), module.open()]);
    const [first = 0, second = 0, third = 0] = await Promise.all(instances.map(pidOfInstance));
    await instances[0]?.[Symbol.asyncDispose]();
    isGone(first);
    await module[Symbol.asyncDispose]();
    isGone(second);
    isGone(third);
  });
});

describe('an instance whose child dies between two calls', () => {
  it('is gone, is never served by another child, and gives its place to another', async () => {
    await using host = await fakeHost({ maxOpenInstances: 1 });
    const module = await anyModule(host);
    const instance = await module.open();
    const pid = await pidOfInstance(instance);
    process.kill(pid, 'SIGKILL');
    await vi.waitFor(() => isGone(pid));
    await expect(instance.invoke('opened', [])).rejects.toEqual(code('HS_RUNTIME_STALE_HANDLE'));
    await using other = await module.open();
    expect((await other.invoke('opened', [])).value).toBe(1);
  });
});

describe('closing', () => {
  it.each(['module', 'host'] as const)('the %s while an instance is being opened ends that too', async (what) => {
    await using host = await fakeHost();
    const module = await anyModule(host);
    const opening = expect(module.open()).rejects.toMatchObject({
      code: what === 'host' ? 'HS_RUNTIME_CANCELLED' : 'HS_RUNTIME_CLOSED',
    });
    await (what === 'host' ? host : module)[Symbol.asyncDispose]();
    await opening;
  });

  it('does not wait for a child that has not greeted yet, and leaves nothing of it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hotswap-child-'));
    try {
      const host = await fakeHost({ processes: 1 }, `once:${join(folder, 'greeted')}`);
      const module = await anyModule(host);
      await expect(module.invoke('crash', [])).rejects.toEqual(code('HS_RUNTIME_CRASHED'));
      const call = expect(module.invoke('pid', [])).rejects.toEqual(code('HS_RUNTIME_CANCELLED'));
      await vi.waitFor(async () => expect(await running(folder)).toBe(true), { timeout: 10_000 });
      await host[Symbol.asyncDispose]();
      await call;
      expect(await running(folder)).toBe(false);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('keeps no child that a call has just been given to', async () => {
    const host = await fakeHost({ processes: 1 });
    const module = await anyModule(host);
    const pid = Number(await pidOf(module));
    await host[Symbol.asyncDispose]();
    isGone(pid);
  });
});
