import { readFile } from 'node:fs/promises';
import type { LoadOptions, LoadedModule } from '@hotswap/core';
import { buildExampleModules, exampleModule } from '@hotswap/example-modules';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ask } from './http-client.ts';
import { type HttpFixture, httpFixture, route } from './http-fixture.ts';

describe("a module's share of a core, over HTTP", () => {
  let fixture: HttpFixture;
  beforeAll(async () => {
    await buildExampleModules();
  });
  beforeEach(async () => {
    fixture = await httpFixture();
  });
  afterEach(async () => {
    await fixture[Symbol.asyncDispose]();
  });

  const load = async (name: string, options?: LoadOptions): Promise<LoadedModule> =>
    await fixture.test.host.load({ bytes: await readFile(exampleModule(name).path) }, options);

  it('holds its requests back, refuses those that it cannot serve in time, and no others', async () => {
    const greedy = await load('http-lab', { limits: { maxCpuPercent: 10, maxExecutionTime: 'PT1S' } });
    fixture.serve('greedy', { greedy: [greedy, 1] });
    fixture.serve('modest', { modest: [await load('http-hello'), 1] });
    const { port } = await fixture.open([route('greedy', '/greedy'), route('modest', '/modest')]);
    const loops = Array.from({ length: 12 }, () => ask(port, '/greedy/loop'));
    const statuses = (await Promise.all(loops)).map(({ status }) => status);
    // Ended by their time limit, or never begun.
    for (const status of statuses) expect([503, 504]).toContain(status);
    expect(statuses).toContain(504);
    expect(greedy.stats().throttledMs).toBeGreaterThan(0);
    const [refused, served] = await Promise.all([ask(port, '/greedy/hello'), ask(port, '/modest/hello')]);
    expect(served.status).toBe(200);
    if (refused.status === 503) expect(refused.headers['retry-after']).toBeDefined();
    await expect
      .poll(async () => (await ask(port, '/greedy/hello')).status, { timeout: 30_000, interval: 200 })
      .toBe(200);
  });

  it('counts the fuel of requests, and ends those that use it up', async () => {
    const metered = await load('http-lab', { runtime: { fuel: 50_000_000 } });
    fixture.serve('metered', { metered: [metered, 1] });
    const { port } = await fixture.open([route('metered')]);
    expect((await ask(port, '/hello')).status).toBe(200);
    expect(metered.stats().fuelUsed).toBeGreaterThan(0);
    const ended = await ask(port, '/loop');
    expect(ended.status).toBe(500);
    expect(ended.body).toContain('HS_RUNTIME_FUEL_EXHAUSTED');
    expect((await ask(port, '/hello')).status).toBe(200);
  });
});
