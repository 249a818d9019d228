import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import * as creators from '../src/effects/create-effects.ts';
import type { EffectKind } from '../src/index.ts';
import { effectHandlers } from '../src/rollout/effect-handlers.ts';
import { effectInputSchemas, effectVersions, knowsEffect, readEffect } from '../src/rollout/effect-schema.ts';

const kinds = Object.keys(effectHandlers).sort() as EffectKind[];
const nodes = [[0, 1]];
const metrics = {
  samples: 0,
  errorRatePercent: null,
  crashRatePercent: null,
  latency: null,
  peakMemoryBytes: null,
  memoryRefusals: 0,
  cpuMsPerCall: null,
  fuelPerCall: null,
  custom: {},
};

/** One good input of each kind, and one that has to be refused. */
const inputs: { readonly [K in EffectKind]: readonly [good: object, bad: object] } = {
  deploy: [
    { nodes, maxInFlight: 5, nodeDeadlineMs: 1_000, maxUnknown: 1 },
    { nodes, maxInFlight: 0 },
  ],
  verify: [
    { nodes, timeoutMs: 1_000, failure: 'x', check: { functionName: 'ping' } },
    { nodes, check: { nope: 1 } },
  ],
  wait: [
    { forMs: 0, reason: 'x', watch: nodes },
    { forMs: Number.NaN, reason: 'x' },
  ],
  shiftTraffic: [
    { percent: 100, to: nodes, among: nodes },
    { percent: 101, to: nodes, among: nodes },
  ],
  mirror: [
    {
      releaseId: 'shadow',
      percent: 10,
      forMs: 1_000,
      minimumSamples: 1,
      compare: { body: true, ignore: ['/result/at'] },
    },
    { releaseId: 'shadow', percent: 10, forMs: 1_000, compare: { ignore: ['no pointer'] } },
  ],
  observe: [
    { forMs: 1, baseline: nodes, candidate: [] },
    { forMs: -1, baseline: nodes, candidate: nodes },
  ],
  judge: [
    {
      baseline: metrics,
      candidate: metrics,
      criteria: { metric: 'error_rate', comparison: 'lower_is_better', thresholdPercent: 10, minimumSampleSize: 0 },
    },
    { baseline: metrics, candidate: metrics, criteria: { metric: 'luck' } },
  ],
  progress: [{ percent: 12.5, stage: '12%' }, { percent: -1 }],
  pause: [
    { reason: 'x', accepts: ['promote'] },
    { reason: 'x', accepts: [] },
  ],
  fail: [
    { message: 'x', cause: 'capacity', facts: { a: [1, null] } },
    { message: 'x', cause: 'bad luck' },
  ],
  retire: [{ nodes }, { nodes: [[1, 1]] }],
  restore: [
    { nodes, reason: 'x' },
    { nodes: 'all', reason: 'x' },
  ],
  notify: [
    { text: 'x', severity: 'info' },
    { text: 'x', severity: 'panic' },
  ],
};

describe('the set of effects', () => {
  it('has a schema, a version, a creator and a handler for each kind', () => {
    expect(Object.keys(effectInputSchemas).sort()).toEqual(kinds);
    expect(Object.keys(effectVersions).sort()).toEqual(kinds);
    expect(Object.keys(creators).sort()).toEqual(kinds);
    expect(Object.keys(inputs).sort()).toEqual(kinds);
  });

  it('has a row in the reference for each kind', async () => {
    const page = await readFile(new URL('../../../docs/reference/effects.md', import.meta.url), 'utf8');
    for (const kind of kinds) expect(page).toContain(`\n## ${kind}\n`);
  });

  it.each(kinds)('%s: the creator writes what it is given and nothing else', (kind) => {
    const [good] = inputs[kind];
    const effect = (creators[kind] as (input: object) => Generator<unknown>)(good).next().value;
    expect(effect).toEqual({ kind, version: 1, input: good });
    expect(readEffect(effect)).toEqual(effect);
    expect(knowsEffect(effect as never)).toBe(true);
  });

  it.each(kinds)('%s: input that makes no sense is refused when it is yielded', (kind) => {
    expect(() => readEffect({ kind, version: 1, input: inputs[kind][1] })).toThrow(
      expect.objectContaining({ code: 'HS_STRATEGY_INVALID_EFFECT' }),
    );
    expect(() => readEffect({ kind, version: 1, input: { ...inputs[kind][0], surprise: 1 } })).toThrow(
      expect.objectContaining({ code: 'HS_STRATEGY_INVALID_EFFECT' }),
    );
  });

  it('refuses what is no effect at all', () => {
    for (const yielded of [
      undefined,
      null,
      'deploy',
      {},
      { kind: 'toString', version: 1, input: {} },
      (function* () {})(),
    ]) {
      expect(() => readEffect(yielded)).toThrow(expect.objectContaining({ code: 'HS_STRATEGY_INVALID_EFFECT' }));
    }
  });

  it('does not know kinds and versions to come', () => {
    expect(knowsEffect({ kind: 'deploy', version: 2 })).toBe(false);
    expect(knowsEffect({ kind: 'constructor', version: 1 })).toBe(false);
  });

  it('throws a failed result where the strategy waits for it, and returns a good one', () => {
    const steps = creators.deploy({ nodes: [[0, 1]] });
    steps.next();
    expect(steps.next({ ok: true, value: { ready: 1, unknown: 0 } })).toEqual({
      done: true,
      value: { ready: 1, unknown: 0 },
    });
    const failing = creators.deploy({ nodes: [[0, 1]] });
    failing.next();
    expect(() => failing.next({ ok: false, failure: { cause: 'load', message: 'no' } })).toThrow(
      expect.objectContaining({ code: 'HS_STRATEGY_STAGE_FAILED', message: 'no' }),
    );
  });
});
