import { readFile } from 'node:fs/promises';
import type { HttpOutputRecord, LoadOptions } from '@hotswap/core';
import { buildExampleModules, exampleModule } from '@hotswap/example-modules';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ask, until } from './http-client.ts';
import { type HttpFixture, httpFixture, route } from './http-fixture.ts';

describe('what modules write while they answer HTTP', () => {
  let fixture: HttpFixture;
  let records: HttpOutputRecord[];

  beforeAll(async () => {
    await buildExampleModules();
  });
  beforeEach(async () => {
    fixture = await httpFixture();
    records = [];
  });
  afterEach(async () => {
    await fixture[Symbol.asyncDispose]();
  });

  const serveLab = async (options?: LoadOptions): Promise<number> => {
    const bytes = await readFile(exampleModule('http-lab').path);
    fixture.serve('lab', { '1.2.3': [await fixture.test.host.load({ bytes }, options), 1] });
    const { port } = await fixture.open([route('lab')], { onOutput: (batch) => records.push(...batch) });
    return port;
  };
  const of = (stream: string): readonly HttpOutputRecord[] => records.filter((record) => record.stream === stream);

  it('reaches the owner line by line, with its module, its version and its stream', async () => {
    const since = Date.now();
    const port = await serveLab();
    expect((await ask(port, '/log?n=2')).status).toBe(200);
    await until(() => records.length >= 2);
    expect(of('stdout')).toMatchObject([{ slot: 'lab', version: '1.2.3', lines: ['out 0', 'out 1'], droppedBytes: 0 }]);
    expect(of('stderr')).toMatchObject([{ slot: 'lab', version: '1.2.3', lines: ['err 0', 'err 1'], droppedBytes: 0 }]);
    expect(records[0]?.at).toBeGreaterThanOrEqual(since);
    // Nothing is said of guests that say nothing.
    expect((await ask(port, '/hello')).status).toBe(200);
    expect((await ask(port, '/log?n=1')).status).toBe(200);
    await until(() => records.length >= 4);
    expect(records).toHaveLength(4);
  });

  it('belongs to its own request where instances are kept', async () => {
    const port = await serveLab({ runtime: { reuse: { maxInstances: 1, maxCalls: 100, maxIdleTime: 'PT1M' } } });
    for (const n of [1, 3, 2]) expect((await ask(port, `/log?n=${String(n)}`)).status).toBe(200);
    await until(() => records.length >= 6);
    expect(of('stdout').map(({ lines }) => lines.length)).toEqual([1, 3, 2]);
    expect(of('stdout').at(-1)?.lines).toEqual(['out 0', 'out 1']);
  });

  it('of a guest that fails is what it said before', async () => {
    const port = await serveLab({ limits: { maxExecutionTime: 'PT0.3S' } });
    expect((await ask(port, '/log?n=1000000000')).status).toBe(504);
    await until(() => records.length >= 2);
    expect(of('stderr')[0]?.lines.slice(0, 2)).toEqual(['err 0', 'err 1']);
  });

  it('is bounded by the log rate, and what is dropped is counted', async () => {
    const port = await serveLab({ maxLogBytesPerSecond: 16 * 1_024 });
    expect((await ask(port, '/log?n=10000')).status).toBe(200);
    await until(() => records.length >= 2);
    const written = 10 * 6 + 90 * 7 + 900 * 8 + 9_000 * 9;
    for (const { droppedBytes } of records) {
      expect(droppedBytes).toBeGreaterThan(0);
      expect(droppedBytes).toBeLessThan(written);
    }
    // Both streams together have one second's part at once, and what is gained while the request goes on.
    expect(records.reduce((sum, { lines }) => sum + lines.join('\n').length, 0)).toBeLessThan(written);
  });
});
