// A module whose calls ended their children made the calls of all others wait for up to 5 s, and fail by their time limit.
import type { LoadedModule } from '@hotswap/core';
import { describe, expect, it } from 'vitest';
import { anyModule, fakeHost, pidOf } from './fake-host.ts';

const crash = async (module: LoadedModule): Promise<void> =>
  expect(module.invoke('crash', [])).rejects.toMatchObject({ code: 'HS_RUNTIME_CRASHED' });

/** The names of what was done, in the order in which it ended. */
async function orderOf(work: Readonly<Record<string, Promise<unknown>>>): Promise<readonly string[]> {
  const order: string[] = [];
  await Promise.all(Object.entries(work).map(([name, done]) => done.then(() => order.push(name))));
  return order;
}

describe('a module that ends its children', () => {
  it('waits before it gets another one, and other modules do not', async () => {
    await using host = await fakeHost({ processes: 1 });
    const [crashing, other] = [await anyModule(host), await anyModule(host)];
    await crash(crashing);
    const order = await orderOf({ ofCrashing: pidOf(crashing), ofOther: pidOf(other) });
    expect(order).toEqual(['ofOther', 'ofCrashing']);
    expect(other.stats()).toMatchObject({ calls: 1, errors: 0, crashes: 0 });
  });

  it('lets the calls of others go first that came after its own', async () => {
    await using host = await fakeHost({ processes: 1 });
    const [crashing, other] = [await anyModule(host), await anyModule(host)];
    const order = await orderOf({
      first: crash(crashing),
      second: crash(crashing),
      third: crash(crashing),
      ofOther: pidOf(other),
    });
    expect(order).toEqual(['first', 'ofOther', 'second', 'third']);
    expect(crashing.stats()).toMatchObject({ calls: 3, crashes: 3, inFlight: 0 });
  });

  it('takes the place of the child that it ended, with one call at a time, and leaves the others their children', async () => {
    await using host = await fakeHost({ processes: 2 });
    const [crashing, other] = [await anyModule(host), await anyModule(host)];
    const pids = new Set(await Promise.all([pidOf(other), pidOf(other)]));
    await crash(crashing);
    await Promise.all([crash(crashing), crash(crashing)]);
    expect(pids).toContain(await pidOf(other));
  });

  it('goes on as before once a call of it was answered, with all that had waited', async () => {
    await using host = await fakeHost({ processes: 2 });
    const module = await anyModule(host);
    await crash(module);
    expect(new Set(await Promise.all(Array.from({ length: 20 }, () => pidOf(module)))).size).toBeLessThanOrEqual(2);
    expect(module.stats()).toMatchObject({ calls: 21, errors: 1, crashes: 1, inFlight: 0 });
  });

  it('is cut while it waits, by a drain and with its host', async () => {
    const host = await fakeHost({ processes: 1 });
    const module = await anyModule(host);
    await crash(module);
    const drained = expect(pidOf(module)).rejects.toMatchObject({ code: 'HS_RUNTIME_CANCELLED' });
    expect(await host.createSlotTable().drain(module, 0)).toEqual({ finished: 0, cut: 1 });
    await drained;
    const closed = expect(pidOf(module)).rejects.toMatchObject({ code: 'HS_RUNTIME_CANCELLED' });
    await host[Symbol.asyncDispose]();
    await closed;
  });
});
