import process from 'node:process';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { UnheardEnds } from '../src/unheard-ends.ts';
import { anyModule, fakeHost, pidOf } from './fake-host.ts';

describe('a child that ends while no call could be told of it', () => {
  const warnings: { readonly code?: string; readonly message: string }[] = [];
  const keep = (warning: Error): void => void warnings.push(warning);
  beforeEach(() => {
    warnings.length = 0;
    process.on('warning', keep);
  });
  afterEach(() => {
    process.off('warning', keep);
  });
  const told = async (code: string, how: string): Promise<void> => {
    await vi.waitFor(() => expect(warnings).toHaveLength(1));
    expect(warnings[0]).toMatchObject({ code, message: expect.stringContaining(how) as string });
    expect(warnings[0]?.message).toContain('fake');
  };

  it('because it spoke unasked is warned of', async () => {
    await using host = await fakeHost({ processes: 1 });
    const module = await anyModule(host);
    await module.invoke('twiceSoon', []);
    await told('HS_RUNTIME_CHILD_PROTOCOL_BROKEN', 'it spoke while nothing was asked of it');
  });

  it('by itself, between two calls, is warned of', async () => {
    await using host = await fakeHost({ processes: 1 });
    const module = await anyModule(host);
    process.kill(Number(await pidOf(module)), 'SIGKILL');
    await told('HS_RUNTIME_CRASHED', 'signal SIGKILL');
  });

  it('with its open instance is warned of', async () => {
    await using host = await fakeHost();
    await using instance = await (await anyModule(host)).open();
    process.kill(Number((await instance.invoke('pid', [])).value), 'SIGKILL');
    await told('HS_RUNTIME_CRASHED', 'signal SIGKILL');
  });

  it.each([
    [77, 'HS_RUNTIME_TIMEOUT', 'did not let go of a module within 200 ms'],
    [78, 'HS_RUNTIME_CRASHED', 'exit code 3'],
  ])('because it cannot let go of module %i is warned of', async (fault, code, how) => {
    await using host = await fakeHost({ processes: 1, unloadTimeoutMs: 200 });
    const module = await host.load({ bytes: new Uint8Array([1, fault]) });
    await module[Symbol.asyncDispose]();
    await told(code, how);
  });

  it('again and again is warned of once a second, with how many were not told', async () => {
    let nowMs = 0;
    const ends = new UnheardEnds('fake', () => nowMs);
    for (const how of ['one', 'two', 'three']) ends.tell('HS_RUNTIME_CRASHED', how);
    nowMs = 1_000;
    ends.tell('HS_RUNTIME_CRASHED', 'four');
    ends.tell('HS_RUNTIME_CRASHED', 'five');
    await vi.waitFor(() => expect(warnings).toHaveLength(2));
    expect(warnings[0]?.message).toMatch(/served no call: one\./);
    expect(warnings[1]?.message).toMatch(/served no call \(and 2 more since the last warning\): four\./);
  });

  it('is not warned of when a call hears of it, or when it was closed', async () => {
    {
      await using host = await fakeHost({ processes: 1 });
      const module = await anyModule(host);
      await expect(module.invoke('crash', [])).rejects.toThrow('exit code 3');
      await expect(module.invoke('garbage', [])).rejects.toThrow('no frame');
      await expect(module.invoke('hang', [], { timeoutMs: 100 })).rejects.toThrow('limit timeoutMs is 100 ms');
      await using _instance = await module.open();
    }
    // A warning is told in the next turn.
    await new Promise((resolve) => setImmediate(resolve));
    expect(warnings).toEqual([]);
  });
});
