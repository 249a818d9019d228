import process from 'node:process';
import type { LoadedModule } from '@hotswap/core';
import { describe, expect, it, vi } from 'vitest';
import { anyModule, fakeHost, pidOf } from './fake-host.ts';

const broken = (how: string): unknown =>
  expect.objectContaining({ code: 'HS_RUNTIME_CHILD_PROTOCOL_BROKEN', message: expect.stringContaining(how) });
const code = (wanted: string): unknown => expect.objectContaining({ code: wanted });
const invoke = async (module: LoadedModule, name: string, timeoutMs?: number): Promise<unknown> =>
  (await module.invoke(name, [], timeoutMs === undefined ? {} : { timeoutMs })).value;

describe('a child that breaks the protocol', () => {
  it.each([
    ['wrongNumber', 'answered request 4 that nobody had made in place of request 3'],
    ['earlierNumber', 'answered request 2 again in place of request 3'],
    ['numberless', 'no answer'],
    ['resultless', 'answer to call lacks what belongs there'],
    ['outputless', 'answer to call lacks what belongs there'],
    ['garbage', 'no frame'],
    ['huge', 'no frame'],
  ])('by %s fails that call and is ended, and the next call gets a fresh one', async (fault, how) => {
    await using host = await fakeHost({ processes: 1 });
    const module = await anyModule(host);
    await expect(invoke(module, fault)).rejects.toEqual(broken(how));
    expect(await invoke(module, 'slow')).toBe(42);
    expect(module.stats()).toMatchObject({ calls: 2, errors: 1, crashes: 1, inFlight: 0 });
  });

  it.each(['twice', 'andMore'])('by %s in one breath has answered the call, and serves no other', async (fault) => {
    await using host = await fakeHost({ processes: 1 });
    const module = await anyModule(host);
    const before = await pidOf(module);
    expect(await invoke(module, fault)).toBe(1);
    expect(await invoke(module, 'slow')).toBe(42);
    expect(await pidOf(module)).not.toBe(before);
  });

  it('by a second answer while another request is under way gives that request no wrong answer', async () => {
    await using host = await fakeHost({ processes: 1 });
    const module = await anyModule(host);
    expect(await invoke(module, 'twiceLater')).toBe(1);
    await expect(invoke(module, 'slow')).rejects.toEqual(broken('answered request 3 again in place of request 4'));
    expect(await invoke(module, 'slow')).toBe(42);
  });

  it('by a second answer while nothing is under way is replaced before the next request', async () => {
    await using host = await fakeHost({ processes: 1 });
    const module = await anyModule(host);
    const before = Number(await pidOf(module));
    expect(await invoke(module, 'twiceSoon')).toBe(1);
    await vi.waitFor(() => expect(() => process.kill(before, 0)).toThrow('ESRCH'));
    expect(await invoke(module, 'slow')).toBe(42);
    expect(await pidOf(module)).not.toBe(before);
  });

  it.each(['late', 'half', 'hang'])('by an answer that is %s loses its call by time, and no other', async (fault) => {
    await using host = await fakeHost({ processes: 1 });
    const module = await anyModule(host);
    await expect(invoke(module, fault, 200)).rejects.toEqual(code('HS_RUNTIME_TIMEOUT'));
    expect(await invoke(module, 'slow')).toBe(42);
    expect(await invoke(module, 'slow')).toBe(42);
  });

  it('by ending within a frame has crashed', async () => {
    await using host = await fakeHost({ processes: 1 });
    const module = await anyModule(host);
    await expect(invoke(module, 'halfAndExit')).rejects.toEqual(code('HS_RUNTIME_CRASHED'));
    expect(await invoke(module, 'slow')).toBe(42);
  });

  it('takes its open instance with it', async () => {
    await using host = await fakeHost();
    const instance = await (await anyModule(host)).open();
    await expect(instance.invoke('wrongNumber', [])).rejects.toEqual(broken('nobody had made'));
    await expect(instance.invoke('opened', [])).rejects.toEqual(code('HS_RUNTIME_STALE_HANDLE'));
  });
});
