import { z } from 'zod';
import { describe, expect, it } from 'vitest';
import {
  defaultAutoRollback,
  defaultHealthCheck,
  deploy,
  nodeCount,
  parseStrategyConfig,
  progress,
  within,
  type DeploymentSpec,
  type RolloutContext,
  type Strategy,
} from '../src/index.ts';
import { StrategyRun, StrategyShelf } from '../src/rollout/replay.ts';
import type { FrozenRollout } from '../src/rollout/rollout-state.ts';

const spec: DeploymentSpec = {
  tenant: 'default',
  deploymentId: 'd',
  moduleName: 'greeter',
  moduleId: 'greeter-v2',
  releaseId: 'v2',
  strategy: 'Outer',
  config: { n: 1 },
  regions: null,
  healthCheck: defaultHealthCheck,
  autoRollback: defaultAutoRollback,
  progressDeadline: 'PT30M',
  retention: 'PT1H',
  author: 'alice',
};
const frozen: FrozenRollout = {
  strategyVersions: { Outer: 1, Inner: 1 },
  effectSetVersion: 1,
  targets: ['a', 'b', 'c', 'd', 'e', 'f'],
  regions: { east: [[0, 4]], west: [[4, 6]] },
  baseline: [
    { nodes: [[0, 5]], releases: [{ releaseId: 'v1', weight: 100 }] },
    { nodes: [[5, 6]], releases: [] },
  ],
  routerSpansNodes: true,
  epoch: 1,
  at: 0,
};
const strategy = (
  name: string,
  rollout: (context: RolloutContext<unknown>) => ReturnType<Strategy['rollout']>,
  schema: z.ZodType = z.unknown(),
): Strategy<unknown> => ({ name, version: 1, configSchema: schema, rollout });
const run = (...strategies: readonly Strategy<unknown>[]): StrategyRun =>
  new StrategyRun(new StrategyShelf(strategies), spec, frozen);

describe('a strategy run', () => {
  it('gives the strategy everything frozen and nothing else', () => {
    let seen: RolloutContext<unknown> | undefined;
    run(
      strategy('Outer', function* (context) {
        seen = context;
        yield* progress({ percent: 1 });
        return { status: 'Completed' };
      }),
    ).catchUp([]);
    expect(seen).toMatchObject({
      deploymentId: 'd',
      releaseId: 'v2',
      targets: [[0, 6]],
      running: [[0, 5]],
      regions: { east: [[0, 4]], west: [[4, 6]] },
      config: { n: 1 },
    });
    expect(Object.isFrozen(seen)).toBe(true);
    expect(Object.isFrozen(seen?.config)).toBe(true);
    expect(Object.isFrozen(seen?.regions['east'])).toBe(true);
  });

  it('gives an inner strategy its part: targets, regions, what runs there, and its own configuration', () => {
    let seen: RolloutContext<unknown> | undefined;
    const inner = strategy(
      'Inner',
      function* (context) {
        seen = context;
        yield* deploy({ nodes: context.targets });
        return { status: 'Completed' };
      },
      z.object({ size: z.number().default(7) }),
    );
    const outer = strategy('Outer', function* ({ inner: use }) {
      return yield* within([[3, 6]], 50, 100, use('Inner', { targets: [[3, 6]], config: {} }));
    });
    const position = run(outer, inner).catchUp([]);
    expect(seen).toMatchObject({
      targets: [[3, 6]],
      running: [[3, 5]],
      regions: { east: [[3, 4]], west: [[4, 6]] },
      config: { size: 7 },
    });
    expect(position).toEqual({
      kind: 'effect',
      effect: { kind: 'deploy', version: 1, input: { nodes: [[3, 6]] }, scope: [[3, 6]] },
    });
  });

  it('says which strategy is missing, outer or inner, and which was never known', () => {
    const outer = (name: string) =>
      strategy('Outer', function* ({ inner }) {
        return yield* inner(name, { targets: [[0, 1]], config: {} });
      });
    expect(run().catchUp([])).toEqual({ kind: 'missing', needs: 'strategy Outer@1' });
    expect(run(outer('Inner')).catchUp([])).toEqual({ kind: 'missing', needs: 'strategy Inner@1' });
    expect(run(outer('Nobody')).catchUp([])).toMatchObject({
      kind: 'threw',
      detail: expect.stringContaining('There is no strategy Nobody') as string,
    });
  });

  it('compares with sorted keys', () => {
    const outer = strategy('Outer', function* ({ targets }) {
      yield* deploy({ nodes: targets, maxInFlight: 3 });
      return { status: 'Completed' };
    });
    const result = { ok: true as const, value: { ready: 6, unknown: 0 } };
    const recorded = {
      effect: { version: 1, input: { maxInFlight: 3, nodes: [[0, 6]] as const }, kind: 'deploy' as const },
      result,
    };
    expect(run(outer).catchUp([recorded])).toEqual({ kind: 'returned', outcome: { status: 'Completed' } });
    expect(
      run(outer).catchUp([{ ...recorded, effect: { ...recorded.effect, input: { nodes: [[0, 5]] } } }]),
    ).toMatchObject({ kind: 'diverged' });
  });

  it('diverges when the strategy ends earlier than its journal', () => {
    const outer = strategy('Outer', function* () {
      return { status: 'Completed' };
    });
    const recorded = {
      effect: { version: 1, input: { percent: 1 }, kind: 'progress' as const },
      result: { ok: true as const, value: null },
    };
    expect(run(outer).catchUp([recorded])).toMatchObject({
      kind: 'diverged',
      detail: expect.stringContaining('yields its end') as string,
    });
  });

  it('tells a stage that failed from a mistake', () => {
    const outer = strategy('Outer', function* ({ targets }) {
      yield* deploy({ nodes: targets });
      return { status: 'Completed' };
    });
    const effect = { version: 1, input: { nodes: [[0, 6]] as const }, kind: 'deploy' as const };
    expect(run(outer).catchUp([{ effect, result: { ok: false, failure: { cause: 'load', message: 'no' } } }])).toEqual({
      kind: 'failed',
      failure: { cause: 'load', message: 'no' },
    });
  });

  it('refuses two strategies of one name and version', () => {
    const twice = strategy('Outer', function* () {
      return { status: 'Completed' };
    });
    expect(() => new StrategyShelf([twice, twice])).toThrow(expect.objectContaining({ code: 'HS_PLUGIN_DUPLICATE' }));
  });
});

describe('parseStrategyConfig', () => {
  const withSchema = strategy(
    'Outer',
    function* () {
      return { status: 'Completed' };
    },
    z.strictObject({ stages: z.array(z.number().max(100)), 'a/b~c': z.string().optional() }),
  );

  it('names every mistake with a JSON pointer', () => {
    expect(() => parseStrategyConfig(withSchema, { stages: [1, 'x', 101], 'a/b~c': 1, more: true })).toThrow(
      expect.objectContaining({
        code: 'HS_STRATEGY_INVALID_CONFIG',
        details: expect.objectContaining({
          pointer: '/stages/1',
          errors: expect.arrayContaining([
            expect.objectContaining({ pointer: '/stages/2' }),
            expect.objectContaining({ pointer: '/a~1b~0c' }),
            expect.objectContaining({ pointer: '/more' }),
          ]) as unknown,
        }) as unknown,
      }),
    );
  });

  it('returns what the schema makes of it', () => {
    expect(parseStrategyConfig(withSchema, { stages: [1] })).toEqual({ stages: [1] });
    expect(nodeCount([])).toBe(0);
  });
});
