import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ModuleDescription } from '@hotswap/core';
import { CachedAuthenticator } from '../src/auth/authenticator.ts';
import { HeartbeatIntake } from '../src/agents/heartbeat-intake.ts';
import { readRange } from '../src/http/byte-range.ts';
import { parseJson } from '../src/http/read-json.ts';
import { toProblem } from '../src/http/problem-details.ts';
import { checkModule } from '../src/modules/check-module.ts';
import type { HeartbeatOutcome, HeartbeatReport } from '../src/ports/node-registry.ts';

describe('readRange', () => {
  it.each([
    [undefined, null],
    ['bytes=0-0', { from: 0, to: 1 }],
    ['bytes=5-', { from: 5, to: 10 }],
    ['bytes=5-100', { from: 5, to: 10 }],
    ['bytes=-3', { from: 7, to: 10 }],
    ['bytes=-30', { from: 0, to: 10 }],
    ['bytes=10-', 'unsatisfiable'],
    ['bytes=-0', 'unsatisfiable'],
    ['bytes=5-2', null],
    ['bytes=1-2,4-5', null],
    ['lines=1-2', null],
    ['bytes=-', null],
  ])('reads %j of ten bytes', (header, range) => expect(readRange(header, 10)).toEqual(range));

  it('never leaves the content', () => {
    fc.assert(
      fc.property(fc.nat(100), fc.option(fc.nat(200)), fc.option(fc.nat(200)), (size, from, to) => {
        const range = readRange(`bytes=${from ?? ''}-${to ?? ''}`, size);
        if (range !== null && range !== 'unsatisfiable')
          expect(range.from >= 0 && range.from < range.to && range.to <= size).toBe(true);
      }),
    );
  });
});

describe('parseJson', () => {
  it('takes what it is given or refuses with its own code', () => {
    fc.assert(
      fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
        try {
          parseJson(Buffer.from(text));
        } catch (error) {
          expect(error).toMatchObject({ code: 'HS_API_INVALID_JSON', httpStatus: 400 });
        }
      }),
    );
  });

  it('refuses bytes that are not UTF-8', () =>
    expect(() => parseJson(Buffer.from([0x22, 0xff, 0x22]))).toThrow(/UTF-8/));
});

describe('toProblem', () => {
  it('tells callers nothing of a fault of the server but where to look', () => {
    for (const thrown of [
      new TypeError('/srv/secret.ts'),
      Object.assign(new Error('select 1'), { statusCode: 500 }),
      'text',
      undefined,
    ]) {
      const problem = toProblem(thrown, 'req-1');
      expect(problem).toMatchObject({ status: 500, code: 'HS_API_INTERNAL', requestId: 'req-1' });
      expect(JSON.stringify(problem)).not.toMatch(/secret|select/);
    }
  });
});

describe('checkModule', () => {
  const description: ModuleDescription = {
    kind: 'component',
    wasiLevel: 'preview2',
    sizeBytes: 1,
    isCommand: false,
    servesHttp: null,
    imports: [
      { name: 'wasi:http/types@0.2.12', kind: 'interface' },
      { name: 'wasi:cli/environment@0.2.0', kind: 'interface' },
    ],
    exports: [],
    functions: [{ name: 'my:pkg/api@1.0.0#health-check', params: [] }],
  };
  const codes = (metadata: Parameters<typeof checkModule>[1]): readonly string[] =>
    checkModule(description, metadata).map((problem) => (problem as unknown as { code: string }).code);

  it('finds the health function inside an interface', () => expect(codes({})).toEqual([]));
  it('lists everything that is wrong', () =>
    expect(codes({ wasiVersion: 'none', interfaces: [], healthCheck: { functionName: 'other' } })).toEqual([
      'HS_REGISTRY_WASI_MISMATCH',
      'HS_REGISTRY_INTERFACE_EXCEEDED',
      'HS_REGISTRY_HEALTH_FUNCTION_MISSING',
    ]));
  it.each([
    [['wasi:http', 'wasi:cli'], []],
    [['wasi:http/types', 'wasi:cli/environment@0.2.0'], []],
    [['wasi:http/types@0.2.0', 'wasi:cli'], ['HS_REGISTRY_INTERFACE_EXCEEDED']],
    [['wasi:ht', 'wasi:cli'], ['HS_REGISTRY_INTERFACE_EXCEEDED']],
    [['wasi:http'], ['HS_REGISTRY_INTERFACE_EXCEEDED']],
  ])('holds imports to the bound %j', (interfaces, expected) => expect(codes({ interfaces })).toEqual(expected));
});

describe('CachedAuthenticator', () => {
  it('asks once for many calls, and remembers who is nobody for a moment only', async () => {
    let asked = 0;
    const authenticator = new CachedAuthenticator({
      authenticate: (token) => {
        asked++;
        return Promise.resolve(token === 'good' ? { tenant: 'default', subject: 'ann', role: 'admin' } : null);
      },
    });
    const answers = await Promise.all(Array.from({ length: 10 }, () => authenticator.authenticate('good')));
    expect([asked, answers[0]?.subject]).toEqual([1, 'ann']);
    expect(authenticator.known('good')?.subject).toBe('ann');
    expect(await authenticator.authenticate('bad')).toBeNull();
    expect(authenticator.known('bad')).toBeNull();
    expect(authenticator.known('other')).toBeUndefined();
  });
});

describe('HeartbeatIntake', () => {
  const report = (nodeId: string, errors = 0): HeartbeatReport => ({
    nodeId,
    bootId: '1763697600000-x',
    sequence: 1,
    observed: { generation: 1, releases: [] },
    metrics:
      errors === 0
        ? []
        : [
            {
              moduleName: 'm',
              releaseId: 'r',
              calls: 1,
              errors,
              crashes: 0,
              latencySumMs: 0,
              latencySumSquaresMs2: 0,
              latencyBuckets: {},
              peakMemoryBytes: 0,
              memoryRefusals: 0,
            },
          ],
    resources: { cpuUsagePercent: 0, memoryUsageMB: 0, modulesLoaded: 0 },
  });
  const outcome = (nodeId: string, changed: boolean): HeartbeatOutcome => ({
    nodeId,
    kind: 'accepted',
    generation: 1,
    heartbeatIntervalMs: 1_000,
    deployments: ['d1'],
    changed,
    raisedFloor: false,
  });

  it('writes reports together, one of each node at a time, and nudges for news and failures only', async () => {
    const batches: string[][] = [];
    const nudged: string[] = [];
    const changed: string[] = [];
    const intake = new HeartbeatIntake({
      log: {
        record: (_tenant, reports) => {
          batches.push(reports.map((one) => one.nodeId));
          return Promise.resolve(reports.map((one) => outcome(one.nodeId, one.nodeId === 'news')));
        },
      },
      nudge: (_tenant, id) => nudged.push(id),
      onChanged: (_tenant, id) => changed.push(id),
    });
    await Promise.all([
      intake.take('t', report('news')),
      intake.take('t', report('quiet')),
      intake.take('t', report('quiet')),
      intake.take('t', report('failing', 1)),
    ]);
    expect(batches.map((batch) => batch.sort())).toEqual([['failing', 'news', 'quiet'], ['quiet']]);
    expect([nudged, changed]).toEqual([['d1', 'd1'], ['news']]);
  });

  it('tells every sender when the database is away', async () => {
    const intake = new HeartbeatIntake({
      log: { record: () => Promise.reject(new TypeError('away')) },
      nudge: () => undefined,
      onChanged: () => undefined,
    });
    const results = await Promise.allSettled([intake.take('t', report('a')), intake.take('t', report('b'))]);
    expect(results.map((result) => result.status)).toEqual(['rejected', 'rejected']);
  });
});
